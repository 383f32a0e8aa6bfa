"""Frames as rows of JSON and as text for people; the command line and the page use both."""

from collections.abc import Iterable, Sequence
from typing import cast

import numpy as np
import pandas as pd

SHOWN_ID = 8  # letters of an id that tell it from the others of most studies
_IDS = ["trial_id", "point_id", "pack_id"]

JsonCell = str | int | float | bool | None
JsonRow = dict[str, JsonCell]  # a cell for each column

_ESCAPES = str.maketrans({"\t": r"\t", "\n": r"\n", "\r": r"\r"})  # a row of a table is one line


def records(frame: pd.DataFrame) -> list[JsonRow]:
    """The rows of a frame as JSON takes them; None for a null, NaN or infinite number."""
    finite = frame.replace([np.inf, -np.inf], np.nan)
    rows = finite.astype(object).where(finite.notna(), None).to_dict("records")
    return cast("list[JsonRow]", rows)  # the stubs say Hashable for names of columns


def json_cell(value: object) -> JsonCell:
    """A cell of a frame, or a key of a group, as JSON takes it; None for null and NaN."""
    if pd.isna(value):  # type: ignore[call-overload]  # the stubs leave out object
        return None
    return cast("JsonCell", value.item() if isinstance(value, np.generic) else value)


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


def values_in_words(values: Iterable[object]) -> str:
    """Values of an axis in words: one, both, or the first and the last of more."""
    numbers = sorted(float(str(value)) for value in values)
    if not numbers:
        return "any"
    ends = [f"{number:,.6g}" for number in dict.fromkeys((numbers[0], numbers[-1]))]
    return (" and " if len(numbers) == 2 else " to ").join(ends)


def listed(words: Sequence[str]) -> str:
    """Words as a list: "a, b and c"."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def as_table(frame: pd.DataFrame) -> str:
    """The frame as text, columns side by side: texts at the left, numbers at the right.

    A null is a blank.
    """
    columns = {name: frame[name].map(_cell_text, na_action=None) for name in frame}
    if frame.columns.nlevels > 1:
        return pd.DataFrame(columns).to_string(index=False)
    # A tenth of the time of pandas' `to_string`: a query has 10,000 rows.
    padded = []
    for name, cells in columns.items():
        texts = [str(name), *cells]
        wide = max(map(len, texts))
        left = len(frame) > 0 and all(isinstance(value, str) for value in frame[name].dropna())
        padded.append([text.ljust(wide) if left else text.rjust(wide) for text in texts])
    return "\n".join(" ".join(row).rstrip() for row in zip(*padded, strict=True))


def fitted(frame: pd.DataFrame, width: int) -> tuple[pd.DataFrame, list[str]]:
    """The frame as a table of so many letters shows it whole, and the columns that do not fit.

    Ids are cut to SHOWN_ID letters. Of a wider table, columns of one value are left out, then
    those at the right.

    Args:
        frame: of one level of columns.
        width: in letters.
    """
    for name in frame.columns.intersection(_IDS):
        frame = frame.assign(**{name: frame[name].str[:SHOWN_ID]})
    wide = {
        str(name): 1 + max([len(str(name)), *(len(_cell_text(cell)) for cell in frame[name])])
        for name in frame
    }
    constant = [name for name in wide if frame[name].nunique(dropna=False) <= 1 < len(frame)]
    left_out: list[str] = []
    for name in [*constant, *(name for name in reversed(wide) if name not in constant)]:
        if sum(wide.values()) - 1 <= width or len(wide) == 1:
            break
        del wide[name]
        left_out.append(name)
    return frame[list(wide)], left_out


def _cell_text(value: object) -> str:
    if isinstance(value, str):
        return value.translate(_ESCAPES)
    if json_cell(value) is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)
