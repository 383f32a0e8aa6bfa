"""The formats in which `analysis query` and the live page give trials: text, CSV, JSON, Parquet.

A writer takes a frame and gives the content of a file.
"""

import io
import json
from collections.abc import Callable

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.formats import as_table, records
from analysis.tables.where import COLUMNS


def _table(frame: pd.DataFrame) -> bytes:
    return f"{as_table(frame)}\n".encode()


def _csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False, lineterminator="\n").encode()


def _json(frame: pd.DataFrame) -> bytes:
    rows = ",\n".join(json.dumps(row, allow_nan=False) for row in records(frame))
    return f"[{rows}]\n".encode()


def _parquet(frame: pd.DataFrame) -> bytes:
    schema = pa.schema([COLUMNS.field(name) for name in frame.columns])
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(frame, schema, preserve_index=False), buffer)
    return buffer.getvalue()


# The writer of each format, by the name that `--format` takes.
FORMATS: dict[str, Callable[[pd.DataFrame], bytes]] = {
    "table": _table,
    "csv": _csv,
    "json": _json,
    "parquet": _parquet,
}
