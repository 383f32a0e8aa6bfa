"""The tokens of a filter: its text cut into words, numbers, quoted text and signs.

`analysis.tables.where` says what filters are. This module refuses a character that no filter has,
and names its position.
"""

import re
from dataclasses import dataclass
from typing import NoReturn

from study.errors import UsageError

# The signs of other languages, each with what a filter has instead.
SLIPS = {"=": "==", "<>": "!=", "!": "not", "&": "and", "&&": "and", "|": "or", "||": "or"}

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>   [-+]? (?: \d+ (?:\.\d*)? | \.\d+ ) (?: [eE][-+]?\d+ )? (?![\w.]) )
      | (?P<keyword>  (?i: and | or | not | is | in ) \b )
      | (?P<constant> (?i: null | true | false ) \b )
      | (?P<column>   [A-Za-z_]\w* )
      | (?P<text>     "[^"]*" | '[^']*' )
      | (?P<mark>     [<>=!]= | <(?!>) | > | [][(),] )
      | (?P<slip>     <> | && | \|\| | [=!&|] )
      | (?P<other>    \S )
    )""",
    re.VERBOSE | re.ASCII,
)
OPERAND_KINDS = {"number", "constant", "column", "text"}


@dataclass(frozen=True, slots=True)
class FilterToken:
    """A piece of a filter."""

    kind: str  # the name of a group of `_TOKEN`, or "end"
    text: str
    at: int  # index of the first character

    def __str__(self) -> str:
        if self.kind == "end":
            return f"ends at character {self.at + 1}"
        shown = self.text if len(self.text) <= 40 else f"{self.text[:40]}..."
        return f"{shown!r} at character {self.at + 1}"


def split_filter(text: str) -> list[FilterToken]:
    """The tokens of a filter; the last token is the end.

    Raises: UsageError for a character that no filter has.
    """
    tokens = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or ""
        token = FilterToken(kind, match[kind], match.start(kind))
        if kind == "slip":
            refuse(token, "a filter has signs of its own", f"Write {SLIPS[token.text]}")
        if kind == "other" and token.text in "\"'":
            refuse(token, "quoted text ends with the quote it began with", "Close it")
        if kind == "other":
            refuse(token, "a filter is columns, numbers, quoted text and signs", "Remove it")
        tokens.append(token)
    return [*tokens, FilterToken("end", "", len(text))]


def refuse(token: FilterToken, rule: str, remedy: str) -> NoReturn:
    """Raise UsageError: value and position, rule, remedy.

    Args:
        token: because of which the text is no filter.
        rule: that the token breaks, a sentence without its period.
        remedy: what to do, a sentence without its period.
    """
    raise UsageError(f"where: {token}; {rule}. {remedy}.")


def number_of(token: FilterToken) -> int | float:
    """The value of a number: an integer where that is exact in 64 bits.

    Raises: UsageError for a number that is infinite as float64.
    """
    value = float(token.text)
    if value in (float("inf"), float("-inf")):
        refuse(token, "a number is below 1.8e308", "Write a smaller one")
    if value == int(value) and abs(value) < 2**53:
        return int(value)
    exact = int(token.text) if re.fullmatch(r"[-+]?\d{1,20}", token.text) else 2**63
    return exact if -(2**63) <= exact < 2**63 else value


def text_of(token: FilterToken) -> str:
    """The text between the quotes; raises UsageError for characters that do not print."""
    if not token.text.isprintable():
        refuse(token, "quoted text is printable", "Remove the other characters")
    return token.text[1:-1]
