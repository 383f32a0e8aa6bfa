"""Sentences about a filter that compares a column with a value that no trial has.

Such a filter is right and finds nothing, and the cause is often a number that was copied from a
table, where it is rounded, or a word that is misspelled.
"""

import difflib
import math
from collections.abc import Callable, Sequence

import pyarrow as pa

from analysis.phases.classify import PHASES
from analysis.tables.where import Equality, equalities
from study.vocabulary.outcomes import Ended

_MOST_TEXTS = 1_000  # comparing a word with the ids of a million trials takes minutes
OUTCOMES = (*PHASES, *map(str, Ended))  # words that are right, also where no trial has them


class FilterWarning(UserWarning):
    """A filter compares a column with a value that no trial has."""


def filter_hints(
    where: str, column: Callable[[str], pa.ChunkedArray], found: pa.Table | None = None
) -> list[str]:
    """A sentence for each value that a filter compares a column with, and that no trial has.

    Args:
        where: a filter, as `read_filter` takes it, or "" for all trials.
        column: gives the values of a column in all trials.
        found: the trials that pass the filter, with its columns. A value that one of them has is
            not looked for in all trials.
    """
    hints = []
    for equality in equalities(where) if where.strip() else ():
        if found is not None and equality.value in found[equality.column].unique().to_pylist():
            continue
        trials = column(equality.column)
        values = trials.unique().drop_null().to_pylist()
        if len(trials) and equality.value not in values:
            hints.append(_hint(equality, values))
    return [hint for hint in dict.fromkeys(hints) if hint]


def _hint(equality: Equality, values: Sequence[int | float | str]) -> str:
    """The sentence for one value; "" where a word is right, though no trial has it.

    Args:
        equality: that no trial has.
        values: those of the column, each once.
    """
    value, missed = equality.value, f"no trial has {equality}"
    if not values:
        return f"{missed}; {equality.column} is null in every trial."
    if not isinstance(value, str):
        numbers = [n for n in values if not isinstance(n, str) and not math.isnan(n)]
        nearest = min(numbers, key=lambda number: (abs(number - value), number))
        shown = str(nearest).removesuffix(".0")
        return f"{missed}; the nearest value is {shown}."
    if value in OUTCOMES:
        return ""
    texts = [text for text in values if isinstance(text, str)]
    near = [text for text in texts if value and text.startswith(value)]
    if not near and len(texts) <= _MOST_TEXTS:
        near = difflib.get_close_matches(value, texts, n=1)
    return f'{missed}. Did you mean "{near[0]}"?' if near else f"{missed}."
