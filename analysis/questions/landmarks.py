"""What a net shows at a landmark, and the time that is then left until it generalizes.

A landmark is a multiple of the epoch at which a net memorized. The trials at a landmark are those
that memorized, are still watched, and have not generalized. What they show is the last reading by
then.

T trials.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit

from analysis.laws.families import Reals
from analysis.laws.features import feature, reals_of
from analysis.laws.likelihood import Observed
from study.vocabulary.measures import MEASURES

LANDMARKS = (1.0, 2.0, 5.0)  # times the epoch of memorizing
ACCURACY = "test_accuracy"
_SHARES = {ACCURACY, "relevant_share", "train_accuracy"}  # between 0 and 1; taken as logits
_LEAST_SHARE = 1e-3
_AXES = ("n", "k", "width", "train_size", "decay_time")


@dataclass(frozen=True, slots=True)
class AtLandmark:
    """The trials at a landmark.

    Attributes:
        multiple: of the epoch of memorizing.
        trials: rows of the table `trials`.
        left: the interval of the log time that is left, in decay times.
        axes: logs of the axes that vary, and the square of log(rows / n), [T, columns].
        seen: by name, a column of what the nets show, [T] each.
    """

    multiple: float
    trials: pd.DataFrame
    left: Observed
    axes: Reals
    seen: dict[str, Reals]

    @property
    def point(self) -> NDArray[np.intp]:
        """The number of each trial's point, [T]."""
        return np.asarray(pd.factorize(self.trials["point_id"])[0])


def at_landmark(trials: pd.DataFrame, readings: pd.DataFrame, multiple: float) -> AtLandmark:
    """The trials at a landmark and what they show there.

    Args:
        trials: as `load_trials` gives them, of several passes.
        readings: of these trials, as `load_readings` gives them.
        multiple: of the epoch of memorizing.
    """
    landmark = np.ceil(multiple * reals_of(trials, "memorized_epoch"))
    generalized = reals_of(trials, "generalized_epoch")
    last = np.where(np.isnan(generalized), reals_of(trials, "epochs_run"), generalized)
    there = trials[np.isfinite(landmark) & (last > landmark)]
    landmark = np.ceil(multiple * reals_of(there, "memorized_epoch"))
    names = [ACCURACY, *(name for row in MEASURES.values() for name in row.columns)]
    names = [name for name in names if name in readings and readings[name].notna().any()]
    shown = _last_readings(there["trial_id"], landmark, readings, names)
    seen = {
        name: _as_covariate(name, shown[name].to_numpy(float, na_value=np.nan)) for name in names
    }
    seen = {name: column for name, column in seen.items() if _tells(column)}
    return AtLandmark(multiple, there, _left(there, landmark), _axes(there), seen)


def _last_readings(
    ids: pd.Series, landmark: Reals, readings: pd.DataFrame, names: Sequence[str]
) -> pd.DataFrame:
    """The last reading of each trial by its landmark, a row for each trial in their order."""
    until = pd.Series(landmark, pd.Index(ids.astype(str)))
    trial = readings["trial_id"].astype(str)
    early = readings[readings["epoch"].to_numpy(float) <= trial.map(until).to_numpy(float)]
    latest = early.sort_values("epoch").groupby(trial[early.index])[list(names)].last()
    return latest.reindex(until.index)


def _left(trials: pd.DataFrame, landmark: Reals) -> Observed:
    """The interval of the log time that is left after the landmark, in decay times."""
    an_epoch = np.exp(-feature(trials, "decay_time")) * reals_of(trials, "steps_per_epoch")
    after = np.maximum(reals_of(trials, "generalized_after_epoch") - landmark, 0)
    generalized = reals_of(trials, "generalized_epoch") - landmark
    with np.errstate(divide="ignore"):
        high = np.where(
            np.isnan(generalized), np.inf, np.log(np.maximum(generalized, 1) * an_epoch)
        )
        return Observed.between(np.log(after * an_epoch), high)


def _axes(trials: pd.DataFrame) -> Reals:
    columns = [feature(trials, name) for name in _AXES]
    columns.append((columns[3] - columns[0]) ** 2)
    varying = [column - column.mean() for column in columns if _tells(column)]
    return np.column_stack(varying) if varying else np.empty((len(trials), 0))


def _as_covariate(name: str, values: Reals) -> Reals:
    """A column as a model takes it: the logit of a share, the log of what is positive."""
    if name in _SHARES:
        return np.asarray(logit(np.clip(values, _LEAST_SHARE, 1 - _LEAST_SHARE)))
    return np.log(values) if len(values) and (values > 0).all() else values


def _tells(column: Reals) -> bool:
    """Whether a column is known of every trial, and not the same for all."""
    return bool(len(column) and np.isfinite(column).all() and np.ptp(column) > 1e-9)
