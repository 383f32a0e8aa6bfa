"""The survival curve of times that are known to intervals, without a law: Turnbull's estimate.

Without overlapping intervals it is the curve of Kaplan and Meier.
"""

from dataclasses import dataclass

import numpy as np

from analysis.laws.families import Reals
from analysis.laws.likelihood import Observed

_CLOSE = 1e-6  # the climb ends where no mass moves more than this
_MOST_STEPS = 2000


@dataclass(frozen=True, slots=True)
class Turnbull:
    """The masses of a distribution of log times, which lie in S intervals, in order."""

    low: Reals  # [S]
    high: Reals  # [S]; inf for the mass that was not seen to happen
    mass: Reals  # [S], sum 1

    @property
    def median(self) -> float:
        """The median time in steps, NaN where less than half of the mass was seen to happen."""
        at = int(np.searchsorted(np.cumsum(self.mass), 0.5 - 1e-9))
        return float(np.exp(self.high[at])) if np.isfinite(self.high[at]) else np.nan

    def share_by(self, time: float) -> float:
        """The share with the event by a log time; the mass of an interval counts at its end."""
        return float(self.mass[self.high <= time].sum())


def turnbull(observed: Observed) -> Turnbull:
    """The most likely distribution of times that are known to intervals.

    Source: B. W. Turnbull, J. R. Stat. Soc. B 38 (1976) 290. All mass lies in intervals from a left
    end to the next right end; their masses are found by self-consistency.

    Args:
        observed: the intervals of some trials.
    """
    ends = np.r_[observed.low, observed.high]
    is_high = np.repeat([False, True], len(observed.low))
    # Intervals are open below, so at one time a right end comes before a left end. An exact time
    # is the interval that begins and ends there.
    exact = observed.low == observed.high
    rank = np.where(is_high, np.r_[exact, exact] * 2, 1)
    order = np.lexsort((rank, ends))
    left = np.flatnonzero(~is_high[order][:-1] & is_high[order][1:])
    low, high = ends[order][left], ends[order][left + 1]
    within = (low >= observed.low[:, None]) & (high <= observed.high[:, None])
    within &= ~((low == high) & (low == observed.low[:, None])) | exact[:, None]
    mass = np.full(len(low), 1 / len(low))
    for _ in range(_MOST_STEPS):
        chance = within * mass
        moved = (chance / chance.sum(axis=1, keepdims=True)).mean(axis=0)
        done = np.abs(moved - mass).max() < _CLOSE
        mass = moved
        if done:
            break
    return Turnbull(low, high, mass)
