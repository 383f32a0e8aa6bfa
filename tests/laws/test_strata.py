"""Slopes within strata: against plain fits, with known scatter, and against a pooled slope."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pandas as pd
import pytest
from scatter import KINDS, SLOPES, SPREAD, scattered

from analysis import fit_law
from analysis.laws.lines import adequacy_within
from analysis.laws.strata import own_slopes, random_effects, simpson, slopes_within
from study.errors import UsageError


def covered(kind, seed):
    """By name, whether the interval of one sample holds the truth."""
    trials = scattered(kind, np.random.default_rng([seed, KINDS.index(kind)]))
    fit = fit_law(trials)
    hits = {
        f"robust {name}": value.robust_low <= slope <= value.robust_high
        for name, slope in SLOPES.items()
        for value in [fit.parameters[f"slope_{name}"]]
    }
    hits |= {
        f"information {name}": value.low <= slope <= value.high
        for name, slope in SLOPES.items()
        for value in [fit.parameters[f"slope_{name}"]]
    }
    within = slopes_within(trials, "weight_decay", "generalized", "lognormal")
    truth = SLOPES["weight_decay"]
    hits["one slope"] = within.common.low <= truth <= within.common.high
    hits["mean of own"] = within.mean.low <= truth <= within.mean.high
    if kind == "slopes":
        hits["spread"] = within.spread.low <= SPREAD <= within.spread.high
    return hits


def test_intervals_allow_for_slopes_that_differ_between_strata():
    # 12 samples: a coverage of 95% falls below 8 of them once in 5,000.
    table = pd.DataFrame([covered("slopes", seed) for seed in range(12)])
    allowed = table.drop(columns=[name for name in table if name.startswith("information")])
    assert (allowed.sum() >= 8).all()
    assert table["information weight_decay"].sum() <= 9  # of 12, where 11.4 are meant


def test_own_slopes_are_those_of_fits_to_each_stratum():
    trials = scattered("slopes", np.random.default_rng(0))
    table = own_slopes(trials, "weight_decay", "generalized", "lognormal")
    assert len(table) == 24
    row = table.iloc[5]
    part = trials[(trials["n"] == row["n"]) & (trials["train_size"] == row["train_size"])]
    alone = fit_law(part, axes=["weight_decay"]).parameters["slope_weight_decay"]
    assert (row["slope"], row["low"]) == pytest.approx((alone.estimate, alone.low), abs=1e-4)


def test_a_mean_of_slopes_is_that_of_the_formulas():
    # By hand: equal errors, so the mean is plain, and the spread is that of the slopes less theirs.
    slopes, errors = np.array([1.0, 2.0, 3.0, 6.0]), np.full(4, 0.5)
    mean, spread, predicted = random_effects(slopes, errors)
    variance = slopes.var(ddof=1)
    assert mean.estimate == pytest.approx(3.0)
    assert spread.estimate == pytest.approx(np.sqrt(variance - 0.25))
    assert mean.high - 3 == pytest.approx(3.182446 * np.sqrt(variance / 4), rel=1e-5)
    assert predicted.low < mean.low
    # Slopes that are alike have no spread, and the mean is not narrower than their errors say.
    alike, none, _ = random_effects(np.array([1.0, 1.0, 1.0]), np.full(3, 0.5))
    assert none.estimate == none.low == 0
    assert alike.high - 1 == pytest.approx(4.302653 * 0.5 / np.sqrt(3), rel=1e-5)


def strata(*slopes):
    table = pd.DataFrame({"slope": slopes})
    return table.assign(low=table["slope"] - 0.1, high=table["slope"] + 0.1)


def test_a_pooled_slope_is_called_misleading_by_the_rule():
    assert simpson(1.0, strata(0.95, 1.0, 1.05, 3.0)) == ""
    opposed = simpson(0.2, strata(-0.1, -0.2, -0.1, 0.9))
    assert opposed.startswith("0.2 pooled has another sign than 3 of 4 strata (Simpson)")
    assert "outside the intervals of 3 of 4" in simpson(1.0, strata(0.2, 0.3, 1.0, 3.0))
    assert simpson(1.0, strata(-3.0, -3.0)) == ""  # two strata show no rule
    assert simpson(1.0, strata(-3.0, np.nan, np.nan, -3.0)) == ""


def test_lines_within_strata_are_rejected_where_times_bend():
    trials = scattered("slopes", np.random.default_rng(1))
    within = slopes_within(trials, "weight_decay", "generalized", "lognormal")
    assert not adequacy_within(trials, within, "generalized", "lognormal").rejected
    # Twice as late at the least and at the largest weight decay.
    edge = trials["weight_decay"].isin([0.001, 0.1])
    later = (trials["generalized_epoch"] * 2).where(edge, trials["generalized_epoch"])
    after = (trials["generalized_after_epoch"] * 2).where(edge, trials["generalized_after_epoch"])
    bent = trials.assign(generalized_epoch=later, generalized_after_epoch=after)
    within = slopes_within(bent, "weight_decay", "generalized", "lognormal")
    assert adequacy_within(bent, within, "generalized", "lognormal").rejected


def test_slopes_need_strata():
    trials = scattered("points", np.random.default_rng(0))
    with pytest.raises(UsageError, match="0 of 0 strata"):
        slopes_within(
            trials[trials["weight_decay"] == 0.01], "weight_decay", "generalized", "lognormal"
        )
    with pytest.raises(UsageError, match="Did you mean 'decay_time'"):
        slopes_within(trials, "decay_tim", "generalized", "lognormal")


def _chunk(work):
    kind, seeds = work
    return [{"kind": kind, **covered(kind, seed)} for seed in seeds]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_slopes_are_covered_whatever_scatters():
    # 300 samples: a coverage of 95% falls below 92% once in 90, and above 98% once in 300.
    work = [(kind, range(start, start + 25)) for kind in KINDS for start in range(0, 300, 25)]
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        rows = [row for chunk in pool.map(_chunk, work) for row in chunk]
    table = pd.DataFrame(rows).groupby("kind").mean()
    print(table.T.round(3).to_string())
    ours = table[[name for name in table if not name.startswith("information")]]
    assert ours.drop(columns="spread").stack().between(0.92, 0.98).all()
    assert 0.92 <= table.loc["slopes", "spread"] <= 0.98
