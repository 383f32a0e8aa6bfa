"""Axes as positions, trials in cells, and the state of the page, against plain recomputation."""

import base64
import gzip
import json

import numpy as np
import pandas as pd
import pytest
from made_up import event, trials
from simulated import MANIFEST, QUICK, simulate

from analysis import load_readings, load_trials
from analysis.figures.study import plane
from analysis.phases import grid as grid_module
from analysis.phases.axis_scales import make_ruler
from analysis.phases.cells import cells
from analysis.phases.classify import classify
from analysis.phases.first_view import first_cell, first_facets, interesting_cell
from analysis.phases.grid import at_patience, diagram_axes, make_grid
from analysis.phases.patience import PATIENCES
from analysis.phases.quantities import FINALS
from analysis.phases.stages import stripes_of
from analysis.report.archive import carried, pack_archive
from analysis.report.state import (
    cell_answer,
    cell_patience,
    cell_trials,
    page_state,
)
from study.errors import UsageError


def test_positions_are_in_numeric_order():
    values = pd.Series([1000, 200, None, 1000], dtype="Int64")
    ruler = make_ruler("train_size", values)
    assert ruler.labels == ("200", "1,000", "online")
    assert list(ruler.positions(values)) == [1, 0, 2, 1]
    assert (ruler.scale, ruler.edges) == ("ordinal", ())
    assert make_ruler("width", pd.Series([0.1, 1e-5, 0.0])).labels == ("0", "1e-05", "0.1")
    assert make_ruler("width", pd.Series([1.001, 1.002])).labels == ("1.001", "1.002")


@pytest.mark.parametrize(
    ("values", "scale", "edges"),
    [
        ([1, 10, 100], "log", [10**-0.5, 10**0.5, 10**1.5, 10**2.5]),
        ([2, 3, 4], "linear", [1.5, 2.5, 3.5, 4.5]),
        ([20, 40], "linear", [10, 30, 50]),
        ([0, 1, 3], "linear", [-0.5, 0.5, 2, 4]),
        ([1, 1.001, 9], "ordinal", []),  # slivers
        ([5], "ordinal", []),
    ],
)
def test_an_axis_is_drawn_where_its_values_lie(values, scale, edges):
    ruler = make_ruler("weight_decay", pd.Series(values, dtype=float))
    assert ruler.scale == scale
    assert ruler.edges == pytest.approx(edges)
    assert list(ruler.positions(pd.Series(values, dtype=float))) == list(range(len(values)))


@pytest.mark.parametrize("make", [np.geomspace, np.linspace])
def test_many_values_fall_into_bins(make):
    values = pd.Series(make(1e-3, 1e-1, 200))
    ruler = make_ruler("weight_decay", values)
    assert ruler.scale == {np.geomspace: "log", np.linspace: "linear"}[make]
    assert len(ruler.labels) == 12
    assert ruler.binned
    codes = ruler.positions(values)
    assert (np.diff(codes) >= 0).all()
    assert set(codes) == set(range(12))
    inside = (np.array(ruler.edges)[codes] <= values) & (values <= np.array(ruler.edges)[codes + 1])
    assert inside.all()


def mixed(seeds=3):
    """Trials on three axes and two settings, not on every point."""
    rng = np.random.default_rng(5)
    rows = []
    for _ in range(60):
        point = {
            "setting": str(rng.choice(["a", "b"])),
            "weight_decay": float(rng.choice([0.001, 0.01, 0.1])),
            "train_size": rng.choice([200, 400, None]),
            "width": int(rng.choice([50, 100])),
        }
        times = rng.choice([5, 50, None]), rng.choice([60, 300, None])
        rows += [event(*times, seed=seed, **point) for seed in range(seeds)]
    return trials(*rows)


def test_a_cell_is_one_position_on_every_axis():
    frame = mixed()
    grid = make_grid(frame)
    assert [r.name for r in grid.rulers] == ["setting", "width", "weight_decay", "train_size"]
    keys = ["setting", "width", "weight_decay", "train_size"]
    expected = cells(frame, keys).drop(columns=keys)
    got = grid.cells.drop(columns=[*keys, *(f"{name}_median" for name in FINALS)])
    pd.testing.assert_frame_equal(got, expected)
    for cell, members in frame.groupby(grid.cell_of):
        assert len(members[keys].drop_duplicates()) == 1
        first = members.iloc[0]
        labels = {
            "setting": first["setting"],
            "width": f"{first['width']}",
            "weight_decay": f"{first['weight_decay']:g}",
            "train_size": "online" if pd.isna(first["train_size"]) else f"{first['train_size']}",
        }
        assert grid.find(labels) == cell
        assert list(grid.members(cell)) == list(members.index)


def test_labels_that_name_no_cell():
    grid = make_grid(mixed())
    labels = {"setting": "a", "width": "50", "weight_decay": "0.01", "train_size": "200"}
    assert grid.find(labels) is not None
    assert grid.find(labels | {"width": "51"}) is None
    with pytest.raises(UsageError, match="'widht'; an axis is one of 4 names"):
        grid.find(labels | {"widht": "50"})
    with pytest.raises(UsageError, match="width: no label"):
        grid.find({"setting": "a"})


