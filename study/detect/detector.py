"""GrokkingDetector: readings to transitions, vectorised over a pack, without I/O.

The detector is a frozen rule; a `Watch` is what it has seen, a struct of arrays over T trials.
`watch = detector.update(watch, epoch, ...)` takes one epoch's readings, `detector.ended` says who
may leave and why, `transitions` gives the columns of the table. An event is the first reading of a
run of `hold` consecutive readings above a threshold; a trial without it is censored at the last
reading before any unfinished run.
"""

from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.engine.protocol import Along, ArraySpec, ArraySpecs
from study.vocabulary.columns import CROSSINGS

Whole = NDArray[np.int64]
Flags = NDArray[np.bool_]

DECIDED_ABOVE = 0.99  # both accuracies, held: nothing that the table asks for is still to come
UNGROKKED_BELOW = 0.90  # test accuracy, held, after generalising: clear of noise at the threshold
COLLAPSED_NORM = 1e-8  # of the initial norm; nets at 2% were seen to regrow and generalise
COLLAPSED_READINGS = 20
# Float32 0.98 is 0.98 + 1.9e-8: an accuracy counts as above a threshold from 1e-7 over it, which
# separates float32 values and whole rows (up to ten million of them) alike.
_MARGIN = 1e-7
_NONE = -1  # inside the arrays only; `transitions` says None

EVENTS = ("memorized", "generalized", "decided", "ungrokked")  # the rows of the run arrays
_TRANSITIONS = [0, 1, 3]  # events that the table tells


@dataclass(frozen=True, slots=True)
class Watch:
    """What a detector has seen of T trials. Whole-number fields hold epochs unless they count.

    `starts`, `befores`, `lengths` [4, T]: each event's current run: its first reading, the reading
    before it, and how many readings long it is. `epochs`, `afters` [4, T]: the events themselves,
    and the reading before each. `crossings` [2, 4, T]: first readings above 0.90 to 0.99.
    """

    train_rows: Whole
    test_rows: Whole
    last_epoch: Whole
    starts: Whole
    befores: Whole
    lengths: Whole
    epochs: Whole
    afters: Whole
    crossings: Whole
    decided_at: Whole
    initial_norm: NDArray[np.float64]
    last_norm: NDArray[np.float64]
    falling: Whole
    dead: Whole
    finite: Flags

    @classmethod
    def start(cls, train_rows: ArrayLike, test_rows: ArrayLike) -> "Watch":
        """Nothing seen yet of trials with so many training and test rows, each [T]."""
        train = np.atleast_1d(np.asarray(train_rows, dtype=np.int64))
        test = np.broadcast_to(np.asarray(test_rows, dtype=np.int64), train.shape)
        count, events = len(train), (len(EVENTS), len(train))

        def never(*shape: int) -> Whole:
            return np.full(shape, _NONE, dtype=np.int64)

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
            decided_at=never(count),
            initial_norm=np.full(count, np.nan),
            last_norm=np.full(count, np.nan),
            falling=np.zeros(count, dtype=np.int64),
            dead=np.zeros(count, dtype=np.int64),
            finite=np.ones(count, dtype=bool),
        )

    def take(self, index: ArrayLike) -> "Watch":
        """Only the trials at `index`."""
        chosen = np.asarray(index)
        return Watch(**{name: column[..., chosen] for name, column in self.arrays().items()})

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The fields by name; `Watch(**arrays)` is the inverse."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def array_specs(cls) -> ArraySpecs:
        """The members' axis of every field: the last."""
        return {field.name: ArraySpec(Along.OPEN, axis=-1) for field in fields(cls)}


class Bounds(NamedTuple):
    """How many rows may be wrong in an accuracy above the lowest threshold awaited: each [T].

    -1 where none is awaited, or none can be reached. `decided_train` and `decided_test` are the
    same for the accuracies that decide a trial.
    """

    train: Whole
    test: Whole
    decided_train: Whole
    decided_test: Whole


