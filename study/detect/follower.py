"""How a pack is followed: glances find the events of its trials, readings are stored.

A reading measures everything and costs about as much as an epoch. Detection needs less: whether
more rows are wrong than an awaited threshold allows, which a glance proves by a few rows. With
`readings.every = 1`, most glances are taken at multiples of `hold` only, because every run of
`hold` epochs contains one. A trial in the middle of a run is glanced at in every epoch. If a glance
cannot rule an event out, the skipped epochs are examined again from saved states.

An example: `hold` is 3, and of the thresholds only 0.98 is still awaited, for the test accuracy
over 100 rows. So at most one row may be wrong.

    epoch  looked at            wrong test rows   what follows
    6      glance               2 of the first 7  No event: the glance stops at the second.
    7, 8   not yet                                Their states are saved.
    9      glance               1 of all 100      News: epochs 7 and 8 were skipped.
    7      glance, from memory  2 of the first 5  No run has begun.
    8      glance, from memory  1 of all 100      A run begins at epoch 8; epoch 9 is its second.
    10     glance               0 of all 100      Looked at because a run is unfinished; its third.

The trial has generalized at epoch 8, and after epoch 7. Epochs 7, 8 and 9 are then read and stored,
because they lie around the event. Readings are also taken at log-spaced epochs, at the end of a
trial, and wherever a glance does not suffice. All of it depends on a trial's own weights, never on
its neighbors in the pack.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from study.detect.detector import GrokkingDetector
from study.detect.endings import Endings
from study.detect.glances import Parts, Seen, glance_at
from study.detect.log import ReadingLog
from study.detect.saved_states import SavedState
from study.detect.schedule import scheduled
from study.detect.watch import Flags, Watch
from study.engine.protocol import Along, Arrays, ArraySpec, ArraySpecs, Engine, Indices, Reading
from study.trials.trial import Trial
from study.vocabulary.measures import MEASURES

WINDOW = 1  # epochs read on either side of an event

VALUES = (
    "train_accuracy",
    "test_accuracy",
    "train_loss",
    "test_loss",
    "weight_norm",
)


class Leaving(NamedTuple):
    """Members that end at an epoch."""

    indices: Indices  # [m], into the open members
    why: NDArray[np.str_]  # [m], values of `Ended`
    values: NDArray[np.float64]  # [C, m], their last reading


class Follower:
    """Follows the open members of a pack; `look` changes what it has seen and what it has stored.

    Attributes:
        members: the open members [T], as indices into the pack as it began, rising.
        columns: the names of the C columns of a reading.
        watch: what the detector has seen of the open members.
        log: the readings to store, of all members that have not left.
    """

    ARRAYS: ClassVar[ArraySpecs] = {"numbers": ArraySpec(Along.OPEN, indexes_pack=True)}

    def __init__(self, engine: Engine, trials: Sequence[Trial]) -> None:
        """Follow a pack from its first epoch.

        Args:
            engine: that trains the pack.
            trials: all members; they share one setting.
        """
        setting = trials[0].setting
        detect, readings = setting.detect, setting.readings
        self._engine, self._every = engine, readings.every
        self._measures = tuple(readings.measures)
        self._detector = GrokkingDetector(detect.memorized, detect.generalized, detect.hold)
        self._endings = Endings.of(trials)
        self.columns = VALUES + tuple(
            column for name in self._measures for column in MEASURES[name].columns
        )
        self.members = np.arange(len(trials))
        self.watch = Watch.start([t.train_size for t in trials], [t.test_size for t in trials])
        keep = readings.keep_per_decade
        self.log = ReadingLog(len(trials), len(self.columns), keep)
        self._stride = detect.hold if readings.every == 1 else 1
        self._saved: deque[SavedState] = deque(maxlen=0 if keep == "all" else detect.hold + WINDOW)
        self._bounds = self._detector.bounds(self.watch)

    @property
    def open(self) -> int:
        """How many members are followed: T."""
        return len(self.members)

    @property
    def budgets(self) -> NDArray[np.int64]:
        """Most epochs of each open member, [T]."""
        return self._endings.budgets[self.members]

    def take(self, indices: Indices) -> None:
        """Follow only some of the open members from now on, [m] indices into them."""
        self.members = self.members[indices]
        self.watch = self.watch.take(indices)
        self._bounds = self._detector.bounds(self.watch)

    def look(self, epoch: int, state: Any) -> Leaving | None:
        """Look at the members at an epoch; the members that end there, None where there are none.

        Args:
            epoch: one more than at the last call.
            state: the engine's, of the open members at this epoch.
        """
        before, on_schedule = self.watch, scheduled(epoch, self._every)
        now = SavedState(epoch, self.members, state)
        values = np.zeros((len(self.columns), self.open))
        if on_schedule:
            self._saved.append(now)
        read = self._due(epoch, on_schedule=on_schedule)
        self._read(now, read, values)
        if on_schedule:
            to_glance = ~read
            if epoch % self._stride:
                to_glance &= self._detector.unfinished(self.watch)
            unclear = self._glance(now, to_glance)
            self._read(now, unclear, values)
            read |= unclear
        self._read_around(self._detector.changed(before, self.watch), now, read)
        why = self._endings.reasons(self.watch, epoch, self.members)
        indices = np.flatnonzero(why != "")
        if not len(indices):
            return None
        self._read(now, (why != "") & ~read, values)
        return Leaving(indices, why[indices], values[:, indices])

    def dump(self) -> Iterator[tuple[str, Arrays]]:
        """Everything that `load` needs, as named parts of named arrays."""
        yield "follower", {"numbers": self.members}
        yield "watch", self.watch.arrays()
        yield "log", self.log.arrays()
        for index, saved in enumerate(self._saved):
            yield f"past{index}", saved.dump(self._engine, self.members)

    def load(self, trials: Sequence[Trial], parts: Mapping[str, dict[str, NDArray[Any]]]) -> None:
        """Continue from what `dump` gave.

        Args:
            trials: all members of the pack as it began.
            parts: by the names that `dump` gave; others are ignored.
        """
        self.members = parts["follower"]["numbers"]
        self.watch = Watch(**parts["watch"])
        self._bounds = self._detector.bounds(self.watch)
        self.log.load(parts["log"])
        members = [trials[int(member)] for member in self.members]
        earlier = (arrays for part, arrays in parts.items() if part.startswith("past"))
        for arrays in sorted(earlier, key=lambda arrays: int(arrays["epoch"])):
            state = self._engine.restore(members, arrays)
            self._saved.append(SavedState(int(arrays["epoch"]), self.members, state))

    def _due(self, epoch: int, *, on_schedule: bool) -> Flags:
        """Members [T] that are read whatever a glance would show."""
        detector, watch = self._detector, self.watch
        due = self._endings.due(watch, epoch, self.members)
        if not on_schedule:
            return due | detector.unfinished(watch)
        due |= detector.falling(watch) | self.log.wants(epoch, self.members)
        return due | detector.just_changed(watch, epoch, WINDOW)

    def _read(self, saved: SavedState, chosen: Flags, values: NDArray[np.float64]) -> None:
        """Read some members at the present epoch, store the reading and let the watch see it.

        Args:
            saved: the state at the present epoch.
            chosen: the members, [T].
            values: of all members, [C, T]: the columns of the members chosen are filled in.
        """
        if not chosen.any():
            return
        reading, columns = self._stored_reading(saved, chosen)
        values[:, chosen] = columns
        losses = reading.train_loss + reading.test_loss
        norms = np.where(np.isfinite(losses), reading.weight_norm, np.nan)
        seen = Seen(
            _spread(reading.train_correct, chosen),
            _spread(reading.test_correct, chosen),
            _spread(norms, chosen),
            _spread(reading.active, chosen),
        )
        self._update(saved.epoch, chosen, seen)

    def _stored_reading(
        self, saved: SavedState, chosen: Flags
    ) -> tuple[Reading, NDArray[np.float64]]:
        """Read the members `chosen` [T] at a present or earlier epoch, and store the reading.

        Returns the reading [m] and its columns [C, m].
        """
        members, watch = self.members[chosen], self.watch.take(chosen)
        reading = saved.read(self._engine, members, self._measures)
        columns: dict[str, NDArray[Any]] = {
            "train_accuracy": reading.train_correct / watch.train_rows,
            "test_accuracy": reading.test_correct / watch.test_rows,
            "train_loss": reading.train_loss,
            "test_loss": reading.test_loss,
            "weight_norm": reading.weight_norm,
            **reading.measured,
        }
        values = np.stack([columns[name] for name in self.columns]).astype(np.float64)
        self.log.add(saved.epoch, members, values)
        return reading, values

    def _glance(self, now: SavedState, chosen: Flags) -> Flags:
        """Follow the members `chosen` [T] by a glance; returns those [T] that need a reading."""
        if not chosen.any():
            return chosen
        seen = self._seen(now, Parts.both(chosen))
        unclear: Flags = chosen & (~seen.active | self._detector.shrunken(self.watch, seen.norm))
        self._update(now.epoch, chosen & ~unclear, seen)
        return unclear

    def _seen(self, saved: SavedState, asked: Parts) -> Seen:
        """What a glance at an epoch tells of the parts asked for."""
        return glance_at(self._engine, saved, self.members, self.watch, self._bounds, asked)

    def _update(self, epoch: int, chosen: Flags, seen: Seen) -> None:
        """Let the watch see an epoch of the members `chosen` [T].

        The parts of members with news are glanced at in the skipped epochs first, in order.
        """
        news = seen.news(self.watch, self._bounds).of(chosen)
        for saved in self._saved:
            skipped = news.of(self.watch.last_epoch < saved.epoch)
            if saved.epoch < epoch and skipped.either.any():
                self._take_in(saved.epoch, skipped.either, self._seen(saved, skipped))
        self._take_in(epoch, chosen, seen)

    def _take_in(self, epoch: int, chosen: Flags, seen: Seen) -> None:
        """Let the watch see one epoch; new events change what is awaited."""
        before = self.watch
        self.watch = self._detector.update(before, epoch, *seen, chosen)
        if self._detector.new(before, self.watch):
            self._bounds = self._detector.bounds(self.watch)

    def _read_around(self, changed: Flags, now: SavedState, read: Flags) -> None:
        """Store readings of the epochs around an event that was just confirmed.

        Args:
            changed: members [T] that had the event: their run of `hold` readings ends now.
            now: the present epoch.
            read: members [T] that were read at the present epoch already.
        """
        if not changed.any():
            return
        start = now.epoch - self._detector.hold + 1
        earlier = [saved for saved in self._saved if saved.epoch < start]
        later = [saved for saved in self._saved if start <= saved.epoch <= start + WINDOW]
        for saved in [*earlier[-WINDOW:], *later]:
            chosen = changed & ~read if saved is now else changed
            if chosen.any():
                self._stored_reading(saved, chosen)


def _spread(column: NDArray[Any], chosen: Flags) -> NDArray[Any]:
    """A column [m] of the members `chosen` [T] as a column of all members [T], zero elsewhere."""
    whole = np.zeros(len(chosen), dtype=column.dtype)
    whole[chosen] = column
    return whole
