"""The grid of a plan: drawn before there are trials, and the same until all have come."""

import random
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from asking import Answer, api, serving, state_of, without_fits
from simulated import QUICK, begun, resolve, write_simulated

from analysis.live.status import StatusReader
from analysis.phases.axis_scales import TITLES
from analysis.phases.grid import make_grid, pending_cells, with_pending
from analysis.tables import plan_progress as planned
from analysis.tables.frames import load_trials
from study.plan.plan import start_study
from study.store.store import Store
from study.vocabulary.outcomes import PackStatus

STUDY = {
    **QUICK,
    "seeds": 3,
    "axes": {**QUICK["axes"], "k": [2, 3], "train_size": [200, 400, "online"]},
    "resources": {"trials_per_pack": 7},
}
SETTLED = ("axes", "x", "y", "facets", "aggregated")


@pytest.fixture(scope="module", autouse=True)
def _no_fits():
    with without_fits("fitted"):
        yield


def names_of(trial):
    """The setting and the axes of a trial, by name."""
    return {"setting": trial.setting.label, **trial.point.values()}


def open_counts(trials, grid):
    """How many of some trials are at each place of a grid, one by one."""
    rows = pd.DataFrame([names_of(trial) for trial in trials], columns=list(TITLES))
    positions = [ruler.positions(rows[ruler.name]) for ruler in grid.rulers]
    return Counter(zip(*(column.tolist() for column in positions), strict=True))


def as_counts(pending, grid, column):
    """The same of the cells that `pending_cells` gives."""
    axes = [ruler.name for ruler in grid.rulers]
    keys = pending[axes].itertuples(index=False, name=None)
    return Counter(dict(zip(keys, pending[column], strict=True))) + Counter()


def test_the_grid_stays_and_every_cell_knows_what_is_to_come(tmp_path):
    trials = begun(tmp_path / "quick", STUDY, running=3)
    store, chance = Store(tmp_path / "quick"), random.Random(5)
    reader = StatusReader(store)
    training = {
        trial_id
        for pack_id in store.packs.ids()
        if store.packs.read(pack_id).status == PackStatus.RUNNING
        for trial_id in store.packs.trial_ids(pack_id, store.packs.read(pack_id))
    }
    assert 0 < len(training) < len(trials)
    chance.shuffle(trials)
    seen, done = [], 0
    for count in (0, 1, 10, 60, len(trials)):
        write_simulated(store, trials[done:count])
        done = count
        stored = store.trials(parts=True)
        reader.read(store.manifest(), stored)
        plan = reader.progress
        frame = load_trials(store.url) if count else planned.as_frame(stored)
        grid = make_grid(frame, planned=plan.points)
        pending = pending_cells(grid, plan.points, plan.coming, plan.in_training)
        left = trials[count:]
        busy = [trial for trial in left if trial.trial_id in training]
        assert as_counts(pending, grid, "coming") == open_counts(left, grid)
        assert as_counts(pending, grid, "in_training") == open_counts(busy, grid)
        places = with_pending(grid, pending).cells
        assert len(places) == 2 * 3 * 6
        assert not places.duplicated([ruler.name for ruler in grid.rulers]).any()
        seen.append(grid.rulers)
    assert all(rulers == make_grid(load_trials(store.url)).rulers for rulers in seen)


def test_a_page_has_the_axes_of_its_plan_from_the_first_second(tmp_path):
    trials = begun(tmp_path / "quick", STUDY, running=1)
    store = Store(tmp_path / "quick")
    with serving(store.url) as served:
        first = state_of(served, lambda state: state.get("axes"))
        assert (first["trials"], first["cells"]["trials"]) == (0, [])
        assert sum(first["pending"]["coming"]) == len(trials)
        assert 0 < sum(first["pending"]["in_training"]) < len(trials)
        assert first["opening"]["found"].startswith("No trials yet.")
        assert api(served, "cell", **first["start"])["total"] == 0
        assert api(served, "selected", where="k == 2")["total"] == 0
        assert api(served, "state", patience=10)["patience"] == "10"
        assert Answer(served, "/api/stripes").status == 200
        write_simulated(store, trials[:40])
        some = state_of(served, lambda state: state["trials"] == 40)
        assert {name: some[name] for name in SETTLED[1:]} == {n: first[n] for n in SETTLED[1:]}
        for one, other in zip(some["axes"], first["axes"], strict=True):
            assert {**one, "trials": 0} == {**other, "trials": 0}
        assert some["so_far"]
        assert some["opening"]["found"].startswith("So far, ")
        assert "3 seeds of 36 points" in some["opening"]["trained"]
        write_simulated(store, trials[40:])
        last = state_of(served, lambda state: state["trials"] == len(trials))
        assert (last["so_far"], last["pending"]["coming"]) == (False, [])
        assert "o far" not in "".join(last["opening"].values())


@pytest.mark.parametrize(
    "study",
    [
        {**STUDY, "search": {"kind": "tpe", "trials": 20}},
        {**STUDY, "seeds": 1},
    ],
    ids=["search", "large"],
)
def test_a_search_and_a_plan_of_many_points_have_no_grid_beforehand(tmp_path, monkeypatch, study):
    monkeypatch.setattr(planned, "MOST_PLANNED", 35)
    store = Store(tmp_path / "quick")
    start_study(resolve(study), store, ["study", "run", "quick"])
    reader = StatusReader(store)
    assert reader.read(store.manifest(), store.trials(parts=True))["planned"] > 0
    assert reader.progress is None


def test_points_without_trials_count_nothing():
    points = pd.DataFrame([dict.fromkeys(TITLES, 1.0) | {"setting": ""}] * 2)
    points["weight_decay"] = [0.1, 0.2]
    grid = make_grid(points.iloc[:0].assign(**_no_trial_columns()), planned=points)
    none = pending_cells(grid, points, np.zeros(2, np.intp), np.zeros(2, np.intp))
    assert none.empty
    assert with_pending(grid, none).cells.empty


def _no_trial_columns():
    from analysis.phases.classify import PHASE_COLUMNS

    return {name: pd.Series(dtype="float64") for name in PHASE_COLUMNS if name not in TITLES}
