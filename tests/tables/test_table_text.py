"""The text of a table is what pandas' own writer gives, but for texts, which are at the left."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from analysis.formats import as_table, fitted

TEXTS = ["", "a", "  spaced ", "tab\there", "two\nlines\r", "é", "a longer text"]


def column(values, dtype=None):
    return lambda size, draw: pd.Series([draw(values) for _ in range(size)], dtype=dtype)


COLUMNS = [
    column(st.none() | st.integers(-5, 10**7), "Int64"),
    column(st.none() | st.floats(allow_subnormal=False), "float64"),
    column(st.none() | st.sampled_from(TEXTS), "string"),
    column(st.none() | st.sampled_from(["grokking", "confusion"]), "category"),
    column(st.booleans()),
    column(st.none() | st.sampled_from(["a", 3, 2.5])),
]


def by_pandas(frame):
    def cell(value):
        if pd.isna(value):
            return ""
        return f"{value:g}" if isinstance(value, float) else str(value)

    cells = {}
    if frame.columns.nlevels > 1:
        return frame.map(cell).to_string(index=False)
    for name in frame:
        heading = name
        texts = frame[name].map(cell, na_action=None)
        if len(frame) and all(isinstance(value, str) for value in frame[name].dropna()):
            wide = max(map(len, [name, *map(printed, texts)]))
            texts = texts.map(lambda text, wide=wide: text + " " * (wide - len(printed(text))))
            heading = name.ljust(wide)
        cells[heading] = texts
    if frame.empty:
        return " ".join(frame)
    lines = pd.DataFrame(cells).to_string(index=False).split("\n")
    return "\n".join(line.rstrip() for line in lines)


def printed(text):
    """How pandas prints a text."""
    return text.replace("\t", r"\t").replace("\n", r"\n").replace("\r", r"\r")


@given(st.data())
def test_a_table_reads_as_pandas_writes_it(data):
    size = data.draw(st.integers(0, 5))
    kinds = data.draw(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=4))
    names = ["n", "a long name", "x", "seed"]
    frame = pd.DataFrame(
        {name: kind(size, data.draw) for name, kind in zip(names, kinds, strict=False)}
    )
    assert as_table(frame) == by_pandas(frame)


def test_a_heading_of_two_lines():
    columns = pd.MultiIndex.from_tuples([("", "x"), ("band", "low"), ("band", "high")])
    frame = pd.DataFrame(np.array([[1.5, 2, 3]]), columns=columns)
    assert as_table(frame) == by_pandas(frame)


@given(st.data(), st.integers(10, 60))
def test_a_fitted_table_is_no_wider_and_loses_the_least(data, width):
    size = data.draw(st.integers(2, 5))
    columns = {"trial_id": st.text("0123456789abcdef", min_size=20, max_size=20)}
    columns |= {f"column_{i}": st.integers(0, 2) for i in range(data.draw(st.integers(1, 6)))}
    frame = pd.DataFrame(
        {name: [data.draw(values) for _ in range(size)] for name, values in columns.items()}
    )
    shown, left_out = fitted(frame, width)
    assert sorted([*shown, *left_out]) == sorted(frame)
    assert max(map(len, as_table(shown).split("\n"))) <= width
    cut = frame.assign(trial_id=frame["trial_id"].str[:8])
    if left_out:
        wider = cut[[name for name in cut if name in {*shown, left_out[-1]}]]
        assert max(map(len, as_table(wider).split("\n"))) > width
    pd.testing.assert_frame_equal(shown, cut[list(shown)])
