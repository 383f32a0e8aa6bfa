"""The likelihood against slow integrals, and fits against an independent program.

`REFERENCE` holds what lifelines 0.30.3 (numpy 2.4.6, scipy 1.17.1) gives for
tests/data/survival_400.csv: right-censored times, two covariates. It was made in an environment of
its own (`python3 -m venv v && v/bin/pip install lifelines`) by

    frame = pandas.read_csv("tests/data/survival_400.csv")
    for Fitter in (LogNormalAFTFitter, WeibullAFTFitter):
        fit = Fitter().fit(frame, "time", "event")
        print(fit.params_, fit.standard_errors_)
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from analysis.laws.equations import LAWS, Equation
from analysis.laws.families import FAMILIES
from analysis.laws.likelihood import Observed, row_scores
from analysis.laws.model import Model, best
from analysis.laws.terms import Leveling, Slopes, Wall

# The same distributions from scipy, shifted to a median of 0.
ORACLES = {
    "lognormal": stats.norm(),
    "loglogistic": stats.logistic(),
    "weibull": stats.gumbel_l(loc=-np.log(np.log(2))),
}
MIXED = Observed.between(
    np.array([-np.inf, -np.inf, 0.3, 1.0, -0.5, 2.0, 2.0, 0.7]),
    np.array([0.2, -1.0, np.inf, np.inf, 0.4, 2.1, 2.0, 0.7]),
)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_kind_of_row_has_the_probability_of_its_interval(name):
    family, oracle, sigma = FAMILIES[name], ORACLES[name], 0.7
    mu = np.linspace(-0.5, 1.5, len(MIXED.low))
    expected = []
    for low, high, middle in zip(MIXED.low, MIXED.high, mu, strict=True):
        if low == high:
            expected.append(np.log(oracle.pdf((low - middle) / sigma) / sigma))
            continue
        ends = [np.clip((end - middle) / sigma, -30, 30) for end in (low, high)]
        expected.append(np.log(integrate.quad(oracle.pdf, *ends, epsabs=1e-13, limit=200)[0]))
    values = row_scores(MIXED, family, mu, np.log(sigma)).value
    np.testing.assert_allclose(values, expected, rtol=1e-7, atol=1e-9)
    # A cure fraction of 30%: censored rows are cured, or at risk and not there yet.
    cured = row_scores(MIXED, family, mu, np.log(sigma), np.full(len(mu), np.log(0.3 / 0.7))).value
    mixed = 0.7 * np.exp(expected) + 0.3 * np.isposinf(MIXED.high)
    np.testing.assert_allclose(cured, np.log(mixed), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_scores_are_the_derivatives(name):
    family, mu, cure = FAMILIES[name], np.linspace(-1, 2, 8), np.linspace(-2, 1, 8)

    def value(a, b, c):
        return row_scores(MIXED, family, mu + a, 0.2 + b, cure + c).value

    e = 1e-5
    slopes = [
        (value(*(e * unit)) - value(*(-e * unit))) / (2 * e) for unit in np.eye(3)
    ]  # fmt: skip
    scores = row_scores(MIXED, family, mu, 0.2, cure)
    np.testing.assert_allclose(scores.slopes, np.transpose(slopes), rtol=1e-6, atol=1e-8)
    for place, (a, b, c) in enumerate(e * np.eye(3)):
        ahead = row_scores(MIXED, family, mu + a, 0.2 + b, cure + c).slopes
        behind = row_scores(MIXED, family, mu - a, 0.2 - b, cure - c).slopes
        bends = scores.bends[:, place]
        np.testing.assert_allclose(bends, (ahead - behind) / (2 * e), rtol=1e-5, atol=1e-7)


@given(
    st.sampled_from(sorted(FAMILIES)),
    st.floats(-40, 40, allow_subnormal=False),
    st.floats(1e-9, 20, allow_subnormal=False),
    st.floats(-5, 5, allow_subnormal=False),
    st.floats(-3, 3, allow_subnormal=False),
)
def test_far_out_and_narrow_intervals_are_still_numbers(name, low, width, mu, log_sigma):
    observed = Observed.between(
        np.array([low, low, -np.inf, low]), np.array([low + width, np.inf, low, low])
    )
    scores = row_scores(observed, FAMILIES[name], np.full(4, mu), log_sigma)
    assert np.isfinite(scores.value).all()
    assert np.isfinite(scores.slopes).all()
    assert (scores.value[:3] <= 0).all()


@pytest.mark.parametrize(
    ("term", "theta", "expected"),
    [
        (Slopes(("n",)), [1.0, 2.0], lambda x: np.log(np.e * x**2)),
        (Wall("n", "above"), [np.log(2.0), 0.7], lambda x: -0.7 * np.log(x / 2 - 1)),
        (Wall("n", "below"), [np.log(9.0), 0.7], lambda x: -0.7 * np.log(1 - x / 9)),
        (Wall("n", "log"), [np.log(2.0), 0.7], lambda x: 0.7 * np.log(np.log(x / 2))),
        (Leveling("n"), [np.log(4.0), 1.5], lambda x: np.log(1 + (4 / x) ** 1.5)),
    ],
)
def test_a_term_states_its_equation_and_its_derivatives(term, theta, expected):
    x, theta = np.array([2.5, 3.0, 5.0, 8.0]), np.array(theta)
    columns = np.log(x)[:, None]
    value, slopes = term.value(columns, theta)
    np.testing.assert_allclose(value, expected(x), rtol=1e-12)
    for place in range(len(theta)):
        step = np.zeros(len(theta))
        step[place] = 1e-6
        ahead, behind = (term.value(columns, theta + sign * step)[0] for sign in (1, -1))
        np.testing.assert_allclose(slopes[:, place], (ahead - behind) / 2e-6, rtol=1e-6)


def test_beyond_a_wall_is_never():
    inside = Wall("n", "above").value(np.log([[1.9], [2.1]]), np.array([np.log(2.0), 1.0]))[0]
    assert np.isposinf(inside[0])
    assert np.isfinite(inside[1])
    observed = Observed.between(np.array([1.0, 1.0]), np.array([np.inf, 1.5]))
    values = row_scores(observed, FAMILIES["lognormal"], np.array([np.inf, np.inf]), 0.0).value
    assert values[0] == 0  # still watched, as the law says it will be for ever
    assert values[1] < -1e6  # an event where the law allows none


# Per family: intercept, x1, x2, log scale of lifelines, and their standard errors.
REFERENCE = {
    "lognormal": (
        (3.0503584368621794, 1.3204512391148664, -0.6559489839227436, -0.6558139416002574),
        (0.03350772738605626, 0.060386913986727915, 0.05407508475303093, 0.04560211690593705),
    ),
    "weibull": (
        (3.314743545688881, 1.275123328712747, -0.6596188670787265, 0.7098002153074473),
        (0.03731206883014936, 0.06985792121415293, 0.05801223302357144, 0.04562323067014238),
    ),
}


@pytest.mark.parametrize("name", REFERENCE)
def test_an_independent_program_finds_the_same(name):
    frame = pd.read_csv(Path(__file__).parents[1] / "data" / "survival_400.csv")
    low = np.log(frame["time"].to_numpy())
    observed = Observed.between(low, np.where(frame["event"], low, np.inf))
    equation = Equation(LAWS["power"], (Slopes(("x1", "x2")),))
    model = Model(equation, FAMILIES[name], observed, (frame[["x1", "x2"]].to_numpy(),))
    top = best(model, model.starts())
    assert top.converged
    # Theirs: of a Weibull the scale, not the median, and 1 / sigma.
    jacobian = np.eye(4)
    theirs = top.theta.copy()
    if name == "weibull":
        shift = np.log(np.log(2))
        theirs[0] -= shift * np.exp(top.theta[3])
        jacobian[0, 3] = -shift * np.exp(top.theta[3])
        theirs[3] *= -1
        jacobian[3, 3] = -1
    covariance = jacobian @ np.linalg.inv(model.information(top.theta)) @ jacobian.T
    estimates, errors = REFERENCE[name]
    np.testing.assert_allclose(theirs, estimates, atol=1e-4)
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), errors, atol=1e-3)