def test_too_many_cells_become_fewer(monkeypatch):
    monkeypatch.setattr(grid_module, "MAX_CELLS", 40)
    rows = [
        event(10, 40, weight_decay=float(decay), train_size=size, width=width)
        for decay in np.geomspace(1e-4, 1e-1, 16)
        for size in (100, 200, 400)
        for width in (50, 100)
    ]
    frame = trials(*rows)
    grid = make_grid(frame)
    assert grid.aggregated
    assert len(grid.cells) <= 40
    assert grid.cells["trials"].sum() == len(frame)
    assert set(grid.cells["trials"]) == {4}  # neighbors in pairs, and pairs of these
    assert page_state(frame, MANIFEST)["aggregated"]


@pytest.mark.parametrize(
    ("x", "y", "axes"),
    [
        (None, None, ("width", "train_size")),  # weight decay does not vary
        ("train_size", None, ("train_size", "width")),
        (None, "width", ("train_size", "width")),
    ],
)
def test_axes_that_vary_are_chosen(x, y, axes):
    rows = [event(1, 9, width=w, train_size=size) for w in (50, 100) for size in (100, 200)]
    assert diagram_axes(make_grid(trials(*rows)).rulers, x, y) == axes


def test_axes_that_are_none_are_refused():
    rulers = make_grid(trials(event(1, 9))).rulers
    for x, y, sentence in [
        ("widht", None, "'widht'; an axis is one of 14 names"),
        ("width", None, "'width' has one value here"),
        ("train_size", "train_size", "'train_size' twice"),
    ]:
        with pytest.raises(UsageError, match=sentence):
            diagram_axes(rulers, x, y)


def test_the_state_is_strict_json_and_says_what_the_cells_say():
    frame = mixed()
    state = json.loads(json.dumps(page_state(frame, MANIFEST), allow_nan=False))
    grid = make_grid(frame)
    assert state["cells"]["generalized"] == grid.cells["generalized"].tolist()
    median = grid.cells["generalized_median_epoch"]
    assert state["cells"]["generalized_median_epoch"] == [
        None if pd.isna(epoch) else epoch for epoch in median
    ]
    for axis in state["axes"]:
        expected = frame.groupby(axis["name"], dropna=False).size()
        assert axis["trials"] == expected.tolist()
    start = cell_trials(frame, grid, state["start"])
    assert set(start["phase"]) == {"grokking"}
    assert (
        state["phases"][1]["trials"]
        == (frame["generalized_epoch"] >= 2 * frame["memorized_epoch"]).sum()
    )


def test_it_begins_with_what_grokked_most_surely_and_latest():
    rows = [
        event(10, 40, weight_decay=0.1),
        event(10, 90, weight_decay=0.01),
        event(10, 400, weight_decay=0.001),
        event(10, None, weight_decay=0.001),
    ]
    grid = make_grid(trials(*rows))
    assert grid.cells["weight_decay"][interesting_cell(grid.cells)] == 1


def test_a_diagram_begins_with_the_fullest_slice_and_with_facets_that_fill_it():
    """n has two facets of four cells at a width of 50; one of two cells is at 100, and grokked."""
    places = [(n, 50, decay, size) for n in (20, 30) for decay in (0.01, 0.1) for size in (80, 90)]
    rows = [
        event(10, 11, n=n, width=width, weight_decay=decay, train_size=size)
        for n, width, decay, size in places
    ]
    rows[5] = rows[5] | event(10, 900)
    late = event(10, 1000, n=20, width=100, weight_decay=0.01, train_size=80)
    grid = make_grid(trials(*rows, late))
    assert first_facets(grid, "weight_decay", "train_size") == ["n"]
    assert first_cell(grid, "weight_decay", "train_size") != interesting_cell(grid.cells)
    first = grid.cells.iloc[first_cell(grid, "weight_decay", "train_size")]
    assert (first["width"], first["phase"]) == (0, "grokking")
    plain = make_grid(trials(*rows[:4], late))
    assert first_facets(plain, "weight_decay", "train_size") == []


def test_a_drawing_has_a_row_for_every_position_of_a_slice():
    rows = [
        event(10, 40, weight_decay=decay, train_size=size, width=width)
        for decay, size, width in [(0.1, 200, 50), (0.01, 400, 50), (0.1, 200, 100)]
    ]
    rows = plane(make_grid(trials(*rows, rows[0])), "weight_decay", "train_size")
    assert len(rows) == 4
    drawn = rows.set_index(["weight_decay", "train_size"])["trials"]
    assert drawn.to_dict() == {
        ("0.01", "200"): 0, ("0.1", "200"): 2, ("0.01", "400"): 1, ("0.1", "400"): 0,
    }  # fmt: skip
    assert (rows["x0"] < rows["xm"]).all()
    assert (rows["xm"] < rows["x1"]).all()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    study = {**QUICK, "seeds": 2}
    return simulate(tmp_path_factory.mktemp("store") / "quick", study)


