"""How a pack is followed: glances find the events of its trials, readings are stored.

A reading measures everything and costs about as much as an epoch. Detection needs less: whether
more rows are wrong than a threshold allows, which a glance proves by a few rows. At every epoch of
the schedule a glance asks each trial whether an accuracy has risen above a threshold that is
awaited: that of an event, or a level whose first crossing is a column. Of a trial that has
generalized, a glance also asks whether the test accuracy has fallen to the level of ungrokking. To
rule a fall out takes nearly all test rows. With `readings.every = 1`, falls are therefore asked for
at multiples of `hold` only, because every run of `hold` epochs contains one. Where a glance sees a
fall, the epochs since the last multiple are looked at again from saved states.

An example: `hold` is 3, and a trial has ungrokked when 10 of its 100 test rows are wrong.

    epoch  asked for            wrong test rows    what follows
    6      rises, falls         3 of all 100       No fall.
    7, 8   rises                                   Their states are saved.
    9      rises, falls         10 of the first 12 A fall: epochs 8 and 7 were not asked.
    8      falls, from memory   10 of the first 15 The run began at epoch 8 or before.
    7      falls, from memory   6 of all 100       The run began at epoch 8; epoch 9 is its second.
    10     rises, falls         10 of the first 11 Asked because a run is unfinished; its third.

The trial has ungrokked at epoch 8. Epochs 7, 8 and 9 are then read and stored, because they lie
around the event. Readings are also taken at log-spaced epochs, at the end of a trial, and wherever
a glance does not suffice. No event depends on which readings are stored. All of it depends on a
trial's own weights, never on its neighbors in the pack.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from study.detect.detector import GrokkingDetector
from study.detect.endings import Endings
from study.detect.glances import Asked, Seen, glance_at
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
            unclear = self._glance(now, ~read)
            self._read(now, unclear, values)
            read |= unclear
            self._look_back(epoch)
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
        self._catch_up()

    def _catch_up(self) -> None:
        """Look at saved epochs not looked at yet: earlier programs left some for later."""
        for saved in self._saved:
            behind = self.watch.last_epoch < saved.epoch
            if behind.any():
                self._update(saved.epoch, behind, self._seen(saved, Asked(behind, behind)))

    def _due(self, epoch: int, *, on_schedule: bool) -> Flags:
        """Members [T] that are read whatever a glance would show."""
        detector, watch = self._detector, self.watch
        due = self._endings.due(watch, epoch, self.members)
        if not on_schedule:
            return due | detector.unfinished(watch)
        due |= detector.collapsing(watch) | self.log.wants(epoch, self.members)
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
        members, watch = self.members[chosen], self.watch
        reading = saved.read(self._engine, members, self._measures)
        columns: dict[str, NDArray[Any]] = {
            "train_accuracy": reading.train_correct / watch.train_rows[chosen],
            "test_accuracy": reading.test_correct / watch.test_rows[chosen],
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
        falls = chosen
        if now.epoch % self._stride:
            falls = chosen & self._detector.ungrokking(self.watch)
        seen = self._seen(now, Asked(rises=chosen, falls=falls))
        unclear: Flags = chosen & (~seen.active | self._detector.strayed(self.watch, seen.norm))
        self._update(now.epoch, chosen & ~unclear, seen)
        return unclear

    def _seen(self, saved: SavedState, asked: Asked) -> Seen:
        """What a glance at an epoch answers."""
        return glance_at(self._engine, saved, self.members, self.watch, self._bounds, asked)

    def _look_back(self, epoch: int) -> None:
        """Date falls that are first seen now back to the epochs where they began.

        Args:
            epoch: the present one.
        """
        last_asked = (epoch - 1) // self._stride * self._stride
        fallen = self._detector.fallen_at(self.watch, epoch)
        watch, rises = self.watch, np.zeros_like(fallen)
        for saved in reversed(self._saved):
            if last_asked < saved.epoch < epoch and fallen.any():
                wrong = watch.test_rows - self._seen(saved, Asked(rises, fallen)).test_right
                fallen = fallen & (wrong > self._bounds.kept_test)
                watch = self._detector.dated_back(watch, saved.epoch, fallen)
        self._follow(watch)

    def _update(self, epoch: int, chosen: Flags, seen: Seen) -> None:
        """Let the watch see an epoch of the members `chosen` [T]."""
        self._follow(self._detector.update(self.watch, epoch, *seen, chosen))

    def _follow(self, after: Watch) -> None:
        """Go on with another watch of the same members; new events change what is awaited."""
        before, self.watch = self.watch, after
        if self._detector.new(before, after):
            self._bounds = self._detector.bounds(after)

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
