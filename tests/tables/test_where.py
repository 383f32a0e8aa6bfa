"""Filters: they mean what plain Python says they mean, and hostile text is only ever refused."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_filters import VALUES, filters, frames, pieces

from analysis.tables.where import MAX_DEPTH, MAX_LENGTH, read_filter
from study.errors import UsageError
from study.store.schema import TRIALS


@given(filters, frames)
def test_a_filter_keeps_the_rows_that_plain_python_keeps(filter_, rows):
    text, keeps = filter_
    schema = pa.schema([TRIALS.field(name) for name in VALUES])
    passing = pa.Table.from_pylist(rows, schema).filter(read_filter(text))
    assert passing.to_pylist() == [row for row in rows if keeps(row)]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("0.001 < weight_decay <= 0.1", [2]),
        ("k == 3 or k == 2 and seed == 1", [1, 2]),  # and binds more tightly
        ("not k == 3 and seed == 0", []),
        ("seed == 1152921504606846977", [3]),  # exact where a float is not
        ("seed > 0.5", [2, 3]),
        ("seed < 99999999999999999999", [1, 2, 3]),
        ("k == 3.0", [1]),
        ('ended == "a b" or ended == \'it"s\'', [1, 2]),
        ("train_size != 5", [1]),  # a null is unknown, as in SQL
    ],
)
def test_examples(text, kept):
    columns = ["n", "k", "seed", "weight_decay", "ended", "train_size"]
    schema = pa.schema([TRIALS.field(name) for name in columns])
    rows = [
        (1, 3, 0, 0.001, "a b", 4),
        (2, 2, 1, 0.1, 'it"s', None),
        (3, 1, 2**60 + 1, 0.2, None, 5),
    ]
    table = pa.Table.from_pylist([dict(zip(columns, row, strict=True)) for row in rows], schema)
    assert table.filter(read_filter(text))["n"].to_pylist() == kept


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("weight_decya > 1", ["'weight_decya'", "Did you mean 'weight_decay'?"]),
        ("k = 3", ["'=' at character 3", "Write ==."]),
        ("k == 3 && n == 4", ["'&&' at character 8", "Write and."]),
        ("k == 3 n == 4", ["'n' at character 8", "joined by and, or"]),
        ("k ==", ["ends at character 5"]),
        ("", ["ends at character 1"]),
        ("k", ["a column is compared"]),
        ("(k == 3", ["Add )."]),
        ("k in 3", ["k in [2, 3]"]),
        ("k in []", ["at character 7"]),
        ("k in [2, n]", ["'n'", "numbers or quoted text"]),
        ("k == null", ["Write is null or is not null."]),
        ("phase == grokking", ["'grokking' at character 10", 'Write "grokking".']),
        ("setting in [standard]", ["'standard' at character 13", 'Write "standard".']),
        ("ended == 3", ["'3' at character 10", "ended holds text", "Put quotes around it."]),
        ("k == '3'", ["k holds numbers", "Remove the quotes."]),
        ("3 == ended", ["ended holds text"]),
        ("k == ended", ["Compare columns of one kind."]),
        ("1 == 1", ["one side of a comparison is a column"]),
        ("ended == 'x", ['"\'" at character 10', "Close it."]),
        ("k == 1e999", ["a number is below 1.8e308"]),
        ("__import__('os').system('x')", ["'.' at character 17"]),
        ("__import__ == 1", ["'__import__'", "a column is one of"]),
        ("k == 3; drop", ["';' at character 7"]),
        ("ended == 'a\nb'", ["quoted text is printable"]),
        ("ended == '\udcff'", ["quoted text is printable"]),
        ("(" * 5000, [f"at most {MAX_LENGTH}"]),
        ("(" * 500, [f"nests at most {MAX_DEPTH} deep"]),
        ("not " * 500 + "true", [f"nests at most {MAX_DEPTH} deep"]),
    ],
)
def test_a_wrong_filter_is_refused_in_one_sentence(text, parts):
    with pytest.raises(UsageError) as refused:
        read_filter(text)
    message = str(refused.value)
    assert message.startswith("where: ")
    assert "\n" not in message
    assert message.endswith((".", "?"))
    for part in parts:
        assert part in message


def test_the_longest_filter_is_read():
    assert read_filter(" or ".join(["k==1"] * 400)) is not None


@given(st.text(max_size=60) | st.lists(pieces, max_size=12).map(" ".join))
def test_any_text_is_read_or_refused(text):
    try:
        expression = read_filter(text)
    except UsageError:
        return
    TRIALS.empty_table().filter(expression)
