"""Statistics of groups of trials: intervals of shares, medians of censored times, spreads.

The functions are vectorized over groups, so that a million trials in thousands of cells take about
a second.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

_Times = NDArray[np.int64 | np.float64]  # epochs, or steps

_RESAMPLED = 2_000_000  # numbers of resamples that are held at a time

Z_95 = 1.959963984540054  # 97.5% quantile of the normal distribution


def wilson_interval(
    successes: ArrayLike, trials: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The 95% interval of a chance, from some successes in some trials; it lies within 0 to 1.

    Args:
        successes: a count or an array of counts.
        trials: a count or an array of counts, each at least 1.
    Returns: the lower and the upper ends.
    Source: E. B. Wilson, Journal of the American Statistical Association 22 (1927) 209.
    """
    n = np.asarray(trials, float)
    share = np.asarray(successes, float) / n
    shrink = 1 + Z_95**2 / n
    middle = (share + Z_95**2 / (2 * n)) / shrink
    half = Z_95 * np.sqrt(share * (1 - share) / n + (Z_95 / (2 * n)) ** 2) / shrink
    return np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)


def difference_ends(
    shares: tuple[float, float], counts: tuple[float, float], covariance: float
) -> tuple[float, float]:
    """The 95% interval of the second of two shares less the first.

    Args:
        shares: that were seen.
        counts: how many independent trials each is of, at least 1.
        covariance: of the outcomes of two trials that belong together: a pair, or two trials of one
            cell. 0 where the shares have nothing in common.
    Source: R. G. Newcombe, Statistics in Medicine 17 (1998) 873 for independent shares and 2635 for
        pairs, method 10 of both, from Wilson's intervals.
    """
    (first, second), spread = shares, np.sqrt(np.prod([p * (1 - p) for p in shares]))
    lows, highs = wilson_interval(np.multiply(shares, counts), counts)
    correlation = 0.0
    if spread > 0:
        # Newcombe's correction of a positive correlation for continuity.
        corrected = max(covariance - 0.5 / min(counts), 0) if covariance > 0 else covariance
        correlation = float(np.clip(corrected / spread, -1, 1))

    def reach(of_first: float, of_second: float) -> float:
        square = of_first**2 + of_second**2 - 2 * correlation * of_first * of_second
        return float(np.sqrt(max(square, 0.0)))

    difference = second - first
    return (
        difference - reach(highs[0] - first, second - lows[1]),
        difference + reach(first - lows[0], highs[1] - second),
    )


@dataclass(frozen=True, slots=True)
class RiskSteps:
    """Censored times of N trials, in the order in which the trials of a group leave the risk set.

    The order is by group, then by time. A trial censored at some time is still at risk there, so
    events come before the censored trials of the same time. Each event is a step of its own: the
    factors of tied events multiply to the usual 1 - events / at_risk.
    """

    order: NDArray[
        np.intp
    ]  # index of the trial of each step, [N]; the other arrays follow this order
    group: NDArray[np.intp]  # [N]
    time: _Times  # of the event, or of the last reading without the event, [N]
    happened: NDArray[np.bool_]  # False for censored trials, [N]
    at_risk: NDArray[np.intp]  # trials of the group that have not left yet, this one included, [N]

    @classmethod
    def of(
        cls,
        time: _Times,
        happened: NDArray[np.bool_],
        group: NDArray[np.intp] | None = None,
    ) -> "RiskSteps":
        """The steps of trials, each with its time; all are one group if no group is given.

        Args:
            time: of the event, or of the last reading without the event, [N].
            happened: False for censored trials, [N].
            group: 0, 1, ... of each trial, [N].
        """
        if group is None:
            group = np.zeros(len(time), np.intp)
        order = np.lexsort((~happened, time, group))
        group = group[order]
        sizes = np.bincount(group)
        already_left = np.arange(len(group)) - (np.cumsum(sizes) - sizes)[group]
        return cls(order, group, time[order], happened[order], sizes[group] - already_left)

    @property
    def hazard(self) -> NDArray[np.float64]:
        """The share of the trials at risk that has the event at each step, [N].

        The running sum within a group is the cumulative hazard.
        Source: O. Aalen, Annals of Statistics 6 (1978) 701.
        """
        return np.asarray(self.happened / self.at_risk)

    @property
    def survival(self) -> NDArray[np.float64]:
        """The share of the group without the event after each step, [N].

        Source: E. L. Kaplan and P. Meier, J. Am. Stat. Assoc. 53 (1958) 457.
        """
        steps = pd.Series(1 - self.hazard).groupby(self.group)
        return np.asarray(steps.cumprod().to_numpy(np.float64))

    def medians(self) -> NDArray[np.intp]:
        """The step at which the survival of each group falls to one half: indices into [N].

        It is the first event step at which survival is at most one half. Groups are in rising
        order. A group that stays above one half is left out.
        """
        reached = np.flatnonzero(self.happened & (self.survival <= 0.5 + 1e-9))
        return reached[np.unique(self.group[reached], return_index=True)[1]]


