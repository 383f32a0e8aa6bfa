"""The lines of the delay strip, against a plain loop over trials."""

import numpy as np
import pytest
from crowd import crowd
from made_up import event, trials
from simulated import simulate

from analysis import load_trials
from analysis.phases.classify import classify
from analysis.phases.strip_lines import LEAST_LINES, MOST_LINES, strip_lines, strip_words

EVENTS = [
    (event(10, 100), ("waited", 10, 100, "grokking")),
    (event(10, 11), ("waited", 10, 11, "comprehension")),
    (event(10, 10), ("at once", 10, 10, "comprehension")),
    (event(30, 20), ("at once", 20, 20, "comprehension")),
    (event(None, 20), ("at once", 20, 20, "comprehension")),
    (event(10, None), ("censored", 10, 600, "memorization")),
    (event(10, None, ended="collapsed", epochs_run=40), ("censored", 10, 40, "memorization")),
]


@pytest.mark.parametrize(("columns", "expected"), EVENTS)
def test_a_trial_is_a_line_a_dot_or_an_arrow(columns, expected):
    found = strip_lines(trials(columns), np.zeros(1, int))
    assert (found.trials, found.neither) == (1, 0)
    [line] = found.frame.to_dict("records")
    assert tuple(line[name] for name in ("kind", "start", "end", "phase")) == expected


def test_a_trial_with_neither_event_has_no_line():
    found = strip_lines(trials(event(), event(5, 9)), np.array([0, 1]))
    assert found.frame["row"].tolist() == [1]
    assert strip_words(found) == "Trials that did neither are left out: 1."


def test_a_small_study_is_shown_whole_in_order(tmp_path):
    every = load_trials(simulate(tmp_path / "quick"))
    positions = np.searchsorted(np.unique(every["weight_decay"]), every["weight_decay"])
    found = strip_lines(every, positions)
    able = every[["memorized_epoch", "generalized_epoch"]].notna().any(axis=1)
    assert sorted(found.frame["row"]) == np.flatnonzero(able).tolist()
    assert found.neither == (~able).sum() > 0
    phases = classify(every)["phase"].astype(str).to_numpy()
    assert found.frame["phase"].tolist() == phases[found.frame["row"]].tolist()
    for position, lines in found.frame.groupby("position"):
        assert set(positions[lines["row"]]) == {position}
        keys = [
            (kind == "censored", end, start)
            for kind, end, start in lines[["kind", "end", "start"]].itertuples(index=False)
        ]
        assert keys == sorted(keys)
        gaps = np.diff(lines["place"])
        assert np.allclose(gaps, gaps[:1].max(initial=0))
        assert lines["place"].agg(["min", "max"]).mean() == pytest.approx(0.5)
    assert found.frame["place"].between(0, 1).all()


@pytest.mark.parametrize("values", [2, 40])
def test_of_many_trials_each_row_has_a_sample_that_stays(values):
    every = crowd(10_000, 50, {"weight_decay": np.geomspace(1e-3, 1, values).tolist()})
    positions = np.arange(10_000) // 50 % values
    found = strip_lines(every, positions)
    most = max(LEAST_LINES, MOST_LINES // values)
    assert found.most == most
    assert (found.frame["position"].value_counts() == most).all()
    assert f"at most {most} trials of each row" in strip_words(found)
    assert strip_lines(every, positions).frame.equals(found.frame)
    # Trials that come later do not change which of the first ones could be drawn.
    first = strip_lines(every[:9_000], positions[:9_000]).frame["row"]
    assert set(found.frame["row"][found.frame["row"] < 9_000]) <= set(first)


def test_a_sample_is_fair():
    """The mean rank of those sampled is within 4 standard errors: it fails once in 16,000 times."""
    every = crowd(10_000, 10_000, {"weight_decay": [0.01]})
    found = strip_lines(every, np.zeros(10_000, int))
    error = 10_000 / np.sqrt(12 * len(found.frame))
    assert abs(found.frame["row"].mean() - 5_000) < 4 * error
