"""Laws of two clocks: T = A + B, with errors of their own; and B as a power of rows / N_c."""

from dataclasses import replace

import numpy as np
import pytest
from law_truths import TRUTHS, Truth, draw

from analysis.laws import fit_law, fit_laws
from analysis.laws.clocks import ONE_CLOCK, TWO_CLOCKS
from analysis.laws.diagnostics import cox_snell
from analysis.laws.families import FAMILIES
from analysis.laws.fit import make_design, with_adequacy
from analysis.laws.intervals import parameter_names
from analysis.laws.likelihood import Observed, row_scores
from analysis.laws.model import best
from analysis.laws.terms import OverCritical
from study.errors import UsageError

MIXED = Observed.between(
    np.array([-np.inf, -np.inf, 0.3, 1.0, -0.5, 2.0, 2.0, 0.7]),
    np.array([0.2, -1.0, np.inf, np.inf, 0.4, 2.1, 2.0, 0.7]),
)
TERMS = np.column_stack([np.linspace(-1, 2, 8), np.linspace(1.5, -3, 8)])


def test_the_shape_of_the_sum_is_that_of_two_small_errors():
    """The log of A e^(a x) + B e^(b y), x and y normal: its variance by quadrature."""
    small = np.log([0.02, 0.05])
    for terms in TERMS:
        log_sigma = TWO_CLOCKS.log_sigma(terms[None], small)
        nodes, weights = np.polynomial.hermite_e.hermegauss(20)
        weights = weights / weights.sum()
        ends = [term + np.exp(sigma) * nodes for term, sigma in zip(terms, small, strict=True)]
        sums = np.logaddexp(ends[0][:, None], ends[1][None])
        mean = weights @ sums @ weights
        variance = weights @ (sums - mean) ** 2 @ weights
        assert np.exp(2 * log_sigma[0]) == pytest.approx(variance, rel=0.01)
        assert TWO_CLOCKS.median(terms[None])[0] == pytest.approx(mean, abs=2e-3)


@pytest.mark.parametrize("clocks", [ONE_CLOCK, TWO_CLOCKS])
@pytest.mark.parametrize("name", FAMILIES)
def test_scores_by_terms_and_sigmas_are_the_derivatives(clocks, name):
    sigmas, cure = np.array([0.2, -0.4])[: len(clocks.sigmas)], np.linspace(-2, 1, 8)
    count = TERMS.shape[1]

    def scores(steps):
        terms, logs = TERMS + steps[:count], sigmas + steps[count:-1]
        mu, log_sigma = clocks.median(terms)[0], clocks.log_sigma(terms, logs)
        plain = row_scores(MIXED, FAMILIES[name], mu, log_sigma, cure + steps[-1])
        return clocks.chained(plain, terms, logs)

    middle = scores(np.zeros(count + len(sigmas) + 1))
    assert middle.slopes.shape[1] == count + len(sigmas) + 1
    for place, step in enumerate(1e-5 * np.eye(middle.slopes.shape[1])):
        ahead, behind = scores(step), scores(-step)
        slopes, bends = middle.slopes[:, place], middle.bends[:, place]
        np.testing.assert_allclose(
            slopes, (ahead.value - behind.value) / 2e-5, rtol=1e-5, atol=1e-8
        )
        np.testing.assert_allclose(
            bends, (ahead.slopes - behind.slopes) / 2e-5, rtol=1e-4, atol=1e-7
        )


def test_a_power_over_a_critical_value_states_its_equation_and_its_derivatives():
    term = OverCritical("train_size", ("n",), ("decay_time",), "waiting")
    assert term.features == ("decay_time", "train_size", "n")
    x = np.log([[100.0, 50, 20], [1000, 80, 30], [300, 200, 45]])
    theta = np.array([0.3, 1.2, 2.5, 1.1])
    value, slopes = term.value(x, theta)
    decay, rows, n = np.exp(x).T
    np.testing.assert_allclose(value, np.log(np.exp(0.3) * decay**1.2 * (rows / n**1.1) ** -2.5))
    for place, step in enumerate(1e-6 * np.eye(4)):
        ahead, behind = term.value(x, theta + step)[0], term.value(x, theta - step)[0]
        np.testing.assert_allclose(slopes[:, place], (ahead - behind) / 2e-6, rtol=1e-6)


@pytest.mark.parametrize("cure", [None, ["n"]])
@pytest.mark.parametrize("name", ["two_clocks", "two_clocks_rows"])
def test_the_derivatives_of_a_law_of_two_clocks_are_those_of_its_likelihood(name, cure):
    trials = draw(TRUTHS[name], np.random.default_rng(0), 0.4, trials=60)
    model = make_design(trials, name, "generalized", "lognormal", None, cure).model
    theta = model.starts()[0] + np.random.default_rng(1).normal(0, 0.1, model.size)
    gradient, curvature = model.slopes_at(model.look(theta))
    steps = 1e-5 * np.eye(model.size)
    differences = [(model.value(theta + step) - model.value(theta - step)) / 2e-5 for step in steps]
    np.testing.assert_allclose(gradient, differences, rtol=1e-5, atol=1e-5)
    if name == "two_clocks":  # its terms are linear
        np.testing.assert_allclose(curvature, model.information(theta), rtol=1e-5, atol=1e-4)


