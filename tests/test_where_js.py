"""Filters in the browser, web/where.js, against those of `analysis query`, analysis/where.py."""

from pathlib import Path

import pyarrow as pa
import pytest
from browsing import chromium, needs_chromium
from hypothesis import given, settings
from hypothesis import strategies as st
from test_where import VALUES, filters, frames, pieces

import analysis
from analysis.where import KINDS, read_filter
from study.errors import UsageError
from study.schema import TRIALS

pytestmark = needs_chromium
SCRIPT = (Path(analysis.__file__).parent / "web" / "where.js").read_text("utf-8")
ASK = """
const [cases, kinds] = arguments;
return cases.map(([text, rows]) => {
  try {
    const filter = readFilter(text, kinds);
    return rows.map((row) => filter((name) => row[name]) === true);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return error.message;
  }
});
"""


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    kinds = {field.name: KINDS[field.type] for field in TRIALS}
    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield lambda cases: browser.execute_script(SCRIPT + ASK, cases, kinds)


def in_python(text, rows):
    """Which rows a filter keeps, or why it is none."""
    schema = pa.schema([TRIALS.field(name) for name in VALUES])
    numbered = pa.Table.from_pylist(rows, schema).append_column("row", pa.array(range(len(rows))))
    try:
        kept = set(numbered.filter(read_filter(text))["row"].to_pylist())
    except UsageError as error:
        return str(error)
    return [row in kept for row in range(len(rows))]


@settings(max_examples=15)
@given(cases=st.lists(st.tuples(filters, frames), min_size=30, max_size=30))
def test_both_keep_the_same_rows(ask, cases):
    asked = [(text, rows) for (text, _), rows in cases]
    assert ask(asked) == [in_python(text, rows) for text, rows in asked]


SLIPS = [
    "k = 3", "k == 3 && n == 4", "k ==", "", "(k == 3", "k in 3", "k in [2, n]", "k == null",
    "ended == 3", "k == '3'", "3 == ended", "k == ended", "1 == 1", "ended == 'x", "k == 1e999",
    "ended == 'a\nb'", "(" * 5000, "(" * 500, "not " * 500 + "true", "k == 3; drop",
    "k == '\u00e9'", "ended == '\U0001f600' k",
]  # fmt: skip


@settings(max_examples=15)
@given(
    texts=st.lists(
        st.text(st.characters(codec="utf-8"), max_size=60)
        | st.lists(pieces, max_size=12).map(" ".join),
        min_size=30,
        max_size=30,
    )
)
def test_both_refuse_the_same_text_in_the_same_words(ask, texts):
    texts = [*texts, *SLIPS]
    for text, got in zip(texts, ask([(text, []) for text in texts]), strict=True):
        expected = in_python(text, [])
        if isinstance(expected, str) and "a column is one of" in expected:
            assert "a column is one of" in got  # Python also says which one is near
        else:
            assert got == expected, text
