"""What a click asks of a live study: the curves of a cell, a trial, a page of the table, a file.

Each answer is read from one snapshot. The store is asked only for readings of the trials shown.
"""

import io
import json
import shlex
from collections.abc import Iterator, Mapping
from threading import Lock
from typing import TYPE_CHECKING, TypedDict

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analysis.formats import JsonRow, records
from analysis.live.snapshot import LiveStudy, compact_json, phase_frame
from analysis.live.table_orders import TableOrders, rows_passing
from analysis.live.trials import plain
from analysis.phases.classify import classify
from analysis.phases.grid import Grid
from analysis.phases.stages import Stripes, stripes_of
from analysis.phases.strip_lines import strip_lines
from analysis.phases.watching import watched_for
from analysis.report.page_records import CellAnswer, PatienceState
from analysis.report.state import MAX_CURVES_PER_CELL, cell_answer, patience_state, rounded
from analysis.tables.computed import delays
from analysis.tables.frames import as_frame
from analysis.tables.where import COLUMNS
from study.errors import unknown
from study.store.schema import TRIALS
from study.store.winners import PART
from study.trials.identity import find_id

if TYPE_CHECKING:
    from typing_extensions import Buffer  # collections.abc has it from Python 3.12 on

SORTED_BY = tuple(COLUMNS.names)
SLICE = 20_000  # rows of a file in memory at a time


class TrialAnswer(TypedDict):
    """The row of a trial, and the command that replays the trial."""

    row: JsonRow
    replay: str


class TableAnswer(TypedDict):
    """Some rows of the table, how many pass the filter, and sentences on what the filter misses."""

    total: int
    hints: list[str]
    columns: tuple[str, ...]
    rows: list[JsonRow]


class Selected(TypedDict):
    """The trials that pass a filter, counted: all, in each cell, and of each phase."""

    total: int
    of: int
    cells: list[int]
    phases: dict[str, int]


class StripAnswer(TypedDict):
    """The lines of a delay strip, and its counts as `StripLines` has them."""

    lines: list[JsonRow]
    most: int
    trials: int
    neither: int


