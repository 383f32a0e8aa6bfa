"""Filters in the browser, web/where.js: the same rows pass as in `analysis query --where`."""

import re

import pyarrow as pa
import pytest
from browsing import chromium, needs_chromium
from hypothesis import given, settings
from hypothesis import strategies as st
from random_filters import VALUES, filters, frames, pieces

from analysis.report.scripts import joined_modules
from analysis.report.template import web_file
from analysis.tables.filter_hints import OUTCOMES, filter_hints
from analysis.tables.where import COLUMNS, KINDS, MAX_LENGTH, read_filter
from study.errors import UsageError

pytestmark = needs_chromium
ASK = """
import {Refusal} from "./tokens.js";
import {filterHints} from "./hints.js";
import {readFilter} from "./where.js";
window.answer = (cases, kinds) => cases.map(([text, rows]) => {
  try {
    const filter = readFilter(text, kinds);
    return rows.map((row) => filter((name) => row[name]) === true);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return error.message;
  }
});
window.hints = (cases, setup) =>
  cases.map(([text, columns]) => filterHints(text, columns, setup));
"""
SENTENCE = re.compile(r"not a filter(, at character [0-9]+)?: [^\n]+[.?]")

# A browser may know characters that are younger than Python's tables, and call them printable.
ASSIGNED = st.characters(codec="utf-8", exclude_categories=["Cn"])


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """The answers of where.js: for each filter which rows pass, or the sentence of its refusal."""
    kinds = {field.name: KINDS[field.type] for field in COLUMNS}
    script = joined_modules("ask.js", lambda name: ASK if name == "ask.js" else web_file(name))
    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        browser.execute_script(script)
        setup = {"kinds": kinds, "outcomes": OUTCOMES}

        def asked(cases, question="answer"):
            known = kinds if question == "answer" else setup
            return browser.execute_script(f"return {question}(...arguments)", cases, known)

        yield asked


def in_python(text, rows):
    """Which rows pass a filter, or None where it is refused."""
    try:
        expression = read_filter(text)
    except UsageError:
        return None
    numbers = pa.array(range(len(rows)), pa.int64())
    numbered = pa.Table.from_pylist(rows, COLUMNS).append_column("row", numbers)
    passing = set(numbered.filter(expression)["row"].to_pylist())
    return [row in passing for row in range(len(rows))]


@settings(max_examples=15)
@given(cases=st.lists(st.tuples(filters, frames), min_size=30, max_size=30))
def test_both_keep_the_same_rows(ask, cases):
    asked = [(text, rows) for (text, _), rows in cases]
    assert ask(asked) == [in_python(text, rows) for text, rows in asked]


def columns_of_rows(rows):
    """The columns of some rows, by name."""
    return {name: [row[name] for row in rows] for name in VALUES}


@settings(max_examples=15)
@given(cases=st.lists(st.tuples(filters, frames), min_size=30, max_size=30))
def test_both_tell_what_a_filter_misses_in_the_same_words(ask, cases):
    asked = [(text, columns_of_rows(rows)) for (text, _), rows in cases]
    tables = [pa.Table.from_pylist(rows, COLUMNS) for _, rows in cases]
    expected = [
        filter_hints(text, table.column) for (text, _), table in zip(asked, tables, strict=True)
    ]
    assert ask(asked, "hints") == expected


def test_small_numbers_and_near_words_are_told_in_the_same_words(ask):
    columns = {"weight_decay": [1e-5, 0.00012345, 0.3], "ended": ["decided", "diverged", "budget"]}
    table = pa.table(columns)
    for text in ("weight_decay == 0.00001234", "ended == 'devided'", "ended == 'dec'"):
        [said] = filter_hints(text, table.column)
        assert ask([(text, columns)], "hints") == [[said]]
        assert "1e-05" in said or "decided" in said


SLIPS = [
    "k = 3", "k == 3 && n == 4", "k ==", "", "(k == 3", "k in 3", "k in [2, n]", "k == null",
    "ended == 3", "k == '3'", "3 == ended", "k == ended", "1 == 1", "ended == 'x", "k == 1e999",
    "ended == 'a\nb'", "(" * 5000, "(" * 500, "not " * 500 + "true", "k == 3; drop",
    "wieght_decay > 1", "grokked == 1", "lag > 3", "Z > 1", f"{'k' * 300} > 1",
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
def test_both_refuse_the_same_texts(ask, texts):
    texts = [*texts, *SLIPS]
    for text, answer in zip(texts, ask([(text, []) for text in texts]), strict=True):
        if in_python(text, []) is None:
            assert SENTENCE.fullmatch(answer), text
        else:
            assert answer == [], text
    assert all(in_python(text, []) is None for text in SLIPS)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("weight_decay = 3", "not a filter, at character 14: write ==."),
        ("\U0001f600", "not a filter, at character 1: a sign that no filter has."),
        ("ended == '\U0001f600' k", "not a filter, at character 14: terms are joined by and, or."),
        ("wieght_decay > 1", "not a filter, at character 1: did you mean weight_decay?"),
        ("grokked == 1", "not a filter, at character 1: `analysis columns` lists all."),
        (
            "phase == grokking",
            'not a filter, at character 10: text stands in quotes; write "grokking".',
        ),
        ("k ==", "not a filter, at character 5: here is a column, a number or quoted text."),
        ("(k == 3", "not a filter, at character 8: a parenthesis is closed."),
        ("k == '3'", "not a filter, at character 6: k holds numbers."),
        ("ended == 3", "not a filter, at character 10: text, which is in quotes."),
        ("k" * (MAX_LENGTH + 1), "not a filter: 4001 characters, and at most 4000 are read."),
    ],
)
def test_a_refusal_is_a_short_sentence_with_the_place(ask, text, sentence):
    [answer] = ask([(text, [])])
    start, rule = sentence.split(": ")
    assert answer.startswith(start)
    assert answer.endswith(rule)
