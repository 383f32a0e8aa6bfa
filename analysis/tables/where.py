"""Filters as people write them, `weight_decay > 0.01 and k == 3`, to Arrow expressions.

    filter     = conjunction { "or" conjunction }
    conjunction = term { "and" term }
    term       = "not" term | "(" filter ")" | "true" | "false" | comparison
    comparison = operand sign operand { sign operand }
               | column "is" [ "not" ] "null"
               | column [ "not" ] "in" "[" literal { "," literal } "]"
    operand    = column | number | text in single or double quotes
    sign       = "==" | "!=" | "<" | "<=" | ">" | ">="

A column is one of a trial's row, or its phase, which `analysis.phases.classify` tells from the row.

The text is read by recursive descent and never evaluated. As in SQL, a comparison with null is
unknown, `not` leaves unknown as it is, and a row whose filter is unknown is left out.
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any, NoReturn

import pyarrow as pa
import pyarrow.compute as pc

from study.errors import UsageError, unknown
from study.store.schema import TRIALS

MAX_LENGTH = 4_000  # characters; longer filters are written by programs, which can use pyarrow
MAX_DEPTH = 40  # parentheses and nots around a term: far from Python's and Arrow's stacks

COLUMNS: pa.Schema = TRIALS.append(pa.field("phase", pa.string()))
LISTING = "`analysis columns` lists all."

KINDS = {pa.string(): "text", pa.int64(): "number", pa.float64(): "number"}
SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
# What other languages write, and what is written here.
SLIPS = {"=": "==", "<>": "!=", "!": "not", "&": "and", "&&": "and", "|": "or", "||": "or"}
KEYWORDS = {"and", "or", "not", "is", "in", "null", "true", "false"}

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number> [-+]? (?: \d+ (?:\.\d*)? | \.\d+ ) (?: [eE][-+]?\d+ )? (?![\w.]) )
      | (?P<name>   [A-Za-z_]\w* )
      | (?P<text>   "[^"]*" | '[^']*' )
      | (?P<mark>   <> | [<>=!]= | && | \|\| | [][(),<>=!&|] )
      | (?P<other>  \S )
    )""",
    re.VERBOSE | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int

    def __str__(self) -> str:
        if self.kind == "end":
            return f"ends at character {self.at + 1}"
        shown = self.text if len(self.text) <= 40 else f"{self.text[:40]}..."
        return f"{shown!r} at character {self.at + 1}"

    @property
    def word(self) -> str:
        """The keyword that this token is, or an empty string."""
        lower = self.text.lower()
        return lower if self.kind == "name" and lower in KEYWORDS else ""


@dataclass(frozen=True, slots=True)
class _Operand:
    """One side of a comparison: a column (then `value` is None) or a literal."""

    token: _Token
    kind: str
    value: int | float | str | None = None
    type: pa.DataType | None = None

    def expression(self, *, real: bool = False) -> pc.Expression:
        """The side as Arrow sees it; `real` when the other side is not whole."""
        if self.type is None:
            return pc.scalar(float(self.value or 0) if real else self.value)
        column = pc.field(self.token.text)
        if real and self.type == pa.int64():
            # Unsafe: a seed above 2^53 rounds rather than stops the query.
            return column.cast(pa.float64(), safe=False)
        return column

    @property
    def real(self) -> bool:
        return isinstance(self.value, float) or self.type == pa.float64()


def read_filter(text: str, schema: pa.Schema | None = None) -> pc.Expression:
    """The Arrow expression that a filter stands for.

    Args: text, at most 4,000 characters; schema, whose columns it may name, those of a trial and
    `phase` where it is left out.
    Raises: UsageError, one sentence with the place, for text that is no filter, for a column that
    is not there, and for text compared with a number.
    """
    if len(text) > MAX_LENGTH:
        raise UsageError(
            f"where: {len(text)} characters; a filter has at most {MAX_LENGTH}. Shorten it, or "
            "filter the frame that load_trials returns."
        )
    return _Reader(_split(text), COLUMNS if schema is None else schema).read()


def columns_of(text: str) -> list[str]:
    """The columns that a filter reads, in the order of `COLUMNS`: all that must be at hand."""
    named = {token.text for token in _split(text) if token.kind == "name"}
    return [name for name in COLUMNS.names if name in named]


def _split(text: str) -> list[_Token]:
    tokens = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or ""
        token = _Token(kind, match[kind], match.start(kind))
        if kind == "other" and token.text in "\"'":
            _refuse(token, "quoted text ends with the quote it began with", "Close it")
        if kind == "other":
            _refuse(token, "a filter is columns, numbers, quoted text and signs", "Remove it")
        tokens.append(token)
    return [*tokens, _Token("end", "", len(text))]


def _refuse(token: _Token, rule: str, remedy: str) -> NoReturn:
    raise UsageError(f"where: {token}; {rule}. {remedy}.")


