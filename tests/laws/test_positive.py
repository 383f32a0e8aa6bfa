"""Trials at 0 on an axis have no logarithm: laws are fitted to the others, and one line says so."""

import numpy as np
import pytest
from law_truths import TRUTHS, draw
from simulated import simulate

from analysis import load_trials
from analysis.laws.fit import fit_law
from analysis.laws.positive import above_zero
from analysis.laws.scorecard import scorecard
from analysis.laws.strata import slopes_within
from analysis.text.law_answers import LawRequest, fit_answer, slopes_answer


@pytest.fixture(scope="module")
def some_at_zero():
    """Trials of which those at the least weight decay are at 0."""
    trials = draw(TRUTHS["power"], np.random.default_rng(3), 0.3, trials=1000)
    least = trials["weight_decay"] == trials["weight_decay"].min()
    return trials.assign(weight_decay=trials["weight_decay"].mask(least, 0.0))


def request(**changes):
    asked = {
        "laws": ["constant", "power", "decay_time"], "event": "generalized", "errors": "lognormal",
        "axes": None, "cure": None, "by": None, "regime": None, "clusters": None, "draws": 0,
        "most": 0,
    }  # fmt: skip
    return LawRequest(**{**asked, **changes})


def told(count, trials):
    return (
        f"weight_decay is 0 in {count:,} of {trials:,} trials, and laws take logarithms: the other "
        f"{trials - count:,} are fitted"
    )


def test_laws_are_those_of_the_trials_above_zero(some_at_zero, tmp_path):
    notes = []
    answer = fit_answer(tmp_path, some_at_zero, request(), notes.append, lambda *_: None)
    zero = some_at_zero["weight_decay"] == 0
    assert notes == [told(zero.sum(), len(some_at_zero))]
    alone = fit_law(some_at_zero[~zero].reset_index(drop=True), "power")
    [power] = [fit for fit in answer.content if fit["law"] == "power"]
    slope = power["parameters"]["slope_weight_decay"]["estimate"]
    assert slope == pytest.approx(alone.parameters["slope_weight_decay"].estimate)
    assert slope == pytest.approx(-0.8, abs=0.1)  # of the truth


def test_slopes_are_those_of_the_trials_above_zero(some_at_zero):
    notes = []
    answer = slopes_answer(some_at_zero, "weight_decay", request(), notes.append)
    above = some_at_zero[some_at_zero["weight_decay"] > 0]
    expected = slopes_within(above, "weight_decay", "generalized", "lognormal")
    assert answer.content[0]["mean"]["estimate"] == pytest.approx(expected.mean.estimate)
    assert len(notes) == 1
    assert slopes_answer(some_at_zero, "n", request(), notes.append)
    assert len(notes) == 1  # n is above 0 in each trial


def test_the_scorecard_tests_the_trials_above_zero(tmp_path):
    trials = load_trials(simulate(tmp_path / "quick"), "weight_decay < 0.2")
    least = trials["weight_decay"] == trials["weight_decay"].min()
    at_zero = trials.assign(weight_decay=trials["weight_decay"].mask(least, 0.0))
    table = scorecard(at_zero)
    assert table["verdict"].notna().any()
    lacks = table["lacks"].dropna()
    assert not lacks.str.contains("no logarithm .*weight_decay", regex=True).any()


def test_who_is_left_out(some_at_zero):
    kept, said = above_zero(some_at_zero)
    assert (kept["weight_decay"] > 0).all()
    assert said == told((some_at_zero["weight_decay"] == 0).sum(), len(some_at_zero))
    assert above_zero(some_at_zero, ["n"]) == (some_at_zero, "")
    everywhere = some_at_zero.assign(weight_decay=0.0)
    assert above_zero(everywhere) == (everywhere, "")
