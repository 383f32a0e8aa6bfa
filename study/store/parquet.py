"""The two tables of a store, `trials` and `readings`: Parquet files that are never changed.

A table is a folder of parts. Every write adds one part to each table, under one name; compaction
replaces parts by larger ones. A trial's readings are written before its row, so the row says that
the trial is done.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from study.errors import StoreError
from study.store import schema
from study.store.files import Files, reason
from study.store.retry import is_transient
from study.store.winners import CHOOSING, PART, first_of_each, sources, winners
from study.vocabulary.axes import YOUNGER_AXES

TableName = Literal["trials", "readings"]
Value = str | int | float | None  # what one row has in one column

# Readings of so few parts are read a part at a time: after compaction a part takes 100 MB. Many
# small parts are read four at a time, which is Arrow's default.
FEW_PARTS = 200
# Parts that are open together: of each the last bytes are kept, which describe its columns and take
# 0.2 MB once they are read.
OPEN_PARTS = 16
_FILE = "__filename"  # pyarrow's name for the file that a row is from
_SCHEMAS: Mapping[TableName, pa.Schema] = {"trials": schema.TRIALS, "readings": schema.READINGS}


class Tables:
    """Reads and writes the parts of both tables."""

    def __init__(self, files: Files) -> None:
        self._files = files

    # whole trials

    def write_rows(
        self,
        pack_id: str,
        trials: Sequence[Mapping[str, Value]],
        readings: Mapping[str, Sequence[Value]],
        stamp: int | None = None,
    ) -> None:
        """Add finished trials and their readings, as one part of each table.

        Args:
            pack_id: of the pack that trained the trials; it is in the name of the part.
            trials: one mapping by column for each row.
            readings: one sequence for each column; absent columns are null.
            stamp: tells a pack's parts apart, by default the time in nanoseconds. A part that is
                written again under its stamp replaces what a failed write has left.
        """
        part = f"part-{pack_id}-{stamp or time.time_ns():x}.parquet"
        absent = [name for name in schema.READINGS.names if name not in readings]
        rows = len(readings["trial_id"])
        columns = {**readings, **{name: [None] * rows for name in absent}}
        self.write_part("readings", part, pa.Table.from_pydict(columns, schema.READINGS))
        self.write_part("trials", part, pa.Table.from_pylist(list(trials), schema.TRIALS))

    def trials(
        self,
        where: pc.Expression | None = None,
        columns: Sequence[str] | None = None,
        *,
        parts: bool = False,
    ) -> pa.Table:
        """The trials, one row for each; of a trial trained twice, the row that `winners` chooses.

        Args:
            where: a filter of rows, applied after that choice.
            columns: their names and order; all by default.
            parts: whether to add a last column with the part that each row is from.
        """
        return self._steady(lambda listed: self._trials(listed, where, columns, parts=parts))

    def _trials(
        self,
        listed: Sequence[str],
        where: pc.Expression | None,
        columns: Sequence[str] | None,
        *,
        parts: bool,
    ) -> pa.Table:
        """The trials that some parts hold, one row for each."""
        names = list(columns or schema.TRIALS.names)
        needed = list(dict.fromkeys([*names, "trial_id"]))
        rows = self.scan("trials", where, needed, parts=parts, only=listed)
        wanted = [*names, *[PART] * parts]
        if self._are_all(rows["trial_id"], listed, filtered=where is not None):
            return rows.select(wanted)
        # A filter may hide the row that replaces another: choose rows first, then filter.
        stored = self.scan("trials", None, CHOOSING, parts=True, only=listed)
        counted = sources(winners(stored))
        needed = list(dict.fromkeys([*names, *CHOOSING]))
        rows = self.scan("trials", where, needed, parts=True, only=listed)
        rows = rows.filter(pc.is_in(sources(rows), value_set=counted))
        return winners(rows).select(wanted)

    def _are_all(self, ids: pa.ChunkedArray, listed: Sequence[str], *, filtered: bool) -> bool:
        """Whether some rows are the only rows of their trials.

        Args:
            ids: of the rows.
            listed: the parts that the rows are from.
            filtered: whether the parts have other rows.
        """
        if pc.count_distinct(ids).as_py() < len(ids):
            return False
        if not filtered:
            return True
        stored = self.scan("trials", None, ["trial_id"], only=listed)["trial_id"]
        inside = pc.is_in(stored, value_set=ids.combine_chunks())
        return bool(pc.sum(inside).as_py() == len(ids))

    def readings(
        self, trial_ids: Iterable[str] | None = None, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """The readings of some trials, or of all: one row for each trial and epoch, in that order.

        Only readings that were written with the trial's winning row count. A trial that was trained
        again, to a larger budget or after a kill, has older readings, too.

        Args:
            trial_ids: of the trials; all by default.
            columns: their names and order; all by default.
        """
        where = None if trial_ids is None else _one_of(trial_ids)

        def read(listed: Sequence[str]) -> pa.Table:
            rows = self.scan("trials", where, CHOOSING, parts=True, only=listed)
            return self._readings(winners(rows), where, columns)

        return self._steady(read)

    def readings_beside(self, rows: pa.Table, columns: Sequence[str] | None = None) -> pa.Table:
        """The readings of trials whose winning rows are at hand, as of `readings`.

        Only the parts of these rows are opened, so a few trials of a million take a moment.

        Args:
            rows: with the columns `trial_id` and `part`.
            columns: their names and order; all by default.
        """
        only = pc.unique(rows[PART]).to_pylist()
        return self._readings(rows, _one_of(rows["trial_id"].to_pylist()), columns, only)

    def _readings(
        self,
        rows: pa.Table,
        where: pc.Expression | None,
        columns: Sequence[str] | None,
        only: Sequence[str] | None = None,
    ) -> pa.Table:
        wanted = list(columns or schema.READINGS.names)
        needed = list(dict.fromkeys(["trial_id", "epoch", *wanted]))
        table = self.scan("readings", where, needed, parts=True, only=only)
        written_with_rows = pc.is_in(sources(table), value_set=sources(rows))
        table = table.filter(written_with_rows).select(needed)
        table = table.sort_by([("trial_id", "ascending"), ("epoch", "ascending")])
        return first_of_each(table, ["trial_id", "epoch"]).select(wanted)

    def _steady(self, read: Callable[[Sequence[str]], pa.Table]) -> pa.Table:
        """What is read of the parts of `trials`, read again where some went away meanwhile.

        Compaction deletes the parts that it has merged, rows before readings. What was read while
        every part of `trials` stayed is whole.

        Args:
            read: takes the names of the parts of `trials`.
        """
        while True:
            listed = self.part_names("trials")
            try:
                rows = read(listed)
            except StoreError:
                if self._are_there(listed):
                    raise
            else:
                if self._are_there(listed):
                    return rows

    def _are_there(self, listed: Sequence[str]) -> bool:
        return set(listed) <= set(self.part_names("trials"))

    # parts: whole files, for readers that merge or remember parts

    def scan(
        self,
        table: TableName,
        where: pc.Expression | None = None,
        columns: Sequence[str] | None = None,
        *,
        parts: bool = False,
        only: Sequence[str] | None = None,
    ) -> pa.Table:
        """The rows of a table as stored: a trial may have several.

        Args:
            table: which of the two.
            where: a filter of rows.
            columns: their names and order; all by default.
            parts: whether to add a last column with the part that each row is from.
            only: the parts to read; all by default.
        Raises: StoreError, which names the part that cannot be read.
        """
        names = list(columns or _SCHEMAS[table].names)
        paths = [
            f"{self._files.root}/{table}/{part}"
            for part in (self.part_names(table) if only is None else only)
        ]
        if not paths:
            rows = _SCHEMAS[table].empty_table().select(names)
            return rows.append_column(PART, pa.array([], pa.string())) if parts else rows
        asked = [*names, _FILE] if parts else names
        try:
            rows = self._files.retried(lambda: self._read_parts(table, paths, asked, where))
        except (pa.ArrowException, OSError) as error:
            if is_transient(error):
                raise self._files.error(table, error, "Try again.") from None
            raise self._damage(paths, error) from None
        if parts:
            file_name = pc.replace_substring_regex(rows[_FILE], ".*/", "")
            rows = rows.set_column(len(names), PART, file_name)
        return rows

    def _read_parts(
        self,
        table: TableName,
        paths: Sequence[str],
        asked: Sequence[str],
        where: pc.Expression | None,
    ) -> pa.Table:
        """The rows of some parts, as `_read_trials` gives those of `trials`.

        Args:
            table: which of the two.
            paths: of the parts, at least one.
            asked: names of columns, perhaps with that of the file.
            where: a filter of rows.
        """
        ahead = 1 if len(paths) <= FEW_PARTS else 4
        rows = []
        for start in range(0, len(paths), OPEN_PARTS):
            # The declared schema, not the first file's: older parts may lack newer columns.
            dataset = ds.dataset(
                paths[start : start + OPEN_PARTS],
                _SCHEMAS[table],
                format="parquet",
                filesystem=self._files.filesystem,
            )
            if table == "readings":
                rows.append(dataset.to_table(asked, filter=where, fragment_readahead=ahead))
            else:
                rows.append(_read_trials(dataset, asked, where))
        return pa.concat_tables(rows)

    def _damage(self, paths: Iterable[str], error: Exception) -> StoreError:
        """The error that names the part which cannot be read, and what to do about it."""
        for path in paths:
            try:
                pq.read_table(path, filesystem=self._files.filesystem)
            except (pa.ArrowException, OSError):
                part = self._files.address_of(path.removeprefix(f"{self._files.root}/"))
                return StoreError(
                    f"{part}: damaged; a part is a whole Parquet file. Move it out of the store "
                    "and run the study again: only its trials are trained anew."
                )
        return StoreError(f"{self._files.address.shown}: {reason(error)}. Try again.")

    def part_names(self, table: TableName) -> list[str]:
        """The names of a table's parts, sorted."""
        return self._files.names(table, ".parquet")

    def unread_parts(self) -> list[str]:
        """The parts of `trials` whose readings are gone: `readings` has no part of that name.

        Readings are written under the name of their rows, also where a trial has none, so the two
        lists of names suffice and no file is opened.
        """
        rows = self.part_names("trials")
        without = set(rows) - set(self.part_names("readings"))
        # Compaction deletes rows before their readings: rows deleted meanwhile lack nothing.
        return sorted(without & set(self.part_names("trials"))) if without else []

    def write_part(self, table: TableName, part: str, rows: pa.Table) -> None:
        """Write a part whole.

        Args:
            table: that the part belongs to.
            part: the name of its file.
            rows: with the columns of the table.
        """
        sink = pa.BufferOutputStream()
        pq.write_table(rows, sink, compression="zstd")
        self._files.put(f"{table}/{part}", sink.getvalue().to_pybytes())

    def delete_part(self, table: TableName, part: str) -> None:
        """Delete a part whose rows are in another."""
        self._files.delete(f"{table}/{part}")


def _read_trials(
    dataset: ds.Dataset, asked: Sequence[str], where: pc.Expression | None
) -> pa.Table:
    """Rows of `trials`, with a value for axes that are younger than a row.

    A filter of such an axis comes after that value; any other filter is applied while reading.

    Args:
        dataset: the parts.
        asked: names of columns, perhaps with that of the file.
        where: a filter of rows.
    """
    late = where is not None and any(axis in str(where) for axis in YOUNGER_AXES)
    needed = list(schema.TRIALS.names) if late else ["task"] * bool(YOUNGER_AXES.keys() & {*asked})
    names = list(dict.fromkeys([*asked, *needed]))
    rows = schema.with_younger_axes(dataset.to_table(names, filter=None if late else where))
    return (rows.filter(where) if late else rows).select(asked)


def _one_of(trial_ids: Iterable[str]) -> pc.Expression:
    """The filter of the rows of some trials."""
    return pc.field("trial_id").isin(pa.array(list(trial_ids), pa.string()))
