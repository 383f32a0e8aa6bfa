"""Compaction: a store in a few large files instead of many small ones, which are slow to open.

The rows that count are copied into new parts. Then the old parts are deleted, rows before readings.
Wherever compaction is cut short, every trial has a row with its readings, and readers keep one of
the two copies of a row. Rows whose readings are gone stay in their parts: the next `study run`
trains their trials anew.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TypedDict

import pyarrow as pa
import pyarrow.compute as pc

from study.errors import StudyError
from study.store.parquet import TableName
from study.store.store import Store
from study.store.winners import PART, sources, winners
from study.vocabulary.outcomes import PackStatus

ROWS = 20_000  # how many trials a large part holds, about


class Compaction(TypedDict):
    """The answer of `study compact`: trials, and files of both tables before and after."""

    trials: int
    files_before: int
    files: int


def compact(store: Store, rows: int = ROWS) -> Compaction:
    """Rewrite a store in a few large parts.

    Args:
        store: in which nobody trains.
        rows: trials of a part, about.
    Raises: StudyError while a pack of the store is in training.
    """
    _refuse_while_running(store)
    stored = store.tables.scan("trials", columns=["trial_id", "budget_epochs"], parts=True)
    winning = winners(stored)
    counted = sources(winning)
    sizes = dict.fromkeys(store.tables.part_names("trials"), 0)
    for part_size in pc.value_counts(stored[PART]).to_pylist():
        sizes[part_size["values"]] = part_size["counts"]
    for part in _without_readings(store, winning):
        del sizes[part]
    old_readings = [part for part in store.tables.part_names("readings") if part in sizes]
    groups = list(_groups(sizes, rows))
    if len(groups) < len(sizes):
        for number, old in enumerate(groups):
            part = f"part-compact-{time.time_ns():x}-{number}.parquet"
            with_readings = [name for name in old if name in set(old_readings)]
            readings = _counted_rows(store, "readings", with_readings, counted)
            store.tables.write_part("readings", part, readings)
            store.tables.write_part("trials", part, _counted_rows(store, "trials", old, counted))
        # Only what was copied is deleted. Parts of another writer stay, and so do readings whose
        # rows are not written yet.
        for part in sizes:
            store.tables.delete_part("trials", part)
        for part in old_readings:
            store.tables.delete_part("readings", part)
    return {
        "trials": len(counted),
        "files_before": len(sizes) + len(old_readings),
        "files": len(store.tables.part_names("trials") + store.tables.part_names("readings")),
    }


def _refuse_while_running(store: Store) -> None:
    for pack_id in store.packs.ids():
        if store.packs.read(pack_id).current_status is PackStatus.RUNNING:
            raise StudyError(
                f"{store.url}: pack {pack_id} is in training; parts are merged when nobody writes. "
                "Wait for the study, or stop it: the same command goes on later."
            )


def _without_readings(store: Store, winning: pa.Table) -> list[str]:
    """Parts with a row that counts and no readings: once merged, the loss could not be seen."""
    lost = pa.array(store.tables.unread_parts(), pa.string())
    unread = pc.is_in(winning[PART], value_set=lost)
    return list(pc.unique(winning[PART].filter(unread)).to_pylist())


def _groups(sizes: Mapping[str, int], rows: int) -> Iterator[list[str]]:
    """Parts in groups of so many rows, or a few more.

    Args:
        sizes: rows of each part.
        rows: of a group, at least; the last group may have fewer.
    """
    group: list[str] = []
    size = 0
    for part, count in sizes.items():
        group.append(part)
        size += count
        if size >= rows:
            yield group
            group, size = [], 0
    if group:
        yield group


def _counted_rows(
    store: Store, table: TableName, parts: Sequence[str], counted: pa.Array
) -> pa.Table:
    """The rows of some parts whose trial and part are among those that count; see `sources`."""
    rows = store.tables.scan(table, parts=True, only=parts)
    return rows.filter(pc.is_in(sources(rows), value_set=counted)).drop([PART])
