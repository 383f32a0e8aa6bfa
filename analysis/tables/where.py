"""Filters as people write them, `weight_decay > 0.01 and k == 3`, to Arrow expressions.

    filter     = filter ("and" | "or") filter | "not" filter | "(" filter ")"
               | "true" | "false" | comparison
    comparison = operand sign operand { sign operand }
               | column "is" [ "not" ] "null"
               | column [ "not" ] "in" "[" literal { "," literal } "]"
    operand    = column | number | text in single or double quotes
    sign       = "==" | "!=" | "<" | "<=" | ">" | ">="

`not` binds before `and`, and `and` before `or`. Keywords may be in capitals. A column is one of a
trial's row, or one that `analysis.tables.computed` makes of the row. As in SQL, a
comparison with null is unknown, `not` leaves unknown as it is, and a row whose filter is unknown is
left out.

The text is never evaluated, and Python's parser never sees the text. The parser reads a skeleton,
such as `t0 > t2 and t4 == t6`, in which t4 stands for the fifth token of the text. The visitor of
the parsed tree accepts the nodes of the grammar above and refuses every other node.
"""

import ast
import itertools
import operator
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any, NoReturn

import pyarrow as pa
import pyarrow.compute as pc

from analysis.tables.computed import COMPUTED
from analysis.tables.filter_tokens import (
    OPERAND_KINDS,
    FilterToken,
    number_of,
    refuse,
    split_filter,
    text_of,
)
from study.errors import UsageError, unknown
from study.store.schema import TRIALS

MAX_LENGTH = 4_000  # characters; a program that writes a longer filter can use pyarrow
MAX_DEPTH = 40  # open brackets and nots in a row; the stacks of Python and Arrow allow far more

COLUMNS: pa.Schema = pa.schema(
    [*TRIALS, *(pa.field(name, column.type) for name, column in COMPUTED.items())]
)
LISTING = "`analysis columns` lists all."

KINDS = {pa.string(): "text", pa.int64(): "number", pa.float64(): "number"}
SIGNS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


@dataclass(frozen=True, slots=True)
class _Operand:
    """One side of a comparison: a column or a literal."""

    token: FilterToken
    kind: str  # "text" or "number"
    value: int | float | str | None = None  # of a literal; None for a column
    type: pa.DataType | None = None  # of a column; None for a literal

    def expression(self, *, real: bool = False) -> pc.Expression:
        """The side as an Arrow expression.

        Args:
            real: whether the other side is not whole, so that this side is compared as a float.
        """
        if self.type is None:
            return pc.scalar(float(self.value or 0) if real else self.value)
        column = pc.field(self.token.text)
        if real and self.type == pa.int64():
            # The cast is unsafe, so that a seed above 2^53 is rounded and does not stop the query.
            return column.cast(pa.float64(), safe=False)
        return column

    @property
    def real(self) -> bool:
        """Whether the side is a number that is not whole."""
        return isinstance(self.value, float) or self.type == pa.float64()


def read_filter(text: str, schema: pa.Schema | None = None) -> pc.Expression:
    """The Arrow expression that a filter stands for.

    Args:
        text: at most 4,000 characters.
        schema: the columns that the filter may name; None: `COLUMNS`.

    Raises: UsageError, one sentence with the position, for text that is no filter, for a column
    that the schema lacks, and for text compared with a number.
    """
    if len(text) > MAX_LENGTH:
        raise UsageError(
            f"where: {len(text)} characters; a filter has at most {MAX_LENGTH}. Shorten it, or "
            "filter the frame that load_trials returns."
        )
    return _Visitor(split_filter(text), COLUMNS if schema is None else schema).read()


def columns_of(text: str) -> list[str]:
    """The columns that a filter reads, in the order of `COLUMNS`."""
    named = {token.text for token in split_filter(text) if token.kind == "column"}
    return [name for name in COLUMNS.names if name in named]


@dataclass(frozen=True, slots=True)
class Equality:
    """A column and a value that a filter compares by ==, != or in; as text, `k == 3`."""

    column: str
    value: int | float | str
    written: str  # the value as it stands in the filter

    def __str__(self) -> str:
        return f"{self.column} == {self.written}"


def equalities(text: str) -> list[Equality]:
    """What a filter compares by ==, != and in; arguments and errors as of `read_filter`."""
    visitor = _Visitor(split_filter(text), COLUMNS)
    visitor.read()
    return visitor.equalities


