"""Times, fits, comparison and resampling of laws, on trials drawn from laws that are given."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from law_truths import TRUTHS, Truth, draw

from analysis.laws import LAWS, bootstrap, fit_law, fit_laws, interval_of, ratio_tests, shortened
from analysis.laws.bootstrap import weights_of
from analysis.laws.compare import held_out
from analysis.laws.intervals import standard_errors
from analysis.laws.times import at_level, incidence, times_of, with_norms
from analysis.statistics import RiskSteps
from study.errors import StudyError, UsageError


def rows_of(**columns):
    """A few trials, written out; what is not given is the same for all."""
    count = len(next(iter(columns.values())))
    plain = {
        "n": 30, "k": 2, "width": 100, "weight_decay": 0.01, "train_size": 64,
        "learning_rate": 0.1, "batch_size": 32, "init_scale": 1.0, "steps_per_epoch": 2,
        "budget_epochs": 100, "epochs_run": 100, "ended": "budget",
        "memorized_epoch": None, "memorized_after_epoch": None,
        "generalized_epoch": None, "generalized_after_epoch": None,
    }  # fmt: skip
    frame = pd.DataFrame(
        {name: columns.get(name, [value] * count) for name, value in plain.items()}
    )
    whole = [name for name in frame if "epoch" in name or name == "train_size"]
    return frame.astype(dict.fromkeys(whole, "Int64"))


def steps(times):
    return np.exp(times.observed.low), np.exp(times.observed.high)


FIVE = rows_of(
    memorized_epoch=[10, 20, None, 30, 5],
    memorized_after_epoch=[9, 15, 100, 29, 4],
    generalized_epoch=[40, None, None, 30, 1],
    generalized_after_epoch=[38, 100, 100, 29, 0],
)


def test_an_event_lies_between_two_readings_and_a_censored_one_after_the_last():
    low, high = steps(times_of(FIVE, "generalized"))
    np.testing.assert_allclose(low, [76, 200, 200, 58, 0])
    np.testing.assert_allclose(high, [80, np.inf, np.inf, 60, 2])
    low, high = steps(times_of(FIVE, "memorized"))
    np.testing.assert_allclose(low, [18, 30, 200, 58, 8])
    np.testing.assert_allclose(high, [20, 40, np.inf, 60, 10])


def test_a_delay_starts_at_memorizing_and_one_of_zero_is_counted():
    times = times_of(FIVE, "delay")
    assert times.rows.tolist() == [True, True, False, True, True]
    assert (times.left_out, times.at_once) == (1, 2)
    low, high = steps(times)
    # 28 to 31 epochs; more than 80; together, and test rows first: within one reading.
    np.testing.assert_allclose(low, [56, 160, 0, 0])
    np.testing.assert_allclose(high, [62, np.inf, 2, 2])


def test_a_shorter_budget_censors_what_came_later():
    short = shortened(FIVE, 60)
    low, high = steps(times_of(short, "generalized"))
    np.testing.assert_allclose(low, [60, 60, 60, 58, 0])
    np.testing.assert_allclose(high, [np.inf, np.inf, np.inf, 60, 2])
    assert shortened(FIVE, 1e9).equals(FIVE)


def test_another_accuracy_keeps_the_width_of_the_interval():
    crossed = pd.array([20, None, None, 30, 1], "Int64")
    columns = dict.fromkeys(("memorized_epoch_90", "generalized_epoch_90"), crossed)
    unknown = pd.array([None] * 5, "Int64")
    before = dict.fromkeys(("memorized_after_epoch_90", "generalized_after_epoch_90"), unknown)
    lower = FIVE.assign(**columns, **before)
    low, high = steps(times_of(at_level(lower, 90), "generalized"))
    np.testing.assert_allclose(high, [40, np.inf, np.inf, 60, 2])
    np.testing.assert_allclose(low, [38, 200, 200, 58, 0])
    known = lower.assign(generalized_after_epoch_90=pd.array([12, 90, None, 20, 0], "Int64"))
    low, high = steps(times_of(at_level(known, 90), "generalized"))
    np.testing.assert_allclose(high, [40, np.inf, np.inf, 60, 2])
    np.testing.assert_allclose(low, [24, 180, 200, 40, 0])
    with pytest.raises(UsageError, match="90, 95, 98, 99"):
        at_level(FIVE, 80)


def test_incidence_is_that_of_aalen_and_johansen():
    # By hand: survival 1, 4/5, 4/5 x 3/4 = 3/5, then censored, then 3/5 x 1/2.
    trials = rows_of(
        generalized_epoch=[10, None, None, 50, None],
        generalized_after_epoch=[9, 20, 30, 49, 100],
        ended=["decided", "collapsed", "budget", "decided", "diverged"],
    )
    shares = incidence(trials, "generalized")
    assert shares == pytest.approx({"generalized": 0.2 + 0.3, "collapsed": 0.2, "diverged": 0.3})


def test_risk_steps_are_those_of_kaplan_and_meier_and_of_nelson_and_aalen():
    # By hand: of 4 at risk 1 has the event at 2 and 1 is censored there; of 2, 1 has it at 5.
    times, happened = np.array([5.0, 2.0, 2.0, 9.0]), np.array([True, False, True, False])
    other = np.array([7.0]), np.array([False])
    steps = RiskSteps.of(
        np.r_[times, other[0]], np.r_[happened, other[1]], np.array([1, 1, 1, 1, 0])
    )
    assert steps.order.tolist() == [4, 2, 1, 0, 3]
    np.testing.assert_allclose(steps.survival, [1, 3 / 4, 3 / 4, 3 / 8, 3 / 8])
    np.testing.assert_allclose(steps.hazard, [0, 1 / 4, 0, 1 / 2, 0])
    assert steps.time[steps.medians()].tolist() == [5]  # the first group has none


def test_norms_after_generalizing_stand_in_for_trials_that_never_did():
    trials = rows_of(
        weight_decay=[0.001, 0.01, 0.1, 0.01],
        memorized_epoch=[10, 10, 10, 10],
        generalized_epoch=[50, None, 50, None],
        epochs_run=[20_000, 100, 2_000, 100],
    ).assign(trial_id=list("abcd"), final_weight_norm=[8.0, 50.0, 2.0, 50.0])
    readings = pd.DataFrame(
        {"trial_id": list("aabcd"), "epoch": [9, 10, 10, 10, 11], "weight_norm": [1.0, 9, 8, 7, 6]}
    )
    with_both = with_norms(trials, readings)
    np.testing.assert_allclose(with_both["memorized_norm"], [9, 8, 7, np.nan])
    np.testing.assert_allclose(with_both["settled_norm"], [8, 4, 2, 4])  # halfway in logarithms
    # A trial that leaves at the transition has no settled norm: 3 decay times are 15,000 epochs.
    decided = with_norms(trials.assign(epochs_run=[1_000, 100, 100, 100]), readings)
    assert decided["settled_norm"].isna().all()


@pytest.mark.parametrize("name", TRUTHS)
def test_every_law_finds_its_own_truth(name):
    truth = TRUTHS[name]
    trials = draw(truth, np.random.default_rng(3), 0.4, trials=1500)
    fit = fit_law(trials, truth.law, cure=truth.cured > 0)
    assert fit.converged
    assert fit.events + fit.censored == fit.trials == len(trials)
    for parameter, value in truth.parameters.items():
        fitted = fit.parameters[parameter]
        # Four standard errors, from the width of the interval.
        assert abs(fitted.estimate - value) < 4 * (fitted.high - fitted.low) / 3.92, parameter
    errors = standard_errors(fit.model, fit.top.theta, fit.points)[0]
    assert np.isfinite(errors).all()


def test_every_law_has_a_truth():
    assert {truth.law for truth in TRUTHS.values()} == set(LAWS)


def test_an_exponent_without_a_wall_near_is_not_identified():
    truth = Truth(
        "power", {"train_size": [1000, 1500, 2200, 3300, 5000]},
        lambda p: 14 - np.log(p["train_size"].to_numpy(float)), {},
    )  # fmt: skip
    fit = fit_law(draw(truth, np.random.default_rng(0), 0.3), "critical_rows")
    critical = fit.parameters["critical_train_size"]
    assert critical.low is None
    assert not fit.identified
    assert critical.high is None or critical.high < 1000


def test_the_true_law_predicts_best_and_a_ratio_finds_what_matters():
    trials = draw(TRUTHS["critical_rows"], np.random.default_rng(1), 0.3)
    fits, refused = fit_laws(trials, ["power", "constant", "saturating", "critical_rows", "width"])
    assert fits[0].law.name == "critical_rows"
    assert list(refused) == ["width"]
    assert [fit.heldout for fit in fits] == sorted((f.heldout for f in fits), reverse=True)
    tests = ratio_tests(fits).set_index("law")
    assert tests.loc["constant", "within"] == "power"
    assert tests.loc["constant", "chance"] < 1e-6


def test_a_cure_fraction_is_tested_on_its_border():
    trials = draw(TRUTHS["power with cured"], np.random.default_rng(1), 0.4)
    plain, cured = fit_law(trials, "power"), fit_law(trials, "power", cure=True)
    [row] = ratio_tests([plain, cured]).to_dict("records")
    assert row["within"] == "power with a cure fraction"
    assert row["chance"] < 1e-6
    none = fit_law(draw(TRUTHS["power"], np.random.default_rng(1), 0.3), "power", cure=True)
    share = none.parameters["cured_share"]
    assert share.interval == "profile"
    assert share.low == 0
    assert share.estimate < share.high < 0.1
    # An error of the logit of a share of 0 makes no interval.
    assert (share.robust_low, share.robust_high) == (None, None)
    alone = trials.drop(columns="point_id")  # every trial is a point: there are 7 otherwise
    inside = fit_law(alone, "power", cure=True).parameters["cured_share"]
    assert 0 < inside.robust_low < inside.estimate < inside.robust_high


def test_the_hardest_third_is_held_out():
    trials = draw(TRUTHS["power"], np.random.default_rng(0), 0.3)
    assert set(trials[held_out(trials, "weight_decay")]["weight_decay"]) == {0.001, 0.002}
    assert set(trials[held_out(trials, "n")]["n"]) == {60}
    assert held_out(trials, "width") is None


def test_resampled_seeds_keep_their_variance():
    points = np.repeat(np.arange(400), 3)
    chance = np.random.default_rng(0)
    values = chance.normal(size=len(points))
    values -= np.repeat(values.reshape(-1, 3).mean(axis=1), 3)  # scatter within points only
    sums = [weights_of(points, "seeds", chance) @ values for _ in range(2000)]
    truth = values.reshape(-1, 3).var(axis=1, ddof=1).sum() * 3
    # 2,000 draws know a variance to 3%; without m / (m - 1) it would be 33% too small.
    assert np.var(sums) == pytest.approx(truth, rel=0.15)


def test_the_bootstrap_agrees_with_the_information_and_with_itself():
    trials = draw(TRUTHS["power"], np.random.default_rng(5), 0.4, trials=1200)
    fit = fit_law(trials)
    errors = standard_errors(fit.model, fit.top.theta, fit.points)[0][:3]
    told = []
    serial = bootstrap(
        fit, 200, seed=1, progress=lambda done, planned: told.append((done, planned))
    )
    assert told[-1] == (200, 200)
    # 28 points and 200 draws: a ratio of errors is exact to 15%.
    np.testing.assert_allclose(serial.std().to_numpy()[:3] / errors, 1, atol=0.5)
    within = bootstrap(fit, 200, seed=1, over="seeds").std().to_numpy()[:3]
    np.testing.assert_allclose(within / errors, 1, atol=0.3)
    pd.testing.assert_frame_equal(bootstrap(fit, 20, seed=1, workers=2), serial[:20])
    ends = interval_of(serial)
    assert (ends["low"] < ends["high"]).all()


FINE = draw(TRUTHS["power"], np.random.default_rng(0), 0.3)
SEEN = FINE[FINE["generalized_epoch"].notna()]
NEVER = FINE.assign(generalized_epoch=pd.array([None] * len(FINE), "Int64"))
BAD = {
    "all censored": (lambda: fit_law(NEVER), "0 of .* Train longer"),
    "no trials": (lambda: fit_law(FINE[:0]), "0 trials"),
    "one point": (
        lambda: fit_law(FINE[FINE["point_id"] == "p8"], "decay_time"), "needs at least 2"
    ),
    "a constant axis": (lambda: fit_law(FINE, "width"), "width: 1 distinct value .100. .* least"),
    "two values for a wall": (
        lambda: fit_law(FINE[FINE["weight_decay"].isin([0.001, 0.01])], "critical_decay"),
        "2 distinct values",
    ),
    "few events": (
        lambda: fit_law(pd.concat([SEEN[:2], NEVER[300:]])),
        "2 trials with the event for 4 parameters",
    ),
    "a missing column": (
        lambda: fit_law(FINE.drop(columns="generalized_after_epoch")), "no column here"
    ),
    "missing norms": (lambda: fit_law(FINE, "norms"), "with_norms"),
    "no weight decay": (
        lambda: fit_law(FINE.assign(weight_decay=FINE["weight_decay"].replace(0.001, 0.0))),
        "no logarithm .*weight_decay > 0",
    ),
    "axes in step": (
        lambda: fit_law(FINE.assign(width=(FINE["n"] * 3))), "n moves with|width moves with"
    ),
    "both regimes": (
        lambda: fit_law(FINE.assign(train_size=FINE["train_size"].mask(FINE["n"] == 20))),
        "trials are online",
    ),
    "an unknown law": (lambda: fit_law(FINE, "powr"), "Did you mean 'power'"),
    "an unknown event": (lambda: fit_law(FINE, event="grokked"), "an event is one of"),
    "unknown errors": (lambda: fit_law(FINE, errors="normal"), "an error family"),
    "an unknown axis": (lambda: fit_law(FINE, axes=["widht"]), "Did you mean 'width'"),
    "nothing to resample": (
        lambda: bootstrap(fit_law(FINE[FINE["point_id"] == "p8"], "constant")), "1 point"
    ),
    "nobody memorized": (
        lambda: fit_law(
            FINE.assign(memorized_epoch=NEVER["generalized_epoch"], memorized_after_epoch=5),
            event="delay",
        ),
        "memorized within",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_sentence_with_a_remedy(name):
    call, message = BAD[name]
    with pytest.raises(StudyError, match=message) as raised:
        call()
    assert "\n" not in str(raised.value)
    assert str(raised.value).endswith((".", "?"))


def test_laws_need_neither_torch_nor_ray():
    code = "import sys; from analysis import fit_law; print({'torch', 'ray'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_law_predicts_medians_and_says_never():
    trials = draw(TRUTHS["critical_rows"], np.random.default_rng(2), 0.3, trials=3000)
    fit = fit_law(trials, "critical_rows")
    some = trials.drop_duplicates("train_size").reset_index(drop=True)
    truth = np.exp(7 - 0.8 * np.log(some["train_size"].to_numpy(float) / 240 - 1))
    np.testing.assert_allclose(fit.predict(some), truth, rtol=0.15)
    assert np.isposinf(fit.predict(some.assign(train_size=100))).all()


def test_a_cured_share_may_depend_on_an_axis():
    trials = draw(TRUTHS["power with cured"], np.random.default_rng(4), 0.3, trials=3000)
    hard = trials["weight_decay"] < 0.005
    rng = np.random.default_rng(5)
    lost = hard & (rng.random(len(trials)) < 0.5)  # half of the trials at small weight decay
    budget = trials["budget_epochs"].where(lost, trials["generalized_after_epoch"])
    cured = trials.assign(
        generalized_epoch=trials["generalized_epoch"].mask(lost), generalized_after_epoch=budget
    )
    fit = fit_law(cured, "power", cure=["weight_decay"])
    slope = fit.parameters["cure_slope_weight_decay"]
    assert slope.high < 0
    level = fit_law(trials, "power", cure=["weight_decay"]).parameters["cure_slope_weight_decay"]
    assert level.low < 0 < level.high
