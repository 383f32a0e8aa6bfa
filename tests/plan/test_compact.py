"""Compaction leaves the table as it is at every step, and so do two writers of one store."""

import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from rows import readings, row
from small import spec_of
from trained import fill, table

from study import cli
from study.errors import StoreError, StudyError
from study.plan import compact as compaction
from study.plan.compact import compact, compact_if_many
from study.plan.plan import start_study
from study.store.files import Files
from study.store.parquet import Tables
from study.store.store import Store
from study.store.stored_rows import missing
from study.training.runner import run_pack
from study.trials.expand import expand

KILLED = """
import os, signal
from study.plan import compact
from study.store.files import Files
from study.store.store import Store

act, left = Files.{act}, {left}

def dying(self, *given):
    global left
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    act(self, *given)

Files.{act} = dying
compact.SETTLE_SECONDS, compact.MOST_PARTS = 0, 2
compact.compact_if_many(Store({url!r}), print)
"""


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    monkeypatch.setattr(compaction, "SETTLE_SECONDS", 0)


def scattered(url, count=6):
    """A store of many parts, with a trial stored twice, one with two budgets, and lost rows."""
    store = Store(url)
    store.write_manifest({})
    for i in range(count):
        store.tables.write_rows(f"p{i}", [row(f"t{i}")], readings((f"t{i}", 0), (f"t{i}", 5)))
    store.tables.write_rows("q", [row("t1"), row("t6")], readings(("t1", 0), ("t1", 5), ("t6", 0)))
    longer = row("t2", budget_epochs=99)
    store.tables.write_rows("r", [longer], readings(("t2", 0), ("t2", 50)))
    store.tables.write_part(
        "readings", "part-lost-1.parquet", store.tables.scan("readings").slice(0, 1)
    )
    return store


def read(store):
    return store.trials().sort_by("trial_id").to_pylist(), store.readings().to_pylist()


@pytest.mark.parametrize("rows", [3, 1000])
def test_many_parts_become_few_and_the_table_stays(url, rows):
    store = scattered(url)
    before = read(store)
    found = compact(store, rows)
    assert read(store) == before
    assert (found["trials"], found["files_before"]) == (7, 16)
    parts = 1 if rows == 1000 else 3
    assert len(store.tables.part_names("trials")) == parts
    assert found["files"] == 2 * parts + 1, "readings whose row may yet come are left alone"
    assert store.tables.scan("trials").num_rows == 7
    assert store.tables.scan("readings").num_rows == len(before[1]) + 1
    compact(store, rows)
    assert read(store) == before


class CutError(Exception):
    pass


def test_wherever_it_is_cut_short_the_table_stays_and_the_next_one_ends(tmp_path, monkeypatch):
    cuts = 0
    while True:
        store = scattered(tmp_path / f"store-{cuts}", 3)
        before = read(store)
        left = cuts

        def dying(self, name, *content, act):
            nonlocal left
            if left == 0:
                raise CutError
            left -= 1
            act(self, name, *content)

        with monkeypatch.context() as patch:
            for name in ("put", "delete"):
                act = getattr(Files, name)
                patch.setattr(
                    Files, name, lambda self, *given, act=act: dying(self, *given, act=act)
                )
            try:
                compact(store, 2)
            except CutError:
                assert read(store) == before
            else:
                break
        compact(store)
        assert read(store) == before
        assert len(store.tables.part_names("trials")) == 1
        cuts += 1
    assert cuts == 2 * 2 + 2 * 5, "two new parts of each table, and every old one"


@pytest.mark.parametrize(("act", "left"), [("put", 1), ("delete", 3)])
def test_a_process_killed_at_the_end_of_a_run_leaves_the_table_as_it_was(
    tmp_path, monkeypatch, act, left
):
    store = scattered(tmp_path)
    before = read(store)
    program = KILLED.format(act=act, left=left, url=store.url)
    killed = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert read(store) == before
    monkeypatch.setattr(compaction, "MOST_PARTS", 2)
    compact_if_many(store, print)
    assert read(store) == before
    assert len(store.tables.part_names("trials")) == 1


