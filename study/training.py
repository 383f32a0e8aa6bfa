"""The training of one pack: the only training loop, without store or Ray.

`PackRun` reads the members whose reading is due, lets those go that have ended, and trains one
epoch; it can be checkpointed between any two epochs and continues bit for bit.
"""

import io
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from study import __version__
from study.catalogue import MEASURES, WHOLE_COLUMNS
from study.engine import Engine, Reading
from study.grokking import COLLAPSED_READINGS, GrokkingDetector, Watch, transitions
from study.readings import ReadingLog, scheduled
from study.schema import SCHEMA_VERSION
from study.trials import Pack, Trial

_VALUES = (
    "train_accuracy",
    "test_accuracy",
    "train_loss",
    "test_loss",
    "weight_norm",
)
# What only a settled circuit has: null for a trial that left as soon as it was decided.
_UNSETTLED = dict.fromkeys(f"final_{column}" for column in MEASURES["effective_sparsity"].columns)


@dataclass(frozen=True, slots=True)
class Finished:
    """Rows of members that have ended: one mapping a trial, and their readings by column."""

    trials: list[dict[str, Any]]
    readings: dict[str, list[Any]]


def use_one_thread() -> None:
    """Make this process's arithmetic repeatable: one thread, and denormals flushed to zero.

    Sums under two threads round otherwise, and a product with dying weights near 1e-40 is 87 times
    slower.
    """
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


