"""For each trial and each of three clocks: the interval of log steps that holds the event.

Times are in steps, not epochs, so that dataset size does not change the unit. A trial without the
event is right-censored at its last reading, also where it never memorized. A trial that collapsed
or diverged is censored at its last reading, too. A fit is therefore of one of several competing
ends; `incidence` gives the share of each.

The delay starts when a trial memorizes. Trials that never memorized are left out of it, and are
counted in `left_out`. Leaving them out is unbiased only if, at a given point, the delay does not
depend on when a trial memorized; to test that, add the feature `memorized`. Where both accuracies
rise together the delay is zero or less. Such a delay is left-censored at one reading, and is
counted in `at_once`.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.laws.families import Reals
from analysis.laws.features import reals_of
from analysis.laws.likelihood import Observed
from analysis.phases.watching import watched_until
from analysis.statistics import RiskSteps
from study.errors import UsageError, unknown
from study.vocabulary.columns import CROSSINGS
from study.vocabulary.outcomes import BROKEN

# What can be timed, and when its clock stops. The first two start with training.
CLOCKS: dict[str, str] = {
    "memorized": "training accuracy above its threshold",
    "generalized": "test accuracy above its threshold",
    "delay": "steps from memorizing to generalizing, of trials that memorized",
}
SETTLED = 3  # decay times after generalizing, by which the norm has settled
COMPETING = tuple(sorted(ended.value for ended in BROKEN))  # after them no event can happen


@dataclass(frozen=True, slots=True)
class Times:
    """The observed times of the trials that were at risk of an event."""

    observed: Observed  # of the trials at risk
    rows: NDArray[np.bool_]  # True for trials at risk, of all trials that were given
    at_once: int  # number of trials whose delay is zero or less

    @property
    def left_out(self) -> int:
        """The number of trials that were never at risk of the event."""
        return int((~self.rows).sum())


def times_of(trials: pd.DataFrame, event: str) -> Times:
    """The times of an event in log steps.

    Args:
        trials: as `load_trials` gives them.
        event: a name in `CLOCKS`.
    Raises: UsageError for an unknown event, and for trials without its columns.
    """
    if event not in CLOCKS:
        raise unknown("an event", event, CLOCKS)
    names = ("memorized", "generalized") if event == "delay" else (event,)
    needed = [f"{name}{ending}" for name in names for ending in ("_epoch", "_after_epoch")]
    missing = [name for name in (*needed, "steps_per_epoch") if name not in trials]
    if missing:
        raise UsageError(
            f"{missing[0]!r} is no column here; times are made of {', '.join(needed)} and "
            "steps_per_epoch. Load the trials with load_trials."
        )
    steps = reals_of(trials, "steps_per_epoch")
    spans = [_span(trials, name) for name in names]
    rows = np.ones(len(trials), bool)
    at_once = 0
    low, high = spans[0]
    if event == "delay":
        (started_low, started_high), (low, high) = spans
        rows = np.isfinite(started_high)
        low, high = low - np.where(rows, started_high, 0), high - np.where(rows, started_low, 0)
        together = rows & (low <= 0) & np.isfinite(high)
        at_once = int(together.sum())
        high = np.where(together, np.maximum(high, 1), high)
    with np.errstate(divide="ignore"):
        observed = Observed.between(
            np.log(np.maximum(low, 0) * steps)[rows], np.log(np.maximum(high, 1) * steps)[rows]
        )
    return Times(observed, rows, at_once)


def happened(trials: pd.DataFrame, event: str) -> NDArray[np.bool_]:
    """True for the trials that had an event, [T]; False also for those never at risk of it.

    Args:
        trials: as `load_trials` gives them.
        event: a name in `CLOCKS`.
    """
    times = times_of(trials, event)
    had_it = np.zeros(len(trials), bool)
    had_it[times.rows] = ~times.observed.censored
    return had_it


@dataclass(frozen=True, slots=True)
class Watched:
    """How the trials at risk of an event were watched for it."""

    epochs: Reals  # how long, if the event does not happen, [T]
    steps_per_epoch: Reals  # [T]


def watch_of(trials: pd.DataFrame, event: str) -> Watched:
    """How long each trial at risk of an event is watched if it does not happen.

    It is the budget, without the epochs until memorizing for the delay. A trial that collapsed or
    diverged is watched until then.

    Args:
        trials: as `load_trials` gives them.
        event: a name in `CLOCKS`.
    """
    at_risk = trials[times_of(trials, event).rows]
    ended = at_risk["ended"].isin(COMPETING).to_numpy(bool)
    epochs = np.where(ended, reals_of(at_risk, "epochs_run"), reals_of(at_risk, "budget_epochs"))
    if event == "delay":
        epochs = epochs - reals_of(at_risk, "memorized_epoch")
    return Watched(np.maximum(epochs, 1), reals_of(at_risk, "steps_per_epoch"))


def at_level(trials: pd.DataFrame, level: int) -> pd.DataFrame:
    """The trials with their events at another accuracy, from the columns of first crossings.

    Rows of earlier programs do not have the reading before a crossing. The interval of such a
    crossing is taken to be as wide, relative to its epoch, as the interval of the trial's event:
    readings are as dense at both. For a trial without the event, the median width of all trials is
    taken.

    Args:
        trials: as `load_trials` gives them.
        level: 90, 95, 98 or 99 percent.
    Raises: UsageError for a level whose crossings are not in the table.
    """
    if level not in CROSSINGS:
        levels = ", ".join(map(str, CROSSINGS))
        raise UsageError(f"level {level}; crossings are kept of {levels} percent. Use one.")
    columns: dict[str, pd.Series] = {}
    for name in ("memorized", "generalized"):
        crossed = reals_of(trials, f"{name}_epoch_{level}")
        share = reals_of(trials, f"{name}_after_epoch") / reals_of(trials, f"{name}_epoch")
        finite = share[np.isfinite(share)]
        share = np.where(np.isfinite(share), share, np.median(finite) if len(finite) else 1.0)
        before = np.minimum(np.floor(crossed * share), crossed - 1).clip(min=0)
        last = np.where(np.isfinite(crossed), before, reals_of(trials, "epochs_run"))
        columns[f"{name}_epoch"] = trials[f"{name}_epoch_{level}"]
        guess = pd.Series(last, trials.index).astype("Int64")
        columns[f"{name}_after_epoch"] = trials[f"{name}_after_epoch_{level}"].fillna(guess)
    return trials.assign(**columns)


def shortened(trials: pd.DataFrame, steps: float) -> pd.DataFrame:
    """The trials as if training had stopped earlier; later events are censored.

    Args:
        trials: as `load_trials` gives them.
        steps: after which training is taken to have stopped.
    """
    return watched_until(trials, np.floor(steps / reals_of(trials, "steps_per_epoch")))


def incidence(trials: pd.DataFrame, event: str) -> dict[str, float]:
    """The shares of trials that had the event, collapsed, or diverged, by the last time of any.

    The estimate is that of Aalen and Johansen. Trials that were still watched when training stopped
    are censored; trials that collapsed or diverged before the event are not. For the delay, the
    shares are of the trials that memorized.

    Args:
        trials: as `load_trials` gives them.
        event: a name in `CLOCKS`.
    Returns: the shares by the name of the event, "collapsed" and "diverged".
    Source: O. Aalen and S. Johansen, Scandinavian Journal of Statistics 5 (1978) 141.
    """
    times = times_of(trials, event)
    observed, ended = times.observed, trials["ended"].to_numpy()[times.rows]
    happened = ~observed.censored
    time = np.where(happened, observed.high, observed.low)
    causes = {event: happened}
    causes |= {cause: ~happened & (ended == cause) for cause in COMPETING}
    steps = RiskSteps.of(time, np.logical_or.reduce(list(causes.values())))
    before = np.r_[1.0, steps.survival[:-1]]
    return {
        cause: float(np.sum(before * had_it[steps.order] / steps.at_risk))
        for cause, had_it in causes.items()
    }


def with_norms(trials: pd.DataFrame, readings: pd.DataFrame) -> pd.DataFrame:
    """The trials with `memorized_norm` and `settled_norm`, which the feature `norm_ratio` needs.

    `memorized_norm` is the weight norm at the reading of memorizing. `settled_norm` stands for the
    norm after generalizing. A trial that leaves once it is decided never shows it: its final norm
    is that of the transition. So only trials that were trained on for `SETTLED` decay times after
    generalizing tell, as those of a study with `linger`. Every trial gets the norm of a group: the
    trials that tell at the same n, k, width and init_scale. The norm is the median of the group's
    final norms at the trial's own learning_rate times weight_decay, interpolated in logarithms
    between two products of the group. Beyond its least and largest product it is NaN.

    Args:
        trials: as `load_trials` gives them.
        readings: with the columns trial_id, epoch and weight_norm.
    """
    at_memorizing = readings.merge(
        trials[["trial_id", "memorized_epoch"]],
        left_on=["trial_id", "epoch"],
        right_on=["trial_id", "memorized_epoch"],
    )
    norms = at_memorizing.drop_duplicates("trial_id").set_index("trial_id")["weight_norm"]
    settled = np.full(len(trials), np.nan)
    product = reals_of(trials, "learning_rate") * reals_of(trials, "weight_decay")
    rate = np.log(product.clip(1e-300))
    since = reals_of(trials, "epochs_run") - reals_of(trials, "generalized_epoch")
    tells = since * reals_of(trials, "steps_per_epoch") * product >= SETTLED
    final = np.where(tells, reals_of(trials, "final_weight_norm"), 0)
    for rows in trials.groupby(["n", "k", "width", "init_scale"], dropna=False).indices.values():
        telling = np.asarray(rows)[final[rows] > 0]
        if len(telling):
            logs = pd.Series(np.log(final[telling]))
            medians = logs.groupby(rate[telling].round(9)).median()
            between = np.interp(
                rate[rows].round(9), medians.index, medians, left=np.nan, right=np.nan
            )
            settled[rows] = np.exp(between)
    return trials.assign(
        memorized_norm=trials["trial_id"].map(norms).astype(float), settled_norm=settled
    )


def _span(trials: pd.DataFrame, name: str) -> tuple[Reals, Reals]:
    """The last epoch before an event, [T], and the epoch of the event, [T], inf for no event."""
    high = reals_of(trials, f"{name}_epoch")
    low = np.nan_to_num(reals_of(trials, f"{name}_after_epoch"), nan=0.0)
    return low, np.where(np.isnan(high), np.inf, high)
