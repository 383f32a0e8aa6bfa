"""From trials to what is known of their times: three events, each an interval of log steps.

Times are in steps, not epochs, so that dataset size does not change the unit. A trial without the
event is right-censored at its last reading, also where it never memorised; collapse and divergence
end the watch, which makes every fit cause-specific (see `incidence`).

The delay is conditional on having memorised: the clock starts there. Trials that never memorised
are `left_out` of it and counted; that this selects nothing assumes that, at a point, the delay does
not depend on when a trial memorised (a slope on the feature `memorized` tests it). A delay
of zero or less, where both accuracies rise together, is left-censored at one reading and counted
in `at_once`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.laws.families import Reals
from analysis.laws.likelihood import Known
from analysis.statistics import RiskSteps
from study.errors import UsageError, unknown
from study.vocabulary.columns import CROSSINGS

EVENTS: dict[str, str] = {
    "memorized": "training accuracy above its threshold",
    "generalized": "test accuracy above its threshold",
    "delay": "steps from memorising to generalising, of trials that memorised",
}
COMPETING = ("collapsed", "diverged")


@dataclass(frozen=True, slots=True)
class Times:
    """What is known of the times of an event; `rows` are the trials at risk, of all given."""

    known: Known
    rows: NDArray[np.bool_]
    at_once: int

    @property
    def left_out(self) -> int:
        """Trials never at risk of the event."""
        return int((~self.rows).sum())


def times_of(trials: pd.DataFrame, event: str) -> Times:
    """The times of an event in log steps.

    Args: trials as `load_trials` gives them; event, a name in `EVENTS`.
    Raises: UsageError for an unknown event, and for trials without its columns.
    """
    if event not in EVENTS:
        raise unknown("an event", event, EVENTS)
    names = ("memorized", "generalized") if event == "delay" else (event,)
    needed = [f"{name}{ending}" for name in names for ending in ("_epoch", "_after_epoch")]
    missing = [name for name in (*needed, "steps_per_epoch") if name not in trials]
    if missing:
        raise UsageError(
            f"{missing[0]!r} is no column here; times are made of {', '.join(needed)} and "
            "steps_per_epoch. Load the trials with load_trials."
        )
    steps = _reals(trials, "steps_per_epoch")
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
        known = Known.between(
            np.log(np.maximum(low, 0) * steps)[rows], np.log(np.maximum(high, 1) * steps)[rows]
        )
    return Times(known, rows, at_once)


def at_level(trials: pd.DataFrame, level: int) -> pd.DataFrame:
    """The trials with their events at another accuracy, 90, 95, 98 or 99 percent: first crossings.

    A row does not keep the reading before a crossing. Readings are as dense there as at the event
    proper, so the interval is taken to be as wide as its own, relative to its epoch (the median of
    all trials where a trial has no event).
    Raises: UsageError for a level that is not kept.
    """
    if level not in CROSSINGS:
        levels = ", ".join(map(str, CROSSINGS))
        raise UsageError(f"level {level}; crossings are kept of {levels} percent. Use one.")
    columns: dict[str, Any] = {}
    for name in ("memorized", "generalized"):
        crossed = _reals(trials, f"{name}_epoch_{level}")
        share = _reals(trials, f"{name}_after_epoch") / _reals(trials, f"{name}_epoch")
        known = share[np.isfinite(share)]
        share = np.where(np.isfinite(share), share, np.median(known) if len(known) else 1.0)
        before = np.minimum(np.floor(crossed * share), crossed - 1).clip(min=0)
        seen = np.isfinite(crossed)
        last = np.where(seen, before, _reals(trials, "epochs_run"))
        columns[f"{name}_epoch"] = trials[f"{name}_epoch_{level}"]
        columns[f"{name}_after_epoch"] = pd.Series(last, trials.index).astype("Int64")
    return trials.assign(**columns)


def shortened(trials: pd.DataFrame, steps: float) -> pd.DataFrame:
    """The trials as if training had stopped after so many steps: later events are censored."""
    last = np.floor(steps / _reals(trials, "steps_per_epoch"))
    columns = {}
    for name in ("memorized", "generalized"):
        epoch, after = trials[f"{name}_epoch"], trials[f"{name}_after_epoch"]
        columns[f"{name}_epoch"] = epoch.mask(_reals(trials, f"{name}_epoch") > last)
        seen = np.fmin(_reals(trials, f"{name}_after_epoch"), last)
        columns[f"{name}_after_epoch"] = pd.Series(seen, after.index).astype(after.dtype)
    ran = np.fmin(_reals(trials, "epochs_run"), last)
    cut = pd.Series(ran < _reals(trials, "epochs_run"), trials.index)
    columns["epochs_run"] = pd.Series(ran, trials.index).astype(trials["epochs_run"].dtype)
    columns["ended"] = trials["ended"].mask(cut, "budget")
    return trials.assign(**columns)


def incidence(trials: pd.DataFrame, event: str) -> dict[str, float]:
    """Share of trials that had the event, collapsed or diverged by the end of the longest watch.

    Aalen-Johansen: trials still watched when training stopped are censored, those that collapsed
    or diverged before the event are not. For the delay, of those that memorised.
    Source: O. Aalen and S. Johansen, Scandinavian Journal of Statistics 5 (1978) 141.
    """
    times = times_of(trials, event)
    known, ended = times.known, trials["ended"].to_numpy()[times.rows]
    happened = ~known.censored
    time = np.where(happened, known.high, known.low)
    causes = {event: happened}
    causes |= {cause: ~happened & (ended == cause) for cause in COMPETING}
    steps = RiskSteps.of(time, np.logical_or.reduce(list(causes.values())))
    before = np.r_[1.0, steps.survival[:-1]]
    return {
        cause: float(np.sum(before * had_it[steps.order] / steps.at_risk))
        for cause, had_it in causes.items()
    }


def with_norms(trials: pd.DataFrame, readings: pd.DataFrame) -> pd.DataFrame:
    """The trials with `memorized_norm` and `settled_norm`, for the law `norms`.

    The first is the weight norm at the reading of memorising. The second stands for the norm after
    generalising, which a trial that never did cannot show: it is the median final norm of trials of
    the same n, k, width and init_scale that generalised, at the same learning_rate times
    weight_decay or between its neighbours (linear in logarithms). NaN where there is none.
    """
    there = readings.merge(
        trials[["trial_id", "memorized_epoch"]],
        left_on=["trial_id", "epoch"],
        right_on=["trial_id", "memorized_epoch"],
    )
    norms = there.drop_duplicates("trial_id").set_index("trial_id")["weight_norm"]
    settled = np.full(len(trials), np.nan)
    rate = np.log(_reals(trials, "learning_rate") * _reals(trials, "weight_decay").clip(1e-300))
    final = np.where(trials["generalized_epoch"].notna(), _reals(trials, "final_weight_norm"), 0)
    for rows in trials.groupby(["n", "k", "width", "init_scale"], dropna=False).indices.values():
        shown = np.asarray(rows)[final[rows] > 0]
        if len(shown):
            medians = pd.Series(np.log(final[shown])).groupby(rate[shown].round(9)).median()
            settled[rows] = np.exp(np.interp(rate[rows], medians.index, medians.to_numpy()))
    return trials.assign(
        memorized_norm=trials["trial_id"].map(norms).astype(float), settled_norm=settled
    )


def _reals(trials: pd.DataFrame, name: str) -> Reals:
    return trials[name].to_numpy(np.float64, na_value=np.nan)


def _span(trials: pd.DataFrame, name: str) -> tuple[Reals, Reals]:
    """The last epoch before an event and the first after it, inf where it has not happened."""
    high = _reals(trials, f"{name}_epoch")
    low = np.nan_to_num(_reals(trials, f"{name}_after_epoch"), nan=0.0)
    return low, np.where(np.isnan(high), np.inf, high)
