"""Frames as rows of JSON and as text for people; the command line and the page use both."""

import numpy as np
import pandas as pd

JsonCell = str | int | float | bool | None
JsonRow = dict[str, JsonCell]  # a cell for each column


def records(frame: pd.DataFrame) -> list[JsonRow]:
    """The rows of a frame as JSON takes them; None for a null, NaN or infinite number."""
    finite = frame.replace([np.inf, -np.inf], np.nan)
    rows: list[JsonRow] = (
        finite.astype(object).where(finite.notna(), None).to_dict("records")  # type: ignore[assignment]  # the stubs say Hashable
    )
    return rows


def finite_json(content: object) -> object:
    """Data as strict JSON takes it: None for a number that is not finite, at any depth.

    Args:
        content: dicts, lists and tuples of plain values.
    """
    if isinstance(content, dict):
        return {name: finite_json(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [finite_json(value) for value in content]
    if isinstance(content, float | np.floating):
        return float(content) if np.isfinite(content) else None
    return content


def as_table(frame: pd.DataFrame) -> str:
    """The frame as text, columns side by side; a null is a blank."""
    columns = {name: frame[name].map(_cell_text, na_action=None) for name in frame}
    return pd.DataFrame(columns).to_string(index=False)


def _cell_text(value: object) -> str:
    if pd.isna(value):  # type: ignore[call-overload]  # the stubs leave out object
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)
