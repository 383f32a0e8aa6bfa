"""Rows at half, of new and of grokked nets: against simulated truth, and by hand."""

import json

import numpy as np
import pandas as pd
import pytest
from ungrok_truths import LEFT, draw_ungrokking

from analysis.questions.ungrokking import GROKKED, NEW, decay_pairs, decay_ratio, ungrokking_of
from analysis.text.ungrok_text import decay_verdict, size_verdict, ungrok_answer
from study.errors import UsageError

DRAWS = 200


def rng(draw=0):
    return np.random.default_rng([20, draw])


@pytest.mark.slow
def test_intervals_hold_the_truth():
    """95% intervals: of 200 draws 190 are expected, fewer than 180 once in 1,000 runs or less."""
    held = {"new": 0, "grokked": 0, "ratio": 0}
    for draw in range(DRAWS):
        [cell] = ungrokking_of(draw_ungrokking(rng(draw)))
        truths = {"new": (cell.at_half[NEW], 58), "grokked": (cell.at_half[GROKKED], 50)}
        for name, (bounds, truth) in {**truths, "ratio": (cell.ratio, 50 / 58)}.items():
            held[name] += bounds.low <= truth <= bounds.high
    assert min(held.values()) >= 180


@pytest.mark.parametrize(
    ("grokked", "verdict"),
    [(58, "one critical size, to 10%"), (40, "two sizes: nets keep what they would not find")],
)
def test_the_verdict_is_the_truth(grokked, verdict):
    """In most of 10 draws, and never the other one."""
    said = [
        size_verdict(*ungrokking_of(draw_ungrokking(rng(draw), grokked=grokked)))
        for draw in range(10)
    ]
    assert said.count(verdict) > 5
    assert set(said) <= {verdict, "undecided"}


@pytest.mark.slow
def test_one_size_is_seldom_called_two():
    """At the edge of 10% a 95% interval lies wholly beyond it in 2.5% of draws: 5 of 200."""
    edge = 58 / 1.1
    said = [
        size_verdict(*ungrokking_of(draw_ungrokking(rng(draw), grokked=edge)))
        for draw in range(DRAWS)
    ]
    assert sum(word.startswith("two") for word in said) <= 13  # more: once in 1,000 runs


def test_an_estimate_by_hand():
    trials = draw_ungrokking(rng())
    one = trials[(trials["fewer_from"] == 1) & (trials["seed"] == 3)]
    known = one.set_index("fewer_rows")["final_test_accuracy"] > 0.98
    first = int(np.argmax([known[rows] for rows in LEFT]))
    [cell] = ungrokking_of(trials)
    assert np.isclose(cell.logs[NEW][3], np.log(LEFT[first - 1] * LEFT[first]) / 2)


def test_weight_decay_is_compared_within_seeds():
    same = ungrokking_of(draw_ungrokking(rng(1), decays=(1.0, 1.0)))
    apart = ungrokking_of(draw_ungrokking(rng(1), decays=(1.0, 1.4)))
    [pair], [other] = list(decay_pairs(same)), list(decay_pairs(apart))
    assert [one.cell["weight_decay"] for one in pair] == [0.01, 0.02]
    assert decay_verdict(decay_ratio(*pair)) == "weight decay does not matter, to 10%"
    assert decay_verdict(decay_ratio(*other)) == "weight decay matters"
    assert decay_ratio(*other).low <= 1.4 <= decay_ratio(*other).high


def test_half_outside_the_rows_is_not_determined():
    [cell] = ungrokking_of(draw_ungrokking(rng(), grokked=12))
    assert cell.at_half[GROKKED] is None
    assert cell.ratio is None
    assert size_verdict(cell) == "no ungrokking seen"
    assert "rows at half, grokked nets: not determined" in "\n".join(
        ungrok_answer(draw_ungrokking(rng(), grokked=12)).lines
    )


def test_nets_that_had_not_generalized_in_time_are_left_out():
    trials = draw_ungrokking(rng())
    late = (trials["fewer_from"] > 1) & (trials["seed"] == 0)
    trials.loc[late, "generalized_epoch"] = 901
    [cell] = ungrokking_of(trials)
    nets = cell.shares.groupby("begins")["nets"].sum()
    assert nets.to_dict() == {NEW: 20 * len(LEFT), GROKKED: 19 * len(LEFT)}
    assert 0 not in cell.logs[GROKKED].index


def test_a_study_without_fewer_rows_is_refused():
    trials = draw_ungrokking(rng())
    none = trials.assign(fewer_from=pd.array([pd.NA] * len(trials), "Int64"))
    with pytest.raises(UsageError, match="no trial was left with fewer rows"):
        ungrokking_of(none)


def test_the_answer_is_json_and_text():
    trials = draw_ungrokking(rng(), decays=(1.0, 1.0))
    answer = ungrok_answer(trials)
    content = json.loads(json.dumps(answer.content))
    assert [cell["weight_decay"] for cell in content["cells"]] == [0.01, 0.02]
    assert answer.lines[0] == "weight_decay = 0.01: 400 nets"
    assert answer.lines[-1].startswith("all nets: rows at half of grokked nets, the larger")