@dataclass(frozen=True, slots=True)
class GrokkingDetector:
    """The rule: thresholds, how long they must hold, and when a trial may leave.

    A trial is decided when both accuracies have been above `decided`, and above their thresholds.
    `dead_readings` is how many readings in a row without an active hidden unit mean collapse: one
    where a dead net cannot move (SGD), more where an optimiser's momentum still moves it.
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
        """Take the readings of one epoch, each [T]: rows predicted right, norm, any unit active.

        Only trials in `due` (all by default) are read. A reading at or before a trial's last one
        changes nothing, so repeats are harmless; a norm that is not finite is no reading but the
        end of the trial.
        """
        count = len(watch.train_rows)
        read = np.broadcast_to(True if due is None else np.asarray(due), count)
        read = read & (epoch > watch.last_epoch) & watch.finite
        finite = watch.finite
        norm = watch.last_norm
        if weight_norm is not None:
            norm = np.asarray(weight_norm, dtype=np.float64)
            finite = finite & (np.isfinite(norm) | ~read)
            read = read & finite
        train = np.asarray(train_correct) / watch.train_rows - _MARGIN
        test = np.asarray(test_correct) / watch.test_rows - _MARGIN
        watch = self._runs(watch, epoch, train, test, read)
        levels = np.array(CROSSINGS)[:, None] / 100
        first = np.stack((train > levels, test > levels)) & read & (watch.crossings == _NONE)
        decided = watch.epochs[EVENTS.index("decided")] != _NONE
        below = (norm < COLLAPSED_NORM * watch.initial_norm) & (norm < watch.last_norm)
        inactive = np.zeros(count, bool) if active is None else ~np.asarray(active)
        return replace(
            watch,
            last_epoch=np.where(read, epoch, watch.last_epoch),
            crossings=np.where(first, epoch, watch.crossings),
            decided_at=np.where(decided & (watch.decided_at == _NONE), epoch, watch.decided_at),
            initial_norm=np.where(read & np.isnan(watch.initial_norm), norm, watch.initial_norm),
            last_norm=np.where(read, norm, watch.last_norm),
            falling=np.where(read, np.where(below, watch.falling + 1, 0), watch.falling),
            dead=np.where(read, np.where(inactive, watch.dead + 1, 0), watch.dead),
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
        """Lengthen or break the runs of the four events."""
        generalized = watch.epochs[EVENTS.index("generalized")] != _NONE
        decided = max(self.decided, self.memorized, self.generalized)
        holds = np.stack(
            (
                train > self.memorized,
                test > self.generalized,
                (train > decided) & (test > decided),
                (test <= min(UNGROKKED_BELOW, self.generalized)) & generalized,
            )
        )
        begins = read & holds & (watch.lengths == 0)
        starts = np.where(begins, epoch, watch.starts)
        befores = np.where(begins, watch.last_epoch, watch.befores)
        lengths = np.where(read, np.where(holds, watch.lengths + 1, 0), watch.lengths)
        new = read & (watch.epochs == _NONE) & (lengths >= self.hold)
        return replace(
            watch,
            starts=starts,
            befores=befores,
            lengths=lengths,
            epochs=np.where(new, starts, watch.epochs),
            afters=np.where(new, befores, watch.afters),
        )

    def bounds(self, watch: Watch) -> Bounds:
        """What a glance has to find out: more wrong rows than these, or how many exactly.

        That is all that `update` needs to know of a trial, but for a fall after generalising. To be
        decided takes both accuracies, so it is awaited of the test rows alone.
        """
        levels = np.array(CROSSINGS)[:, None] / 100
        awaited = np.where(watch.crossings == _NONE, levels, np.inf).min(axis=1)
        never = watch.epochs == _NONE
        decided = max(self.decided, self.memorized, self.generalized)
        wanted = ((0, 0, self.memorized), (1, 1, self.generalized), (1, 2, decided))
        for part, event, level in wanted:
            lower = np.minimum(awaited[part], level)
            awaited[part] = np.where(never[event], lower, awaited[part])
        return Bounds(
            _most_wrong(watch.train_rows, awaited[0]),
            _most_wrong(watch.test_rows, awaited[1]),
            *(
                _most_wrong(rows, np.where(never[2], decided, np.inf))
                for rows in (watch.train_rows, watch.test_rows)
            ),
        )

    def shrunken(self, watch: Watch, norm: NDArray[np.float64]) -> Flags:
        """Trials [T] whose norm is not finite or near collapse: only readings can follow them."""
        return ~(norm >= COLLAPSED_NORM * watch.initial_norm) | ~np.isfinite(norm)

    def unfinished(self, watch: Watch) -> Flags:
        """Trials in the middle of a run, [T]: they are watched at the next epoch."""
        return np.asarray(self._pending(watch).any(axis=0) & watch.finite)

    def falling(self, watch: Watch) -> Flags:
        """Trials [T] that may be collapsing or losing what they learned: only readings tell."""
        lost = self._pending(watch)[EVENTS.index("ungrokked")]
        return np.asarray((watch.falling > 0) | (watch.dead > 0) | lost)

    def _pending(self, watch: Watch) -> Flags:
        return np.asarray(
            (watch.lengths > 0) & (watch.lengths < self.hold) & (watch.epochs == _NONE)
        )

    def new(self, before: Watch, after: Watch) -> bool:
        """Whether any trial had an event or a first crossing between two watches."""
        pairs = ((before.epochs, after.epochs), (before.crossings, after.crossings))
        return any(old is not now and (old != now).any() for old, now in pairs)

    def changed(self, before: Watch, after: Watch) -> Flags:
        """Trials [T] that memorised, generalised or lost it again between two watches."""
        return np.asarray((before.epochs != after.epochs)[_TRANSITIONS].any(axis=0))

    def just_changed(self, watch: Watch, epoch: int, within: int) -> Flags:
        """Trials [T] that did so in the last so many epochs."""
        epochs = watch.epochs[_TRANSITIONS]
        return np.asarray(((epochs != _NONE) & (epoch <= epochs + within)).any(axis=0))

    def lingered(self, watch: Watch, epoch: ArrayLike, linger_epochs: ArrayLike = 0) -> Flags:
        """Trials [T] decided so many epochs ago."""
        decided = watch.decided_at != _NONE
        return np.asarray(decided & (epoch >= watch.decided_at + np.asarray(linger_epochs)))

    def ended(self, watch: Watch, linger_epochs: ArrayLike = 0) -> NDArray[np.str_]:
        """Why each trial may leave: diverged, collapsed, decided, or empty where it may not.

        Returns an array [T]; `linger_epochs` [T] is how long a decided trial is watched on.
        """
        collapsed = (watch.falling >= COLLAPSED_READINGS) | (watch.dead >= self.dead_readings)
        return np.select(
            [~watch.finite, collapsed, self.lingered(watch, watch.last_epoch, linger_epochs)],
            ["diverged", "collapsed", "decided"],
            default="",
        )


def _most_wrong(rows: Whole, level: ArrayLike) -> Whole:
    """How many of so many rows [T] may be wrong in an accuracy above a level; -1 if none may."""
    level = np.broadcast_to(np.asarray(level, dtype=np.float64), rows.shape)
    below = np.floor(rows * np.minimum(level, 2.0)).astype(np.int64)
    least = below + 2
    for right in (below + 1, below):
        least = np.where(right / rows - _MARGIN > level, right, least)  # as in `update`
    most: Whole = np.maximum(rows - least, -1)
    return most


def transitions(watch: Watch) -> dict[str, list[int | None]]:
    """The transition columns of the trials table, each a list over T; None where it never was."""
    columns: dict[str, Whole] = {}
    for row, event in enumerate(EVENTS[:2]):
        happened = watch.epochs[row] != _NONE
        running = watch.lengths[row] > 0
        censored_at = np.where(running, watch.befores[row], watch.last_epoch)
        columns[f"{event}_epoch"] = watch.epochs[row]
        columns[f"{event}_after_epoch"] = np.where(happened, watch.afters[row], censored_at)
        for level, crossing in zip(CROSSINGS, watch.crossings[row], strict=True):
            columns[f"{event}_epoch_{level}"] = crossing
    columns["ungrokked_epoch"] = watch.epochs[EVENTS.index("ungrokked")]
    return {
        name: [None if epoch == _NONE else int(epoch) for epoch in column]
        for name, column in columns.items()
    }
