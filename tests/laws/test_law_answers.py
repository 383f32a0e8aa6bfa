"""The scorecard, finite-size analysis, the numbers of the charts, the charts, and the command."""

import json

import numpy as np
import pandas as pd
import pytest
import vl_convert
from law_truths import TRUTHS, Truth, draw, points_of
from scipy.special import expit
from simulated import QUICK, simulate

from analysis import cli, load_trials
from analysis.charts import law_charts
from analysis.laws import diagnostics, fit_law, fit_laws, views
from analysis.laws.finite_size import finite_size
from analysis.laws.statements import STATEMENTS
from analysis.laws.strata import slopes_within
from analysis.laws.study_fits import fit_study
from analysis.report.law_section import law_section
from study.errors import UsageError
from study.vocabulary.columns import EVENT_COLUMNS, after_column


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("store") / "quick", QUICK)


@pytest.fixture(scope="module")
def trials(store):
    return load_trials(store, "weight_decay < 0.2")


def shares(rng, half, width, seeds=60):
    """Trials of which a logistic share generalizes: functions of n give its middle and width."""
    rows = [25, 35, 50, 70, 100, 140, 200, 280]
    truth = Truth("", {"n": [15, 20, 30, 45, 60], "train_size": rows}, None, {})
    points = points_of(truth, 40 * seeds)
    n, size = points["n"].to_numpy(float), points["train_size"].to_numpy(float)
    generalized = rng.random(len(points)) < expit((np.log(size) - np.log(half(n))) / width(n))
    epoch = pd.Series(np.where(generalized, 5, 0)).astype("Int64")
    return points.assign(
        steps_per_epoch=2, budget_epochs=50, epochs_run=50, ended="budget",
        generalized_epoch=epoch.where(generalized),
        generalized_after_epoch=epoch.where(generalized, 50),
        memorized_epoch=pd.NA, memorized_after_epoch=pd.array([50] * len(points), "Int64"),
    )  # fmt: skip


def test_a_transition_that_narrows_collapses():
    rng = np.random.default_rng(2)
    sizes = finite_size(
        shares(rng, lambda n: 60 * (n / 20) ** 0.6, lambda n: 0.5 * (n / 20) ** -0.7)
    )
    assert sizes.verdict == "collapse"
    assert sizes.shift.low < 0.6 < sizes.shift.high
    assert sizes.narrowing.low < 0.7 < sizes.narrowing.high
    assert sizes.narrowing.low > 0
    for curve in sizes.curves:
        assert curve.half.low < 60 * (curve.n / 20) ** 0.6 < curve.half.high
    assert sizes.bic_collapsed < sizes.bic_separate


def test_curves_that_share_nothing_do_not_collapse_and_parallel_ones_do_not_cross():
    rng = np.random.default_rng(3)
    jagged = finite_size(shares(rng, lambda n: 60 + 40 * (n % 2) + 30 * (n == 30), lambda n: 0.3))
    assert jagged.verdict.startswith("no collapse")
    assert not jagged.narrowing.resolved
    parallel = finite_size(shares(rng, lambda n: 3 * n, lambda n: 0.3 + 0 * n))
    assert any("parallel" in crossing.said for crossing in parallel.crossings)
    assert parallel.narrowing.low < 0 < parallel.narrowing.high


def test_a_crossing_is_where_two_curves_meet():
    rng = np.random.default_rng(4)
    crossed = shares(rng, lambda n: 80 + 0 * n, lambda n: np.where(n > 20, 0.1, 0.6), seeds=200)
    sizes = finite_size(crossed[crossed["n"].isin([20, 30])])
    [crossing] = sizes.crossings
    assert crossing.rows.low < 80 < crossing.rows.high
    assert sizes.verdict.startswith("unresolved: 2 values of n")


def test_a_step_is_only_bracketed():
    rng = np.random.default_rng(5)
    sizes = finite_size(shares(rng, lambda n: 60 + 0 * n, lambda n: 1e-6 + 0 * n))
    assert not sizes.curves[0].half.resolved
    assert sizes.curves[0].between == (50.0, 70.0)
    assert sizes.verdict.startswith("unresolved")


