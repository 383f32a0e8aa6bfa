"""The text of a table is what pandas' own writer gives, which is ten times slower."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from analysis.formats import as_table

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

    cells = {name: frame[name].map(cell, na_action=None) for name in frame}
    return pd.DataFrame(cells).to_string(index=False)


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