def kaplan_meier_medians(
    group: NDArray[np.intp], event: pd.Series, last: pd.Series, groups: int
) -> pd.api.extensions.ExtensionArray:
    """The first epoch of each group at which the Kaplan-Meier survival is at most one half.

    Args:
        group: of each trial, 0 to `groups` - 1, [N].
        event: the epoch at which the event happened, null where it did not, [N].
        last: the last epoch at which the event had not happened, [N]. It is read where `event` is
            null. A trial where both are null counts as censored before every event.
        groups: how many groups there are; some may be without trials.
    Returns: Int64 [groups], null where survival stays above one half.
    """
    epoch = event.fillna(last).fillna(-1).to_numpy(np.int64)
    steps = RiskSteps.of(epoch, event.notna().to_numpy(bool), group)
    at_median = steps.medians()
    medians = pd.array([pd.NA] * groups, dtype="Int64")
    medians[steps.group[at_median]] = steps.time[at_median]
    return medians


def drawn_medians(
    time: NDArray[np.float64], happened: NDArray[np.bool_], counts: NDArray[np.integer]
) -> NDArray[np.float64]:
    """The Kaplan-Meier median of each of some resamples of one group of trials.

    Args:
        time: of the event, or of the last reading without the event, [N].
        happened: False for censored trials, [N].
        counts: how often each trial is in each resample, [D, N].
    Returns: [D], NaN where survival stays above one half.
    """
    order = np.lexsort((~happened, time))
    time, happened = time[order], happened[order]
    medians = np.full(len(counts), np.nan)
    if not happened.any():
        return medians
    step = max(1, _RESAMPLED // len(time))
    for first in range(0, len(counts), step):
        drawn = counts[first : first + step, order].astype(float)
        at_risk = drawn[:, ::-1].cumsum(axis=1)[:, ::-1]
        hazard = np.where(happened, drawn, 0) / np.maximum(at_risk, 1)
        reached = (np.cumprod(1 - hazard, axis=1) <= 0.5 + 1e-9) & happened & (drawn > 0)
        found = reached.any(axis=1)
        medians[first : first + step][found] = time[reached.argmax(axis=1)[found]]
    return medians


def spreads(trials: pd.DataFrame, words: Mapping[str, str]) -> pd.DataFrame:
    """The spread of some columns among the trials of each setting.

    Args:
        trials: with a column `setting`; a null in another column is a trial without that value.
        words: the columns to describe, each with its name in words.
    Returns: a row for each setting and column: `setting`, `what` (the name in words), `trials`
        (how many have a value, and how many there are), `median`, `least` and `most`.
    """
    rows = []
    for setting, members in trials.groupby("setting", sort=False):
        for column, in_words in words.items():
            values = pd.to_numeric(members[column]).dropna().astype(float)
            rows.append(
                {
                    "setting": setting,
                    "what": in_words,
                    "trials": f"{len(values)}/{len(members)}",
                    "median": values.median(),
                    "least": values.min(),
                    "most": values.max(),
                }
            )
    return pd.DataFrame(rows)
