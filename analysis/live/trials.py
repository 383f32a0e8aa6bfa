"""The trials of a growing store, in memory: each part of the store is read once.

Rows stay Arrow columns and texts are codes, so that a million trials take some 350 MB. Which row
of a trial counts is decided by `study.store.winners.winners`, as for every other reader.
"""

from collections.abc import Sequence

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analysis.tables.frames import as_frame
from study.errors import StoreError
from study.store import schema
from study.store.store import Store
from study.store.winners import PART, winners

PARTS_AT_ONCE = 256  # parts decoded together; the texts of all parts would not fit into memory
MOST_CHUNKS = 32  # of a column; a column with more is copied into one chunk


class LiveTrials:
    """The trials of a store as of the last `refresh`.

    `table` has one row for each trial, with the part that the row is from. `refresh` replaces it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._parts: frozenset[str] = frozenset()
        self.table = coded(store.tables.scan("trials", parts=True, only=[]))

    def refresh(self) -> bool:
        """Read the parts that are new; returns whether the table has changed.

        Where a part has gone, as after compaction, everything is read again.

        Raises: StoreError where a part cannot be read.
        """
        parts = frozenset(self._store.tables.part_names("trials"))
        if parts == self._parts:
            return False
        grown = parts > self._parts
        new = sorted(parts - self._parts if grown else parts)
        try:
            self.table = _merged(self.table if grown else self.table[:0], self._read(new))
        except StoreError:
            if parts <= frozenset(self._store.tables.part_names("trials")):
                raise
            return self.refresh()  # some parts were compacted away while they were read
        self._parts = parts
        return True

    def _read(self, parts: Sequence[str]) -> pa.Table:
        pieces = [
            coded(
                self._store.tables.scan(
                    "trials", parts=True, only=parts[start : start + PARTS_AT_ONCE]
                ).combine_chunks()
            )
            for start in range(0, len(parts), PARTS_AT_ONCE)
        ]
        return _joined(pieces)

    def readings(self, rows: pa.Table) -> pd.DataFrame:
        """The readings of some rows of the table, by trial and epoch.

        Raises: StoreError where the readings cannot be read.
        """
        rows = plain(rows)
        try:
            readings = self._store.tables.readings_beside(rows)
        except StoreError as error:
            readings = self._readings_after(error, rows)
        return as_frame(readings)

    def _readings_after(self, error: StoreError, rows: pa.Table) -> pa.Table:
        """The readings of rows whose parts could not all be read: some are compacted, or gone."""
        if not set(rows[PART].to_pylist()) <= set(self._store.tables.part_names("trials")):
            return self._store.readings(rows["trial_id"].to_pylist())
        unread = pc.is_in(
            rows[PART], value_set=pa.array(self._store.tables.unread_parts(), pa.string())
        )
        if not pc.any(unread).as_py():
            raise error
        return self._store.tables.readings_beside(rows.filter(pc.invert(unread)))


def coded(rows: pa.Table) -> pa.Table:
    """The rows with every text but the id as a code: an index into the distinct texts."""
    for index, field in enumerate(rows.schema):
        if field.type == pa.string() and field.name != "trial_id":
            rows = rows.set_column(index, field.name, rows[field.name].dictionary_encode())
    return rows


def plain(rows: pa.Table) -> pa.Table:
    """The rows with texts as texts, and columns in the order of the store; `part` may be last."""
    names = [*schema.TRIALS, pa.field(PART, pa.string())]
    return rows.cast(pa.schema([field for field in names if field.name in rows.column_names]))


def _merged(old: pa.Table, new: pa.Table) -> pa.Table:
    """One row for each trial of two tables. Only rows of trials that come twice are sorted."""
    again = pc.is_in(old["trial_id"], value_set=new["trial_id"].combine_chunks())
    twice = new.num_rows > pc.count_distinct(new["trial_id"]).as_py()
    if twice or pc.any(again).as_py():
        new = coded(winners(plain(_joined([old.filter(again), new]))))
        old = old.filter(pc.invert(again))
    return _joined([old, new])


def _joined(tables: Sequence[pa.Table]) -> pa.Table:
    table = pa.concat_tables(tables).unify_dictionaries()
    if table.num_columns and table.column(0).num_chunks > MOST_CHUNKS:
        table = table.combine_chunks()
    return table
