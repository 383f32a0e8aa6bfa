"""What a request may ask for: the parameters of each route, checked."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypedDict

from starlette.requests import Request

from analysis.live.answers import SORTED_BY
from analysis.phases.patience import PATIENCES
from study.errors import UsageError, choices

MAX_PAGE_ROWS = 1_000  # rows of one page of the table
MAX_TEXT = 200  # characters of a label or an id
FILES = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


class TableQuery(TypedDict, total=False):
    """The query of a page of the table; a missing key has the value of `FIRST_PAGE`."""

    where: str
    sort: str | None
    descending: bool
    offset: int
    limit: int


class FileQuery(TypedDict, total=False):
    """The query of a file of trials."""

    format: str
    where: str


FIRST_PAGE: TableQuery = {
    "where": "", "sort": None, "descending": False, "offset": 0, "limit": 100,
}  # fmt: skip

_PATIENCES = tuple(map(str, PATIENCES))

# A parser of one parameter. Its ValueError says the rule and the remedy.
Parser = Callable[[str], str | int]


def _text(value: str) -> str:
    if not value.isprintable() or len(value) > MAX_TEXT:
        raise ValueError(f"a value has at most {MAX_TEXT} printable characters. Shorten it.")
    return value


def _whole(value: str, most: int = 10**9) -> int:
    if not re.fullmatch(r"[0-9]{1,10}", value) or int(value) > most:
        raise ValueError(f"it is a whole number from 0 to {most:,}. Write one.")
    return int(value)


def _truth(value: str) -> bool:
    return _choice(value, ("true", "false")) == "true"


def _choice(value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise ValueError(choices("it", value, allowed))
    return value


# The parameters of each route.
STATE_PARSERS: dict[str, Parser] = {"patience": partial(_choice, allowed=_PATIENCES)}
TRIAL_PARSERS: dict[str, Parser] = {"trial_id": _text}
TABLE_PARSERS: dict[str, Parser] = {
    "where": str,  # checked by `analysis.tables.where`
    "sort": partial(_choice, allowed=SORTED_BY),
    "descending": _truth,
    "offset": _whole,
    "limit": partial(_whole, most=MAX_PAGE_ROWS),
}
SELECTED_PARSERS: dict[str, Parser] = {"where": str}
STRIP_PARSERS: dict[str, Parser] = {"axis": _text, "where": str}
FILE_PARSERS: dict[str, Parser] = {"format": partial(_choice, allowed=tuple(FILES)), "where": str}


def query_of(request: Request, parsers: Mapping[str, Parser]) -> dict[str, str | int]:
    """The query as values, one for each parameter that was given.

    Args:
        request: whose query to read.
        parsers: one for each parameter that is allowed.

    Raises: UsageError for a parameter without a parser, for a value that its parser refuses, and
        for a parameter that comes twice.
    """
    values: dict[str, str | int] = {}
    for name, value in request.query_params.multi_items():
        if name not in parsers:
            rule = choices("a parameter", name, parsers) if parsers else "nothing is asked here."
            raise UsageError(f"{name[:60]!r}; {rule}")
        if name in values:
            raise UsageError(f"{name[:60]!r} twice; a parameter has one value. Remove one.")
        try:
            values[name] = parsers[name](value)
        except ValueError as error:
            raise UsageError(f"{name[:60]}: {value[:60]!r}; {error}") from None
    return values


def labels_of(request: Request) -> dict[str, str]:
    """A query of labels: any names, which `Grid.find` checks. Raises UsageError for a value."""
    names = dict.fromkeys(request.query_params.keys(), _text)
    return {name: str(label) for name, label in query_of(request, names).items()}
