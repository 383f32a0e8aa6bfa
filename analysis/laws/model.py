"""A law, an error family and some trials as one function of theta, and its maximum.

theta [size] holds the law's parameters, then the logs of its sigmas, then the logit of the cure
fraction and its slopes. `study.search.newton` climbs to the maximum. Its damping copes with walls,
beyond which the likelihood is zero.

T is the number of trials; c is the number of parameters of the cure fraction.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.laws.equations import Equation
from analysis.laws.families import Family, Reals
from analysis.laws.likelihood import Observed, RowScores, row_scores
from study.search.newton import Look, Top, climb

_CLOSE = 1e-8  # a climb ends where a step would gain less than half of this
_LONGEST_STEP = 5.0  # in any parameter; as parameters are logarithms, a factor of 150
WIDEST_SIGMA = 20.0  # largest absolute value of log sigma
_DIFFERENCE = 1e-5  # relative step of theta between two gradients, each exact to 1e-10


@dataclass(frozen=True, slots=True)
class View:
    """The log-likelihood at one theta, and what its derivatives are made of.

    The arguments of a trial's likelihood are the terms of its law, the log sigmas and its cure
    logit. Each argument depends on parameters of its own.
    """

    value: float
    scores: RowScores  # by the arguments
    slopes: list[Reals]  # of each argument by its own parameters, [T, parameters] each


@dataclass(frozen=True, slots=True)
class Model:
    """The log-likelihood of T trials under a law and an error family."""

    equation: Equation
    family: Family
    observed: Observed
    x: tuple[Reals, ...]  # features of each term, [T, features of the term]
    cure: Reals | None = None  # features of the cure fraction, [T, c]; None without one

    @property
    def sigmas(self) -> slice:
        """Where the logs of the sigmas are in theta."""
        first = len(self.equation.parameters)
        return slice(first, first + len(self.equation.sigmas))

    @property
    def size(self) -> int:
        """The number of parameters in theta."""
        of_law = len(self.equation.parameters) + len(self.equation.sigmas)
        return of_law + (0 if self.cure is None else self.cure.shape[1])

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> "Model":
        """The same model of some of the trials; rows are a mask, [T], or indices."""
        x = tuple(part[rows] for part in self.x)
        cure = None if self.cure is None else self.cure[rows]
        return replace(self, observed=self.observed.take(rows), x=x, cure=cure)

    def weighted(self, weight: Reals) -> "Model":
        """The same model with trials that count `weight` times, [T]."""
        return replace(self, observed=replace(self.observed, weight=weight))

    def errors(self, theta: Reals) -> tuple[Reals, Reals, Reals | None]:
        """The log median, log sigma and cure logit of each trial, [T]; None without a cure."""
        return self._errors(self._terms(theta)[0], theta)

    def _terms(self, theta: Reals) -> tuple[Reals, list[Reals]]:
        return self.equation.at(self.x, theta[: self.sigmas.start])

    def _errors(self, terms: Reals, theta: Reals) -> tuple[Reals, Reals, Reals | None]:
        clocks = self.equation.law.clocks
        cure = None if self.cure is None else self.cure @ theta[self.sigmas.stop :]
        return clocks.median(terms)[0], clocks.log_sigma(terms, theta[self.sigmas]), cure

    def look(self, theta: Reals) -> View:
        """The log-likelihood at a theta, and the scores of each trial there."""
        terms, slopes = self._terms(theta)
        scores = row_scores(self.observed, self.family, *self._errors(terms, theta))
        scores = self.equation.law.clocks.chained(scores, terms, theta[self.sigmas])
        slopes += [np.ones((len(terms), 1))] * len(self.equation.sigmas)
        slopes += [] if self.cure is None else [self.cure]
        return View(float(self.observed.weight @ scores.value), scores, slopes)

    def value(self, theta: Reals) -> float:
        """The log-likelihood of all trials."""
        return self.look(theta).value

    def row_values(self, theta: Reals) -> Reals:
        """The log-likelihood of each trial, [T]."""
        return self.look(theta).scores.value

    def row_gradients(self, theta: Reals) -> Reals:
        """The derivatives of each trial's log-likelihood by theta, [T, size]; weights left out."""
        view = self.look(theta)
        by_each = view.scores.slopes.T[:, :, None]
        return np.column_stack([by_each[i] * own for i, own in enumerate(view.slopes)])

    def gradient(self, theta: Reals) -> Reals:
        """The derivatives of the log-likelihood by theta, [size]."""
        return self._gradient_at(self.look(theta))

    def _gradient_at(self, view: View) -> Reals:
        weighted = self.observed.weight[:, None] * view.scores.slopes
        return np.concatenate([weighted[:, i] @ own for i, own in enumerate(view.slopes)])

    def information(self, theta: Reals) -> Reals:
        """Minus the second derivatives, [size, size], by central differences of the gradient."""
        columns = []
        for index in range(self.size):
            step = np.zeros(self.size)
            step[index] = _DIFFERENCE * max(1.0, abs(theta[index]))
            ahead, behind = self.gradient(theta + step), self.gradient(theta - step)
            columns.append((behind - ahead) / (2 * step[index]))
        matrix = np.array(columns)
        return np.asarray((matrix + matrix.T) / 2)

    def slopes_at(self, view: View) -> tuple[Reals, Reals]:
        """The gradient, [size], and minus the second derivatives, [size, size].

        The second derivatives of the terms of the law are left out. They are 0 for a term of
        slopes, and a climb reaches the same maximum without them.
        """
        bends = self.observed.weight[:, None, None] * view.scores.bends
        matrix = np.block(
            [
                [left.T @ (bends[:, i, j, None] * right) for j, right in enumerate(view.slopes)]
                for i, left in enumerate(view.slopes)
            ]
        )
        return self._gradient_at(view), -(matrix + matrix.T) / 2

    def starts(self) -> list[Reals]:
        """Where climbs begin, [size] each: the terms' own starts, shifted to the observed times."""
        happened = ~self.observed.censored
        times = np.where(happened, self.observed.high, self.observed.low)
        times = times[np.isfinite(times)]
        tail = [np.log(max(float(np.std(times)), 0.1))] * len(self.equation.sigmas)
        tail += [] if self.cure is None else [-2.0] + [0.0] * (self.cure.shape[1] - 1)
        of_terms = [
            term.starts(x, happened) for term, x in zip(self.equation.terms, self.x, strict=True)
        ]
        factors = np.cumsum([0, *(len(own[0]) for own in of_terms[:-1])])
        starts = []
        for number in range(max(map(len, of_terms))):
            theta = np.concatenate([own[min(number, len(own) - 1)] for own in of_terms])
            for shift in self.equation.law.clocks.shifts(self.equation.at(self.x, theta)[0], times):
                start = np.r_[theta, tail]
                start[factors] += shift
                starts.append(start)
        return starts


def maximum_from(model: Model, start: Reals, free: NDArray[np.bool_] | None = None) -> Top:
    """The maximum of a model's log-likelihood.

    Args:
        model: the log-likelihood.
        start: theta where the climb begins, [size].
        free: True for the parameters that may move, [size]; all of them if it is None.
    """

    def look(theta: Reals) -> Look:
        if np.abs(theta[model.sigmas]).max() >= WIDEST_SIGMA:
            return Look(-np.inf, lambda: model.slopes_at(model.look(theta)))
        view = model.look(theta)
        return Look(view.value, lambda: model.slopes_at(view))

    return climb(look, start, tolerance=_CLOSE, longest=_LONGEST_STEP, free=free)


def best(model: Model, starts: list[Reals]) -> Top:
    """The highest of the maxima that climbs from several starts reach.

    Args:
        model: the log-likelihood.
        starts: values of theta, [size] each; `model.starts()` gives some.
    """
    return max((maximum_from(model, start) for start in starts), key=lambda top: top.value)
