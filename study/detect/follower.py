"""How a pack is followed: glances find the transitions, readings are stored.

A reading costs about as much as an epoch. Detection needs less: that more rows are wrong than an
awaited threshold allows, which a glance proves by looking at few. And not every epoch: a run of
`hold` readings in a row has one at a multiple of `hold`, so a glance there misses no event, and the
epochs that were passed over are looked at again, from the states kept of them, when it finds
something. Readings are taken at log-spaced epochs, around an event and at the end. All of it
depends on a trial's own weights, never on its neighbours in a pack.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from study.detect.detector import COLLAPSED_READINGS, GrokkingDetector, Watch
from study.detect.log import ReadingLog
from study.detect.schedule import scheduled
from study.engine.protocol import Along, Arrays, ArraySpec, ArraySpecs, Engine, Reading
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

Flags = NDArray[np.bool_]


class Past(NamedTuple):
    """The numbers of the members [m] and the engine's state at an epoch, should it matter later."""

    epoch: int
    numbers: NDArray[np.int64]
    state: Any


class Seen(NamedTuple):
    """What `GrokkingDetector.update` takes of an epoch, each [T]. Right rows may be bounds."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    norm: NDArray[np.float64]
    active: Flags


class Leaving(NamedTuple):
    """Members that end: their places, why, and their last reading, float64 [C, m]."""

    places: NDArray[np.int64]
    why: NDArray[np.str_]
    values: NDArray[np.float64]


class Follower:
    """Follows the members still open, T of them; `numbers` is what they had in the whole pack."""

    ARRAYS: ClassVar[ArraySpecs] = {"numbers": ArraySpec(Along.OPEN, indexes_pack=True)}

    def __init__(self, engine: Engine, trials: Sequence[Trial]) -> None:
        setting = trials[0].setting
        detect, self._readings, self._stop = setting.detect, setting.readings, setting.detect.stop
        self._engine = engine
        self._detector = GrokkingDetector(
            detect.memorized,
            detect.generalized,
            detect.hold,
            dead_readings=1 if _dead_is_dead(trials[0]) else COLLAPSED_READINGS,
        )
        self.columns = VALUES + tuple(
            column for name in self._readings.measures for column in MEASURES[name].columns
        )
        self.numbers = np.arange(len(trials))
        self.watch = Watch.start([t.train_size for t in trials], [t.test_size for t in trials])
        keep = self._readings.keep_per_decade
        self.log = ReadingLog(len(trials), len(self.columns), keep)
        self._stride = detect.hold if self._readings.every == 1 else 1
        depth = 0 if keep == "all" else detect.hold + WINDOW
        self._past: deque[Past] = deque(maxlen=depth)
        self._budgets = np.array([trial.budget_epochs for trial in trials])
        self._lingers = np.array(
            [detect.linger * t.decay_time_epochs if detect.linger else 0.0 for t in trials]
        )
        self._bounds = self._detector.bounds(self.watch)

    @property
    def open(self) -> int:
        """How many members are followed."""
        return len(self.numbers)

    @property
    def budgets(self) -> NDArray[np.int64]:
        """Passes at most, of each member [T]."""
        return self._budgets[self.numbers]

    def take(self, places: NDArray[np.int64]) -> None:
        """Follow only the members at `places` from here on."""
        self.numbers = self.numbers[places]
        self.watch = self.watch.take(places)
        self._bounds = self._detector.bounds(self.watch)

    def look(self, epoch: int, state: Any) -> Leaving | None:
        """Look at the members as they are at an epoch; those that end there, if any."""
        before, on_schedule = self.watch, scheduled(epoch, self._readings.every)
        now, values = Past(epoch, self.numbers, state), np.zeros((len(self.columns), self.open))
        if on_schedule:
            self._past.append(now)
        read = self._due(epoch, on_schedule=on_schedule)
        self._read(now, read, values)
        if on_schedule:
            asked = np.tile(~read, (2, 1))  # of both parts: a member is watched to one epoch
            if epoch % self._stride:
                asked &= self._detector.unfinished(self.watch)
            unclear = self._glance(now, asked)
            self._read(now, unclear, values)
            read |= unclear
        self._read_around(self._detector.changed(before, self.watch), now, read)
        why = self._ended(epoch)
        places = np.flatnonzero(why != "")
        if not len(places):
            return None
        self._read(now, (why != "") & ~read, values)
        return Leaving(places, why[places], values[:, places])

    def dump(self) -> Iterator[tuple[str, Arrays]]:
        """Everything that `load` needs, in named parts: plain arrays."""
        yield "follower", {"numbers": self.numbers}
        yield "watch", self.watch.arrays()
        yield "log", self.log.arrays()
        for index, past in enumerate(self._past):
            places = np.searchsorted(past.numbers, self.numbers)
            yield f"past{index}", self._engine.dump(self._engine.leave(past.state, places.tolist()))

    def load(self, trials: Sequence[Trial], parts: Mapping[str, dict[str, NDArray[Any]]]) -> None:
        """Go on from what `dump` saw; `trials` are all members of the pack."""
        self.numbers = parts["follower"]["numbers"]
        self.watch = Watch(**parts["watch"])
        self._bounds = self._detector.bounds(self.watch)
        self.log.load(parts["log"])
        members = [trials[int(number)] for number in self.numbers]
        for name in sorted(part for part in parts if part.startswith("past")):
            state = self._engine.restore(members, parts[name])
            self._past.append(Past(int(parts[name]["epoch"]), self.numbers, state))

    def _due(self, epoch: int, *, on_schedule: bool) -> Flags:
        """Members [T] that are read whatever a glance would show."""
        detector, watch = self._detector, self.watch
        due = epoch >= self.budgets
        if self._stop:
            due |= detector.lingered(watch, epoch, self._lingers[self.numbers])
        if not on_schedule:
            return due | detector.unfinished(watch)
        due |= detector.falling(watch) | self.log.wants(epoch, self.numbers)
        return due | detector.just_changed(watch, epoch, WINDOW)

    def _read(self, past: Past, chosen: Flags, values: NDArray[np.float64] | None) -> None:
        """Read the members `chosen` [T] at an epoch; fills their places in `values` [C, T].

        Without `values` the reading is stored, and the watch has seen that epoch already.
        """
        if not chosen.any():
            return
        numbers = self.numbers[chosen]
        places = np.searchsorted(past.numbers, numbers)
        reading = self._engine.read(past.state, self._readings.measures, places)
        columns = self._columns_of(reading, self.watch.take(chosen))
        self.log.add(past.epoch, numbers, columns)
        if values is not None:
            values[:, chosen] = columns
            norms = np.where(
                np.isfinite(reading.train_loss + reading.test_loss), reading.weight_norm, np.nan
            )
            seen = Seen(
                _spread(reading.train_correct, chosen),
                _spread(reading.test_correct, chosen),
                _spread(norms, chosen),
                _spread(reading.active, chosen),
            )
            self._update(past.epoch, chosen, seen)

    def _glance(self, past: Past, asked: Flags) -> Flags:
        """Follow members by a glance at their training and test rows, where `asked` [2, T].

        Returns those [T] that it leaves to a reading.
        """
        chosen: Flags = np.any(asked, axis=0)
        if not chosen.any():
            return chosen
        seen = self._seen(past, asked)
        unclear: Flags = chosen & (~seen.active | self._detector.shrunken(self.watch, seen.norm))
        self._update(past.epoch, chosen & ~unclear, seen)
        return unclear

    def _seen(self, past: Past, asked: Flags) -> Seen:
        """What a glance at an epoch tells of the members and parts `asked` [2, T]."""
        bounds, members = self._bounds, np.flatnonzero(asked.any(axis=0))
        places = np.searchsorted(past.numbers, self.numbers[members])
        allowed = np.full((2, len(past.numbers)), -1)
        allowed[:, places] = np.where(asked, (bounds.train, bounds.test), -1)[:, members]
        found = self._engine.glance(past.state, allowed[0], allowed[1])
        wrong = np.stack((bounds.train, bounds.test)) + 1  # of a part not asked: nothing new
        looked = np.stack((found.train_wrong, found.test_wrong))[:, places]
        wrong[:, members] = np.where(asked[:, members], looked, wrong[:, members])
        # Training rows that were not looked at matter after all where so few test rows are wrong
        # that they could decide a trial.
        matter = ~asked[0] | (bounds.train < 0)
        matter &= asked[1] & (wrong[1] <= bounds.decided_test)
        if matter.any():
            few = np.maximum(bounds.train, bounds.decided_train)
            allowed[0, places], allowed[1] = np.where(matter, few, -1)[members], -1
            again = self._engine.glance(past.state, allowed[0], allowed[1]).train_wrong
            wrong[0, members] = np.where(matter[members], again[places], wrong[0, members])
        norm, active = np.zeros(self.open), np.zeros(self.open, dtype=bool)
        norm[members], active[members] = found.weight_norm[places], found.active[places]
        rows = self.watch.train_rows, self.watch.test_rows
        return Seen(rows[0] - wrong[0], rows[1] - wrong[1], norm, active)

    def _update(self, epoch: int, chosen: Flags, seen: Seen) -> None:
        """Let the watch take in an epoch, after those it was spared where there is news."""
        rows, bounds = (self.watch.train_rows, self.watch.test_rows), self._bounds
        news = np.stack((rows[0] - seen.train <= bounds.train, rows[1] - seen.test <= bounds.test))
        for past in self._past:
            spared = news & chosen & (self.watch.last_epoch < past.epoch)
            if past.epoch < epoch and spared.any():
                self._take_in(past.epoch, np.any(spared, axis=0), self._seen(past, spared))
        self._take_in(epoch, chosen, seen)

    def _take_in(self, epoch: int, chosen: Flags, seen: Seen) -> None:
        before = self.watch
        self.watch = self._detector.update(
            before, epoch, seen.train, seen.test, seen.norm, seen.active, chosen
        )
        if self._detector.new(before, self.watch):
            self._bounds = self._detector.bounds(self.watch)

    def _read_around(self, changed: Flags, now: Past, read: Flags) -> None:
        """Read those who just had an event, known when it held, in the epochs around it."""
        if not changed.any():
            return
        start = now.epoch - self._detector.hold + 1
        earlier = [past for past in self._past if past.epoch < start]
        later = [past for past in self._past if start <= past.epoch <= start + WINDOW]
        for past in [*earlier[-WINDOW:], *later]:
            self._read(past, changed & ~read if past is now else changed, None)

    def _columns_of(self, reading: Reading, watch: Watch) -> NDArray[np.float64]:
        """A reading of the members of a watch as the stored columns: float64 [C, m]."""
        columns: dict[str, NDArray[Any]] = {
            "train_accuracy": reading.train_correct / watch.train_rows,
            "test_accuracy": reading.test_correct / watch.test_rows,
            "train_loss": reading.train_loss,
            "test_loss": reading.test_loss,
            "weight_norm": reading.weight_norm,
            **reading.measured,
        }
        return np.stack([columns[name] for name in self.columns]).astype(np.float64)

    def _ended(self, epoch: int) -> NDArray[np.str_]:
        ended = self._detector.ended(self.watch, self._lingers[self.numbers])
        if not self._stop:
            ended = np.where(ended == "decided", "", ended)
        return np.where((ended == "") & (epoch >= self.budgets), "budget", ended)


def _dead_is_dead(trial: Trial) -> bool:
    """Whether a net without an active unit can never move: not by momentum, nor fresh rows."""
    return trial.setting.train.optimizer == "sgd" and trial.point.train_size is not None


def _spread(column: NDArray[Any], chosen: Flags) -> NDArray[Any]:
    """A column [m] of the members `chosen` [T] as one of all: [T], zero elsewhere."""
    whole = np.zeros(len(chosen), dtype=column.dtype)
    whole[chosen] = column
    return whole