def estimates(trials, law):
    """The log-likelihood and the parameters by name at the maximum, without intervals."""
    model = make_design(trials, law, "generalized", "lognormal", None).model
    top = best(model, model.starts())
    return top.value, dict(zip(parameter_names(model, None), top.theta, strict=True))


def test_the_law_of_rows_is_the_law_of_two_clocks_in_other_parameters():
    trials = draw(TRUTHS["two_clocks_rows"], np.random.default_rng(3), 0.4)
    value, rows = estimates(trials, "two_clocks_rows")
    same, plain = estimates(trials, "two_clocks")
    assert value == pytest.approx(same, abs=1e-6)
    exponent = -plain["slope_train_size_waiting"]
    assert rows["exponent_train_size"] == pytest.approx(exponent, abs=1e-3)
    for axis in ("n", "width"):
        slope = plain[f"slope_{axis}_waiting"] / exponent
        assert rows[f"slope_of_critical_train_size_{axis}"] == pytest.approx(slope, abs=1e-3)


def test_a_cure_fraction_on_top_of_two_clocks_is_found():
    trials = draw(TRUTHS["two_clocks"], np.random.default_rng(2), 0.3)
    lost = np.random.default_rng(3).random(len(trials)) < 0.2
    cured = trials.assign(
        generalized_epoch=trials["generalized_epoch"].mask(lost),
        generalized_after_epoch=trials["generalized_after_epoch"].where(
            ~lost, trials["budget_epochs"]
        ),
    )
    fit = fit_law(cured, "two_clocks", cure=True)
    truth = {**TRUTHS["two_clocks"].parameters, **TRUTHS["two_clocks"].sigmas, "cured_share": 0.2}
    assert set(fit.parameters) == set(truth)
    for name, value in truth.items():
        found = fit.parameters[name]
        # Four standard errors, from the width of the interval.
        assert abs(found.estimate - value) < 4 * (found.high - found.low) / 3.92, name
    assert fit.log_likelihood > estimates(cured, "two_clocks")[0] + 10


def test_two_clocks_predict_what_they_made_better_than_a_power():
    trials = draw(TRUTHS["two_clocks"], np.random.default_rng(1), 0.3)
    fits, _ = fit_laws(trials, ["power", "decay_time", "two_clocks"])
    assert fits[0].law.name == "two_clocks"
    assert fits[0].heldout_by_axis.keys() == {"n", "weight_decay"}
    assert fits[0].aic < min(fit.aic for fit in fits[1:]) - 10


def test_two_clocks_are_rejected_only_where_they_are_not_so():
    """Of samples of a true law 1 in 20 is rejected; of these two, by seed, none is."""
    truth = TRUTHS["two_clocks"]
    slower = replace(truth, log_median=lambda p: truth.log_median(p) + 0.6 * (p["n"] == 40))
    for drawn_from, law, rejected in (
        (truth, "two_clocks", False),
        (TRUTHS["two_clocks added"], "two_clocks", False),
        (truth, "power", True),
        (slower, "two_clocks", True),
    ):
        trials = draw(drawn_from, np.random.default_rng(1), 0.3)
        assert with_adequacy(fit_law(trials, law), trials).adequacy.rejected == rejected


def test_residuals_of_two_clocks_lie_on_the_diagonal():
    trials = draw(TRUTHS["two_clocks"], np.random.default_rng(1), 0.3, trials=1500)
    frame = cox_snell(fit_law(trials, "two_clocks"))
    inner = frame[frame["expected"] < 1]
    assert (inner["hazard"] - inner["expected"]).abs().max() < 0.1


def test_a_clock_that_no_trial_shows_is_not_identified():
    truth = Truth(
        "", {"n": [20, 30, 45, 60], "weight_decay": [0.001, 0.003, 0.01, 0.03]},
        lambda p: 4 + 0.5 * np.log(p["n"].to_numpy(float)), {},
    )  # fmt: skip
    fit = fit_law(draw(truth, np.random.default_rng(0), 0.3, trials=200), "two_clocks")
    for name in ("log_a_waiting", "slope_n_waiting", "sigma_waiting"):
        assert not fit.parameters[name].identified


def test_two_clocks_need_a_decay_that_varies():
    trials = draw(TRUTHS["two_clocks"], np.random.default_rng(0), 0.3)
    with pytest.raises(UsageError, match="decay_time: 1 distinct value"):
        fit_law(trials[trials["weight_decay"] == 0.01], "two_clocks")
    with pytest.raises(UsageError, match="train_size: 1 distinct value"):
        fit_law(trials, "two_clocks_rows")
