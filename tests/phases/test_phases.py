"""Phases, cells and their statistics, against tables of cases and slow computations."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import event, trials
from simulated import QUICK, simulate

from analysis.phases.cells import cells, summary
from analysis.phases.classify import FLAGS, PHASES, classify
from analysis.statistics import kaplan_meier_medians, wilson_interval
from analysis.tables.frames import load_trials
from study.errors import UsageError


@pytest.mark.parametrize(
    ("memorized", "generalized", "phase"),
    [
        (10, 20, "grokking"),  # exactly twice the epoch, and 5 epochs
        (10, 19, "comprehension"),
        (3, 7, "comprehension"),  # twice, but only 4 epochs later
        (3, 8, "grokking"),
        (0, 4, "comprehension"),
        (0, 5, "grokking"),
        (20, 10, "comprehension"),  # generalized first
        (None, 10, "comprehension"),  # and never memorized
        (10, None, "memorization"),
        (None, None, "confusion"),
    ],
)
def test_a_phase_follows_from_the_two_events(memorized, generalized, phase):
    assert list(classify(trials(event(memorized, generalized)))["phase"]) == [phase]


@pytest.mark.parametrize(
    ("memorized", "generalized", "phase"),
    [(10, 110, "grokking"), (10, 109, "comprehension"), (5, None, "memorization")],
)
def test_liu_counts_steps_at_an_accuracy_of_90(memorized, generalized, phase):
    crossings = {"memorized_epoch_90": memorized, "generalized_epoch_90": generalized}
    row = trials({**event(None, None), **crossings})  # 10 steps an epoch: 1,000 are 100 epochs
    assert list(classify(row, "liu")["phase"]) == [phase]


def test_an_unknown_preset_is_refused():
    with pytest.raises(UsageError, match=r"'lui'; a preset is one of 6 names\. Did you mean 'liu'"):
        classify(trials(event(1, 2)), "lui")


@pytest.mark.parametrize(
    ("row", "flags"),
    [
        (event(10, 20), set()),
        (event(10, None), {"short_watched"}),
        (event(10, None, epochs_run=1999), {"short_watched"}),
        (event(10, None, epochs_run=2000), set()),  # 20 decay times of 1,000 steps, to the epoch
        (event(10, 20, epochs_run=30), set()),  # decided early is not watched too shortly
        (event(10, None, weight_decay=0.0, epochs_run=1), set()),  # no decay, no decay time
        (event(10, None, final_test_accuracy=0.85, epochs_run=2000), {"semi_grokking"}),
        (event(None, None, final_test_accuracy=0.85, epochs_run=2000), set()),
        (event(10, None, final_test_accuracy=0.85), {"short_watched"}),
        (event(10, 20, ungrokked_epoch=300), {"ungrokked"}),
        (event(10, None, ended="collapsed", epochs_run=30), {"collapsed"}),
        (event(None, None, ended="diverged", epochs_run=3), {"diverged"}),
    ],
)
def test_flags_stand_beside_the_phase(row, flags):
    labeled = classify(trials(row)).iloc[0]
    assert {name for name in FLAGS if labeled[name]} == flags


def test_a_cell_counts_its_trials():
    cell = cells(
        trials(
            event(10, 40), event(10, 60), event(10, 80),
            event(10, None, epochs_run=100, generalized_after_epoch=50),
            event(10, None, ended="collapsed", epochs_run=30, generalized_after_epoch=30),
        )
    ).iloc[0]  # fmt: skip
    assert cell["trials"] == 5
    assert (cell["phase"], cell["phase_share"]) == ("grokking", 0.6)
    assert [cell[name] for name in PHASES] == [0, 3, 2, 0]
    assert (cell["generalized"], cell["collapsed"], cell["short_watched"]) == (3, 1, 1)
    assert cell["short_watched_share"] == 0.2
    assert not cell["hatched"]
    # At risk: 5 at epoch 40, 3 at 60, 2 at 80, the dead net among them; survival 4/5, 8/15, 4/15.
    assert cell["generalized_median_epoch"] == 80
    assert cell["memorized_median_epoch"] == 10


def test_of_equally_frequent_phases_the_first_listed_names_the_cell():
    cell = cells(trials(event(10, None), event(10, 40))).iloc[0]
    assert (cell["phase"], cell["phase_share"]) == ("grokking", 0.5)


def test_a_cell_of_online_rows_is_a_cell():
    table = cells(trials(event(10, 40), event(10, 40, train_size=None)), ["train_size"])
    assert list(table["train_size"].isna()) == [False, True]
    assert list(table["trials"]) == [1, 1]


def test_no_trials_have_no_cells_and_empty_phases():
    none = trials(event(10, 40)).iloc[:0]
    assert cells(none).empty
    assert list(summary(none)["trials"]) == [0, 0, 0, 0]


def test_the_phases_of_a_study_add_up(tmp_path):
    frame = load_trials(simulate(tmp_path / "quick", {**QUICK, "seeds": 2}))
    table = summary(frame)
    assert table["trials"].sum() == len(frame)
    assert table["share"].sum() == pytest.approx(1)
    by_cell = cells(frame)
    for phase, count in zip(table["phase"], table["trials"], strict=True):
        assert by_cell[phase].sum() == count


def test_wilson_intervals_of_the_literature():
    # R. G. Newcombe, Statistics in Medicine 17 (1998) 857, table I, method 3.
    low, high = wilson_interval([81, 15, 0, 1], [263, 148, 20, 29])
    assert np.round(low, 4) == pytest.approx([0.2553, 0.0624, 0.0, 0.0061])
    assert np.round(high, 4) == pytest.approx([0.3662, 0.1605, 0.1611, 0.1718])


def slow_median(times):
    """Kaplan-Meier as textbooks write it: one factor a distinct event time."""
    survival = 1.0
    for at in sorted({time for time, happened in times if happened}):
        at_risk = sum(time >= at for time, _ in times)
        events = sum(time == at and happened for time, happened in times)
        survival *= 1 - events / at_risk
        if survival <= 0.5 + 1e-9:
            return at
    return None


groups = st.lists(st.lists(st.tuples(st.integers(0, 6), st.booleans()), max_size=9), max_size=4)


@given(groups)
def test_medians_agree_with_the_textbook(times):
    flat = [(g, time, happened) for g, cell in enumerate(times) for time, happened in cell]
    event_epoch = pd.Series([t if h else None for _, t, h in flat], dtype="Int64")
    last = pd.Series([None if h else t for _, t, h in flat], dtype="Int64")
    medians = kaplan_meier_medians(
        np.array([g for g, _, _ in flat], np.intp), event_epoch, last, len(times)
    )
    assert [None if value is pd.NA else value for value in medians] == [
        slow_median(c) for c in times
    ]


def test_a_known_median():
    # The 6-MP arm of Freireich et al. (1963), 21 patients: median 23 weeks.
    weeks = [6, 6, 6, 7, 10, 13, 16, 22, 23]
    censored = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    event_epoch = pd.Series(weeks + [None] * len(censored), dtype="Int64")
    last = pd.Series([None] * len(weeks) + censored, dtype="Int64")
    assert list(kaplan_meier_medians(np.zeros(21, np.intp), event_epoch, last, 1)) == [23]
