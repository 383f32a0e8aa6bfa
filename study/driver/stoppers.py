"""Tune stoppers: what ends a Tune trial, a round of packs, or a study.

`GrokkingStopper` ends trials that are decided, and a study whose budget is spent. The other three
never stop one pack alone. `TailStopper` ends a round when few packs are left for many slots.
`InterruptStopper` ends the study after Ctrl-C or at the end of its job. `SkewStopper` ends the
study when a machine has other versions.
"""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from ray.tune import Stopper

from study.detect.detector import GrokkingDetector
from study.detect.watch import Watch, transitions
from study.driver.interrupt import Interrupt
from study.driver.reports import PackReport
from study.errors import StudyError, UsageError

# The detector takes counts of correct rows; a plain trainable reports a share. A share is such a
# count where the set has one row.
_ONE_ROW = 1


class GrokkingStopper(Stopper):
    """Stops a trial once it holds both accuracies above their thresholds, or diverges.

    It serves two kinds of trainable. A PackTrainable reports how many members of its pack are open,
    and its Tune trial ends when none is. Any other trainable reports `train_accuracy` and
    `test_accuracy`, and the stopper keeps one detector for each Tune trial. The epoch of a result
    is its `epoch`, or else its `training_iteration`. Tune sends a function's last result twice and
    pickles the stopper into its experiment state; neither changes the answer.

    Args:
        memorized: training accuracy, in (0, 1), that a trial must hold.
        generalized: test accuracy, in (0, 1), that a trial must hold.
        hold: results in a row for which a trial must hold an accuracy.
        wall_seconds: the time budget of the whole study; None is endless.
        trials: how many trials the whole study may train; None is endless.

    Raises: UsageError for a threshold outside (0, 1), and for results without the accuracies.
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

    def __call__(self, trial_id: str, result: Mapping[str, Any]) -> bool:
        """Whether this Tune trial is finished."""
        if "members_open" in result:
            report = PackReport.of(result)
            # A retry counts from zero again; what it had trained is stored.
            self._done[trial_id] = max(report.members_trained, self._done.get(trial_id, 0))
            return not report.members_open
        missing = {"train_accuracy", "test_accuracy"} - set(result)
        if missing:
            raise UsageError(
                f"result of {trial_id}: no {' and no '.join(sorted(missing))}; the stopper watches "
                "both accuracies. Report them from the trainable."
            )
        accuracies = result["train_accuracy"], result["test_accuracy"]
        if not all(math.isfinite(accuracy) for accuracy in accuracies):
            return True  # diverged
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
        """When a plain trial memorized and generalized: the transition columns, so far."""
        watch = self._watches.get(trial_id) or Watch.start(_ONE_ROW, _ONE_ROW)
        return {name: column[0] for name, column in transitions(watch).items()}


class TailStopper(Stopper):
    """Ends a round of packs once half of all slots are idle, so that the rest is split over them.

    A slot is what one pack needs to train. `ended` says that half of the slots were idle for long
    enough; `slots` is then the number of slots, busy or idle.

    Args:
        packs: how many packs the round has; math.inf while a search may add more.
        seconds: how long half of the slots must be idle.
        idle_slots: how many more packs could train now.
    """

    def __init__(self, packs: float, seconds: float, idle_slots: Callable[[], int]) -> None:
        self._packs, self._seconds, self._idle_slots = packs, seconds, idle_slots
        self._open: dict[str, int] = {}
        self._idle_since: float | None = None
        self.slots = 0
        self.ended = False

    def __call__(self, trial_id: str, result: Mapping[str, object]) -> bool:
        """Count the idle slots at a pack's report; no pack is stopped alone."""
        report = PackReport.of(result)
        self._open[trial_id] = 0 if report.set_aside else report.members_open
        running = [members for members in self._open.values() if members]
        waiting = len(self._open) < self._packs
        # A pack that waits takes an idle slot by itself, and one member cannot be split.
        idle = 0 if waiting or max(running, default=0) < 2 else self._idle_slots()
        self.slots = len(running) + idle
        if not idle or idle < len(running):
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = time.time()
        return False

    def stop_all(self) -> bool:
        """Whether the packs that are left should stop now."""
        waited = self._idle_since is not None and time.time() - self._idle_since >= self._seconds
        self.ended = self.ended or waited
        return self.ended


class InterruptStopper(Stopper):
    """Stops the study after SIGINT, SIGTERM or SIGHUP."""

    def __init__(self, interrupt: Interrupt) -> None:
        self._interrupt = interrupt

    def __call__(self, _trial_id: str, _result: Mapping[str, object]) -> bool:
        """No pack is stopped alone."""
        return False

    def stop_all(self) -> bool:
        """Whether the user or the end of a job has sent a signal."""
        return self._interrupt.requested


class SkewStopper(Stopper):
    """Ends a study when a machine has other versions than the driver.

    `difference` names the machine and the versions; "" where none differs. The pack of that machine
    does not count as failed, because another machine can train it.
    """

    def __init__(self) -> None:
        self.difference = ""

    def __call__(self, _trial_id: str, result: Mapping[str, object]) -> bool:
        """Read the versions in a pack's report; no pack is stopped alone."""
        self.difference = self.difference or PackReport.of(result).skew
        return False

    def stop_all(self) -> bool:
        """Whether a machine was found that must not train."""
        return bool(self.difference)

    def refuse(self) -> None:
        """Raise StudyError if a machine was found that must not train."""
        if self.difference:
            raise StudyError(
                f"{self.difference}; all machines of a study run the same versions. "
                "Install one on the others: ray up cluster.yaml sends this checkout."
            )
