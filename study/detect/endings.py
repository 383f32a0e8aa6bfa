"""Where a trial's end is decided, and why a trial ends: the values of `Ended`.

    diverged    its weight norm or its loss is no longer a finite number
    collapsed   its norm has fallen for COLLAPSED_READINGS readings in a row below the level of
                `study.detect.detector`, or no hidden unit was active for `dead_readings` readings
    decided     the event `decided` was confirmed, and the trial has lingered since
    budget      it was trained for its budget, and none of the other reasons holds

The order is that of precedence. Two keys of [detect] change the third reason: without `stop` no
trial ends as decided, and with `linger` a decided trial trains on for so many decay times.
`GrokkingDetector` counts the readings; the functions here read its `Watch`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.detect.watch import NEVER, Flags, Watch
from study.engine.protocol import Indices
from study.trials.trial import Trial
from study.vocabulary.outcomes import Ended

COLLAPSED_READINGS = 20


@dataclass(frozen=True, slots=True)
class Endings:
    """What decides when the trials of a pack end, apart from their readings.

    Attributes:
        stop: whether a decided trial ends.
        dead_readings: readings in a row without an active hidden unit that mean collapse.
        budgets: most epochs of each member of the pack as it began, [members].
        linger_epochs: how long a member trains on once it is decided, [members].
    """

    stop: bool
    dead_readings: int
    budgets: NDArray[np.int64]
    linger_epochs: NDArray[np.float64]

    @classmethod
    def of(cls, trials: Sequence[Trial]) -> "Endings":
        """The endings of a pack; all of its trials share one setting."""
        detect = trials[0].setting.detect
        return cls(
            stop=detect.stop,
            dead_readings=1 if _dead_is_dead(trials[0]) else COLLAPSED_READINGS,
            budgets=np.array([trial.budget_epochs for trial in trials]),
            linger_epochs=np.array(
                [detect.linger * t.decay_time_epochs if detect.linger else 0.0 for t in trials]
            ),
        )

    def due(self, watch: Watch, epoch: int, members: Indices) -> Flags:
        """Members [T] that end at an epoch whatever its reading shows: the reading is their last.

        Args:
            watch: before the reading of the epoch.
            epoch: the present one.
            members: [T], as indices into the pack as it began.
        """
        due: Flags = epoch >= self.budgets[members]
        if self.stop:
            due |= lingered(watch, epoch, self.linger_epochs[members])
        return due

    def reasons(self, watch: Watch, epoch: int, members: Indices) -> NDArray[np.str_]:
        """Why each member [T] ends at an epoch, as a value of `Ended`; "" where it goes on.

        Args:
            watch: after the reading of the epoch.
            epoch: the present one.
            members: [T], as indices into the pack as it began.
        """
        ended = reasons_of_readings(watch, self.dead_readings, self.linger_epochs[members])
        if not self.stop:
            ended = np.where(ended == Ended.DECIDED.value, "", ended)
        spent = epoch >= self.budgets[members]
        return np.where(spent & (ended == ""), Ended.BUDGET.value, ended) if spent.any() else ended


def reasons_of_readings(
    watch: Watch, dead_readings: int, linger_epochs: ArrayLike = 0
) -> NDArray[np.str_]:
    """Why each trial [T] may end by its readings, as a value of `Ended`; "" where it may not.

    Args:
        watch: at the latest epoch.
        dead_readings: readings in a row without an active hidden unit that mean collapse.
        linger_epochs: how long a decided trial trains on, [T] or one number for all.
    """
    collapsed = (watch.falling >= COLLAPSED_READINGS) | (watch.dead >= dead_readings)
    conditions = [~watch.finite, collapsed, lingered(watch, watch.last_epoch, linger_epochs)]
    if not np.any(conditions):
        return np.full(len(collapsed), "")
    values = [Ended.DIVERGED.value, Ended.COLLAPSED.value, Ended.DECIDED.value]
    return np.select(conditions, values, default="")


def lingered(watch: Watch, epoch: ArrayLike, linger_epochs: ArrayLike = 0) -> Flags:
    """Trials [T] that were decided long enough ago.

    Args:
        watch: at the epoch.
        epoch: the present one, [T] or one number for all.
        linger_epochs: how long a decided trial trains on, [T] or one number for all.
    """
    decided = watch.decided_at != NEVER
    return np.asarray(decided & (epoch >= watch.decided_at + np.asarray(linger_epochs)))


def _dead_is_dead(trial: Trial) -> bool:
    """Whether a net without an active unit can never move: not by momentum, nor by new rows."""
    return trial.setting.train.optimizer == "sgd" and trial.point.train_size is not None
