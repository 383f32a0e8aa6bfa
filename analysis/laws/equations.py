"""The laws, a row each: name, formula, source, when it should hold, and the terms it is a sum of.

A law gives g, the log of the median time in steps, as a sum of terms (see `terms`). Axes that vary
and that a law does not speak of enter as powers of their own, so that laws of different axes can be
compared on one study.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.laws.families import Reals
from analysis.laws.features import check_independent, check_spread, feature
from analysis.laws.terms import Levelling, Side, Slopes, Term, Wall
from study.errors import unknown


@dataclass(frozen=True, slots=True)
class Law:
    """A law of the transition time.

    `terms` makes its terms from the features of the other axes that vary; `speaks_of` are the axes
    it accounts for itself; `nested_in` are laws that contain it as a special case.
    """

    name: str
    formula: str
    source: str
    holds: str
    terms: Callable[[tuple[str, ...]], tuple[Term, ...]]
    speaks_of: tuple[str, ...] = ()
    nested_in: tuple[str, ...] = ()
    takes_others: bool = True

    def __reduce__(self) -> tuple[Any, ...]:
        return find_law, (self.name,)  # to another process by name: its functions do not travel


def _slopes(*names: str) -> Callable[[tuple[str, ...]], tuple[Term, ...]]:
    return lambda others: (Slopes((*names, *others)),)


def _wall(axis: str, side: Side) -> Callable[[tuple[str, ...]], tuple[Term, ...]]:
    return lambda others: (Slopes(others), Wall(axis, side))


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
            "when generalising waits for the squared norm V to decay",
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
            lambda others: (Slopes(others), Levelling("width")), speaks_of=("width",),
        ),
        Law(
            "saturating", "T = a (1 + (level / train_size)^exponent)",
            "the null of critical_rows: levels off, never diverges",
            "no critical dataset size",
            lambda others: (Slopes(others), Levelling("train_size")), speaks_of=("train_size",),
        ),
        Law(
            "initial_scale",
            "T = a (learning_rate weight_decay)^-slope log(init_scale / critical)^exponent",
            "arXiv 2311.18817: slope 1, exponent 1", "large initial weights",
            lambda others: (Slopes(("decay_time", *others)), Wall("init_scale", "log")),
            speaks_of=(*_LR_WD, "init_scale"),
        ),
    )
}  # fmt: skip


def find_law(name: str) -> Law:
    """A law by name; raises UsageError where there is none."""
    if name not in LAWS:
        raise unknown("a law", name, LAWS)
    return LAWS[name]


@dataclass(frozen=True)
class Equation:
    """A law on the axes of some trials: g and its derivatives from a matrix of features."""

    law: Law
    terms: tuple[Term, ...]

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters, term by term."""
        return tuple(name for term in self.terms for name in term.parameters)

    def features(self, trials: pd.DataFrame) -> tuple[Reals, ...]:
        """What each term reads of the trials, [T, its features] each."""
        return tuple(
            np.column_stack([feature(trials, name) for name in term.features])
            if term.features
            else np.empty((len(trials), 0))
            for term in self.terms
        )

    def value(self, x: tuple[Reals, ...], theta: Reals) -> tuple[Reals, Reals]:
        """The log median of each trial, [T], and its derivatives, [T, parameters]."""
        total, derivatives, at = np.zeros(len(x[0])), [], 0
        for term, columns in zip(self.terms, x, strict=True):
            count = len(term.parameters)
            part, slopes = term.value(columns, theta[at : at + count])
            total = total + part
            derivatives.append(slopes)
            at += count
        return total, np.column_stack(derivatives)


def equation_of(law: Law, trials: pd.DataFrame, axes: tuple[str, ...]) -> Equation:
    """A law with powers of those of `axes` that it does not speak of.

    Raises: UsageError where trials lack what the law is written in, or have it at too few values.
    """
    others = tuple(axis for axis in axes if axis not in law.speaks_of) if law.takes_others else ()
    terms = law.terms(others)
    bound: list[Term] = []
    for term in terms:
        if isinstance(term, Slopes):
            columns = {name: feature(trials, name) for name in term.features}
            for name, values in columns.items():
                check_spread(trials, name, values)
            if columns:
                check_independent(list(columns), np.column_stack(list(columns.values())))
            bound.append(term)
            continue
        axis = term.features[0]
        check_spread(trials, axis, feature(trials, axis), least=3)
        if isinstance(term, Wall) and term.by:
            means = tuple(float(feature(trials, name).mean()) for name in term.by)
            term = Wall(term.axis, term.side, term.by, means)  # noqa: PLW2901  the same wall with its means
        bound.append(term)
    return Equation(law, tuple(bound))
