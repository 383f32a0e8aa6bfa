"""What is said of published statements: verdicts, regimes, walls and shares, on known truths."""

import numpy as np
import pandas as pd
import pytest
from law_truths import ROWS, TRUTHS, Truth, draw, points_of
from scipy.special import expit
from simulated import QUICK, simulate

from analysis import load_trials
from analysis.laws.existence import existence
from analysis.laws.regimes import regime_of
from analysis.laws.scorecard import scorecard
from analysis.laws.shares import rows_at_half
from analysis.laws.statements import STATEMENTS
from analysis.laws.strata import Bounded
from analysis.laws.study_fits import fit_study
from analysis.laws.verdicts import verdict_of
from analysis.text.law_text import lines_of_scorecard
from study.errors import UsageError


@pytest.fixture(scope="module")
def trials(tmp_path_factory):
    longer = {**QUICK, "seeds": 8, "budget": {"epochs": 4000}}
    store = simulate(tmp_path_factory.mktemp("store") / "quick", longer)
    return load_trials(store, "weight_decay < 0.2")


@pytest.mark.parametrize(
    ("low", "high", "stated", "verdict"),
    [
        (0.95, 1.05, 1.0, "agrees within 10%"),
        (-1.05, -0.95, -1.0, "agrees within 10%"),
        (1.15, 1.40, 1.0, "contradicts"),
        (-1.40, -1.15, -1.0, "contradicts"),
        (1.04, 1.14, 1.0, "undecided"),  # excludes 1, and may still be within 10% of it
        (0.20, 3.55, 1.0, "undecided"),
        (None, 1.05, 1.0, "not identified"),
        (0.01, 0.08, "above 0", "agrees"),
        (0.01, 0.08, "below 0", "contradicts"),
        (-0.01, 0.08, "below 0", "undecided"),
    ],
)
def test_a_verdict_is_one_of_equivalence(low, high, stated, verdict):
    said, why = verdict_of(Bounded(1.0, low, high), stated)
    assert said == verdict
    assert bool(why) == (verdict in {"undecided", "not identified"})
    if high == 3.55:
        assert "wider than half" in why


def test_a_regime_is_told_by_seeds_that_are_not_fitted(trials):
    grokking = regime_of(trials, "grokking")
    # The simulated nets wait 1.5 decay times: at the middle decay, 0.01, longer than they memorize.
    assert grokking.strata["grokking"] >= 3
    assert grokking.trials["weight_decay"].max() <= 0.01 + 1e-12
    assert set(grokking.trials["seed"]) == {1, 2, 3, 5, 6, 7}  # 0 and 4 are held aside
    # What the fitted seeds did does not choose the regime.
    changed = trials.copy()
    fitted = changed["seed"].isin([1, 2, 3, 5, 6, 7])
    changed.loc[fitted, "generalized_epoch"] = pd.NA
    assert regime_of(changed, "grokking").strata == grokking.strata
    with pytest.raises(UsageError, match="Did you mean 'grokking'"):
        regime_of(trials, "groking")
    with pytest.raises(UsageError, match="1 seed at every point"):
        regime_of(trials[trials["seed"] == 0], "grokking")


def test_the_scorecard_agrees_with_what_was_simulated_and_names_what_it_lacks(trials):
    card = scorecard(trials)
    assert len(card) == len(STATEMENTS)
    by = card.set_index(["source", "event"])
    # Delays are 1.5 decay times with a scatter of 10%.
    delay = card[card["statement"].str.contains("delay goes as 1 / weight_decay")].iloc[0]
    assert delay["verdict"] == "agrees within 10%"
    assert delay["low"] < -1 < delay["high"]
    # The time to memorize is a part of the time to generalize, and does not wait.
    assert by.loc[("arXiv 2210.01117", "generalized")]["estimate"] > -1
    online = card[card["regime"] == "online"]
    assert online["verdict"].isna().all()
    assert online["lacks"].notna().all()
    rows = card.astype(object).where(card.notna(), None).to_dict("records")
    lines = lines_of_scorecard(rows)
    assert len(lines) == 2 * len(rows)
    assert sum("not testable here" in line for line in lines) == int(card["lacks"].notna().sum())


