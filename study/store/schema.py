"""The columns of the two tables as Arrow schemas, made from `study.vocabulary.columns`."""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from study.vocabulary.axes import YOUNGER_AXES
from study.vocabulary.columns import READING_COLUMNS, TRIAL_COLUMNS, ColumnKind
from study.vocabulary.tasks import TASKS

_TYPES: dict[ColumnKind, pa.DataType] = {
    "text": pa.string(),
    "whole": pa.int64(),
    "real": pa.float64(),
}


def _schema(columns: Mapping[str, ColumnKind]) -> pa.Schema:
    return pa.schema([(name, _TYPES[kind]) for name, kind in columns.items()])


def with_younger_axes(trials: pa.Table) -> pa.Table:
    """Rows as readers should see them: those older than an axis have its first value.

    Rows of a task that does not have the axis stay null.

    Args:
        trials: rows of the table `trials`, with the column `task` if with an axis that is younger.
    """
    for axis in YOUNGER_AXES:
        if axis in trials.column_names:
            having = pa.array(
                [name for name, row in TASKS.items() if axis in row.axes], pa.string()
            )
            kind = _TYPES[TRIAL_COLUMNS[axis]]
            first, never = pa.scalar(YOUNGER_AXES[axis], kind), pa.scalar(None, kind)
            instead = pc.if_else(pc.is_in(trials["task"], value_set=having), first, never)
            meant = pc.coalesce(trials[axis], instead)
            trials = trials.set_column(trials.column_names.index(axis), axis, meant)
    return trials


TRIALS = _schema(TRIAL_COLUMNS)
READINGS = _schema(READING_COLUMNS)
