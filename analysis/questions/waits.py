"""What was observed of the wait of each trial: the decay times from memorizing to generalizing.

A decay time is 1 / (learning_rate * weight_decay) steps. Waits below `SHORTEST` count as below it,
without saying how short: such nets comprehend, and the shape of the wait does not show there.

T is the number of trials.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.laws.families import Reals
from analysis.laws.features import feature
from analysis.laws.likelihood import Observed
from analysis.laws.times import times_of
from analysis.phases.drawn_axes import check_axes_around_rows
from study.errors import UsageError

SHORTEST = 0.25  # decay times
AXES_OF_WAITS = ("n", "k", "width", "train_size", "weight_decay", "learning_rate")
CLUSTERED_BY = ("n", "width", "train_size")  # trials that differ only in decay and seed err alike


@dataclass(frozen=True, slots=True)
class Waits:
    """The waits of T trials of one k that memorized.

    Attributes:
        observed: the interval of each log wait, in decay times.
        log_rows: [T].
        by: the logs of what N_c is a product of powers of, [T, axes].
        names: of these axes.
        cluster: the number of each trial's (n, width, rows), [T].
        trials: the rows of the table `trials`.
        left_out: how many trials never memorized.
    """

    observed: Observed
    log_rows: Reals
    by: Reals
    names: tuple[str, ...]
    cluster: NDArray[np.intp]
    trials: pd.DataFrame
    left_out: int

    def without(self, axis: str) -> "Waits":
        """The same waits, with an N_c that does not depend on an axis."""
        stay = [name != axis for name in self.names]
        names = tuple(name for name in self.names if name != axis)
        return replace(self, by=self.by[:, stay], names=names)

    def take(self, rows: NDArray[np.bool_]) -> "Waits":
        """The waits of some trials, [T] of bool; clusters are numbered anew."""
        return replace(
            self,
            observed=self.observed.take(rows),
            log_rows=self.log_rows[rows],
            by=self.by[rows],
            cluster=np.unique(self.cluster[rows], return_inverse=True)[1],
            trials=self.trials[rows],
        )


def waits_of(trials: pd.DataFrame) -> Waits:
    """The waits of trials of one k.

    Args:
        trials: as `load_trials` gives them.
    Raises: UsageError where the trials differ in an axis that a wait says nothing of, are online,
        or have no decay time.
    """
    check_axes_of_waits(trials)
    times = times_of(trials, "delay")
    at_risk = trials[times.rows]
    if at_risk.empty:
        raise UsageError("0 trials that memorized; a wait begins there. Train longer.")
    decay_time = feature(at_risk, "decay_time")
    low, high = times.observed.low - decay_time, times.observed.high - decay_time
    shortest = np.log(SHORTEST)
    low, high = np.where(low < shortest, -np.inf, low), np.maximum(high, shortest)
    names = tuple(name for name in ("n", "width") if at_risk[name].nunique() > 1)
    by = [feature(at_risk, name) for name in names]
    groups = at_risk.groupby(list(CLUSTERED_BY), dropna=False)
    return Waits(
        Observed.between(low, high),
        feature(at_risk, "train_size"),
        np.column_stack(by) if by else np.empty((len(at_risk), 0)),
        names,
        groups.ngroup().to_numpy().astype(np.intp),
        at_risk,
        times.left_out,
    )


def check_axes_of_waits(trials: pd.DataFrame) -> None:
    """Raise UsageError for trials that differ in other axes than a collapse is of, or are online.

    Args:
        trials: as `load_trials` gives them.
    """
    check_axes_around_rows(trials, "a collapse", AXES_OF_WAITS)