def test_finite_size_is_of_one_slice(trials):
    with pytest.raises(UsageError, match="weight_decay also vary"):
        finite_size(trials)
    with pytest.raises(UsageError, match="0 trials"):
        finite_size(trials[:0])


def test_an_exponent_that_moves_with_the_budget_is_flagged():
    still = draw(TRUTHS["power"], np.random.default_rng(0), 0.2, trials=2000)
    frame = diagnostics.drift(with_crossings(still), "power", "generalized", "lognormal", "slope_n")
    budget = frame[frame["kind"] == "budget"]
    assert not budget["moves"].any()  # 4 tests at 1%: once in 25 seeds by chance
    assert budget["censored"].is_monotonic_increasing
    bent = Truth(
        "power", {"n": [20, 25, 30, 40, 60]}, lambda p: 4 + (p["n"].to_numpy() / 25) ** 2, {}
    )
    frame = diagnostics.drift(
        with_crossings(draw(bent, np.random.default_rng(0), 0.2, trials=2000)),
        "power", "generalized", "lognormal", "slope_n",
    )  # fmt: skip
    assert frame["moves"].any()


def with_crossings(trials):
    """Both events at once, at every accuracy."""
    both = {
        "memorized_epoch": "generalized_epoch",
        "memorized_after_epoch": "generalized_after_epoch",
    }
    both |= {
        f"{event}_epoch_{level}": "generalized_epoch"
        for event in ("memorized", "generalized")
        for level in (90, 95, 98, 99)
    }
    both |= {after_column(name): "generalized_after_epoch" for name in EVENT_COLUMNS[2:]}
    return trials.assign(**{name: trials[source] for name, source in both.items()})


def test_residuals_of_the_right_errors_lie_on_the_diagonal():
    trials = draw(TRUTHS["power"], np.random.default_rng(1), 0.3, trials=2000)
    right, wrong = (
        diagnostics.cox_snell(fit_law(trials)),
        diagnostics.cox_snell(fit_law(trials, errors="weibull")),
    )
    inner = right[right["expected"] < 1]
    assert (inner["hazard"] - inner["expected"]).abs().max() < 0.1
    assert (wrong["hazard"] - wrong["expected"])[wrong["expected"] < 1].abs().max() > 0.1


def test_the_band_holds_the_median_and_a_median_out_of_reach_is_marked():
    trials = draw(TRUTHS["critical_rows"], np.random.default_rng(1), 0.4)
    lines, cells = views.law_curves(fit_law(trials, "critical_rows"), trials, "train_size", None)
    assert (lines["low"] <= lines["steps"]).all()
    assert cells["events"].sum() == trials["generalized_epoch"].notna().sum()
    assert not cells["reached"].iloc[0]
    inside = lines.dropna()
    truth = np.exp(7 - 0.8 * np.log(inside["train_size"].astype(float) / 240 - 1))
    assert ((inside["low"] < truth) & (truth < inside["high"])).mean() > 0.8


def test_every_chart_draws(trials):
    fits, _ = fit_laws(trials, ["power", "saturating"])
    x, series = views.longest_axes(trials)
    lines, cells = views.law_curves(fits[0], trials, x, series)
    shown = views.forest(slopes_within(trials, "weight_decay", "generalized", "lognormal"))
    drawn = {
        "calibration": law_charts.calibration_chart(views.calibration_points(fits[0], trials)),
        "forest": law_charts.forest_chart(shown.rows, shown.heading, -1.0),
        "law": law_charts.law_lines_chart(lines, cells, x, "training rows"),
        "survival": law_charts.survival_chart(
            views.survival_steps(views.slice_of(trials, "generalized", x), "generalized", x), x
        ),
        "residuals": law_charts.residual_chart(diagnostics.cox_snell(fits[0])),
        "profile": law_charts.profile_chart(
            diagnostics.profile_curves(fit_law(trials, "saturating"))
        ),
        "beyond": law_charts.extrapolation_chart(diagnostics.extrapolation(fits, trials, x), x),
        "drift": law_charts.drift_chart(
            diagnostics.drift(trials, "power", "generalized", "lognormal", "slope_weight_decay"),
            "budget", "slope",
        ),
    }  # fmt: skip
    pictures = {name: vl_convert.vegalite_to_svg(chart.to_dict()) for name, chart in drawn.items()}
    assert not cells["reached"].all()
    for name, picture in pictures.items():
        assert picture.count("<path") > 4, name
        assert "undefined" not in picture, name
        assert "NaN" not in picture, name


