"""Compaction: a store in a few large files instead of many small ones, which are slow to open.

The rows that count are copied into new parts. Then the old parts are deleted, rows before readings.
Wherever compaction is cut short, every trial has a row with its readings, and readers keep one of
the two copies of a row. A reader that finds a part gone reads again; another writer's parts stay.
Rows whose readings are gone stay in their parts: the next `study run` trains their trials anew.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypedDict

import pyarrow as pa
import pyarrow.compute as pc

from study.errors import StudyError
from study.store.packs import STALE_SECONDS
from study.store.parquet import TableName
from study.store.store import Store
from study.store.winners import CHOOSING, PART, winners
from study.vocabulary.outcomes import PackStatus

ROWS = 20_000  # how many trials a large part holds, about
MOST_PARTS = 200  # that a study leaves at its end; many small files are slow to open
_MERGED_AT_ONCE = 8  # parts read at a time; reading a part from a bucket takes some 20 ms
# From the last new part to the first deletion. A reader lists the parts in less time, so no list
# lacks both.
SETTLE_SECONDS = 1.0
# A record that was written longer ago is not that of a pack in training, also where the clock of
# the store is some minutes off.
_LONG_AGO_SECONDS = 10 * STALE_SECONDS


class Compaction(TypedDict):
    """The answer of `study compact`: trials, and files of both tables before and after."""

    trials: int
    files_before: int
    files: int


def compact_if_many(store: Store, say: Callable[[str], None]) -> None:
    """Compact a store of more than `MOST_PARTS` parts; the run that ends with it ends well.

    Args:
        store: of the study.
        say: is told in a line what became of the parts.
    """
    try:
        if len(store.tables.part_names("trials")) <= MOST_PARTS:
            return
        counts = compact(store)
        say(f"{counts['files_before']} files of trials and readings merged into {counts['files']}")
    except Exception as error:  # noqa: BLE001  what is stored is whole, merged or not
        say(f"the store's files are not merged: {error}")


def compact(store: Store, rows: int = ROWS) -> Compaction:
    """Rewrite a store in a few large parts.

    Args:
        store: in which nobody trains.
        rows: trials of a part, about.
    Raises: StudyError while a pack of the store is in training.
    """
    _refuse_while_running(store)
    # Only parts of this list are deleted. What another writer adds from now on stays.
    listed = store.tables.part_names("trials")
    counted = _counted(store, listed)
    readings = frozenset(store.tables.part_names("readings"))
    # Once merged, the loss of readings could not be seen.
    merged = [part for part in listed if part in readings or not len(counted[part])]
    old_readings = [part for part in merged if part in readings]
    groups = list(_groups({part: len(counted[part]) for part in merged}, rows))
    if len(groups) < len(merged):
        for number, old in enumerate(groups):
            part = f"part-compact-{time.time_ns():x}-{number}.parquet"
            with_readings = [name for name in old if name in readings]
            _merge(store, "readings", part, {name: counted[name] for name in with_readings})
            _merge(store, "trials", part, {name: counted[name] for name in old})
        time.sleep(SETTLE_SECONDS)
        for part in merged:
            store.tables.delete_part("trials", part)
        for part in old_readings:
            store.tables.delete_part("readings", part)
    return {
        "trials": sum(map(len, counted.values())),
        "files_before": len(merged) + len(old_readings),
        "files": len(store.tables.part_names("trials") + store.tables.part_names("readings")),
    }


def _refuse_while_running(store: Store) -> None:
    recent_ns = time.time_ns() - int(_LONG_AGO_SECONDS * 1e9)
    for pack_id, (_, written_ns) in store.packs.stamps().items():
        if written_ns < recent_ns:
            continue
        if store.packs.read(pack_id).current_status is PackStatus.RUNNING:
            raise StudyError(
                f"{store.url}: pack {pack_id} is in training; parts are merged when nobody writes. "
                "Wait for the study, or stop it: the same command goes on later."
            )


def _counted(store: Store, listed: Sequence[str]) -> dict[str, pa.Array]:
    """The ids of the trials whose row counts, by the part of that row; none for other parts.

    Args:
        store: of the study.
        listed: the parts of `trials`.
    """
    stored = store.tables.scan("trials", columns=CHOOSING, parts=True, only=listed)
    if stored.num_rows > pc.count_distinct(stored["trial_id"]).as_py():
        stored = winners(stored)
    lists = stored.group_by(PART).aggregate([("trial_id", "list")])
    by_part = dict(zip(lists[PART].to_pylist(), lists["trial_id_list"], strict=True))
    none = pa.array([], pa.string())
    return {part: by_part[part].values if part in by_part else none for part in listed}


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


def _merge(store: Store, table: TableName, part: str, old: Mapping[str, pa.Array]) -> None:
    """Write the rows of some parts as one part.

    Args:
        store: of the study.
        table: which of the two.
        part: the new part.
        old: the trials that are kept of each part.
    """

    def kept(name: str) -> pa.Table:
        rows = store.tables.scan(table, only=[name])
        return rows.filter(pc.is_in(rows["trial_id"], value_set=old[name]))

    empty = store.tables.scan(table, only=[])
    with ThreadPoolExecutor(_MERGED_AT_ONCE) as pool:
        store.tables.write_part(table, part, pa.concat_tables([empty, *pool.map(kept, old)]))
