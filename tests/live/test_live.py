"""A store that is followed gives at every moment what reading it anew would give."""

import random

import pyarrow as pa
import pytest
from small import spec_of

from analysis.live.status import StatusReader
from analysis.live.trials import LiveTrials, plain
from analysis.tables.frames import load_readings
from study.errors import StoreError
from study.plan.plan import start_study
from study.plan.status import study_status
from study.store.schema import TRIALS
from study.store.store import Store
from study.store.winners import PART
from study.training.pack_run import describe
from study.vocabulary.outcomes import PackStatus


def row(trial_id, budget=10, **columns):
    known = {"study": "s", "setting": "", "task": "parity", "ended": "budget", "seed": 0}
    return {**known, "trial_id": trial_id, "budget_epochs": budget, **columns}


def curve(*trial_ids, at=0.5):
    return {
        "trial_id": [trial_id for trial_id in trial_ids for _ in range(3)],
        "epoch": [0, 1, 2] * len(trial_ids),
        "train_accuracy": [at] * 3 * len(trial_ids),
    }


def compact(store, folder):
    """What compaction does: one part with the winning rows, another with their readings."""
    rows, readings = store.trials(), store.readings()
    old = list(folder.glob("*/part-*.parquet"))
    columns = {name: readings[name].to_pylist() for name in readings.column_names}
    store.tables.write_rows("compacted", rows.to_pylist(), columns)
    for path in old:
        path.unlink()


def by_id(table):
    return plain(table).sort_by("trial_id").select(TRIALS.names).to_pylist()


@pytest.mark.parametrize("seed", range(2))
def test_following_a_store_gives_what_reading_it_anew_gives(tmp_path, seed):
    """Random parts, trials trained twice to any budget, compaction; the oracle is `Store`."""
    chance = random.Random(seed)
    store = Store(tmp_path)
    store.write_manifest({"spec": 1})
    live = LiveTrials(store)
    for step in range(25):
        ids = sorted({f"t{chance.randrange(60):02}" for _ in range(chance.randrange(1, 9))})
        ended = chance.choice(["budget", "decided"])
        rows = [row(i, chance.choice([10, 20, 30]), ended=ended, k=step) for i in ids]
        store.tables.write_rows(f"p{chance.randrange(4)}", rows, curve(*ids, at=step / 25))
        if chance.random() < 0.2:
            compact(store, tmp_path)
        if chance.random() < 0.6:
            assert live.refresh()
            assert not live.refresh()
            assert by_id(live.table) == by_id(store.trials())
            shown = live.table.take(pa.array(chance.sample(range(live.table.num_rows), 1)))
            expected = load_readings(tmp_path, plain(shown)["trial_id"].to_pylist())
            assert live.readings(shown).equals(expected)


def test_a_part_is_read_once(tmp_path, monkeypatch):
    store = Store(tmp_path)
    store.tables.write_rows("p1", [row("a")], curve("a"))
    live = LiveTrials(store)
    live.refresh()
    read = []
    scan = store.tables.scan
    monkeypatch.setattr(
        store.tables,
        "scan",
        lambda name, only, parts: read.extend(only) or scan(name, only=only, parts=parts),
    )
    store.tables.write_rows("p2", [row("b")], curve("b"))
    assert live.refresh()
    assert [name.split("-")[1] for name in read] == ["p2"]


def test_a_click_after_an_unseen_compaction_finds_the_readings(tmp_path):
    store = Store(tmp_path)
    store.tables.write_rows("p1", [row("a"), row("b")], curve("a", "b"))
    live = LiveTrials(store)
    live.refresh()
    compact(store, tmp_path)
    assert live.readings(live.table.slice(0, 1))["epoch"].tolist() == [0, 1, 2]


def test_a_damaged_part_is_said_and_what_was_read_stays(tmp_path):
    store = Store(tmp_path)
    store.tables.write_rows("p1", [row("a")], curve("a"))
    live = LiveTrials(store)
    live.refresh()
    (tmp_path / "trials" / "part-zz-0.parquet").write_bytes(b"PAR1 nonsense")
    with pytest.raises(StoreError, match=r"part-zz-0\.parquet: damaged"):
        live.refresh()
    assert live.table.num_rows == 1


def test_texts_are_codes_and_only_the_winning_rows_readings_are_opened(tmp_path):
    store = Store(tmp_path)
    store.tables.write_rows("p1", [row("a", 10), row("b", 10)], curve("a", "b", at=0.1))
    store.tables.write_rows("p2", [row("a", 20)], curve("a", at=0.9))
    live = LiveTrials(store)
    live.refresh()
    assert pa.types.is_dictionary(live.table["ended"].type)
    [losing] = (tmp_path / "readings").glob("part-p1-*")
    losing.write_bytes(b"not opened")
    index = live.table["trial_id"].to_pylist().index("a")
    assert live.table[PART][index].as_py().startswith("part-p2-")
    assert set(live.readings(live.table.slice(index, 1))["train_accuracy"]) == {0.9}


def finished(trial, ended="decided"):
    return {**row(trial.trial_id), **describe(trial), "ended": ended, "epochs_run": 5}


def test_the_status_is_that_of_study_status_through_a_study_and_its_restart(tmp_path):
    store = Store(tmp_path / "small")
    live, reader = LiveTrials(store), StatusReader(store)

    def agree():
        live.refresh()
        table = plain(live.table)
        status, expected = reader.read(store.manifest(), table), study_status(store)
        for answer in (status, expected):  # rates depend on the moment of the count
            answer["rate"] = answer["seconds_left"] = None
        assert status == expected
        return status

    spec = spec_of({"weight_decay": [0.01, 0.1, 0.2]}, resources={"trials_per_pack": 3})
    plan = start_study(spec, store, ["study", "run"])
    assert agree()["planned"] == 9
    beat = store.manifest()["started"]
    first, second, third = plan.packs

    def say(pack, state, error=None):
        record = store.packs.read(pack.pack_id)
        noted = record.changed(status=PackStatus(state), heartbeat=beat, error=error)
        store.packs.write(pack.pack_id, noted)

    say(first, "running")
    assert agree()["running"] == 3
    store.tables.write_rows(
        first.pack_id, [finished(first.trials[0])], curve(first.trials[0].trial_id)
    )
    status = agree()
    assert (status["done"], status["running"]) == (1, 2)
    say(second, "failed", "no memory")
    assert agree()["errors"] == {second.pack_id: "no memory"}
    rows = [finished(trial, "budget") for trial in third.trials]
    store.tables.write_rows(third.pack_id, rows, curve(*(t.trial_id for t in third.trials)))
    say(third, "done")
    assert agree()["packs"] == {"running": 1, "failed": 1, "done": 1}
    # Under a larger budget censored trials are trained again; a smaller grid plans fewer trials.
    longer = spec_of({"weight_decay": [0.1, 0.2]}, budget={"epochs": 80})
    start_study(longer, store, ["study", "run"])
    status = agree()
    assert status["planned"] == 6
    assert status["done"] < 4


def test_an_empty_store_has_the_columns_of_any(tmp_path):
    live = LiveTrials(Store(tmp_path))
    assert not live.refresh()
    assert plain(live.table).drop_columns([PART]).schema.equals(TRIALS)