class _Visitor:
    """Turns the tokens of a filter into a tree, and the tree into an Arrow expression.

    `equalities` grows as the tree is read.
    """

    def __init__(self, tokens: list[FilterToken], schema: pa.Schema) -> None:
        self.tokens = tokens
        self.schema = schema
        self.equalities: list[Equality] = []
        self.skeleton = " ".join(
            f"t{index}" if token.kind in OPERAND_KINDS else token.text.lower()
            for index, token in enumerate(tokens)
        )

    def read(self) -> pc.Expression:
        """The expression of the whole filter."""
        self.check_depth()
        try:
            tree = ast.parse(self.skeleton, mode="eval")
        except SyntaxError as error:
            # At the end of its input the parser gives offset 0; others count from 1.
            self.explain(self.token_at(error.offset - 1 if error.offset else len(self.skeleton)))
        return self.term(tree.body)

    def token_at(self, offset: int) -> FilterToken:
        """The token at a character of the skeleton, where one space stands between two tokens."""
        return self.tokens[self.skeleton[:offset].count(" ")]

    def check_depth(self) -> None:
        """Refuse nesting that could overflow the stack of Python's parser."""
        brackets = nots = 0
        for token in self.tokens:
            brackets += (token.text in {"(", "["}) - (token.text in {")", "]"})
            nots = nots + 1 if token.text.lower() == "not" else 0
            if brackets + nots > MAX_DEPTH:
                refuse(token, f"a filter nests at most {MAX_DEPTH} deep", "Write it flatter")

    def explain(self, wrong: FilterToken) -> NoReturn:
        """Say why the tokens are no filter, given the token at which Python's parser gave up."""
        for left, right in itertools.pairwise(self.tokens):
            ends = left.kind in OPERAND_KINDS or left.text in {")", "]"}
            if ends and (right.kind in OPERAND_KINDS or right.text in {"(", "["}):
                refuse(right, "terms are joined by and, or", "Join them, or remove it")
        if wrong.text in {"(", "["}:
            refuse(wrong, "a bracket is closed", "Add )" if wrong.text == "(" else "Add ]")
        if wrong.text in {")", "]"}:
            refuse(wrong, "a bracket closes one of its kind", "Remove it")
        if wrong.text == ",":
            refuse(wrong, "commas stand in lists", "Join terms by and, or")
        refuse(wrong, "here stands a column, a number or quoted text", "Add it")

    def term(self, node: ast.expr) -> pc.Expression:
        """The expression of a filter, or of a part that is true or false by itself."""
        match node:
            case ast.BoolOp(op=ast.And(), values=terms):
                return reduce(operator.and_, map(self.term, terms))
            case ast.BoolOp(values=terms):
                return reduce(operator.or_, map(self.term, terms))
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                return ~self.term(inner)
            case ast.Compare(left=left, ops=signs, comparators=others):
                self.check_comparison(node)
                return reduce(operator.and_, map(self.comparison, [left, *others], signs, others))
            case _:
                return self.constant(node)

    def check_comparison(self, node: ast.Compare) -> None:
        """Refuse what is Python, but no filter: `(k) == 3`, `k in [2,]`, `2 < k in [3]`."""
        first = self.token_at(node.col_offset)
        written = self.skeleton[node.col_offset : node.end_col_offset]
        if ast.unparse(node).replace(" ", "") != written.replace(" ", ""):
            refuse(first, "a comparison has no parentheses and no extra comma", "Remove them")
        if len(node.ops) > 1 and not SIGNS.keys() >= set(map(type, node.ops)):
            refuse(first, "is and in stand alone in a comparison", "Join two by and")

    def constant(self, node: ast.expr) -> pc.Expression:
        """True or false; any other node is refused."""
        token = self.token_at(node.col_offset)
        if not isinstance(node, ast.Name):  # the node is a call, a subscript or a tuple
            self.explain(next((comma for comma in self.tokens if comma.text == ","), token))
        if token.text.lower() not in {"true", "false"}:
            signs = "==, !=, <, <=, >, >=, is null, in [...]"
            refuse(token, "a column is compared", f"Write one of {signs}")
        return pc.scalar(token.text.lower() == "true")

    def comparison(self, left: ast.expr, sign: ast.cmpop, right: ast.expr) -> pc.Expression:
        """One sign and its two sides; a chain such as `0.001 < weight_decay <= 0.1` has several."""
        side = self.operand(left)
        if type(sign) in SIGNS:
            other = self.operand(right, beside=side)
            if isinstance(sign, ast.Eq | ast.NotEq):
                self.note_equality(side, other)
            return _compare(side, SIGNS[type(sign)], other)
        if side.type is None:
            refuse(side.token, "is and in come after a column", "Name one")
        if isinstance(sign, ast.Is | ast.IsNot):
            return self.null_test(side, sign, right)
        if not isinstance(right, ast.List):
            first = self.token_at(right.col_offset)
            refuse(first, "in is followed by a list", "Write it like k in [2, 3]")
        if not right.elts:
            refuse(self.token_at((right.end_col_offset or 1) - 1), "a list has values", "Add one")
        values = [self.operand(element, beside=side) for element in right.elts]
        for value in values:
            self.note_equality(side, value)
        inside = _inside(side, values)
        return inside if isinstance(sign, ast.In) else ~inside

    def null_test(self, side: _Operand, sign: ast.Is | ast.IsNot, right: ast.expr) -> pc.Expression:
        """`column is null` or `column is not null`."""
        token = self.token_at(right.col_offset)
        if not isinstance(right, ast.Name) or token.text.lower() != "null":
            refuse(token, "is comes before null", "Write it like k is null")
        column = side.expression()
        return column.is_null() if isinstance(sign, ast.Is) else column.is_valid()

    def note_equality(self, one: _Operand, other: _Operand) -> None:
        """Keep what is compared where one side is a column and the other a value."""
        column, literal = (one, other) if one.type is not None else (other, one)
        if column.type is not None and literal.value is not None:
            found = Equality(column.token.text, literal.value, literal.token.text)
            self.equalities.append(found)

    def operand(self, node: ast.expr, beside: _Operand | None = None) -> _Operand:
        """The column, number or text that a node stands for.

        Args:
            node: of the tree.
            beside: the side that comes before it, None for the first side.
        """
        token = self.token_at(node.col_offset)
        if not isinstance(node, ast.Name) or token.text.lower() in {"true", "false"}:
            refuse(token, "here stands a column, a number or quoted text", "Write one")
        if token.kind == "number":
            return _Operand(token, "number", number_of(token))
        if token.kind == "text":
            return _Operand(token, "text", text_of(token))
        if token.kind == "constant":
            refuse(token, "null equals nothing", "Write is null or is not null")
        if token.text not in self.schema.names:
            if beside is not None and beside.type is not None and beside.kind == "text":
                refuse(token, "text stands in quotes", f'Write "{token.text}"')
            error = unknown("a column", token.text, self.schema.names, LISTING)
            raise UsageError(f"where: {error}")
        kind = self.schema.field(token.text).type
        return _Operand(token, KINDS[kind], type=kind)


