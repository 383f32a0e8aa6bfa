"""Filters in the browser, web/where.js, against those of `analysis query`."""

import random
from pathlib import Path

import pyarrow as pa
import pytest
from browsing import chromium, needs_chromium
from hypothesis import given, settings
from hypothesis import strategies as st
from random_filters import filters, frames, pieces

import analysis
from analysis.tables.where import COLUMNS, KINDS, read_filter
from study.errors import UsageError

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


# A browser may know characters that are younger than Python's tables, and call them printable.
ASSIGNED = st.characters(codec="utf-8", exclude_categories=["Cn"])


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    kinds = {field.name: KINDS[field.type] for field in COLUMNS}
    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield lambda cases: browser.execute_script(SCRIPT + ASK, cases, kinds)


def in_python(text, rows):
    """Which rows a filter keeps, or why it is none."""
    try:
        expression = read_filter(text)
    except UsageError as error:
        return str(error)
    numbers = pa.array(range(len(rows)), pa.int64())
    numbered = pa.Table.from_pylist(rows, COLUMNS).append_column("row", numbers)
    kept = set(numbered.filter(expression)["row"].to_pylist())
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
    "wieght_decay > 1", "grokked == 1", "delay > 3", "Z > 1", f"{'k' * 300} > 1",
    "k == '\u00e9'", "ended == '\U0001f600' k",
]  # fmt: skip


@settings(max_examples=15)
@given(
    texts=st.lists(
        st.text(ASSIGNED, max_size=60) | st.lists(pieces, max_size=12).map(" ".join),
        min_size=30,
        max_size=30,
    )
)
def test_the_page_refuses_what_the_command_refuses(ask, texts):
    """In words of its own. The command reads a little more: `(k) == 3`, a comma at a list's end."""
    texts = [*texts, *SLIPS]
    for text, got in zip(texts, ask([(text, []) for text in texts]), strict=True):
        if isinstance(in_python(text, []), str):
            assert isinstance(got, str), text


def misspelt(chance):
    """A column without a few of its letters, or any word."""
    if chance.random() < 0.5:
        return "".join(one for one in chance.choice(COLUMNS.names) if chance.random() > 0.2)
    return "".join(chance.choices("abcdefgmnorstuwy_", k=chance.randint(1, 30)))


def test_both_guess_which_column_was_meant(ask):
    chance = random.Random(0)
    texts = [f"x{misspelt(chance)} == 1" for _ in range(500)]
    texts += [f"{misspelt(chance) or 'x'} == 1" for _ in range(500)]
    guesses = [in_python(text, []) for text in texts]
    assert ask([(text, []) for text in texts]) == guesses
    assert sum("Did you mean" in guess for guess in guesses if guess) > 100
    assert sum("Nearest" in guess for guess in guesses if guess) > 100
