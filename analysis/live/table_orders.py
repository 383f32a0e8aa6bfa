"""The table of a live study in order: the trials that pass a filter, sorted by a column.

Scrolling asks for the same order many times, so the last orders are remembered.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from analysis.live.snapshot import phase_frame
from analysis.phases.classify import classify
from analysis.tables.computed import COMPUTED, with_computed
from analysis.tables.filter_hints import filter_hints
from analysis.tables.where import columns_of, read_filter
from study.store.winners import PART

REMEMBERED = 8  # orders in memory
LOOKED_AT = 1_000  # rows that may spare a look at all trials: see `filter_hints`


class OrderedRows(NamedTuple):
    """What passes a filter.

    Attributes:
        rows: indices of rows of the table of trials.
        hints: a sentence for each value of the filter that no trial has.
    """

    rows: NDArray[np.int64]
    hints: list[str]


class TableOrders:
    """Orders of one table of trials; they are forgotten when they are asked of another one."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str | None, bool], OrderedRows] = {}
        self._table: pa.Table | None = None  # whose orders they are

    def of(
        self, trials: pa.Table, where: str, sort: str | None = None, *, descending: bool = False
    ) -> OrderedRows:
        """The rows that pass a filter, in order; nulls come last.

        Args:
            trials: the table.
            where: a filter, or "" for all trials.
            sort: a column, or None for the order of arrival.
            descending: whether the largest value comes first.

        Raises: UsageError for the filter.
        """
        if self._table is not trials:
            self._known, self._table = {}, trials
        key = (where, sort, descending)
        if key not in self._known:
            while len(self._known) >= REMEMBERED:
                del self._known[next(iter(self._known))]
            rows = rows_passing(trials, where)
            if sort is not None:
                way = "descending" if descending else "ascending"
                keys = pa.table({"key": _keys(trials, sort).take(rows)})
                rows = rows[pc.sort_indices(keys, [("key", way)])]
            self._known[key] = OrderedRows(rows, _hints(trials, where, rows))
        return self._known[key]


def rows_passing(trials: pa.Table, where: str) -> NDArray[np.int64]:
    """The indices of the rows that pass a filter.

    Args:
        trials: the table.
        where: a filter, or "" for all trials.

    Raises: UsageError for the filter.
    """
    every = np.arange(trials.num_rows)
    if not where.strip():
        return every
    expression = read_filter(where)
    named = columns_of(where)
    numbered = trials.select([name for name in named if name not in COMPUTED])
    if not COMPUTED.keys().isdisjoint(named):
        numbered = with_computed(numbered, phase_frame(trials), named)
    numbered = numbered.append_column(PART, pa.array(every))
    passing: NDArray[np.int64] = numbered.filter(expression)[PART].to_numpy()
    return passing


def _hints(trials: pa.Table, where: str, rows: NDArray[np.int64]) -> list[str]:
    """What a filter misses; `rows` are those that pass it."""
    if not where.strip():
        return []
    some = trials.take(rows[:LOOKED_AT])
    found = pa.table({name: _column(some, name) for name in columns_of(where)})
    return filter_hints(where, partial(_column, trials), found)


def _column(trials: pa.Table, name: str) -> pa.ChunkedArray:
    if name in COMPUTED:
        trials = with_computed(trials, phase_frame(trials), [name])
    return trials[name]


def _keys(trials: pa.Table, sort: str) -> pa.ChunkedArray:
    """Values whose order is the order of a column."""
    if sort == "phase":
        codes = classify(phase_frame(trials))["phase"].cat.codes
        return pa.chunked_array([pa.array(codes.to_numpy())])
    column = _column(trials, sort)
    if not pa.types.is_dictionary(column.type):
        return column
    texts = column.combine_chunks()  # ranking the few distinct texts spares ranking a million rows
    ranks = pc.rank(texts.dictionary, tiebreaker="dense")
    return pa.chunked_array([ranks.take(texts.indices)])
