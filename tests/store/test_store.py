"""The store: whole files, one row a trial, other files left alone, records of newer programs."""

import json

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from rows import readings, row

from study.errors import StoreError
from study.store import schema
from study.store.packs import NO_RECORD, PackRecord
from study.store.store import Store
from study.vocabulary.outcomes import PackStatus


def test_what_is_written_is_read(url):
    store = Store(url)
    assert not store.exists()
    store.write_manifest({"spec": 1})
    assert Store.open(url).manifest() == {"spec": 1}
    store.tables.write_rows("p1", [row("a"), row("b")], readings(("b", 0), ("a", 1), ("a", 0)))
    assert store.trials().schema == schema.TRIALS
    assert store.readings().schema == schema.READINGS
    assert store.trials(columns=["trial_id"])["trial_id"].to_pylist() == ["a", "b"]
    assert store.readings(["a"])["epoch"].to_pylist() == [0, 1]
    store.packs.write("p1", PackRecord(status=PackStatus.DONE))
    assert store.packs.read("p1") == PackRecord(status=PackStatus.DONE)
    assert store.packs.read("p2") == NO_RECORD
    assert store.packs.ids() == ["p1"]
    store.packs.write_checkpoint("p1", b"bytes")
    assert (store.packs.checkpoint_ids(), store.packs.checkpoint("p1")) == (["p1"], b"bytes")
    store.packs.drop_checkpoint("p1")
    store.packs.drop_checkpoint("p1")
    assert (store.packs.checkpoint_ids(), store.packs.checkpoint("p1")) == ([], None)


def test_a_trial_written_twice_counts_once_and_the_larger_budget_wins(tmp_path):
    store = Store(tmp_path)
    store.tables.write_rows("p1", [row("a"), row("b")], readings(("a", 0), ("b", 0)))
    store.tables.write_rows("p2", [row("b"), row("c")], readings(("b", 0), ("c", 0)))
    longer = row("a", budget_epochs=99, ended="decided")
    store.tables.write_rows("p3", [longer], readings(("a", 0), ("a", 50)))
    trials = store.trials().to_pylist()
    assert [(t["trial_id"], t["budget_epochs"]) for t in trials] == [
        ("a", 99),
        ("b", 10),
        ("c", 10),
    ]
    assert store.trials(where=pc.field("ended") == "budget", columns=["trial_id"]).num_rows == 2
    assert store.readings().num_rows == 4


def test_partial_files_and_strangers_are_passed_over(tmp_path):
    store = Store(tmp_path)
    store.tables.write_rows("p1", [row("a")], readings(("a", 0)))
    (tmp_path / "trials" / ".part-x.parquet.123").write_bytes(b"half a fi")
    (tmp_path / "trials" / "notes.txt").write_text("mine")
    assert store.trials().num_rows == 1


def test_parts_of_an_older_schema_have_nulls_in_newer_columns(tmp_path):
    store = Store(tmp_path)
    old = pa.table({"trial_id": ["a"], "budget_epochs": [10]})
    (tmp_path / "trials").mkdir()
    pq.write_table(old, tmp_path / "trials" / "part-0-0.parquet")
    store.tables.write_rows("p1", [row("b")], readings(("b", 0)))
    trials = store.trials().to_pylist()
    assert [t["ended"] for t in trials] == [None, "budget"]


def test_a_damaged_part_is_named_and_left_alone(tmp_path):
    store = Store(tmp_path)
    store.tables.write_rows("p1", [row("a")], readings(("a", 0)))
    damaged = tmp_path / "trials" / "part-zz-0.parquet"
    damaged.write_bytes(b"PAR1 nonsense")
    with pytest.raises(StoreError, match=r"part-zz-0.parquet: damaged"):
        store.trials()
    assert damaged.read_bytes() == b"PAR1 nonsense"


def test_a_failed_write_leaves_no_file_behind(tmp_path, monkeypatch):
    store = Store(tmp_path)
    store.write_manifest({"spec": 1})

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("study.store.atomic.os.fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        store.write_manifest({"spec": 2})
    assert store.manifest() == {"spec": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["study.json"]


def test_no_study_and_unknown_schemes_are_said_so(tmp_path):
    with pytest.raises(StoreError, match="no study here"):
        Store.open(tmp_path / "nowhere")
    with pytest.raises(StoreError, match="gopher"):
        Store("gopher://bucket/x")


def test_a_record_of_a_newer_program_keeps_its_keys(tmp_path):
    written = {"state": "running", "saved": False, "split": ["p2"], "room": {"gpu": 2}}
    store = Store(tmp_path)
    (tmp_path / "packs").mkdir()
    path = tmp_path / "packs" / "p1.json"
    path.write_text(json.dumps(written))
    record = store.packs.read("p1")
    assert (record.status, record.saved, record.split) == (PackStatus.RUNNING, False, ("p2",))
    store.packs.write("p1", record)
    assert json.loads(path.read_text()) == written, "what was not there is not written"
    store.packs.write("p1", record.changed(status=PackStatus.DONE, open=0))
    assert json.loads(path.read_text()) == {**written, "state": "done", "open": 0}
    with pytest.raises(TypeError, match="state"):
        record.changed(state="done")
    path.write_text(json.dumps({"state": "melted"}))
    with pytest.raises(StoreError, match=r"p1\.json: state: 'melted'"):
        store.packs.read("p1")
