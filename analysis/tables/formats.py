"""Frames as text and bytes: the answers of the command line, and what a page carries."""

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.tables.where import COLUMNS


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as JSON takes them: None where there is no finite number."""
    finite = frame.replace([np.inf, -np.inf], np.nan)
    rows: list[dict[str, Any]] = (
        finite.astype(object).where(finite.notna(), None).to_dict("records")  # type: ignore[assignment]  # the stubs say Hashable
    )
    return rows


def as_table(frame: pd.DataFrame) -> str:
    """Columns side by side for reading; a null is a blank."""
    shown = {name: frame[name].map(_shown, na_action=None) for name in frame}
    return pd.DataFrame(shown).to_string(index=False)


def _shown(value: Any) -> str:
    if pd.isna(value):
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


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


# How `analysis query` writes trials.
FORMATS: dict[str, Callable[[pd.DataFrame], bytes]] = {
    "table": _table,
    "csv": _csv,
    "json": _json,
    "parquet": _parquet,
}
