"""Harrell's concordance of censored times: how often the trial that is foretold later is later.

Two trials are comparable if one had the event and the other was seen without it for longer, whether
or not it had it afterwards. Ties of the prediction count half. 0.5 is chance, 1 is a right order.

Source: F. E. Harrell et al., J. Am. Med. Assoc. 247 (1982) 2543.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analysis.laws.families import Reals
from analysis.laws.strata import Bounded

_CHUNK = 1000  # trials whose pairs are counted at a time


@dataclass(frozen=True, slots=True)
class Concordance:
    """Counts of the pairs of each trial, [T] each; every pair counts for both of its trials.

    Attributes:
        concordant: pairs in the foretold order, half a pair for a tie.
        comparable: pairs whose order is known.
    """

    concordant: Reals
    comparable: Reals

    @property
    def share(self) -> float:
        """The concordance; NaN without comparable pairs."""
        total = float(self.comparable.sum())
        return float(self.concordant.sum()) / total if total else float("nan")

    @property
    def bounded(self) -> Bounded:
        """The concordance with its 95% interval over trials; without ends for too few."""
        return _with_ends(self.share, self._influence())

    def gain_over(self, other: "Concordance") -> Bounded:
        """By how much the concordance is higher than another one of the same trials."""
        return _with_ends(self.share - other.share, self._influence() - other._influence())

    def _influence(self) -> Reals:
        """What each trial with comparable pairs adds to the error: Hoeffding's projection."""
        apart = 2 * (self.concordant - self.share * self.comparable)
        return np.asarray(apart[self.comparable > 0] / max(float(self.comparable.sum()), 1.0))


def concordance(
    time: Reals, happened: NDArray[np.bool_], foretold: Reals, group: NDArray[np.intp]
) -> Concordance:
    """The concordance of predictions, pairs being within groups.

    Args:
        time: of the event, or of the last reading without it, [T].
        happened: False for censored trials, [T].
        foretold: larger for trials that are foretold later, [T].
        group: of each trial, 0 to G - 1, [T].
    """
    concordant, comparable = np.zeros(len(time)), np.zeros(len(time))
    for number in range(int(group.max()) + 1 if len(group) else 0):
        inside = np.flatnonzero(group == number)
        for first in range(0, len(inside), _CHUNK):
            some = inside[first : first + _CHUNK]
            some = some[happened[some]]
            later = (time[inside] > time[some, None]) | (
                (time[inside] == time[some, None]) & ~happened[inside]
            )
            order = np.sign(foretold[inside] - foretold[some, None])
            right = (1 + order) / 2 * later
            for counts, pairs in ((comparable, later), (concordant, right)):
                counts[some] += pairs.sum(axis=1)
                counts[inside] += pairs.sum(axis=0)
    return Concordance(concordant, comparable)


def _with_ends(estimate: float, influence: Reals) -> Bounded:
    """An estimate with the interval that the scatter between trials gives it.

    Args:
        estimate: a ratio of sums over trials.
        influence: of each trial, [T].
    """
    count = len(influence)
    if count < 2:
        return Bounded(estimate, None, None)
    error = float(np.sqrt((influence**2).sum() * count / (count - 1)))
    reach = float(stats.t.ppf(0.975, count - 1)) * error
    return Bounded(estimate, estimate - reach, estimate + reach)
