"""Trials as if they had been watched for less: against shorter studies, and by hand."""

import math
import re
from fractions import Fraction
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from made_up import event, trials
from simulated import QUICK, simulate

from analysis.formats import records
from analysis.phases.cells import cells, summary
from analysis.phases.classify import LEAST_DECAY_TIMES, classify
from analysis.phases.grid import at_patience, make_grid
from analysis.phases.patience import PATIENCES, generalized_later, phases_by_patience
from analysis.phases.quantities import FINALS
from analysis.phases.watching import decay_times_watched, watched_for, watched_for_less
from analysis.tables.frames import load_trials

ROOT = Path(__file__).parents[2]
SCALING = ROOT / "analysis" / "data" / "scaling"
FINAL = ["final_train_accuracy", "final_test_accuracy"]


@pytest.fixture(scope="module")
def scaling():
    return load_trials(SCALING)


def study_of(decay_times):
    """The simulated study, but for nets that collapse, with a budget of so many decay times."""
    axes = {**QUICK["axes"], "weight_decay": [0.001, 0.003, 0.01, 0.03, 0.1]}
    return {**QUICK, "axes": axes, "budget": {"steps": 1, "decay_times": decay_times}}


@pytest.fixture(scope="module")
def long_study(tmp_path_factory):
    return load_trials(simulate(tmp_path_factory.mktemp("long") / "quick", study_of(50)))


@pytest.mark.parametrize("patience", [1, 2.5, *PATIENCES])
def test_a_study_cut_short_is_the_study_with_the_smaller_budget(tmp_path, long_study, patience):
    """The oracle is a store whose trials stopped there; their events come from the same streams."""
    short = load_trials(simulate(tmp_path / "quick", study_of(patience)))
    cut = watched_for(long_study, patience)
    assert not long_study["epochs_run"].equals(short["epochs_run"])
    pd.testing.assert_frame_equal(cut.drop(columns=FINAL), short.drop(columns=FINAL))
    stopped = cut["epochs_run"] < long_study["epochs_run"]
    assert cut.loc[stopped, "final_test_accuracy"].isna().all()
    assert cut.loc[~stopped, "final_test_accuracy"].notna().all()
    flags = ["semi_grokking", "short_watched", "short_watched_share", "hatched"]
    pd.testing.assert_frame_equal(
        cells(long_study, patience=patience).drop(columns=flags), cells(short).drop(columns=flags)
    )
    pd.testing.assert_frame_equal(summary(long_study, patience=patience), summary(short))


@settings(max_examples=25)
@given(
    patience=st.sampled_from([1, 3, *PATIENCES]),
    rate=st.floats(1e-2, 3).map(lambda x: float(f"{x:.3g}")),
    decay=st.floats(1e-3, 0.3).map(lambda x: float(f"{x:.3g}")),
    steps=st.integers(1, 60),
)
def test_a_budget_of_so_many_decay_times_is_watched_for_so_many(patience, rate, decay, steps):
    """The budget is made as `study` makes it: `Trial.budget_epochs`."""
    budget = math.ceil(patience * (1 / (rate * decay * steps)))
    exact = patience / Fraction(str(rate)) / Fraction(str(decay)) / steps
    assume(budget == math.ceil(exact))  # floats may be an epoch beyond
    axes = {"learning_rate": rate, "weight_decay": decay, "steps_per_epoch": steps}
    ran = [budget - 1, budget, budget + 1, 10 * budget]
    rows = [{**event(0), "generalized_after_epoch": at, "epochs_run": at, **axes} for at in ran]
    cut = watched_for(trials(*rows), patience)
    for column in ("epochs_run", "generalized_after_epoch"):
        assert cut[column].tolist() == [budget - 1, budget, budget, budget]
    for frame in (trials(*rows), cut):
        assert watched_for_less(frame, patience).tolist() == [True, False, False, False]


def test_what_was_watched_for_less_stays_as_it_is():
    rows = trials(
        event(10, None, epochs_run=400, generalized_after_epoch=400),
        event(10, None, epochs_run=9000, weight_decay=0.0),
        event(10, None, epochs_run=30, generalized_after_epoch=30, ended="collapsed"),
        event(10, 300, epochs_run=320, ended="decided"),
    )
    pd.testing.assert_frame_equal(watched_for(rows, 5), rows)
    assert decay_times_watched(rows) == pytest.approx([4, 0, 0.3, 3.2])
    labeled = classify(rows, patience=5)
    assert labeled["phase"].tolist() == ["memorization"] * 3 + ["grokking"]
    assert labeled["short_watched"].tolist() == [True, False, False, False]


def test_events_after_the_end_are_censored():
    crossed = {"memorized_epoch_90": 440, "generalized_epoch_90": 501, "ungrokked_epoch": 800}
    late = event(450, 700, epochs_run=900, ended="collapsed", final_test_accuracy=0.8, **crossed)
    cut = watched_for(trials(late), 5).iloc[0]  # 500 epochs
    assert (cut["epochs_run"], cut["ended"]) == (500, "budget")
    assert (cut["memorized_epoch"], cut["memorized_epoch_90"]) == (450, 440)
    for name in ("generalized_epoch", "generalized_epoch_90", "ungrokked_epoch"):
        assert pd.isna(cut[name])
    labeled = classify(trials(late), patience=5).iloc[0]
    assert labeled["phase"] == "memorization"
    assert not labeled[["collapsed", "ungrokked", "semi_grokking", "short_watched"]].any()
    liu = classify(trials(late), "liu", patience=5).iloc[0]
    assert liu["phase"] == "memorization"
    assert classify(trials(late), "liu", patience=6).iloc[0]["phase"] == "comprehension"


