"""The columns of the two tables as Arrow schemas, made from `study.vocabulary.columns`."""

from collections.abc import Mapping

import pyarrow as pa

from study.vocabulary.columns import READING_COLUMNS, TRIAL_COLUMNS, ColumnKind

_TYPES: dict[ColumnKind, pa.DataType] = {
    "text": pa.string(),
    "whole": pa.int64(),
    "real": pa.float64(),
}


def _schema(columns: Mapping[str, ColumnKind]) -> pa.Schema:
    return pa.schema([(name, _TYPES[kind]) for name, kind in columns.items()])


TRIALS = _schema(TRIAL_COLUMNS)
READINGS = _schema(READING_COLUMNS)
