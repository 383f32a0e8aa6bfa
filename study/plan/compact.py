"""A store in a few large files instead of many small ones: whoever reads a table opens them all.

Rows that count are copied into new parts; then the old parts are deleted, rows before readings.
Wherever that is cut short, every trial has a row with its readings, and readers keep one of two.
Rows whose readings are gone stay where they are: the next `study run` trains their trials anew.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from study.errors import StudyError
from study.store import winners as tables
from study.store.store import Store
from study.store.tables import TableName
from study.vocabulary.outcomes import PackStatus

ROWS = 20_000  # trials of a large part


def compact(store: Store, rows: int = ROWS) -> dict[str, Any]:
    """Rewrite a store in parts of about so many trials; how many trials and files it holds.

    Raises StudyError while a pack of it is in training.
    """
    _refuse_while_running(store)
    lying = store.tables.scan("trials", columns=["trial_id", "budget_epochs"], parts=True)
    winners = tables.winners(lying)
    counted = tables.sources(winners)
    sizes = dict.fromkeys(store.tables.part_names("trials"), 0)
    for found in pc.value_counts(lying[tables.PART]).to_pylist():
        sizes[found["values"]] = found["counts"]
    for part in _without_readings(store, winners):
        del sizes[part]
    old_readings = [part for part in store.tables.part_names("readings") if part in sizes]
    new = list(_batches(sizes, rows))
    if len(new) < len(sizes):
        for number, old in enumerate(new):
            part = f"part-compact-{time.time_ns():x}-{number}.parquet"
            with_readings = [part for part in old if part in set(old_readings)]
            store.tables.write_part(
                "readings", part, _those(store, "readings", with_readings, counted)
            )
            store.tables.write_part("trials", part, _those(store, "trials", old, counted))
        # Only what was copied: another writer's parts, and readings that wait for their rows, stay.
        for part in sizes:
            store.tables.delete_part("trials", part)
        for part in old_readings:
            store.tables.delete_part("readings", part)
    return {
        "trials": len(counted),
        "files_before": len(sizes) + len(old_readings),
        "files": sum(len(store.tables.part_names(table)) for table in ("trials", "readings")),
    }


def _refuse_while_running(store: Store) -> None:
    for pack_id in store.packs.ids():
        if store.packs.read(pack_id).current_status is PackStatus.RUNNING:
            raise StudyError(
                f"{store.url}: pack {pack_id} is in training; parts are merged when nobody writes. "
                "Wait for the study, or stop it: the same command goes on later."
            )


def _without_readings(store: Store, winners: pa.Table) -> list[str]:
    """Parts with a row that counts and no readings: merged, the loss could not be seen."""
    unread = pc.is_in(
        winners[tables.PART], value_set=pa.array(store.tables.unread_parts(), pa.string())
    )
    return list(pc.unique(winners[tables.PART].filter(unread)).to_pylist())


def _batches(sizes: Mapping[str, int], rows: int) -> Iterator[list[str]]:
    """Parts in groups of so many rows or a little more."""
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


def _those(store: Store, table: TableName, parts: Sequence[str], counted: pa.Array) -> pa.Table:
    """Rows of some parts whose trial and part count."""
    rows = store.tables.scan(table, parts=True, only=parts)
    return rows.filter(pc.is_in(tables.sources(rows), value_set=counted)).drop([tables.PART])