BENT = Truth(
    "power",
    {"train_size": ROWS},
    lambda p: 7.0 - 1.5 * (u := np.log(p["train_size"].to_numpy(float)) - 6) + 0.5 * u**2,
    {},
)


def inside_the_grid(points):
    """A wall at 300 rows, with two dataset sizes below it that never generalize."""
    above = points["train_size"].to_numpy(float) / 300 - 1
    return np.where(above > 0, 7 - 0.8 * np.log(np.maximum(above, 1e-9)), 50)


INSIDE = Truth("critical_rows", {"train_size": ROWS}, inside_the_grid, {})


@pytest.mark.parametrize(
    ("truth", "law", "least", "most"),
    [
        (TRUTHS["critical_rows"], "critical_rows", 7, 10),
        (INSIDE, "critical_rows", 7, 10),
        (TRUTHS["critical_decay"], "critical_decay", 7, 10),
        (TRUTHS["saturating"], "critical_rows", 0, 0),
        (BENT, "critical_rows", 0, 1),
    ],
)
def test_a_wall_is_believed_where_there_is_one(truth, law, least, most):
    # 10 samples each; of a wall that is there 95% are believed, so fewer than 7 once in 1,000.
    samples = [draw(truth, np.random.default_rng(seed), 0.3) for seed in range(10)]
    believed = sum(
        existence(sample, law, "generalized", "lognormal").believed for sample in samples
    )
    assert least <= believed <= most


def test_a_wall_needs_values_on_its_axis():
    few = draw(TRUTHS["critical_rows"], np.random.default_rng(0), 0.3)
    few = few[few["train_size"].isin(ROWS[:4])]
    with pytest.raises(UsageError, match="no stratum has 8 of its values"):
        existence(few, "critical_rows", "generalized", "lognormal")


def shares(rng, exponent):
    """Trials of which half generalize at 60 (width / 100)^exponent rows, at three weight decays."""
    truth = Truth(
        "",
        {
            "width": [50, 100, 200, 400],
            "train_size": [25, 35, 50, 70, 100, 140],
            "weight_decay": [0.003, 0.01, 0.03],
        },
        None,
        {},
    )
    points = points_of(truth, 72 * 30)
    half = 60 * (points["width"].to_numpy(float) / 100) ** exponent
    logit = 3 * (np.log(points["train_size"].to_numpy(float)) - np.log(half))
    happened = rng.random(len(points)) < expit(logit)
    epoch = pd.Series(np.where(happened, 5, 0)).astype("Int64")
    return points.assign(
        budget_epochs=2000, steps_per_epoch=10, generalized_epoch=epoch.where(happened)
    )


def test_the_rows_at_half_go_as_the_power_that_was_drawn():
    hits = [
        (found := rows_at_half(shares(np.random.default_rng(seed), -0.2), "width", "generalized"))
        and found.exponent.low <= -0.2 <= found.exponent.high
        for seed in range(30)
    ]
    assert sum(hits) >= 25  # of 30 at 95%: fewer once in 6,000
    drawn = shares(np.random.default_rng(0), 0.0)
    with pytest.raises(UsageError, match="width: 0 cells"):
        rows_at_half(drawn[drawn["width"] == 100], "width", "generalized")
    # A budget of less than a decay time, 3,333 steps at 0.003, shows who is quick.
    hasty = rows_at_half(drawn.assign(budget_epochs=200, learning_rate=0.5), "width", "generalized")
    assert len(hasty.cells) == 3
    with pytest.raises(UsageError, match="width: 2 cells"):
        rows_at_half(drawn.assign(budget_epochs=200), "width", "generalized")


def test_a_wall_that_is_none_is_said_of_its_fit():
    bent = draw(BENT, np.random.default_rng(0), 0.3)
    [[fit]], _ = fit_study(bent, ["critical_rows"])
    assert "is not identified: in 0 of 1 strata" in fit.warnings["critical_train_size"]
    wall = draw(TRUTHS["critical_rows"], np.random.default_rng(0), 0.3)
    [[fit]], _ = fit_study(wall, ["critical_rows"])
    assert fit.warnings == {}
