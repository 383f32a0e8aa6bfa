"""How long trials were watched, in decay times, and trials as if they had been watched for less.

A decay time is 1 / (learning_rate * weight_decay) steps: in that time weight decay alone shrinks a
weight to 1/e. A trial without weight decay has no decay time.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from study.vocabulary.columns import EVENT_COLUMNS, after_column
from study.vocabulary.outcomes import Ended

_EVENTS = {*EVENT_COLUMNS, "ungrokked_epoch"}  # null until the event
_EPOCHS = _EVENTS | {"budget_epochs", "epochs_run", *map(after_column, _EVENTS)}


def decay_times_watched(trials: pd.DataFrame, column: str = "epochs_run") -> NDArray[np.float64]:
    """The decay times that each trial was watched, [trials]; 0 without weight decay.

    Args:
        trials: as `load_trials` gives them.
        column: with the last epoch that counts as watched.
    """
    return _numbers(trials[column]) * _decay_times_an_epoch(trials)


def watched_for_less(
    trials: pd.DataFrame, decay_times: float, column: str = "epochs_run"
) -> NDArray[np.bool_]:
    """Which trials were watched for less than so many decay times, [trials].

    No trial without weight decay was.

    Args:
        trials: as `load_trials` gives them.
        decay_times: to compare with.
        column: with the last epoch that counts as watched.
    """
    watched = decay_times_watched(trials, column)
    return (watched < decay_times) & (_decay_times_an_epoch(trials) > 0)


def watched_for(trials: pd.DataFrame, decay_times: float) -> pd.DataFrame:
    """The trials as if none had been watched for longer than so many decay times.

    The last epoch is the first by which the decay times have passed. A trial that was watched for
    less, or has no weight decay, is as it was.

    Args:
        trials: as `load_trials` gives them.
        decay_times: the longest that a trial is watched.
    """
    with np.errstate(divide="ignore"):
        last = decay_times / _decay_times_an_epoch(trials)
    return watched_until(trials, np.ceil(last))


def watched_until(trials: pd.DataFrame, last: NDArray[np.float64]) -> pd.DataFrame:
    """The trials as if their budget had ended at an epoch: later events are censored.

    The columns `final_*` of a trial that is cut are null: its row does not have them.

    Args:
        trials: as `load_trials` gives them; columns may be missing.
        last: the epoch of each trial, [trials]; a trial that ended before is as it was.
    """
    late = {name: _numbers(trials[name]) > last for name in _EPOCHS & set(trials)}
    if not any(is_late.any() for is_late in late.values()):
        return trials
    cut, ended = late["epochs_run"], trials["ended"]
    if isinstance(ended.dtype, pd.CategoricalDtype):  # of the endings that there are
        ended = ended.astype(pd.StringDtype())
    columns = {"ended": ended.mask(cut, Ended.BUDGET.value)}
    for name, is_late in late.items():
        last_instead = pd.Series(np.where(is_late, last, 0), trials.index)
        instead = pd.NA if name in _EVENTS else last_instead.astype(trials[name].dtype)
        columns[name] = trials[name].mask(is_late, instead)
    for name in trials.columns[trials.columns.str.startswith("final_")]:
        columns[name] = trials[name].mask(cut)
    return trials.assign(**columns)


def _decay_times_an_epoch(trials: pd.DataFrame) -> NDArray[np.float64]:
    """The decay times that an epoch takes, [trials]."""
    rate = _numbers(trials["learning_rate"]) * _numbers(trials["weight_decay"])
    return rate * _numbers(trials["steps_per_epoch"])


def _numbers(column: pd.Series) -> NDArray[np.float64]:
    """A column as floats, [trials]; NaN where it is null."""
    return column.to_numpy(float, na_value=np.nan)
