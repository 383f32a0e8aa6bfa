"""The laws, one row each: name, formula, source, when the law should hold, and its terms.

A law gives g, the log of the median time in steps, as a sum of terms (see `terms`). An axis that
varies and that a law does not speak of enters as a power of its own. So laws of different axes can
be compared on one study.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from analysis.laws.clocks import LEARNING, ONE_CLOCK, TWO_CLOCKS, WAITING, Clocks
from analysis.laws.families import Reals
from analysis.laws.features import check_independent, check_spread, feature
from analysis.laws.terms import Leveling, OverCritical, Side, Slopes, Term, Wall
from study.errors import unknown


@dataclass(frozen=True, slots=True)
class Law:
    """A law of the transition time.

    Attributes:
        name: in commands and tables.
        formula: as text.
        source: where the law was published, with the published numbers.
        holds: when the law should hold.
        terms: gives the terms of the law, from the names of the other axes that vary.
        speaks_of: axes that the law accounts for itself.
        nested_in: names of laws that contain this law as a special case.
        takes_others: whether the other axes that vary enter the law.
        clocks: how the terms make one time.
    """

    name: str
    formula: str
    source: str
    holds: str
    terms: Callable[[tuple[str, ...]], tuple[Term, ...]]
    speaks_of: tuple[str, ...] = ()
    nested_in: tuple[str, ...] = ()
    takes_others: bool = True
    clocks: Clocks = ONE_CLOCK

    def __reduce__(self) -> "tuple[Callable[[str], Law], tuple[str]]":
        # A law is pickled by its name: its functions are lambdas, which cannot be pickled.
        return find_law, (self.name,)


def _slopes(*names: str) -> Callable[[tuple[str, ...]], tuple[Term, ...]]:
    """The terms of a law that is a product of powers of these features, and of the other axes."""
    return lambda others: (Slopes((*names, *others)),)


def _wall(axis: str, side: Side) -> Callable[[tuple[str, ...]], tuple[Term, ...]]:
    """The terms of a law with a wall on an axis, and powers of the other axes."""
    return lambda others: (Slopes(others), Wall(axis, side))


def _two_clocks(others: tuple[str, ...]) -> tuple[Term, ...]:
    """Learning, a product of powers; and the wait, one of the decay time and of other axes."""
    return Slopes(others, LEARNING), Slopes(_waits(others), WAITING)


def _two_clocks_rows(others: tuple[str, ...]) -> tuple[Term, ...]:
    """As `_two_clocks`, but the wait is a power of train_size over a critical value."""
    waits = [name for name in _waits(others) if name != "train_size"]
    by = tuple(name for name in waits if name in _SHAPE)
    rest = tuple(name for name in waits if name not in _SHAPE)
    return Slopes(others, LEARNING), OverCritical("train_size", by, rest, WAITING)


def _waits(others: tuple[str, ...]) -> tuple[str, ...]:
    """What the wait is a power of: the decay time has the learning rate in it."""
    return ("decay_time", *(name for name in others if name != "learning_rate"))


_SHAPE = ("n", "k", "width")
_CLOCKS_SPEAK_OF = ("weight_decay", "decay_time")
_LR_WD = ("learning_rate", "weight_decay")

LAWS: dict[str, Law] = {
    law.name: law
    for law in (
        Law(
            "constant", "T = a", "the null", "nothing that varies matters",
            lambda _: (Slopes(()),), nested_in=("power",), takes_others=False,
        ),
        Law(
            "power", "T = a prod x_i^slope_i", "the usual first description",
            "far from every critical point", _slopes(),
        ),
        Law(
            "decay_time", "T = a (learning_rate weight_decay)^-slope",
            "arXiv 2210.01117, 2506.05718: slope 1",
            "when decay of the norm sets the pace", _slopes("decay_time"),
            speaks_of=_LR_WD, nested_in=("power", "norms"),
        ),
        Law(
            "norms", "T = a (learning_rate weight_decay)^-slope log(V_mem / V_post)^slope",
            "arXiv 2603.13331: both slopes 1, for the delay",
            "when generalizing waits for the squared norm V to decay",
            _slopes("decay_time", "norm_ratio"), speaks_of=_LR_WD,
        ),
        Law(
            "n_to_k", "T = a n^(slope k)", "arXiv 2207.08799: slope near 1, online",
            "fresh rows every step, where it is stated", _slopes("n_to_k"),
            speaks_of=("n", "k"), nested_in=("n_to_k_bent",),
        ),
        Law(
            "n_to_k_bent", "log T = log a + slope k log n + slope (k log n)^2",
            "arXiv 2207.08799: the exponent worsens with n", "fresh rows every step",
            _slopes("n_to_k", "n_to_k_squared"), speaks_of=("n", "k"),
        ),
        Law(
            "choose", "T = a C(n, k)^slope", "count of the supports that a search goes through",
            "when learning is a search among supports", _slopes("choose"), speaks_of=("n", "k"),
        ),
        Law(
            "critical_rows", "T = a (train_size / critical - 1)^-exponent",
            "after arXiv 2309.02390", "near the smallest dataset that groks",
            _wall("train_size", "above"), speaks_of=("train_size",),
            nested_in=("critical_rows_by",),
        ),
        Law(
            "critical_rows_by", "as critical_rows; critical = critical_0 prod x_i^slope_i",
            "m_min(n, k, width) of arXiv 2309.03800",
            "as critical_rows, across other axes; critical_0 is at their geometric means",
            lambda others: (Slopes(others), Wall("train_size", "above", others)),
            speaks_of=("train_size",),
        ),
        Law(
            "critical_decay", "T = a (weight_decay / critical - 1)^-exponent",
            "arXiv 2605.20441", "just above the smallest weight decay that groks",
            _wall("weight_decay", "above"), speaks_of=("weight_decay",),
        ),
        Law(
            "critical_decay_high", "T = a (1 - weight_decay / critical)^-exponent",
            "the other side of arXiv 2605.20441",
            "just below the weight decay that collapses the net",
            lambda others: (Slopes(("weight_decay", *others)), Wall("weight_decay", "below")),
            speaks_of=("weight_decay",),
        ),
        Law(
            "width", "T = a (1 + (level / width)^exponent)", "after arXiv 2309.03800",
            "a width that no longer matters when it is large",
            lambda others: (Slopes(others), Leveling("width")), speaks_of=("width",),
        ),
        Law(
            "saturating", "T = a (1 + (level / train_size)^exponent)",
            "the null of critical_rows: levels off, never diverges",
            "no critical dataset size",
            lambda others: (Slopes(others), Leveling("train_size")), speaks_of=("train_size",),
        ),
        Law(
            "initial_scale",
            "T = a (learning_rate weight_decay)^-slope log(init_scale / critical)^exponent",
            "arXiv 2311.18817: slope 1, exponent 1", "large initial weights",
            lambda others: (Slopes(("decay_time", *others)), Wall("init_scale", "log")),
            speaks_of=(*_LR_WD, "init_scale"),
        ),
        Law(
            "two_clocks",
            "T = A + B (learning_rate weight_decay)^-slope; A, B = a prod x_i^slope_i",
            "after arXiv 2210.01117: slope 1",
            "when a net first learns, and then waits for its norm to decay", _two_clocks,
            speaks_of=_CLOCKS_SPEAK_OF, clocks=TWO_CLOCKS,
        ),
        Law(
            "two_clocks_rows",
            "as two_clocks; B = a (train_size / critical)^-exponent; critical = prod x_i^slope_i",
            "after arXiv 2210.01117: slope 1", "as two_clocks, within one k", _two_clocks_rows,
            speaks_of=_CLOCKS_SPEAK_OF, clocks=TWO_CLOCKS,
        ),
    )
}  # fmt: skip


def find_law(name: str) -> Law:
    """The law of this name; raises UsageError for a name that is not in `LAWS`."""
    if name not in LAWS:
        raise unknown("a law", name, LAWS)
    return LAWS[name]


@dataclass(frozen=True)
class Equation:
    """A law on the axes of some trials: g and its derivatives as functions of the features."""

    law: Law
    terms: tuple[Term, ...]

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters, term by term."""
        return tuple(name for term in self.terms for name in term.parameters)

    def features(self, trials: pd.DataFrame) -> tuple[Reals, ...]:
        """The features that each term reads, [T, features of the term] each."""
        return tuple(
            np.column_stack([feature(trials, name) for name in term.features])
            if term.features
            else np.empty((len(trials), 0))
            for term in self.terms
        )

    @property
    def sigmas(self) -> tuple[str, ...]:
        """Names of the scales of the errors."""
        return self.law.clocks.sigmas

    def value(self, x: tuple[Reals, ...], theta: Reals) -> tuple[Reals, Reals]:
        """The log median of each trial, [T], and its derivatives, [T, parameters].

        Args:
            x: the features of each term, as `features` gives them.
            theta: the parameters, [parameters].
        """
        terms, slopes = self.at(x, theta)
        mu, by_terms = self.law.clocks.median(terms)
        by_each = zip(by_terms.T, slopes, strict=True)
        return mu, np.column_stack([by_term[:, None] * slope for by_term, slope in by_each])

    def at(self, x: tuple[Reals, ...], theta: Reals) -> tuple[Reals, list[Reals]]:
        """The terms of each trial, [T, terms], and the derivatives of each by its own parameters.

        Args:
            x: the features of each term, as `features` gives them.
            theta: the parameters, [parameters].
        """
        values, slopes, first = [], [], 0
        for term, columns in zip(self.terms, x, strict=True):
            last = first + len(term.parameters)
            value, by_own = term.value(columns, theta[first:last])
            values.append(value)
            slopes.append(by_own)
            first = last
        return np.column_stack(values), slopes


def equation_of(law: Law, trials: pd.DataFrame, axes: tuple[str, ...]) -> Equation:
    """A law on some trials, with powers of the axes that the law does not speak of.

    Args:
        law: a row of `LAWS`.
        trials: the trials; they give the features that the terms are checked against.
        axes: features that enter as powers, if the law does not speak of them.
    Raises: UsageError where trials lack what the law is written in, or have it at too few values.
    """
    others = tuple(axis for axis in axes if axis not in law.speaks_of) if law.takes_others else ()
    return Equation(law, tuple(_checked(term, trials) for term in law.terms(others)))


def _checked(term: Term, trials: pd.DataFrame) -> Term:
    """The term, with its means if it is a wall that moves; UsageError where it cannot be fitted."""
    if isinstance(term, Slopes | OverCritical):
        columns = {name: feature(trials, name) for name in term.features}
        for name, values in columns.items():
            check_spread(trials, name, values)
        if columns:
            check_independent(list(columns), np.column_stack(list(columns.values())))
        return term
    axis = term.features[0]
    check_spread(trials, axis, feature(trials, axis), least=3)
    if isinstance(term, Wall) and term.by:
        means = tuple(float(feature(trials, name).mean()) for name in term.by)
        return replace(term, center=means)
    return term
