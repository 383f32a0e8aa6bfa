"""The two tables of a store as pandas frames; the columns are those of `study.store.schema`.

Whole columns are nullable Int64, so that a null event stays null instead of turning epochs into
floats. Text is pandas' own `string`. Real columns are plain float64, which every numerical library
takes. Null and NaN both mean "no number", and the column `ended` says why.
"""

import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa

from analysis.phases.axis_scales import TITLES
from analysis.phases.classify import PHASE_COLUMNS
from analysis.tables.computed import COMPUTED, stored_columns, with_computed
from analysis.tables.filter_hints import FilterWarning, filter_hints
from analysis.tables.where import COLUMNS, LISTING, columns_of, read_filter
from study.errors import StoreError, unknown
from study.store import schema
from study.store.store import Store
from study.trials.identity import find_id
from study.vocabulary.columns import EVENT_COLUMNS, after_column

# The columns that phases, cells and boundaries are made of, by any preset and in any axes.
PHASE_TABLE = tuple(
    dict.fromkeys(
        (
            *TITLES,
            *PHASE_COLUMNS,
            *EVENT_COLUMNS,
            *map(after_column, EVENT_COLUMNS),
            "budget_epochs",
        )
    )
)
DTYPES = {pa.int64(): pd.Int64Dtype(), pa.string(): pd.StringDtype()}


def load_trials(
    path: str | Path, where: str | None = None, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """The trials of a store, one row each; an empty frame where none has finished.

    Filters and columns may name `phase` and `delay`, too: see `analysis.tables.computed`. A
    `FilterWarning` says which value of a filter no trial has, and the nearest that trials have.

    Args:
        path: of the store, or its URL.
        where: a filter such as `k == 3 and generalized_epoch is null`, applied while reading; see
            `analysis.tables.where`.
        columns: names of the columns to return, in this order; None: those of the schema.

    Raises: UsageError for a filter or column that is not right; StoreError for the store.
    """
    for name in columns or ():
        if name not in COLUMNS.names:
            raise unknown("a column", name, COLUMNS.names, LISTING)
    if where is None:
        return as_frame(_columns(Store.open(path), columns))
    expression, named = read_filter(where), columns_of(where)
    store = Store.open(path)
    wanted = schema.TRIALS.names if columns is None else list(columns)
    read = list(dict.fromkeys([*wanted, *named]))
    if COMPUTED.keys().isdisjoint(read):
        found = store.trials(expression, read)
    else:
        found = _columns(store, read).filter(expression)
    for hint in filter_hints(where, lambda name: _columns(store, [name])[name], found):
        warnings.warn(hint, FilterWarning, stacklevel=2)
    return as_frame(found.select(wanted))


def _columns(store: Store, names: Iterable[str] | None) -> pa.Table:
    """Some columns of all trials, computed ones among them; None: the columns of the schema."""
    if names is None:
        return store.trials()
    wanted = list(names)
    rows = store.trials(columns=stored_columns(wanted))
    made_of = stored_columns(name for name in COMPUTED if name in wanted)
    return with_computed(rows, as_frame(rows.select(made_of)), wanted).select(wanted)


def some_trials(
    path: str | Path, where: str | None = None, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """`load_trials` of a store in which trials have finished, though none may pass the filter.

    Args:
        path: of the store, or its URL.
        where: as in `load_trials`.
        columns: as in `load_trials`.

    Raises: StoreError where no trial has finished yet; otherwise as `load_trials`.
    """
    trials = load_trials(path, where, columns)
    if trials.empty and not Store.open(path).trials(columns=["trial_id"]).num_rows:
        raise StoreError(
            f"{path}: no trials yet; a trial is stored when its network has ended. "
            "Wait for the first ones, or continue the study with `study run`."
        )
    return trials


def load_readings(
    path: str | Path, trials: pd.DataFrame | Iterable[str] | None = None
) -> pd.DataFrame:
    """The readings of a store by trial and epoch: of all trials, or of the trials named.

    Args:
        path: of the store, or its URL.
        trials: a frame with a column `trial_id`; or ids; or one id, or the beginning of one.

    Raises: UsageError where an id is that of no trial, or of several; StoreError for the store;
        KeyError for a frame without trial_id.
    """
    if isinstance(trials, pd.DataFrame):
        trials = trials["trial_id"]
    store = Store.open(path)
    if isinstance(trials, str):
        stored_ids = store.trials(columns=["trial_id"])["trial_id"].to_pylist()
        trials = [find_id(stored_ids, trials, store.url)]
    return as_frame(store.readings(trials))


def as_frame(table: pa.Table) -> pd.DataFrame:
    """Rows of a table of the store as a frame; dictionary columns become categories."""
    frame: pd.DataFrame = table.to_pandas(types_mapper=DTYPES.get)
    return frame
