"""How the terms of a law make one time, and how wide its errors are.

OneClock       the terms are factors of one time: their logs add, and there is one sigma
SeveralClocks  each term is a time of its own: the times add, and each has a sigma of its own

T is the number of trials; m is the number of terms, s that of sigmas.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from analysis.laws.families import Reals

SIGMA = "sigma"  # the beginning of the name of a scale of the errors


@dataclass(frozen=True, slots=True)
class Spread:
    """The log of the scale of each trial's errors, and its derivatives."""

    log_sigma: Reals  # [T]
    by_terms: Reals | None  # by the terms of the law, [T, m]; None if they do not matter
    by_sigmas: Reals  # by the logs of the sigmas, [T, s]


class Clocks(Protocol):
    """How the terms of a law make one time."""

    @property
    def sigmas(self) -> tuple[str, ...]:
        """Names of the sigmas, whose logs are parameters."""

    def median(self, terms: Reals, /) -> tuple[Reals, Reals]:
        """The log of the median time and its derivatives by the terms.

        Args:
            terms: of each trial, [T, m].
        Returns: the logs, [T], and the derivatives, [T, m].
        """

    def spread(self, terms: Reals, log_sigmas: Reals, /) -> Spread:
        """The scale of the errors.

        Args:
            terms: of each trial, [T, m].
            log_sigmas: [s].
        """


@dataclass(frozen=True, slots=True)
class OneClock:
    """One time, the product of what the terms are the logs of."""

    sigmas: tuple[str, ...] = (SIGMA,)

    def median(self, terms: Reals, /) -> tuple[Reals, Reals]:
        """See `Clocks.median`. The logs add."""
        return terms.sum(axis=1), np.ones_like(terms)

    def spread(self, terms: Reals, log_sigmas: Reals, /) -> Spread:
        """See `Clocks.spread`. It is the same for all trials."""
        count = len(terms)
        return Spread(np.full(count, log_sigmas[0]), None, np.ones((count, 1)))


ONE_CLOCK = OneClock()
