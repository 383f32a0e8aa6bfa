"""How the terms of a law make one time, and how wide its errors are.

OneClock       the terms are factors of one time: their logs add, and there is one sigma
SeveralClocks  each term is a time of its own: the times add, and each has a sigma of its own

T is the number of trials; m is the number of terms, s that of sigmas.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from analysis.laws.families import Reals
from analysis.laws.likelihood import RowScores

SIGMA = "sigma"  # the beginning of the name of a scale of the errors
_TINY = 1e-300  # stands for a share that is rounded to 0, whose log is -inf


class Clocks(Protocol):
    """How the terms of a law make one time."""

    @property
    def sigmas(self) -> tuple[str, ...]:
        """Names of the sigmas, whose logs are parameters."""

    def median(self, terms: Reals, /) -> tuple[Reals, Reals]:
        """The log of the median time.

        Args:
            terms: of each trial, [T, m].
        Returns: the logs, [T], and their derivatives by the terms, [T, m].
        """

    def log_sigma(self, terms: Reals, log_sigmas: Reals, /) -> Reals:
        """The log of the scale of the errors, [T].

        Args:
            terms: of each trial, [T, m].
            log_sigmas: [s].
        """

    def chained(self, scores: RowScores, terms: Reals, log_sigmas: Reals, /) -> RowScores:
        """Derivatives by the terms, the log sigmas and the cure logit, in this order.

        Args:
            scores: with derivatives by the log median, log sigma and the cure logit.
            terms: of each trial, [T, m].
            log_sigmas: [s].
        Returns: slopes, [T, m + s + 1], and bends, [T, m + s + 1, m + s + 1].
        """

    def shifts(self, terms: Reals, times: Reals, /) -> list[Reals]:
        """What to add to the terms so that a fit starts near the times, [m] for each start.

        Args:
            terms: of each trial, [T, m]; infinite where a term says never or at once.
            times: observed log times, of any number of trials.
        """


@dataclass(frozen=True, slots=True)
class OneClock:
    """One time, whose log is the sum of the terms."""

    sigmas: tuple[str, ...] = (SIGMA,)

    def median(self, terms: Reals, /) -> tuple[Reals, Reals]:
        """See `Clocks.median`."""
        return terms.sum(axis=1), np.ones_like(terms)

    def log_sigma(self, terms: Reals, log_sigmas: Reals, /) -> Reals:
        """See `Clocks.log_sigma`. It is the same for all trials."""
        return np.full(len(terms), log_sigmas[0])

    def chained(self, scores: RowScores, terms: Reals, _log_sigmas: Reals, /) -> RowScores:
        """See `Clocks.chained`. A derivative by any term is that by the log median."""
        columns = [0] * terms.shape[1] + [1, 2]
        bends = scores.bends[:, columns][:, :, columns]
        return RowScores(scores.value, scores.slopes[:, columns], bends)

    def shifts(self, terms: Reals, times: Reals, /) -> list[Reals]:
        """See `Clocks.shifts`. The first term cancels what the other terms add."""
        shift = np.zeros(terms.shape[1])
        shift[0] = np.median(times)
        total = terms.sum(axis=1)
        inside = np.isfinite(total)
        if inside.any():
            shift[0] -= np.median(total[inside])
        return [shift]


@dataclass(frozen=True, slots=True)
class SeveralClocks:
    """The sum of several times, each with a sigma of its own.

    Where time j has the scale sigma_j and is the share p_j of the median, the log of the sum has
    to first order the variance sum of (p_j sigma_j)^2 (the delta method).

    Attributes:
        names: of the times, in the order of the terms.
        levels: for each start of a fit, the quantile of the observed times at which each time is.
    """

    names: tuple[str, ...]
    levels: tuple[tuple[float, ...], ...]

    @property
    def sigmas(self) -> tuple[str, ...]:
        """See `Clocks.sigmas`."""
        return tuple(f"{SIGMA}_{name}" for name in self.names)

    def median(self, terms: Reals, /) -> tuple[Reals, Reals]:
        """See `Clocks.median`. The derivatives are the shares p."""
        mu = np.logaddexp.reduce(terms, axis=1)
        return mu, np.exp(terms - mu[:, None])

    def log_sigma(self, terms: Reals, log_sigmas: Reals, /) -> Reals:
        """See `Clocks.log_sigma`."""
        return self._variance(terms, log_sigmas)[0] / 2

    def chained(self, scores: RowScores, terms: Reals, log_sigmas: Reals, /) -> RowScores:
        """See `Clocks.chained`.

        With the shares p of the median and q of the variance, log sigma has the slopes q - p by the
        terms and q by the log sigmas. P and Q below are the covariances of one draw from the
        shares p and q.
        """
        _, p = self.median(terms)
        _, q = self._variance(terms, log_sigmas)
        rows, count = p.shape
        to_each = np.zeros((rows, 3, 2 * count + 1))
        to_each[:, 0, :count] = p
        to_each[:, 1] = np.column_stack([q - p, q, np.zeros(rows)])
        to_each[:, 2, -1] = 1
        by_mu, by_sigma = scores.slopes[:, 0, None, None], scores.slopes[:, 1, None, None]
        of_p, of_q = _one_draw(p), 2 * by_sigma * _one_draw(q)
        bends = to_each.transpose(0, 2, 1) @ scores.bends @ to_each
        bends[:, :-1, :-1] += np.tile(of_q, (1, 2, 2))
        bends[:, :count, :count] += (by_mu - by_sigma) * of_p
        slopes = (scores.slopes[:, None] @ to_each)[:, 0]
        return RowScores(scores.value, slopes, bends)

    def shifts(self, terms: Reals, times: Reals, /) -> list[Reals]:
        """See `Clocks.shifts`. The median of each time is moved to a quantile of the observed."""
        middle = np.median(terms, axis=0)
        return [np.quantile(times, quantiles) - middle for quantiles in self.levels]

    def _variance(self, terms: Reals, log_sigmas: Reals) -> tuple[Reals, Reals]:
        """The log of the variance, [T], and the share q of it that is of each time, [T, m]."""
        _, shares = self.median(terms)
        parts = 2 * (np.log(np.maximum(shares, _TINY)) + log_sigmas)
        log_variance = np.logaddexp.reduce(parts, axis=1)
        return log_variance, np.exp(parts - log_variance[:, None])


def _one_draw(shares: Reals) -> Reals:
    """The covariance of which of m things one draw takes, [T, m, m]; shares are [T, m]."""
    return shares[:, :, None] * (np.eye(shares.shape[1]) - shares[:, None, :])


ONE_CLOCK = OneClock()
LEARNING, WAITING = "learning", "waiting"
TWO_CLOCKS = SeveralClocks((LEARNING, WAITING), ((0.1, 0.5), (0.5, 0.5), (0.5, 0.9)))