class PackRun:
    """The training of one pack, epoch by epoch. Members are numbered as the pack began."""

    def __init__(self, pack: Pack, engine: Engine) -> None:
        use_one_thread()
        self.pack, self.engine = pack, engine
        setting = pack.setting
        detect, self._readings = setting.detect, setting.readings
        self._stop = detect.stop
        self._detector = GrokkingDetector(
            detect.memorized,
            detect.generalized,
            detect.hold,
            dead_readings=1 if self._dead_is_dead() else COLLAPSED_READINGS,
        )
        trials = pack.trials
        self._numbers = np.arange(len(trials))
        self._watch = Watch.start([t.train_size for t in trials], [t.test_size for t in trials])
        self._columns = _VALUES + tuple(
            column for name in self._readings.measures for column in MEASURES[name].columns
        )
        self._log = ReadingLog(
            len(trials), len(self._columns), detect.hold, self._readings.keep_per_decade
        )
        self._seconds = np.zeros(len(trials))
        self.epoch = 0
        self._state = engine.allocate(trials)

    def _dead_is_dead(self) -> bool:
        """Whether a net without an active unit can never move: not by momentum, nor fresh rows."""
        first = self.pack.trials[0]
        return first.setting.train.optimizer == "sgd" and first.point.train_size is not None

    @property
    def open(self) -> int:
        """Members still training."""
        return len(self._numbers)

    def advance(self) -> Finished | None:
        """Read what is due at this epoch, let members go, and train one pass; who went, if any."""
        self._clock = time.perf_counter()
        finished = self._read()
        if self.open:
            self._state = self.engine.step(self._state)
            self.epoch += 1
            self._charge()
        return finished

    def _charge(self) -> None:
        """Share the time since the last charge among the members."""
        now = time.perf_counter()
        self._seconds[self._numbers] += (now - self._clock) / self.open
        self._clock = now

    def drop(self, trial_ids: Iterable[str]) -> None:
        """Let members go without a row: they are stored already."""
        gone = set(trial_ids)
        stay = [
            place
            for place, number in enumerate(self._numbers)
            if self.pack.trials[number].trial_id not in gone
        ]
        self._keep(np.array(stay, dtype=np.int64))

    def checkpoint(self) -> bytes:
        """Everything that `restore` needs: plain arrays, no code."""
        parts = {
            "run": {
                "numbers": self._numbers,
                "seconds": self._seconds,
                "budgets": np.array([trial.budget_epochs for trial in self.members]),
            },
            "watch": self._watch.arrays(),
            "log": self._log.arrays(),
            "state": self.engine.dump(self._state),
        }
        buffer = io.BytesIO()
        flat = {f"{part}.{name}": a for part, arrays in parts.items() for name, a in arrays.items()}
        np.savez(buffer, allow_pickle=False, **flat)
        return buffer.getvalue()

    def restore(self, content: bytes) -> None:
        """Continue where `checkpoint` was taken, bit for bit.

        Raises ValueError where it was taken under other budgets: who left may be wanted again.
        """
        with np.load(io.BytesIO(content), allow_pickle=False) as flat:
            parts: dict[str, dict[str, NDArray[Any]]] = {}
            for key in flat.files:
                part, _, name = key.partition(".")
                parts.setdefault(part, {})[name] = flat[key]
        self._numbers, self._seconds = parts["run"]["numbers"], parts["run"]["seconds"]
        budgets = [trial.budget_epochs for trial in self.members]
        if parts["run"]["budgets"].tolist() != budgets:
            raise ValueError("a checkpoint of other budgets")
        self._watch = Watch(**parts["watch"])
        self._log.load(parts["log"])
        self._state = self.engine.restore(self.members, parts["state"])
        self.epoch = int(parts["state"]["epoch"])

    @property
    def members(self) -> list[Trial]:
        """The trials still training."""
        return [self.pack.trials[number] for number in self._numbers]

    def _read(self) -> Finished | None:
        trials = self.members
        budget = np.array([trial.budget_epochs for trial in trials])
        due = self._detector.unfinished(self._watch) | (self.epoch >= budget)
        due |= scheduled(self.epoch, self._readings.every)
        if not due.any():
            return None
        reading = self.engine.read(self._state, self._readings.measures)
        before = self._watch.epochs
        norms = np.where(
            np.isfinite(reading.train_loss + reading.test_loss), reading.weight_norm, np.nan
        )
        self._watch = self._detector.update(
            self._watch,
            self.epoch,
            reading.train_correct,
            reading.test_correct,
            norms,
            reading.active,
            due,
        )
        event = (self._watch.epochs != before).any(axis=0)
        values = self._values(reading)
        self._log.add(self.epoch, self._numbers[due], values[:, due], event[due])
        ended = self._ended(trials, budget)
        if not (ended != "").any():
            return None
        return self._leave(np.flatnonzero(ended != ""), ended, values)

    def _ended(self, trials: Sequence[Trial], budget: NDArray[np.int64]) -> NDArray[np.str_]:
        detect = self.pack.setting.detect
        linger = [detect.linger * t.decay_time_epochs if detect.linger else 0.0 for t in trials]
        ended = self._detector.ended(self._watch, linger)
        if not self._stop:
            ended = np.where(ended == "decided", "", ended)
        return np.where((ended == "") & (self.epoch >= budget), "budget", ended)

    def _values(self, reading: Reading) -> NDArray[np.float64]:
        """A reading as the stored columns: float64 [C, T]."""
        columns: dict[str, NDArray[Any]] = {
            "train_accuracy": reading.train_correct / self._watch.train_rows,
            "test_accuracy": reading.test_correct / self._watch.test_rows,
            "train_loss": reading.train_loss,
            "test_loss": reading.test_loss,
            "weight_norm": reading.weight_norm,
            **reading.measured,
        }
        return np.stack([columns[name] for name in self._columns]).astype(np.float64)

    def _leave(
        self, places: NDArray[np.int64], ended: NDArray[np.str_], values: NDArray[np.float64]
    ) -> Finished:
        """Take members out of the pack and make their rows."""
        moved = transitions(self._watch.take(places))
        sparsity = self._final_sparsity(places, ended)
        self._charge()
        rows = []
        for index, place in enumerate(places):
            trial = self.pack.trials[self._numbers[place]]
            final = dict(zip(self._columns, values[:, place].tolist(), strict=True))
            rows.append(
                {
                    **describe(trial),
                    "pack_id": self.pack.pack_id,
                    "epochs_run": self.epoch,
                    "ended": str(ended[place]),
                    **{name: column[index] for name, column in moved.items()},
                    **{f"final_{name}": _number(final[name]) for name in _VALUES},
                    **sparsity.get(int(place), _UNSETTLED),
                    "device": self.engine.device,
                    "kernel": self.engine.kernel,
                    "wall_seconds": float(self._seconds[self._numbers[place]]),
                    "code_version": __version__,
                    "schema_version": SCHEMA_VERSION,
                }
            )
        readings = self._kept_readings(self._numbers[places])
        self._keep(np.setdiff1d(np.arange(self.open), places))
        return Finished(rows, readings)

    def _final_sparsity(
        self, places: NDArray[np.int64], ended: NDArray[np.str_]
    ) -> dict[int, dict[str, int | None]]:
        """Effective sparsity of the final nets, where a circuit has had time to settle."""
        settled = [
            int(place)
            for place in places
            if ended[place] == "budget"
            or (ended[place] == "decided" and self.pack.setting.detect.linger > 0)
        ]
        if not settled:
            return {}
        final = self.engine.read(self.engine.leave(self._state, settled), ["effective_sparsity"])
        return {
            place: {f"final_{name}": _count(sizes[index]) for name, sizes in final.measured.items()}
            for index, place in enumerate(settled)
        }

    def _kept_readings(self, numbers: NDArray[np.int64]) -> dict[str, list[Any]]:
        kept = self._log.leave(numbers)
        order = np.lexsort((kept.epochs, kept.members))
        kept = kept.take(order)
        trials = [self.pack.trials[number] for number in kept.members]
        columns: dict[str, list[Any]] = {
            "trial_id": [trial.trial_id for trial in trials],
            "epoch": kept.epochs.tolist(),
            "step": [
                int(epoch) * trial.steps_per_epoch
                for epoch, trial in zip(kept.epochs, trials, strict=True)
            ],
        }
        for name, column in zip(self._columns, kept.values.tolist(), strict=True):
            written = _count if name in WHOLE_COLUMNS else _number
            columns[name] = [written(value) for value in column]
        return columns

    def _keep(self, places: NDArray[np.int64]) -> None:
        self._numbers = self._numbers[places]
        self._watch = self._watch.take(places)
        if len(places):
            self._state = self.engine.leave(self._state, places.tolist())


def describe(trial: Trial) -> dict[str, Any]:
    """The columns of a trial that are known before it is trained."""
    return {
        "study": trial.study,
        "setting": trial.setting.label,
        "trial_id": trial.trial_id,
        "point_id": trial.point_id,
        "task": trial.setting.task,
        **asdict(trial.point),
        "seed": trial.seed,
        "test_size": trial.test_size,
        "steps_per_epoch": trial.steps_per_epoch,
        "budget_epochs": trial.budget_epochs,
    }


def _number(value: float) -> float | None:
    """Null for what is not a finite number: a diverged loss."""
    return value if np.isfinite(value) else None


def _count(value: float) -> int | None:
    return int(value) if np.isfinite(value) else None
