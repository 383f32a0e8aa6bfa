"""What a detector has seen of the trials of a pack, and the columns of the table that follow."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.engine.protocol import Along, ArraySpec, ArraySpecs
from study.vocabulary.columns import CROSSINGS

Whole = NDArray[np.int64]
Flags = NDArray[np.bool_]

NEVER = -1  # stands for an epoch inside the arrays only; `transitions` gives None instead

# The events whose runs a watch follows, in the order of the rows of its arrays.
RUN_EVENTS = ("memorized", "generalized", "decided", "ungrokked")
MEMORIZED, GENERALIZED, DECIDED, UNGROKKED = range(4)


@dataclass(frozen=True, slots=True)
class Watch:
    """What a detector has seen of T trials: a value that `GrokkingDetector.update` replaces.

    Arrays [4, T] have a row for each of `RUN_EVENTS`, arrays [2, ...] one for training and one for
    test accuracy. An epoch is `NEVER` where there was none yet. The field names are those of the
    arrays in checkpoints.
    """

    train_rows: Whole  # [T] rows
    test_rows: Whole  # [T] rows
    last_epoch: Whole  # [T] epoch of the latest reading
    starts: Whole  # [4, T] first epoch of the latest run of readings that count for the event
    befores: Whole  # [4, T] epoch of the reading before that run
    lengths: Whole  # [4, T] readings of the current run; 0 outside of one
    epochs: Whole  # [4, T] epoch of the event
    afters: Whole  # [4, T] epoch of the reading before the event
    crossings: Whole  # [2, 4, T] epoch of the first reading above each of `CROSSINGS`
    crossing_afters: Whole  # [2, 4, T] epoch of the latest reading before the crossing
    decided_at: Whole  # [T] epoch at which the event `decided` was confirmed
    initial_norm: NDArray[np.float64]  # [T]
    last_norm: NDArray[np.float64]  # [T]
    falling: Whole  # [T] latest readings in a row with a collapsing norm
    dead: Whole  # [T] latest readings in a row without an active unit
    finite: Flags  # [T] whether every norm so far was a finite number

    @classmethod
    def start(cls, train_rows: ArrayLike, test_rows: ArrayLike) -> "Watch":
        """The watch before the first reading of trials with so many rows.

        Args:
            train_rows: training rows, [T].
            test_rows: test rows, [T] or one number for all.
        """
        train = np.atleast_1d(np.asarray(train_rows, dtype=np.int64))
        test = np.broadcast_to(np.asarray(test_rows, dtype=np.int64), train.shape)
        count, events = len(train), (len(RUN_EVENTS), len(train))

        def never(*shape: int) -> Whole:
            return np.full(shape, NEVER, dtype=np.int64)

        return cls(
            train_rows=train,
            test_rows=test,
            last_epoch=never(count),
            starts=never(*events),
            befores=never(*events),
            lengths=np.zeros(events, dtype=np.int64),
            epochs=never(*events),
            afters=never(*events),
            crossings=never(2, len(CROSSINGS), count),
            crossing_afters=never(2, len(CROSSINGS), count),
            decided_at=never(count),
            initial_norm=np.full(count, np.nan),
            last_norm=np.full(count, np.nan),
            falling=np.zeros(count, dtype=np.int64),
            dead=np.zeros(count, dtype=np.int64),
            finite=np.ones(count, dtype=bool),
        )

    def take(self, index: ArrayLike) -> "Watch":
        """The watch of some trials only.

        Args:
            index: which trials, as indices or as a mask.
        """
        chosen = np.asarray(index)
        return Watch(**{name: column[..., chosen] for name, column in self.arrays().items()})

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The fields by name; `Watch(**arrays)` is the inverse."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def array_specs(cls) -> ArraySpecs:
        """The members' axis of every field: the last."""
        return {field.name: ArraySpec(Along.OPEN, axis=-1) for field in fields(cls)}


def transitions(watch: Watch) -> dict[str, list[int | None]]:
    """The columns of the table `trials` that tell events, each a list over T; None for never.

    A trial without an event is censored at its latest reading, or at the reading before its current
    run: that run may yet become the event. A trial without a crossing is censored at its latest
    reading.
    """
    columns: dict[str, Whole] = {}
    for row in (MEMORIZED, GENERALIZED, UNGROKKED):
        event = RUN_EVENTS[row]
        happened = watch.epochs[row] != NEVER
        in_a_run = watch.lengths[row] > 0
        censored_at = np.where(in_a_run, watch.befores[row], watch.last_epoch)
        columns[f"{event}_epoch"] = watch.epochs[row]
        columns[f"{event}_after_epoch"] = np.where(happened, watch.afters[row], censored_at)
    for row in (MEMORIZED, GENERALIZED):
        for index, level in enumerate(CROSSINGS):
            columns[f"{RUN_EVENTS[row]}_epoch_{level}"] = watch.crossings[row, index]
            after = watch.crossing_afters[row, index]
            columns[f"{RUN_EVENTS[row]}_after_epoch_{level}"] = after
    return {
        name: [None if epoch == NEVER else int(epoch) for epoch in column]
        for name, column in columns.items()
    }
