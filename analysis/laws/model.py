"""A law, a family and some trials as one function of theta, and the climb to its maximum.

theta is the law's parameters, then log sigma, then the logit of the cure fraction and its slopes.
The climb is Newton's with Levenberg's damping: a step that does not rise is shortened, so that
walls, beyond which the likelihood is zero, need no special care.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.laws.equations import Equation
from analysis.laws.families import Family, Reals
from analysis.laws.likelihood import Known, RowScores, row_scores
from study.search import newton
from study.search.newton import Look, Top

_CLOSE = 1e-8  # of the log-likelihood that Newton's next step would gain: far below any interval
_LONGEST = 5.0  # of a step in any parameter: logarithms, a factor of 150
_LONGEST_SIGMA = 20.0  # of log sigma, either way
_DIFFERENCE = 1e-5  # of theta, relative; the gradient is accurate to 1e-10


@dataclass(frozen=True, slots=True)
class View:
    """The likelihood at a theta: its value, and of each trial the log median and the scores."""

    theta: Reals
    value: float
    mu: Reals
    derivatives: Reals
    scores: RowScores


@dataclass(frozen=True, slots=True)
class Model:
    """The log-likelihood of T trials. `x`: features of each term; `cure`: [T, c], or None."""

    equation: Equation
    family: Family
    known: Known
    x: tuple[Reals, ...]
    cure: Reals | None = None

    @property
    def sigma(self) -> int:
        """The place of log sigma in theta."""
        return len(self.equation.parameters)

    @property
    def size(self) -> int:
        """Parameters in theta."""
        return len(self.equation.parameters) + 1 + (0 if self.cure is None else self.cure.shape[1])

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> "Model":
        """The same model of some of the trials."""
        x = tuple(part[rows] for part in self.x)
        cure = None if self.cure is None else self.cure[rows]
        return replace(self, known=self.known.take(rows), x=x, cure=cure)

    def weighted(self, weight: Reals) -> "Model":
        """The same model with trials that count `weight` times, [T]."""
        return replace(self, known=replace(self.known, weight=weight))

    def parts(self, theta: Reals) -> tuple[Reals, Reals, float, Reals | None]:
        """Log medians [T] and their derivatives, log sigma, and the cure logits [T] or None."""
        count = len(self.equation.parameters)
        mu, derivatives = self.equation.value(self.x, theta[:count])
        cure = None if self.cure is None else self.cure @ theta[count + 1 :]
        return mu, derivatives, float(theta[count]), cure

    def look(self, theta: Reals) -> "View":
        """Everything about a theta that needs no second derivative."""
        mu, derivatives, log_sigma, cure = self.parts(theta)
        scores = row_scores(self.known, self.family, mu, log_sigma, cure)
        value = float(self.known.weight @ scores.value)
        return View(theta, value, mu, derivatives, scores)

    def value(self, theta: Reals) -> float:
        """The log-likelihood."""
        return self.look(theta).value

    def row_values(self, theta: Reals) -> Reals:
        """The log-likelihood of each trial, [T]."""
        return self.look(theta).scores.value

    def row_gradients(self, theta: Reals) -> Reals:
        """The derivatives of each row's log-likelihood by theta, [T, size]; weights left out."""
        view = self.look(theta)
        return self._chain(view.scores.slopes, view.derivatives)

    def gradient(self, theta: Reals) -> Reals:
        """The derivatives of the log-likelihood, [size]."""
        return np.asarray(self.known.weight @ self.row_gradients(theta))

    def information(self, theta: Reals) -> Reals:
        """Minus the second derivatives, [size, size], by central differences of the gradient."""
        columns = []
        for place in range(self.size):
            step = np.zeros(self.size)
            step[place] = _DIFFERENCE * max(1.0, abs(theta[place]))
            ahead, behind = self.gradient(theta + step), self.gradient(theta - step)
            columns.append((behind - ahead) / (2 * step[place]))
        matrix = np.array(columns)
        return np.asarray((matrix + matrix.T) / 2)

    def slopes_at(self, view: "View") -> tuple[Reals, Reals]:
        """The gradient, and minus the curvature with that of the law itself left out."""
        bends = view.scores.bends
        weight = self.known.weight
        blocks = [view.derivatives, np.ones((len(weight), 1))]
        blocks += [] if self.cure is None else [self.cure]
        matrix = np.block(
            [
                [one.T @ ((weight * bends[:, i, j])[:, None] * other) for j, other in _each(blocks)]
                for i, one in _each(blocks)
            ]
        )
        gradient = weight @ self._chain(view.scores.slopes, view.derivatives)
        return np.asarray(gradient), -(matrix + matrix.T) / 2

    def _chain(self, slopes: Reals, derivatives: Reals) -> Reals:
        blocks = [slopes[:, :1] * derivatives, slopes[:, 1:2]]
        blocks += [] if self.cure is None else [slopes[:, 2:] * self.cure]
        return np.column_stack(blocks)

    def starts(self) -> list[Reals]:
        """Where climbs begin: the middle of what was seen, and each term's own starts."""
        known = self.known
        happened = ~known.censored
        seen = np.where(happened, known.high, known.low)
        seen = seen[np.isfinite(seen)]
        tail = [np.log(max(float(np.std(seen)), 0.1))]
        tail += [] if self.cure is None else [-2.0] + [0.0] * (self.cure.shape[1] - 1)
        lists = [
            term.starts(x, happened) for term, x in zip(self.equation.terms, self.x, strict=True)
        ]
        starts = []
        for place in range(max(map(len, lists))):
            start = np.concatenate([own[min(place, len(own) - 1)] for own in lists] + [tail])
            start[0] = float(np.median(seen))
            mu, _, _, _ = self.parts(start)
            inside = np.isfinite(mu)
            if inside.any():  # the factor that makes up for what the other terms add
                start[0] -= float(np.median(mu[inside])) - start[0]
            starts.append(start)
        return starts


def _each(blocks: list[Reals]) -> list[tuple[int, Reals]]:
    return list(enumerate(blocks))


def climb(model: Model, start: Reals, free: NDArray[np.bool_] | None = None) -> Top:
    """The maximum of a model's likelihood from a start, over the parameters that are free."""

    def look(theta: Reals) -> Look:
        if abs(theta[model.sigma]) >= _LONGEST_SIGMA:
            return Look(-np.inf, lambda: model.slopes_at(model.look(theta)))
        view = model.look(theta)
        return Look(view.value, lambda: model.slopes_at(view))

    return newton.climb(look, start, tolerance=_CLOSE, longest=_LONGEST, free=free)


def best(model: Model, starts: list[Reals]) -> Top:
    """The highest of several climbs."""
    return max((climb(model, start) for start in starts), key=lambda top: top.value)
