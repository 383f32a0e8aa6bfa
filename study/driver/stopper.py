"""GrokkingStopper ends trials and studies under Ray Tune.

It serves two kinds of trainable. Ours report how many members of a pack are open. Anybody else's
report plain `train_accuracy` and `test_accuracy`, and the stopper holds one detector for each Tune
trial. Calls may repeat (Tune sends a function's last result twice) and the object is pickled into
Tune's experiment state: both leave it right.
"""

import math
import time
from typing import Any

from ray.tune import Stopper

from study.errors import UsageError
from study.grokking import GrokkingDetector, Watch, transitions

# Plain accuracies are shares of one: the detector sees trials with one row of each kind.
_ONE_ROW = 1


class GrokkingStopper(Stopper):
    """Stops a trial once it holds both accuracies above their thresholds, or diverges.

    Args: memorized, generalized, accuracies in (0, 1) that must be held for `hold` results;
    wall_seconds and trials, the budget of the whole study: None is endless. A result's epoch is its
    `epoch`, or else its `training_iteration`.
    """

    def __init__(
        self,
        memorized: float = 0.98,
        generalized: float = 0.98,
        hold: int = 3,
        wall_seconds: float | None = None,
        trials: int | None = None,
    ) -> None:
        for name, value in (("memorized", memorized), ("generalized", generalized)):
            if not 0 < value < 1:
                raise UsageError(f"{name}: {value}; a threshold is between 0 and 1. Try 0.98.")
        self._detector = GrokkingDetector(memorized, generalized, hold, decided=0.0)
        self._watches: dict[str, Watch] = {}
        self._done: dict[str, int] = {}
        self._trials = trials
        self._ends_at = None if wall_seconds is None else time.time() + wall_seconds

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Whether this Tune trial is finished."""
        if "members_open" in result:
            # A retry counts from nothing again; what it had trained is stored.
            done = max(result["members_trained"], self._done.get(trial_id, 0))
            self._done[trial_id] = done
            return bool(result["members_open"] == 0)
        missing = {"train_accuracy", "test_accuracy"} - set(result)
        if missing:
            raise UsageError(
                f"result of {trial_id}: no {' and no '.join(sorted(missing))}; the stopper watches "
                "both accuracies. Report them from the trainable."
            )
        accuracies = result["train_accuracy"], result["test_accuracy"]
        if not all(math.isfinite(accuracy) for accuracy in accuracies):
            return True  # diverged: it will not come back
        watch = self._watches.get(trial_id) or Watch.start(_ONE_ROW, _ONE_ROW)
        epoch = result.get("epoch", result.get("training_iteration"))
        watch = self._detector.update(watch, int(epoch or 0), *accuracies)
        self._watches[trial_id] = watch
        finished = bool(self._detector.ended(watch)[0])
        if finished:
            self._done[trial_id] = 1
        return finished

    def stop_all(self) -> bool:
        """Whether the study's own budget of time or trials is spent."""
        if self._ends_at is not None and time.time() >= self._ends_at:
            return True
        return self._trials is not None and sum(self._done.values()) >= self._trials

    def transition(self, trial_id: str) -> dict[str, int | None]:
        """When a plain trial memorised and generalised: the transition columns, so far."""
        watch = self._watches.get(trial_id) or Watch.start(_ONE_ROW, _ONE_ROW)
        return {name: column[0] for name, column in transitions(watch).items()}
