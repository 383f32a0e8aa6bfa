"""What a click asks of a live study: the curves of a cell, a trial, a page of the table, a file.

All are read from one snapshot; only the readings of the trials shown come from the store.
"""

import io
import shlex
from collections.abc import Iterator, Mapping
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from analysis.formats import records
from analysis.live.snapshot import LiveStudy, Snapshot, state_frame
from analysis.live.trials import plain
from analysis.phases.classify import classify
from analysis.report.state import MAX_CURVES_PER_CELL, CellAnswer, cell_answer, rounded
from analysis.tables.frames import as_frame, phases_of
from analysis.tables.where import COLUMNS, columns_of, read_filter
from study.store.schema import TRIALS
from study.store.winners import PART
from study.trials.identity import find_id

SORTED_BY = tuple(COLUMNS.names)
REMEMBERED = 8  # orders of the table: scrolling asks for the same one again and again
SLICE = 20_000  # rows of a file that are in memory at a time

Rows = NDArray[np.int64]


class Answers:
    """Answers about a live study, as JSON takes them; any thread may ask."""

    def __init__(self, live: LiveStudy) -> None:
        self._live = live
        self._lock = Lock()  # ordering a million rows takes 100 MB: one at a time
        self._orders: dict[tuple[str, str | None, bool], Rows] = {}
        self._ordered: pa.Table | None = None

    def cell(self, labels: Mapping[str, str]) -> CellAnswer:
        """The first seeds of the cell at these labels, one an axis, with their readings.

        Raises: UsageError for axes that are not those that vary; StoreError for the readings.
        """
        now = self._live.latest()
        cell = None if now.grid is None else now.grid.find(labels)
        rows = np.zeros(0, np.int64) if cell is None or now.grid is None else now.grid.members(cell)
        seeds = now.trials["seed"].take(pa.array(rows)).to_numpy()
        shown = now.trials.take(rows[np.argsort(seeds, kind="stable")[:MAX_CURVES_PER_CELL]])
        readings = self._live.trials.readings(shown)
        return cell_answer(_classified(shown), readings, len(rows))

    def trial(self, trial_id: str) -> dict[str, Any] | None:
        """The row of a trial and the command that replays it; None where there is none.

        Args: trial_id, all of it or a beginning that no other trial has.
        Raises: UsageError, with candidates, where several begin so.
        """
        trials, url = self._live.latest().trials, self._live.store.url
        alike = trials["trial_id"].filter(pc.starts_with(trials["trial_id"], trial_id))
        if not trial_id or not len(alike):
            return None
        trial_id = find_id(alike.to_pylist(), trial_id, url)
        row = pc.index(trials["trial_id"], trial_id).as_py()
        replay = ["analysis", "circuits", url, trial_id]
        return {"row": _records(trials.slice(row, 1))[0], "replay": shlex.join(replay)}

    def table(
        self, where: str, sort: str | None, offset: int, limit: int, *, descending: bool
    ) -> dict[str, Any]:
        """Some rows of the table of trials that pass a filter, in order; nulls come last.

        Args: where, a filter or ""; sort, one of `SORTED_BY`, or None for the order of arrival.
        Raises: UsageError for the filter.
        """
        now = self._live.latest()
        with self._lock:
            rows = self._order(now, where, sort, descending=descending)
        shown = now.trials.take(rows[offset : offset + limit])
        return {"total": len(rows), "columns": SORTED_BY, "rows": _records(shown)}

    def _order(self, now: Snapshot, where: str, sort: str | None, *, descending: bool) -> Rows:
        if self._ordered is not now.trials:
            self._orders, self._ordered = {}, now.trials
        key = (where, sort, descending)
        if key not in self._orders:
            while len(self._orders) >= REMEMBERED:
                del self._orders[next(iter(self._orders))]
            rows = _passing(now.trials, where)
            if sort is not None:
                way = "descending" if descending else "ascending"
                keys = pa.table({"key": _keys(now.trials, sort).take(rows)})
                rows = rows[pc.sort_indices(keys, [("key", way)])]
            self._orders[key] = rows
        return self._orders[key]

    def file(self, form: str, where: str) -> Iterator[bytes]:
        """The rows that pass a filter as a CSV or Parquet file, piece by piece.

        The columns are those of `analysis query`. Raises: UsageError for the filter, at once.
        """
        trials = self._live.latest().trials
        with self._lock:
            rows = _passing(trials, where)
        starts = range(0, max(len(rows), 1), SLICE)
        pieces = (plain(trials.take(rows[at : at + SLICE])).drop_columns([PART]) for at in starts)
        return _FILES[form](pieces)


def _passing(trials: pa.Table, where: str) -> Rows:
    """The numbers of the rows that pass a filter."""
    every = np.arange(trials.num_rows)
    if not where.strip():
        return every
    expression = read_filter(where)
    named = columns_of(where)
    numbered = trials.select([name for name in named if name != "phase"])
    if "phase" in named:
        numbered = numbered.append_column("phase", phases_of(state_frame(trials)))
    numbered = numbered.append_column(PART, pa.array(every))
    passing: Rows = numbered.filter(expression)[PART].to_numpy()
    return passing


def _keys(trials: pa.Table, sort: str) -> pa.ChunkedArray:
    """Values whose order is that of a column."""
    if sort == "phase":
        codes = classify(state_frame(trials))["phase"].cat.codes
        return pa.chunked_array([pa.array(codes.to_numpy())])
    column = trials[sort]
    if not pa.types.is_dictionary(column.type):
        return column
    texts = column.combine_chunks()  # as many ranks as there are texts, and not a million texts
    ranks = pc.rank(texts.dictionary, tiebreaker="dense")
    return pa.chunked_array([ranks.take(texts.indices)])


def _records(rows: pa.Table) -> list[dict[str, Any]]:
    return records(rounded(_classified(rows)))


def _classified(rows: pa.Table) -> pd.DataFrame:
    return classify(as_frame(plain(rows).drop_columns([PART])))


def _csv(pieces: Iterator[pa.Table]) -> Iterator[bytes]:
    for number, piece in enumerate(pieces):
        text: str = as_frame(piece).to_csv(index=False, header=number == 0, lineterminator="\n")
        yield text.encode()


def _parquet(pieces: Iterator[pa.Table]) -> Iterator[bytes]:
    sink = _Sink()
    with pq.ParquetWriter(sink, TRIALS) as writer:
        for piece in pieces:
            writer.write_table(piece)
            yield sink.taken()
    yield sink.taken()


_FILES = {"csv": _csv, "parquet": _parquet}


class _Sink(io.RawIOBase):
    """A file that forgets what has been taken from it."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self._pieces.append(bytes(content))
        self._position += len(content)
        return len(content)

    def tell(self) -> int:
        return self._position

    def taken(self) -> bytes:
        content = b"".join(self._pieces)
        self._pieces.clear()
        return content