def test_semi_grokking_wants_its_accuracy_at_the_end():
    cell = cells(trials(event(10, None, final_test_accuracy=0.8, epochs_run=9000)))
    assert cell["semi_grokking"].tolist() == [1]
    cut = cells(trials(event(10, None, final_test_accuracy=0.8, epochs_run=9000)), patience=40)
    assert cut["semi_grokking"].isna().all()


def test_cells_that_move_are_counted():
    """100 epochs are a decay time. One cell grokks at 7, one at 30, one at 3, one never."""
    rows = [
        event(10, 700, epochs_run=5000, k=2),
        event(10, 3000, epochs_run=5000, k=3),
        event(10, 300, epochs_run=330, ended="decided", k=4),
        event(10, None, epochs_run=900, k=5),
        event(10, None, epochs_run=900, k=5, seed=1),
        event(None, None, epochs_run=1500, k=5, seed=2),
    ]
    found = phases_by_patience(trials(*rows))
    assert found.cells["grokking"].tolist() == [1, 2, 2, 3, 3]
    assert found.cells["memorization"].tolist() == [3, 2, 2, 1, 1]
    assert found.cells["memorization_to_grokking"].tolist()[1:] == [1, 0, 1, 0]
    assert found.cells["hatched"].tolist() == [0, 1, 1, 1, 1]
    assert found.trials["short_watched"].tolist() == [0, 2, 3, 3, 3]
    assert found.trials["confusion"].tolist() == [1] * 5
    assert found.trials["decay_times"].tolist() == [*PATIENCES, pd.NA]


def test_a_trial_that_ended_early_counts_if_its_budget_lasts():
    lasting = {"budget_epochs": 1000}
    rows = [
        event(10, 700, epochs_run=720, ended="decided", **lasting),
        event(10, None, epochs_run=1000, **lasting),
        event(10, None, epochs_run=999, budget_epochs=999),  # not until 10
        event(10, 400, epochs_run=480, ended="decided", **lasting),  # before 5
        event(600, None, epochs_run=1000, **lasting),  # memorized after 5
        event(10, None, weight_decay=0.0, epochs_run=1000, **lasting),
    ]
    first = generalized_later(trials(*rows)).iloc[0]
    assert first.to_dict() == {
        "decay_times": 5, "until": 10, "trials": 2, "generalized": 1, "share": 0.5,
    }  # fmt: skip
    assert generalized_later(trials(*rows[:0]))["share"].isna().all()


def test_the_grid_keeps_its_cells(long_study):
    grid = make_grid(long_study)
    for patience in PATIENCES:
        at = at_patience(grid, long_study, patience)
        expected = make_grid(watched_for(long_study, patience)).cells
        kept = ["semi_grokking", "short_watched", "short_watched_share", "hatched"]
        kept += [f"{name}_median" for name in FINALS]  # of the end, whatever the patience
        pd.testing.assert_frame_equal(at.cells.drop(columns=kept), expected.drop(columns=kept))


def rows_of(page, head):
    """The numbers of a table of a page of docs, by row."""
    table = page.split(head)[1].split("\n\n")[0].splitlines()
    cells_of = [
        row.strip("| ").split(" | ") for row in table if row.startswith("| ") and "-" not in row
    ]
    return [[cell.replace(",", "") for cell in row] for row in cells_of]


def test_the_table_of_the_docs_is_that_of_the_study(scaling):
    page = (ROOT / "docs" / "phases.md").read_text("utf-8")
    later = generalized_later(scaling)
    shown = later[later["trials"] >= 100]
    expected = [
        [*(str(row[name]) for name in ("decay_times", "until", "trials", "generalized")),
         f"{row['share']:.0%}"]
        for row in records(shown)
    ]  # fmt: skip
    assert rows_of(page, "| decay times | until | trials | generalized | share |\n") == expected
    assert f"less than {LEAST_DECAY_TIMES} decay times" in page
    lasts = scaling[(scaling["weight_decay"] > 0) & ~watched_for_less(scaling, 15, "budget_epochs")]
    before, after = (cells(lasts, patience=patience) for patience in (5, 15))
    unhatched = (before["phase"] == "memorization") & ~before["hatched"]
    moved = unhatched & (after["phase"] == "grokking")
    [(of, count)] = re.findall(r"Of the (\d+) cells [^.]*?\s(\d+) are grokking after 15", page)
    assert (unhatched.sum(), moved.sum()) == (int(of), int(count))
    forty = scaling[(scaling["weight_decay"] > 0) & ~watched_for_less(scaling, 40, "budget_epochs")]
    assert f"below {forty['weight_decay'].min():.4f} has a budget of 40" in page
    assert f"{len(scaling):,} trials of the study" in page


def test_the_number_follows_from_the_share_that_is_still_to_generalize(scaling):
    """Fewer than one in twenty at the least decay times, more at every shorter patience."""
    later = generalized_later(scaling)
    share = later[later["trials"] >= 100].groupby("decay_times")["share"].max()
    assert share[LEAST_DECAY_TIMES] < 0.05
    assert (share[[p for p in PATIENCES if p < LEAST_DECAY_TIMES]] > 0.05).all()