def _agree(left: _Operand, right: _Operand) -> None:
    """Refuse text compared with a number."""
    if left.kind != right.kind:
        column, other = (left, right) if left.type is not None else (right, left)
        holds = "text" if column.kind == "text" else "numbers"
        remedy = "Put quotes around it" if holds == "text" else "Remove the quotes"
        if other.type is not None:
            remedy = "Compare columns of one kind"
        refuse(other.token, f"{column.token.text} holds {holds}", remedy)


def _compare(left: _Operand, sign: Callable[[Any, Any], Any], right: _Operand) -> pc.Expression:
    """Two sides compared by one of SIGNS."""
    if left.type is None and right.type is None:
        refuse(left.token, "one side of a comparison is a column", "Name one")
    _agree(left, right)
    real = left.real or right.real
    return sign(left.expression(real=real), right.expression(real=real))


def _inside(column: _Operand, values: list[_Operand]) -> pc.Expression:
    """Whether the value of a column is in a list."""
    for value in values:
        if value.type is not None:
            refuse(value.token, "a list holds numbers or quoted text", "Write its value")
        _agree(column, value)
    real = column.real or any(value.real for value in values)
    kind = pa.float64() if real else pa.int64() if column.kind == "number" else pa.string()
    chosen = pa.array([value.value for value in values], kind)
    left = column.expression(real=real)
    # Arrow says that null is in no list. Here the answer is unknown, as in a comparison.
    return pc.if_else(left.is_valid(), left.isin(chosen), pa.scalar(None, pa.bool_()))