class _Reader:
    """Recursive descent over the tokens; each method reads one rule of the grammar above."""

    def __init__(self, tokens: list[_Token], schema: pa.Schema) -> None:
        self.tokens = tokens
        self.schema = schema
        self.place = 0
        self.depth = 0

    @property
    def next(self) -> _Token:
        return self.tokens[self.place]

    def take(self) -> _Token:
        token = self.next
        self.place += 1
        return token

    def took(self, *words: str) -> bool:
        """Whether these keywords or marks come next; if so they are behind us now."""
        ahead = self.tokens[self.place : self.place + len(words)]
        found = tuple(token.word or token.text * (token.kind == "mark") for token in ahead)
        if found == words:
            self.place += len(words)
        return found == words

    def read(self) -> pc.Expression:
        expression = self.filter()
        if self.next.kind != "end":
            self.expected("terms are joined by and, or", "Join them, or remove it")
        return expression

    def expected(self, rule: str, remedy: str) -> NoReturn:
        if self.next.text in SLIPS and self.next.kind == "mark":
            remedy = f"Write {SLIPS[self.next.text]}"
        _refuse(self.next, rule, remedy)

    def filter(self) -> pc.Expression:
        terms = [self.conjunction()]
        while self.took("or"):
            terms.append(self.conjunction())
        return reduce(operator.or_, terms)

    def conjunction(self) -> pc.Expression:
        terms = [self.term()]
        while self.took("and"):
            terms.append(self.term())
        return reduce(operator.and_, terms)

    def term(self) -> pc.Expression:
        for word, value in (("true", True), ("false", False)):
            if self.took(word):
                return pc.scalar(value)
        if self.next.word != "not" and self.next.text != "(":
            return self.comparison()
        self.depth += 1
        if self.depth > MAX_DEPTH:
            _refuse(self.next, f"a filter nests at most {MAX_DEPTH} deep", "Write it flatter")
        if self.took("not"):
            expression = ~self.term()
        else:
            self.take()
            expression = self.filter()
            if not self.took(")"):
                self.expected("a parenthesis is closed", "Add )")
        self.depth -= 1
        return expression

    def comparison(self) -> pc.Expression:
        left = self.operand()
        if left.type is not None:
            if self.took("is", "null"):
                return left.expression().is_null()
            if self.took("is", "not", "null"):
                return left.expression().is_valid()
            if self.took("in"):
                return self.listed(left)
            if self.took("not", "in"):
                return ~self.listed(left)
        links = []
        while self.next.kind == "mark" and self.next.text in SIGNS:
            sign = SIGNS[self.take().text]
            right = self.operand()
            links.append(_compare(left, sign, right))
            left = right
        if not links:
            signs = ", ".join(SIGNS)
            self.expected("a column is compared", f"Write one of {signs}, is null, in [...]")
        return reduce(operator.and_, links)

    def listed(self, column: _Operand) -> pc.Expression:
        if not self.took("["):
            self.expected("in is followed by a list", "Write it like k in [2, 3]")
        values = [self.literal(column)]
        while self.took(","):
            values.append(self.literal(column))
        if not self.took("]"):
            self.expected("a list is values between commas", "Add ]")
        real = column.real or any(value.real for value in values)
        kind = pa.float64() if real else pa.int64() if column.kind == "number" else pa.string()
        chosen = pa.array([value.value for value in values], kind)
        left = column.expression(real=real)
        # Arrow finds null outside of every list; here it is unknown, as in a comparison.
        return pc.if_else(left.is_valid(), left.isin(chosen), pa.scalar(None, pa.bool_()))

    def literal(self, column: _Operand) -> _Operand:
        value = self.operand()
        if value.type is not None:
            _refuse(value.token, "a list holds numbers or quoted text", "Write its value")
        _agree(column, value)
        return value

    def operand(self) -> _Operand:
        token = self.next
        if token.kind == "number":
            self.take()
            return _Operand(token, "number", _number(token))
        if token.kind == "text":
            self.take()
            return _Operand(token, "text", _text(token))
        if token.word == "null":
            self.expected("null equals nothing", "Write is null or is not null")
        if token.kind != "name" or token.word:
            self.expected("here stands a column, a number or quoted text", "Add it")
        self.take()
        if token.text not in self.schema.names:
            error = unknown("a column", token.text, self.schema.names, LISTING)
            raise UsageError(f"where: {error}")
        kind = self.schema.field(token.text).type
        return _Operand(token, KINDS[kind], type=kind)


def _number(token: _Token) -> int | float:
    value = float(token.text)
    if value in (float("inf"), float("-inf")):
        _refuse(token, "a number is below 1.8e308", "Write a smaller one")
    if value == int(value) and abs(value) < 2**53:
        return int(value)
    exact = int(token.text) if re.fullmatch(r"[-+]?\d{1,20}", token.text) else 2**63
    return exact if -(2**63) <= exact < 2**63 else value


def _text(token: _Token) -> str:
    if not token.text.isprintable():
        _refuse(token, "quoted text is printable", "Remove the other characters")
    return token.text[1:-1]


def _agree(left: _Operand, right: _Operand) -> None:
    if left.kind != right.kind:
        column, other = (left, right) if left.type is not None else (right, left)
        holds = "text" if column.kind == "text" else "numbers"
        remedy = "Put quotes around it" if holds == "text" else "Remove the quotes"
        if other.type is not None:
            remedy = "Compare columns of one kind"
        _refuse(other.token, f"{column.token.text} holds {holds}", remedy)


def _compare(left: _Operand, sign: Callable[[Any, Any], Any], right: _Operand) -> pc.Expression:
    if left.type is None and right.type is None:
        _refuse(left.token, "one side of a comparison is a column", "Name one")
    _agree(left, right)
    real = left.real or right.real
    return sign(left.expression(real=real), right.expression(real=real))
