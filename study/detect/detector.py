"""GrokkingDetector: from readings to events, vectorized over a pack, without I/O.

The detector is a frozen rule. A `Watch` is what it has seen: a struct of arrays over T trials.
`watch = detector.update(watch, epoch, ...)` takes the readings of one epoch, and `transitions`
gives the columns of the table. When and why a trial ends is decided in `study.detect.endings`.

An event is the first reading of a run of `hold` consecutive readings above a threshold, or for
ungrokking, at or below a level. A trial without the event is censored at the last reading before
any unfinished run.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.detect.endings import reasons_of_readings
from study.detect.watch import (
    DECIDED,
    GENERALIZED,
    MEMORIZED,
    NEVER,
    RUN_EVENTS,
    UNGROKKED,
    Flags,
    Watch,
    Whole,
)
from study.vocabulary.columns import CROSSINGS

# A trial is decided once both accuracies hold above this level: no later reading changes what the
# table asks for.
DECIDED_ABOVE = 0.99
# A trial that has generalized has ungrokked once its test accuracy holds at or below this level.
# The level is far enough below the usual threshold that noise at the threshold does not count.
UNGROKKED_BELOW = 0.90
# A share of the initial norm. Networks at 2% of it were seen to grow again and to generalize.
COLLAPSED_NORM = 1e-8
# Above this multiple of the initial norm a loss may overflow while the norm is still finite.
OVERFLOWING_NORM = 1e6
# An accuracy counts as above a threshold if it exceeds the threshold by 1e-7. Float32 rounds 0.98
# to 0.98 + 1.9e-8, which must not count. One row of up to ten million is more than the margin.
_MARGIN = 1e-7
_TRANSITIONS = [MEMORIZED, GENERALIZED, UNGROKKED]  # events that have columns in the table


class Bounds(NamedTuple):
    """Most wrong rows with which an accuracy is above a level that decides something awaited.

    -1 where nothing is awaited, or the level cannot be reached.
    """

    train: Whole  # [T] training rows, at the lowest awaited threshold
    test: Whole  # [T] test rows, at the lowest awaited threshold
    decided_train: Whole  # [T] training rows, at the accuracy that decides a trial
    decided_test: Whole  # [T] test rows, at the accuracy that decides a trial
    kept_test: Whole  # [T] test rows, at the level of ungrokking


@dataclass(frozen=True, slots=True)
class GrokkingDetector:
    """The rule: the thresholds of the events, and for how many readings each must hold.

    Attributes:
        memorized: threshold of the training accuracy.
        generalized: threshold of the test accuracy.
        hold: consecutive readings above a threshold that make an event; for ungrokking, at or
            below its level.
        dead_readings: readings in a row without an active hidden unit that mean collapse: one where
            a dead net cannot move (SGD), more where an optimizer's momentum still moves the net.
        decided: a trial is decided when both accuracies hold above this level and above their own
            thresholds.
    """

    memorized: float = 0.98
    generalized: float = 0.98
    hold: int = 3
    dead_readings: int = 1
    decided: float = DECIDED_ABOVE

    def update(
        self,
        watch: Watch,
        epoch: int,
        train_correct: ArrayLike,
        test_correct: ArrayLike,
        weight_norm: ArrayLike | None = None,
        active: ArrayLike | None = None,
        due: ArrayLike | None = None,
    ) -> Watch:
        """The watch after the readings of one epoch.

        A reading at or before a trial's latest one changes nothing, so repeats are harmless.

        Args:
            watch: before.
            epoch: of the readings.
            train_correct: training rows predicted right, [T].
            test_correct: test rows predicted right, [T].
            weight_norm: [T]; a norm that is not finite is no reading but the end of the trial.
            active: whether any hidden unit is active, [T]; by default there is always one.
            due: the trials that were read, [T]; all by default.
        """
        finite, norm = watch.finite, watch.last_norm
        read = (epoch > watch.last_epoch) & finite
        if due is not None:
            read = read & np.asarray(due)
        if weight_norm is not None:
            norm = np.asarray(weight_norm, dtype=np.float64)
            finite = finite & (np.isfinite(norm) | ~read)
            read = read & finite
        train = np.asarray(train_correct) / watch.train_rows - _MARGIN
        test = np.asarray(test_correct) / watch.test_rows - _MARGIN
        watch = self._runs(watch, epoch, train, test, read)
        watch = _crossed(watch, epoch, train, test, read)
        decided = watch.epochs[DECIDED] != NEVER
        collapsing = (norm < COLLAPSED_NORM * watch.initial_norm) & (norm < watch.last_norm)
        inactive = np.zeros_like(read) if active is None else ~np.asarray(active)
        return replace(
            watch,
            last_epoch=np.where(read, epoch, watch.last_epoch),
            decided_at=np.where(decided & (watch.decided_at == NEVER), epoch, watch.decided_at),
            initial_norm=np.where(read & np.isnan(watch.initial_norm), norm, watch.initial_norm),
            last_norm=np.where(read, norm, watch.last_norm),
            falling=_lengthened(watch.falling, collapsing, read),
            dead=_lengthened(watch.dead, inactive, read),
            finite=finite,
        )

    def _runs(
        self,
        watch: Watch,
        epoch: int,
        train: NDArray[np.float64],
        test: NDArray[np.float64],
        read: Flags,
    ) -> Watch:
        """Lengthen or break the runs of the four events.

        Args:
            watch: before.
            epoch: of the readings.
            train: training accuracy less the margin, [T].
            test: test accuracy less the margin, [T].
            read: the trials that were read, [T].
        """
        generalized = watch.epochs[GENERALIZED] != NEVER
        decided = max(self.decided, self.memorized, self.generalized)
        holds = np.stack(
            (
                train > self.memorized,
                test > self.generalized,
                (train > decided) & (test > decided),
                (test <= self._ungrokked) & generalized,
            )
        )
        begins = read & holds & (watch.lengths == 0)
        starts = np.where(begins, epoch, watch.starts)
        befores = np.where(begins, watch.last_epoch, watch.befores)
        lengths = np.where(read, np.where(holds, watch.lengths + 1, 0), watch.lengths)
        new = read & (watch.epochs == NEVER) & (lengths >= self.hold)
        return replace(
            watch,
            starts=starts,
            befores=befores,
            lengths=lengths,
            epochs=np.where(new, starts, watch.epochs),
            afters=np.where(new, befores, watch.afters),
        )

    def bounds(self, watch: Watch) -> Bounds:
        """Most wrong rows, per part, that decide what is awaited; a glance may stop beyond.

        `decided` needs both accuracies: the test rows are tested for it here, and `glance_at`
        counts the training rows where the test rows allow the event.
        """
        never, uncrossed = watch.epochs == NEVER, watch.crossings == NEVER
        crossings = [level / 100 for level in CROSSINGS]
        decided = max(self.decided, self.memorized, self.generalized)
        train = _most_wrong(watch.train_rows, [*crossings, self.memorized, decided])
        test = _most_wrong(
            watch.test_rows, [*crossings, self.generalized, decided, self._ungrokked]
        )
        events = never[[GENERALIZED, DECIDED]]
        kept = never[UNGROKKED] & ~never[GENERALIZED]
        rises = test[:-1]  # of the crossings, and of the two events
        return Bounds(
            train=np.where(np.vstack((uncrossed[0], never[MEMORIZED])), train[:-1], -1).max(axis=0),
            test=np.where(np.vstack((uncrossed[1], events)), rises, -1).max(axis=0),
            decided_train=np.where(never[DECIDED], train[-1], -1),
            decided_test=np.where(never[DECIDED], rises[-1], -1),
            kept_test=np.where(kept, test[-1], -1),
        )

    def strayed(self, watch: Watch, norm: NDArray[np.float64]) -> Flags:
        """Trials [T] whose norm is near collapse or near divergence: they need readings.

        Args:
            watch: with the initial norms.
            norm: of the weights at the epoch looked at, [T]; it may be no finite number.
        """
        least, most = COLLAPSED_NORM * watch.initial_norm, OVERFLOWING_NORM * watch.initial_norm
        return ~((norm >= least) & (norm <= most))

    def unfinished(self, watch: Watch) -> Flags:
        """Trials [T] in the middle of a run: the next epoch is looked at."""
        return np.asarray(self._pending(watch).any(axis=0) & watch.finite)

    def collapsing(self, watch: Watch) -> Flags:
        """Trials [T] that may be collapsing: they need readings."""
        return np.asarray((watch.falling > 0) | (watch.dead > 0))

    def ungrokking(self, watch: Watch) -> Flags:
        """Trials [T] in the middle of a run of ungrokking."""
        return np.asarray(self._pending(watch)[UNGROKKED])

    def fallen_at(self, watch: Watch, epoch: int) -> Flags:
        """Trials [T] in the middle of a run of ungrokking that begins at an epoch."""
        return np.asarray(self.ungrokking(watch) & (watch.starts[UNGROKKED] == epoch))

    def dated_back(self, watch: Watch, epoch: int, fallen: Flags) -> Watch:
        """The watch where runs of ungrokking begin one epoch earlier.

        Args:
            watch: where these runs begin at the next epoch.
            epoch: at which they begin now; the epoch before it is taken to be no part of them.
            fallen: the trials [T] with such a run.
        """
        earlier = (np.arange(len(RUN_EVENTS)) == UNGROKKED)[:, None] & fallen
        lengths = watch.lengths + earlier
        new = earlier & (watch.epochs == NEVER) & (lengths >= self.hold)
        return replace(
            watch,
            starts=np.where(earlier, epoch, watch.starts),
            befores=np.where(earlier, epoch - 1, watch.befores),
            lengths=lengths,
            epochs=np.where(new, epoch, watch.epochs),
            afters=np.where(new, epoch - 1, watch.afters),
        )

    @property
    def _ungrokked(self) -> float:
        """The test accuracy at or below which a trial that generalized has lost it again."""
        return min(UNGROKKED_BELOW, self.generalized)

    def _pending(self, watch: Watch) -> Flags:
        """Runs [4, T] that have begun and may yet become an event."""
        return np.asarray(
            (watch.lengths > 0) & (watch.lengths < self.hold) & (watch.epochs == NEVER)
        )

    def new(self, before: Watch, after: Watch) -> bool:
        """Whether any trial had an event or a first crossing between two watches.

        Args:
            before: the earlier watch.
            after: the later watch, of the same trials.
        """
        pairs = ((before.epochs, after.epochs), (before.crossings, after.crossings))
        return any(old is not now and (old != now).any() for old, now in pairs)

    def changed(self, before: Watch, after: Watch) -> Flags:
        """Trials [T] that memorized, generalized or ungrokked between two watches.

        Args:
            before: the earlier watch.
            after: the later watch, of the same trials.
        """
        return np.asarray((before.epochs != after.epochs)[_TRANSITIONS].any(axis=0))

    def just_changed(self, watch: Watch, epoch: int, within: int) -> Flags:
        """Trials [T] that memorized, generalized or ungrokked lately.

        Args:
            watch: at the epoch.
            epoch: the present one.
            within: how many epochs ago at most.
        """
        epochs = watch.epochs[_TRANSITIONS]
        return np.asarray(((epochs != NEVER) & (epoch <= epochs + within)).any(axis=0))

    def ended(self, watch: Watch, linger_epochs: ArrayLike = 0) -> NDArray[np.str_]:
        """Why each trial [T] may end, as a value of `Ended`; "" where it may not.

        Args:
            watch: at the latest epoch.
            linger_epochs: how long a decided trial trains on, [T] or one number for all.
        """
        return reasons_of_readings(watch, self.dead_readings, linger_epochs)


def _crossed(
    watch: Watch, epoch: int, train: NDArray[np.float64], test: NDArray[np.float64], read: Flags
) -> Watch:
    """The watch with the first crossings of one more reading.

    Args:
        watch: before.
        epoch: of the reading.
        train: accuracies of training rows, less the margin, [T].
        test: those of test rows, [T].
        read: the trials that were read, [T].
    """
    levels = np.array(CROSSINGS)[:, None] / 100
    awaited = read & (watch.crossings == NEVER)
    first = awaited & np.stack((train > levels, test > levels))
    return replace(
        watch,
        crossings=np.where(first, epoch, watch.crossings),
        crossing_afters=np.where(awaited & ~first, epoch, watch.crossing_afters),
    )


def _lengthened(lengths: Whole, holds: Flags, read: Flags) -> Whole:
    """The lengths [T] of runs after one more reading: longer where `holds`, else over.

    Args:
        lengths: before, [T].
        holds: whether the reading belongs to a run, [T].
        read: the trials that were read, [T]; the lengths of others stay.
    """
    return np.where(read, np.where(holds, lengths + 1, 0), lengths)


def _most_wrong(rows: Whole, levels: Sequence[float]) -> Whole:
    """Most wrong rows [L, T] with which an accuracy is above a level; -1 where it cannot be.

    Args:
        rows: in all, [T].
        levels: that the accuracy must exceed, [L].
    """
    above = np.array(levels)[:, None]
    below = np.floor(rows * above).astype(np.int64)
    least = below + 2
    for right in (below + 1, below):
        least = np.where(right / rows - _MARGIN > above, right, least)  # as in `update`
    most: Whole = np.maximum(rows - least, -1)
    return most