class Answers:
    """Answers about a live study, as JSON takes them; any thread may ask."""

    def __init__(self, live: LiveStudy) -> None:
        self._live = live
        self._lock = Lock()  # one thread works at a time; to order a million rows takes 100 MB
        self._orders = TableOrders()
        self._patience: dict[int, PatienceState] = {}
        self._patient: pa.Table | None = None  # the table that the states are of

    def state(self, patience: int | None) -> bytes:
        """The state of the page as JSON.

        Args:
            patience: in decay times: as if no trial had been watched for longer. None: as watched.

        Raises: StoreError as `LiveStudy.now`.
        """
        snapshot = self._live.now()
        if patience is None or snapshot.grid is None:
            return snapshot.state
        with self._lock:
            at = self._at_patience(snapshot.trials, snapshot.grid, patience)
        return compact_json({**json.loads(snapshot.state), **at})

    def _at_patience(self, trials: pa.Table, grid: Grid, patience: int) -> PatienceState:
        if self._patient is not trials:
            self._patience, self._patient = {}, trials
        if patience not in self._patience:
            # What is cut here is not copied again there: it saves 100 MB of a million trials.
            cut = watched_for(phase_frame(trials), patience)
            self._patience[patience] = patience_state(cut, grid, patience)
        return self._patience[patience]

    def stripes(self) -> Stripes | None:
        """The stripes of all cells; None where there are no trials yet."""
        snapshot = self._live.latest()
        if snapshot.grid is None or not snapshot.trials.num_rows:
            return None
        with self._lock:
            return stripes_of(phase_frame(snapshot.trials), snapshot.grid)

    def selected(self, where: str) -> Selected:
        """The trials that pass a filter, counted.

        Args:
            where: a filter, or "" for all trials.

        Raises: UsageError for the filter.
        """
        snapshot = self._live.latest()
        with self._lock:
            rows = self._orders.of(snapshot.trials, where).rows
            phase = classify(phase_frame(snapshot.trials.take(rows)))["phase"]
        cell_of = np.zeros(0, np.int32) if snapshot.grid is None else snapshot.grid.cell_of
        cells = 0 if snapshot.grid is None else len(snapshot.grid.cells)
        return {
            "total": len(rows),
            "of": snapshot.trials.num_rows,
            "cells": np.bincount(cell_of[rows], minlength=cells).tolist(),
            "phases": {str(name): int(count) for name, count in phase.value_counts().items()},
        }

    def strip(self, axis: str, where: str) -> StripAnswer:
        """The delay strip of the trials that pass a filter.

        Args:
            axis: whose values have the rows.
            where: a filter, or "" for all trials.

        Raises: UsageError for the filter, and for an axis that the study does not have.
        """
        snapshot = self._live.latest()
        if snapshot.grid is None:
            return {"lines": [], "most": 0, "trials": 0, "neither": 0}
        names = [ruler.name for ruler in snapshot.grid.rulers]
        if axis not in names:
            raise unknown("an axis", axis, names)
        with self._lock:
            rows = self._orders.of(snapshot.trials, where).rows
            frame = phase_frame(snapshot.trials.take(rows) if where else snapshot.trials)
        cells = snapshot.grid.cells[axis].to_numpy()
        found = strip_lines(frame, cells[snapshot.grid.cell_of[rows]])
        ids = snapshot.trials["trial_id"].take(pa.array(rows[found.frame["row"]]))
        lines = records(found.frame.drop(columns="row").assign(trial_id=ids.to_pylist()))
        most, trials, neither = found.most, found.trials, found.neither
        return {"lines": lines, "most": most, "trials": trials, "neither": neither}

    def cell(self, labels: Mapping[str, str]) -> CellAnswer:
        """The first seeds of a cell, with their readings.

        Args:
            labels: of the cell, one for each axis that varies.

        Raises: UsageError for labels of other axes; StoreError for the readings.
        """
        snapshot = self._live.latest()
        grid = snapshot.grid
        cell = None if grid is None else grid.find(labels)
        rows = np.zeros(0, np.int64) if cell is None or grid is None else grid.members(cell)
        seeds = snapshot.trials["seed"].take(pa.array(rows)).to_numpy()
        by_seed = rows[np.argsort(seeds, kind="stable")]
        shown = snapshot.trials.take(by_seed[:MAX_CURVES_PER_CELL])
        readings = self._live.trials.readings(shown)
        return cell_answer(_classified(shown), readings, phase_frame(snapshot.trials.take(by_seed)))

    def trial(self, trial_id: str) -> TrialAnswer | None:
        """The row of a trial and the command that replays the trial; None without such a trial.

        Args:
            trial_id: all of it, or a beginning that no other trial has.

        Raises: UsageError, with candidates, where several ids begin so.
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
    ) -> TableAnswer:
        """Some rows of the table of trials that pass a filter, in order; nulls come last.

        Args:
            where: a filter, or "" for all trials.
            sort: one of `SORTED_BY`, or None for the order of arrival.
            offset: how many rows to leave out first.
            limit: how many rows to give at most.
            descending: whether the largest value comes first.

        Raises: UsageError for the filter.
        """
        snapshot = self._live.latest()
        with self._lock:
            rows, hints = self._orders.of(snapshot.trials, where, sort, descending=descending)
        shown = _records(snapshot.trials.take(rows[offset : offset + limit]))
        return {"total": len(rows), "hints": hints, "columns": SORTED_BY, "rows": shown}

    def file(self, form: str, where: str) -> Iterator[bytes]:
        """The rows that pass a filter as a file, piece by piece, with the columns of the store.

        Args:
            form: "csv" or "parquet".
            where: a filter, or "" for all trials.

        Raises: UsageError for the filter, before the first piece.
        """
        trials = self._live.latest().trials
        with self._lock:
            rows = rows_passing(trials, where)
        starts = range(0, max(len(rows), 1), SLICE)
        pieces = (plain(trials.take(rows[at : at + SLICE])).drop_columns([PART]) for at in starts)
        return _FILES[form](pieces)


def _records(rows: pa.Table) -> list[JsonRow]:
    labeled = _classified(rows)
    return records(rounded(labeled.assign(delay=delays(labeled))))


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
    """A file in memory; what is taken from it is removed."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def write(self, content: "Buffer") -> int:
        piece = bytes(content)
        self._pieces.append(piece)
        self._position += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._position

    def taken(self) -> bytes:
        content = b"".join(self._pieces)
        self._pieces.clear()
        return content