def test_a_cell_is_answered_with_its_trials_and_their_readings(store):
    frame = load_trials(store)
    members = cell_trials(frame, make_grid(frame), {"weight_decay": "0.01", "train_size": "400"})
    readings = load_readings(store, members)
    answer = json.loads(json.dumps(cell_answer(members, readings, members), allow_nan=False))
    assert [row["seed"] for row in answer["trials"]] == [0, 1]
    got = pd.DataFrame(answer["readings"])
    for number, row in enumerate(answer["trials"]):
        own = readings[readings["trial_id"] == row["trial_id"]]
        mine = got[got["trial"] == number]
        assert mine["epoch"].tolist() == own["epoch"].tolist()
        for name in ("train_accuracy", "test_accuracy", "weight_norm"):
            assert mine[name].to_numpy() == pytest.approx(own[name].to_numpy(), rel=1e-5)
    assert "fourier_gap" not in got


def test_a_report_carries_the_first_seeds_of_every_cell(store, monkeypatch):
    frame = load_trials(store)
    grid = make_grid(frame)
    monkeypatch.setattr("analysis.report.archive.MAX_ROWS", 40)
    rows = carried(frame, grid)
    assert len(rows) == 40
    assert set(rows["cell"]) == set(range(30))
    assert rows["rank"].value_counts().to_dict() == {0: 30, 1: 10}
    monkeypatch.setattr("analysis.report.archive.MAX_READINGS", 1)
    counts = unpacked(
        pack_archive(rows, load_readings(store, rows), stripes_of(rows, make_grid(rows)))
    )["count"]
    assert [count > 0 for count in counts] == (rows["rank"] == 0).tolist()


def test_a_cell_is_answered_at_each_patience_as_the_grid_counts_it():
    frame = mixed()
    grid = make_grid(frame)
    tables = [*(at_patience(grid, frame, patience).cells for patience in PATIENCES), grid.cells]
    assert not tables[0]["phase"].equals(grid.cells["phase"])
    for cell in range(len(grid.cells)):
        rows = frame.iloc[grid.members(cell)]
        told = cell_patience(rows, 2)
        assert [row["phase"] for row in told] == [table["phase"][cell] for table in tables]
        assert [row["hatched"] for row in told] == [table["hatched"][cell] for table in tables]
        for row, patience in zip(told, (*PATIENCES, None), strict=True):
            assert row["patience"] == ("" if patience is None else str(patience))
            assert row["trials"] == classify(rows, patience=patience)["phase"].tolist()[:2]
    tied = trials(event(10, None), event(10, 40))  # the first of PHASES names the cell
    assert {row["phase"] for row in cell_patience(tied, 0)} == {"grokking"}
    assert cell_patience(tied.assign(weight_decay=0.0), 2) == []
    assert cell_patience(tied.iloc[:0], 0) == []


def unpacked(text):
    return json.loads(gzip.decompress(base64.b64decode(text)))


def test_packed_readings_are_those_stored_to_three_digits(store):
    frame = load_trials(store)
    rows = carried(frame, make_grid(frame))
    readings = load_readings(store, rows)
    readings.loc[3, "weight_norm"] = np.nan
    readings.loc[5, "train_loss"] = np.inf
    readings["effective_sparsity_train"] = pd.array([4000, 8, None] * 10_000, "Int64")[
        : len(readings)
    ]
    content = unpacked(pack_archive(rows, readings, stripes_of(rows, make_grid(rows))))
    packed = content["readings"]
    ends = np.cumsum(content["count"])
    assert ends[-1] == len(readings)
    for trial, (end, count) in enumerate(zip(ends, content["count"], strict=True)):
        own = readings[readings["trial_id"] == rows["trial_id"][trial]]
        here = slice(end - count, end)
        assert np.cumsum(packed["epoch"][here]).tolist() == own["epoch"].tolist()
        for name, column in packed["columns"].items():
            value, got = 0, []
            for step in column["step"][here]:
                value += step or 0
                got.append(None if step is None else value * 10.0 ** column["power"][trial])
            stored = own[name].to_numpy(float, na_value=np.nan).copy()
            stored[~np.isfinite(stored)] = np.nan
            if name == "train_loss":
                stored[:] = np.nan  # its only number is infinite
            whole_number = name == "effective_sparsity_train"
            error = 1e-9 if whole_number or np.isnan(stored).all() else np.nanmax(stored) / 200
            assert np.array(got, float) == pytest.approx(stored, abs=error, nan_ok=True)
    assert set(packed["columns"]["train_loss"]["step"]) == {None}


def test_settings_are_in_the_order_of_their_numbers():
    labels = pd.Series(["rows 110", "rows 90", "", "rows 090", "base", "9"])
    in_order = ("9", "base", "rows 090", "rows 90", "rows 110", "unnamed")
    assert make_ruler("setting", labels).labels == in_order
