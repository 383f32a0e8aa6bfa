"""What cells are colored by, against plain recomputation from the trials."""

import numpy as np
import pandas as pd
import pytest
from made_up import event, trials

from analysis.phases.classify import PARTIAL, classify
from analysis.phases.grid import at_patience, make_grid
from analysis.phases.quantities import CELL_KINDS, QUANTITIES, ramps, with_quantities
from study.vocabulary.outcomes import Ended


@pytest.fixture(scope="module")
def frame():
    """Four cells: one groks, one collapses, one is partial, one is neither."""
    cells = {
        (0.1, 200): [event(10, 400), event(20, 500), event(10, 11)],
        (0.1, 400): [{**event(), "ended": Ended.COLLAPSED}] * 2 + [event()],
        (0.2, 200): [{**event(), "final_test_accuracy": PARTIAL + 0.05 * i} for i in (-1, 0, 1)],
        (0.2, 400): [event()] * 3,
    }
    norms = iter(np.linspace(1, 5, 12))
    return trials(
        *(
            {"final_weight_norm": next(norms), **row, "weight_decay": decay, "train_size": size}
            for (decay, size), rows in cells.items()
            for row in rows
        )
    )


def test_each_quantity_is_that_of_its_trials(frame):
    grid = make_grid(frame)
    cells = with_quantities(grid.cells)
    labeled = classify(frame)
    for cell in range(len(cells)):
        members = labeled.iloc[grid.members(cell)]
        row = cells.iloc[cell]
        assert row["grokked_share"] == (members["phase"] == "grokking").mean()
        assert row["generalized_share"] == members["generalized_epoch"].notna().mean()
        for name in ("final_test_accuracy", "final_weight_norm"):
            assert row[f"{name}_median"] == pytest.approx(members[name].median())
        assert np.isnan(row["final_effective_sparsity_train_median"])
    grokked = cells[cells["phase"] == "grokking"].iloc[0]
    assert grokked["delay_epochs"] == 400 - 10
    assert grokked["delay_ratio"] == 40
    assert cells["delay_epochs"].isna().sum() == 3


def test_confusion_is_split(frame):
    cells = with_quantities(make_grid(frame).cells)
    assert cells["kind"].tolist() == ["grokking", "collapsed", "partial", "neither"]
    assert set(cells["kind"]) <= set(CELL_KINDS)


def test_a_patience_keeps_the_end_of_training(frame):
    grid = make_grid(frame)
    at = at_patience(grid, frame, 5).cells
    assert (
        at["final_weight_norm_median"].tolist() == grid.cells["final_weight_norm_median"].tolist()
    )


def test_only_quantities_with_numbers_have_a_ramp(frame):
    found = ramps(with_quantities(make_grid(frame).cells))
    assert set(found) == set(QUANTITIES) - {"sparsity"}
    for ramp in found.values():
        low, high = ramp["domain"]
        assert low < high
        assert all(low <= value <= high for value in ramp["values"])


@pytest.mark.parametrize(
    ("medians", "values"),
    [
        ([12, 500], [30, 100, 300]),
        ([12, 28], [12, 28]),  # no round number lies between them
        ([50], [30, 100]),
        ([1], [1, 2]),
        ([0.5, 1], [1, 2]),
    ],
)
def test_a_legend_of_epochs_has_numbers_whatever_the_medians(frame, medians, values):
    cells = with_quantities(make_grid(frame).cells)
    cells["generalized_median_epoch"] = pd.array((medians + [None] * 4)[:4], "Float64")
    ramp = ramps(cells)["median"]
    low, high = ramp["domain"]
    assert 1 <= low < high
    assert ramp["values"] == values
    assert all(low <= value <= high for value in ramp["values"])