def merging_before(number, store):
    """A `Tables.scan` that compacts the store before its scan of this number, counted from 0."""
    scan, scans = Tables.scan, 0

    def scan_after_a_merge(self, *given, **named):
        nonlocal scans
        scans += 1
        if scans == number + 1:
            compact(store)
        return scan(self, *given, **named)

    return scan_after_a_merge


@pytest.mark.parametrize("ask", [Store.trials, Store.readings, lambda store: store.trial("t1")])
def test_a_reader_whose_parts_are_merged_meanwhile_reads_again(tmp_path, monkeypatch, ask):
    def found_by(store):
        found = ask(store)
        rows = [found] if isinstance(found, dict) else found.to_pylist()
        return sorted(rows, key=lambda row: (row["trial_id"], row.get("epoch")))

    for number in range(3):
        store = scattered(tmp_path / f"store-{number}")
        truth = found_by(store)
        with monkeypatch.context() as patch:
            patch.setattr(Tables, "scan", merging_before(number, store))
            assert found_by(store) == truth
    assert len(store.tables.part_names("trials")) == (8 if ask is Store.readings else 1)


def test_a_row_that_another_writer_adds_meanwhile_is_kept(tmp_path, monkeypatch):
    store, scan, late = scattered(tmp_path), Tables.scan, ["t7"]

    def scan_and_write(self, *given, **named):
        rows = scan(self, *given, **named)
        while late:
            name = late.pop()
            self.write_rows("late", [row(name)], readings((name, 0)))
        return rows

    monkeypatch.setattr(Tables, "scan", scan_and_write)
    assert compact(store)["trials"] == 7
    assert sorted(store.trials()["trial_id"].to_pylist()) == [f"t{i}" for i in range(8)]
    assert len(store.readings(["t7"])) == 1


def test_a_run_merges_its_parts_at_its_end_and_ends_well_where_it_cannot(url, monkeypatch):
    store, said = scattered(url), []
    before = read(store)
    monkeypatch.setattr(compaction, "MOST_PARTS", 8)
    compact_if_many(store, said.append)
    assert not said, "8 parts are not more than 8"
    monkeypatch.setattr(compaction, "MOST_PARTS", 7)
    with monkeypatch.context() as patch:
        patch.setattr(compaction, "_merge", None)
        compact_if_many(store, said.append)
    assert said.pop().startswith("the store's files are not merged: ")
    compact_if_many(store, said.append)
    assert said == ["16 files of trials and readings merged into 3"]
    assert read(store) == before


def test_a_store_in_training_is_not_rewritten(tmp_path):
    spec = spec_of(seeds=2)
    store = Store(tmp_path)
    [pack] = start_study(spec, store, ["pytest"]).packs
    running = run_pack(pack, store, report_seconds=0.0)
    next(running)
    with pytest.raises(StudyError, match="is in training"):
        compact(store)
    running.close()
    assert compact(store)["trials"] == 0


def test_the_command_and_a_store_that_is_none(run_main, tmp_path):
    store = scattered(tmp_path / "store")
    code, out, _ = run_main(cli.main, "compact", store.url)
    assert (code, out) == (0, b"7 trials: 16 files, now 3\n")
    code, out, _ = run_main(cli.main, "compact", store.url, "--json")
    assert json.loads(out) == {"trials": 7, "files_before": 2, "files": 3}
    with pytest.raises(StoreError, match="no study here"):
        Store.open(tmp_path)


def test_two_writers_of_one_store_neither_lose_nor_double(url, tmp_path):
    spec = spec_of({"train_size": [60, 80]}, seeds=3, resources={"trials_per_pack": 2})
    whole = table(fill(spec, tmp_path / "serial"))
    both = Barrier(2, timeout=60)

    def write(_):
        first, *_ = start_study(spec, Store(url), ["pytest"]).packs
        running = run_pack(first, Store(url), report_seconds=0.0)
        next(running)
        both.wait()  # neither has stored the pack that both train
        for _ in running:
            pass
        return fill(spec, url)

    with ThreadPoolExecutor(2) as pool:
        stores = list(pool.map(write, range(2)))
    assert stores[0].tables.scan("trials").num_rows > 6, "both trained some of them"
    for store in stores:
        assert table(store) == whole
        assert missing(store, expand(spec)) == []
    compact(stores[0])
    assert table(stores[1]) == whole
