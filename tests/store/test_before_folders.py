"""A store written before study/ and analysis/ had folders: read, resumed and replayed exactly.

tests/data/before_folders was interrupted with 6 of 18 trials done and a checkpoint of each of its
three packs: the fused kernel's, the torch kernel's and that of modules. The two tables beside it
are those of the same study trained to its end by the same program. All was computed on an AMD EPYC
(Zen 4) with AVX-512; elsewhere the last bits of what is trained now may differ. That program looked
at every third epoch only. So what is trained now may cross a level earlier, if only for an epoch or
two, and a net may be seen to have collapsed up to two epochs earlier.
"""

import re
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from trained import fill, table

from analysis import load_trials
from study import Store, replay
from study.kernel.relu_kernel import ReluKernel
from study.plan.status import study_status
from study.store.manifest import stored_spec
from study.store.schema import READINGS
from study.vocabulary.columns import EVENT_COLUMNS, RESULT_COLUMNS, comparable_columns

DATA = Path(__file__).parents[1] / "data"
LIBRARY = ReluKernel.load()
PROCESSOR = Path("/proc/cpuinfo").read_text("utf-8")
CROSSINGS_OF_EVENTS = EVENT_COLUMNS[2:]
SAME_MACHINE = (
    LIBRARY is not None
    and "avx512" in LIBRARY.versions
    and "AuthenticAMD" in PROCESSOR
    and re.search(r"cpu family\s*: 25\b", PROCESSOR) is not None
)


@pytest.fixture
def store(tmp_path):
    return Store.open(shutil.copytree(DATA / "before_folders", tmp_path / "before"))


def noise_of(row):
    """A trial of parity that is older than label noise has none."""
    return {"label_noise": 0.0 if row["task"] == "parity" else None}


def expected():
    """The tables of the whole study, as `table` gives them: null in columns added since."""
    rows = pq.read_table(DATA / "before_folders_trials.parquet").to_pylist()
    readings = pq.read_table(DATA / "before_folders_readings.parquet").to_pylist()
    return (
        [{**dict.fromkeys(RESULT_COLUMNS), **noise_of(row), **row} for row in rows],
        [{**dict.fromkeys(READINGS.names), **reading} for reading in readings],
    )


def alike_but_for_crossings(rows, before):
    """Whether rows are those of before, and first crossings are at most earlier."""
    return all(
        row[name] == old[name]
        or (name in CROSSINGS_OF_EVENTS and (old[name] is None or row[name] < old[name]))
        for row, old in zip(rows, before, strict=True)
        for name in comparable_columns(old["schema_version"])
    )


def test_it_is_read(store):
    counts = study_status(store)
    assert (counts["planned"], counts["done"]) == (18, 6)
    whole = {row["trial_id"]: row for row in expected()[0]}
    rows = store.trials().select(RESULT_COLUMNS).to_pylist()
    assert len(rows) == len(load_trials(store.url)) == 6
    assert all(row == whole[row["trial_id"]] for row in rows)


@pytest.mark.slow
def test_it_is_resumed(store):
    before = store.trials().to_pylist()
    fill(stored_spec(store), store.url)
    rows, readings = table(store)
    kept = {row["trial_id"]: row for row in store.trials().to_pylist()}
    assert all(kept[row["trial_id"]] == row for row in before), "no stored row is trained again"
    whole = expected()
    if SAME_MACHINE:
        assert readings == whole[1]
        assert alike_but_for_crossings(rows, whole[0])
    assert [row["trial_id"] for row in rows] == [row["trial_id"] for row in whole[0]]
    assert [row["ended"] for row in rows] == [row["ended"] for row in whole[0]]


@pytest.mark.slow
def test_its_trials_are_replayed(store):
    for row in store.trials().to_pylist():
        found = replay(store, row["trial_id"])
        assert found.row["ended"] == row["ended"]
        if row["ended"] == "collapsed":
            assert 0 <= row["epochs_run"] - found.row["epochs_run"] <= 2 or not SAME_MACHINE
        else:
            assert found.moved.keys() <= set(CROSSINGS_OF_EVENTS) or not SAME_MACHINE, found.moved
