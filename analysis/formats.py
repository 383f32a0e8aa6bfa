"""Frames as rows of JSON and as text: what the command line and the page share."""

from typing import Any

import numpy as np
import pandas as pd


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