def test_the_report_says_why_no_law_was_fitted(trials):
    text, figures = law_section(
        trials.assign(generalized_epoch=pd.array([None] * len(trials), "Int64"))
    )
    assert "No law was fitted: generalized: 0 of 125 trials" in text
    assert figures == []


@pytest.mark.parametrize("count", [1, 5])
def test_trials_at_one_point_have_no_axis_to_draw_along(trials, count):
    """As a study has them that was stopped early, or one that varies its seeds alone."""
    generalized = trials[trials["generalized_epoch"].notna()]
    one = generalized[generalized["point_id"] == generalized["point_id"].iloc[0]].head(count)
    text, figures = law_section(one)
    assert figures == []
    assert "constant" in text


def test_strata_are_fitted_each_and_an_empty_one_is_named(trials):
    grokking = trials[trials["train_size"] > 200]
    lists, _ = fit_study(grokking, ["decay_time"], by="train_size")
    assert [fits[0].stratum for fits in lists] == [{"train_size": n} for n in (300, 400, 600, 1000)]
    with pytest.raises(UsageError, match="train_size = 200: generalized: 0 of 25"):
        fit_study(trials, ["decay_time"], by="train_size")
    with pytest.raises(UsageError, match="Did you mean 'width'"):
        fit_study(trials, by="widht")


@pytest.fixture
def run(run_main):
    return lambda *arguments: run_main(cli.main, *arguments)


def test_the_command_gives_fits_and_a_ranking(run, store):
    ask = ("laws", store, "--where", "weight_decay < 0.2", "--law", "power", "--law", "saturating")
    code, out, err = run(*ask, "--event", "delay", "--json")
    assert (code, err) == (0, "")
    fits = json.loads(out)
    assert [fit["law"] for fit in fits] == ["saturating", "power"]
    for fit in fits:
        keys = {"law", "event", "errors", "parameters", "events", "censored", "converged",
                "identified", "aic", "heldout"}  # fmt: skip
        assert keys <= set(fit)
        assert {"estimate", "low", "high"} <= set(fit["parameters"]["sigma"])
        assert fit["events"] + fit["censored"] + fit["left_out"] == 125
    text = run(*ask, "--event", "delay")[1].decode()
    assert "delta_aic" in text
    assert "slope_weight_decay" in text


def test_the_command_shows_scorecard_sizes_and_bootstrap(run, store):
    code, out, _ = run("laws", store, "--scorecard", "--json")
    assert code == 0
    assert len(json.loads(out)) == len(STATEMENTS)
    shown = run("laws", store, "--scorecard")[1]
    assert b"not testable here: online trials" in shown
    assert b"one power law describes all trials" in shown
    code, out, _ = run("laws", store, "--finite-size", "--where", "weight_decay == 0.01", "--json")
    assert json.loads(out)["verdict"].startswith("unresolved")
    code, out, err = run("laws", store, "--law", "constant", "--bootstrap", "20", "--json")
    [fit] = json.loads(out)
    assert (
        fit["parameters"]["log_a"]["bootstrap_low"] < fit["parameters"]["log_a"]["bootstrap_high"]
    )
    assert err.endswith("bootstrap: 20/20\n")


def test_laws_that_cannot_be_fitted_are_named_on_stderr(run, store):
    code, out, err = run("laws", store, "--where", "weight_decay < 0.2", "--json")
    assert code == 0
    assert len(json.loads(out)) > 3
    assert "multi-pass, width not fitted: width: 1 distinct value" in err
