"""Filters and rows at random: each filter as text and as a function of a row; None is unknown."""

import operator

from hypothesis import strategies as st

SIGNS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
WHOLE, REAL, TEXT = ("k", "generalized_epoch"), ("weight_decay", "final_test_accuracy"), ("ended",)
wholes = st.integers(-3, 5)
reals = st.sampled_from([-1.5, 0.0, 0.001, 0.01, 2.0, 2.5, 1e300])
texts = st.sampled_from(["", "decided", "it's", "or", "é"])
VALUES = {
    **dict.fromkeys(WHOLE, wholes),
    **dict.fromkeys(REAL, reals),
    **dict.fromkeys(TEXT, texts),
}


def literal(value):
    if isinstance(value, str):
        return f'"{value}"' if "'" in value else f"'{value}'"
    return repr(value)


@st.composite
def comparisons(draw):
    column = draw(st.sampled_from(list(VALUES)))
    kind = TEXT if column in TEXT else WHOLE + REAL
    sign = draw(st.sampled_from(list(SIGNS)))
    if draw(st.booleans()):
        other = draw(st.sampled_from(kind))
        return f"{column} {sign} {other}", lambda row: compare(sign, row[column], row[other])
    value = draw(texts if column in TEXT else wholes | reals)
    if draw(st.booleans()):
        return f"{literal(value)}{sign}{column}", lambda row: compare(sign, value, row[column])
    return f"{column}{sign}{literal(value)}", lambda row: compare(sign, row[column], value)


def compare(sign, left, right):
    return None if left is None or right is None else SIGNS[sign](left, right)


@st.composite
def memberships(draw):
    column = draw(st.sampled_from(list(VALUES)))
    values = draw(st.lists(texts if column in TEXT else wholes | reals, min_size=1, max_size=4))
    listed = ", ".join(map(literal, values))

    def inside(row):
        return None if row[column] is None else row[column] in values

    if draw(st.booleans()):
        return f"{column} not in [{listed}]", lambda row: negate(inside(row))
    return f"{column} in [{listed}]", inside


def negate(value):
    return None if value is None else not value


nulls = st.sampled_from(list(VALUES)).flatmap(
    lambda column: st.sampled_from(
        [
            (f"{column} is null", lambda row: row[column] is None),
            (f"{column} IS NOT NULL", lambda row: row[column] is not None),
        ]
    )
)
constants = st.sampled_from([("true", lambda _: True), ("false", lambda _: False)])


def join(word, left, right):
    ends = word == "or"  # the value that decides, whatever the other side is

    def either(row):
        values = [left[1](row), right[1](row)]
        return ends if ends in values else None if None in values else not ends

    return f"({left[0]}) {word} {right[0]}", either


filters = st.recursive(
    comparisons() | memberships() | nulls | constants,
    lambda inner: st.one_of(
        st.builds(lambda f: (f"not ({f[0]})", lambda row: negate(f[1](row))), inner),
        st.builds(lambda a, b: join("and", a, (f"({b[0]})", b[1])), inner, inner),
        st.builds(lambda a, b: join("or", a, (f"({b[0]})", b[1])), inner, inner),
    ),
    max_leaves=6,
)
frames = st.lists(
    st.fixed_dictionaries({name: st.none() | values for name, values in VALUES.items()}), max_size=8
)
odd = ["'a'", '"', "'", "k.x", "1_0", "-1e-3", "\x00", *"()[],1"]
pieces = st.sampled_from([*VALUES, *SIGNS, "and", "or", "not", "in", "is", "null", *odd])
