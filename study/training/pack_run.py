"""The training of one pack, without store or Ray: the loop of studies and of replays.

At each epoch a `PackRun` lets its follower look at the members, takes out the members that end, and
trains the others for one pass. A run can be checkpointed between any two epochs. A run that is
restored from the checkpoint continues bit for bit.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from study import __version__
from study.detect.follower import VALUES, Follower, Leaving
from study.detect.watch import transitions
from study.engine.protocol import Arrays, Engine, Indices
from study.kernel.numerics import use_repeatable_arithmetic
from study.store.parquet import Value
from study.tasks.task_code import code_of_task
from study.training.checkpoint import packed, unpacked
from study.trials.pack import Pack
from study.trials.trial import Trial
from study.vocabulary.columns import SCHEMA_VERSION
from study.vocabulary.measures import MEASURES, WHOLE_COLUMNS
from study.vocabulary.outcomes import Ended

# Measures of the final net. Null for trials stopped at `decided` without lingering: their circuit
# had no time to become sparse.
_UNSETTLED = dict.fromkeys(f"final_{column}" for column in MEASURES["effective_sparsity"].columns)


@dataclass(frozen=True, slots=True)
class Finished:
    """What is stored of members that have ended.

    Attributes:
        trials: one row for each member, by column.
        readings: their readings, one list for each column.
    """

    trials: list[dict[str, Value]]
    readings: dict[str, list[Value]]


class PackRun:
    """The training of one pack, epoch by epoch; `advance`, `drop` and `restore` change it.

    Attributes:
        pack: as it began.
        engine: that trains the pack.
        epoch: passes trained so far.
    """

    def __init__(self, pack: Pack, engine: Engine) -> None:
        """Begin a pack at epoch 0.

        Args:
            pack: to train.
            engine: that can train the pack's setting.
        """
        use_repeatable_arithmetic()
        self.pack, self.engine = pack, engine
        self._follower = Follower(engine, pack.trials)
        self._seconds = np.zeros(len(pack.trials))
        self.epoch = 0
        self._clock = time.perf_counter()
        self._state = engine.allocate(pack.trials)
        self._charge()

    @property
    def open(self) -> int:
        """How many members are still training."""
        return self._follower.open

    @property
    def members(self) -> list[Trial]:
        """The trials still training."""
        return [self.pack.trials[member] for member in self._follower.members]

    def advance(self) -> Finished | None:
        """Look at this epoch, take out members that end, train one pass; returns the rows made."""
        self._clock = time.perf_counter()
        ended = self._follower.look(self.epoch, self._state)
        finished = self._leave(ended) if ended else None
        if self.open:
            self._state = self.engine.step(self._state)
            self.epoch += 1
            self._charge()
        return finished

    def _charge(self) -> None:
        """Charge the open members, in equal shares, with the time since the last charge."""
        now = time.perf_counter()
        self._seconds[self._follower.members] += (now - self._clock) / self.open
        self._clock = now

    def drop(self, trial_ids: Iterable[str]) -> None:
        """Take out members without making their rows: the rows are stored already."""
        gone = set(trial_ids)
        stay = [index for index, trial in enumerate(self.members) if trial.trial_id not in gone]
        self._keep(np.array(stay, dtype=np.int64))

    def checkpoint(self) -> bytes:
        """Everything that `restore` needs: plain arrays, no code."""
        return packed(self._parts())

    def _parts(self) -> Iterator[tuple[str, Arrays]]:
        """The parts of a checkpoint, made one by one: each may be as large as the state."""
        yield "run", {"seconds": self._seconds, "budgets": self._follower.budgets}
        yield "state", self.engine.dump(self._state)
        yield from self._follower.dump()

    def restore(self, content: bytes) -> None:
        """Continue where `checkpoint` was taken, bit for bit.

        Raises: ValueError where it was taken under other budgets. Members that left for a budget
            may have to train on.
        """
        parts = unpacked(content)
        self._follower.load(self.pack.trials, parts)
        if parts["run"]["budgets"].tolist() != self._follower.budgets.tolist():
            raise ValueError("a checkpoint of other budgets")
        self._seconds = parts["run"]["seconds"]
        self._state = self.engine.restore(self.members, parts["state"])
        self.epoch = int(parts["state"]["epoch"])

    def _leave(self, ended: Leaving) -> Finished:
        """Take members out of the pack and make their rows."""
        follower = self._follower
        leaving = follower.members[ended.indices]
        moved = transitions(follower.watch.take(ended.indices))
        sparsity = self._final_sparsity(ended)
        self._charge()
        last = {
            name: _written(ended.values[follower.columns.index(name)], whole=False)
            for name in VALUES
        }
        rows = []
        for index, member in enumerate(leaving):
            rows.append(
                {
                    **describe(self.pack.trials[member]),
                    "pack_id": self.pack.pack_id,
                    "epochs_run": self.epoch,
                    "ended": str(ended.why[index]),
                    **{name: column[index] for name, column in moved.items()},
                    **{f"final_{name}": column[index] for name, column in last.items()},
                    **sparsity.get(int(ended.indices[index]), _UNSETTLED),
                    "device": self.engine.device,
                    "kernel": self.engine.kernel,
                    "wall_seconds": float(self._seconds[member]),
                    "code_version": __version__,
                    "schema_version": SCHEMA_VERSION,
                }
            )
        readings = self._readings_of(leaving)
        self._keep(np.delete(np.arange(self.open), ended.indices))
        return Finished(rows, readings)

    def _final_sparsity(self, ended: Leaving) -> dict[int, dict[str, Value]]:
        """Effective sparsity of final nets whose circuit has had time to settle.

        Returns columns by the member's index among the open ones.
        """
        lingers = self.pack.setting.detect.linger > 0
        settling = [Ended.BUDGET.value, *[Ended.DECIDED.value] * lingers]
        settled = ended.indices[np.isin(ended.why, settling)]
        if not len(settled):
            return {}
        final = self.engine.read(self._state, ["effective_sparsity"], settled)
        sizes = {name: _written(s, whole=True) for name, s in final.measured.items()}
        return {
            int(member): {f"final_{name}": column[index] for name, column in sizes.items()}
            for index, member in enumerate(settled)
        }

    def _readings_of(self, leaving: Indices) -> dict[str, list[Value]]:
        """The stored readings of members [m], indices into the pack as it began, by column."""
        stored = self._follower.log.leave(leaving)
        trials = self.pack.trials
        ids = {member: trials[member].trial_id for member in leaving.tolist()}
        steps = trials[0].steps_per_epoch  # the members of a pack share batches and rows
        columns: dict[str, list[Value]] = {
            "trial_id": [ids[member] for member in stored.members.tolist()],
            "epoch": stored.epochs.tolist(),
            "step": (steps * stored.epochs).tolist(),
        }
        for name, column in zip(self._follower.columns, stored.values, strict=True):
            columns[name] = _written(column, whole=name in WHOLE_COLUMNS)
        return columns

    def _keep(self, indices: Indices) -> None:
        """Go on with some of the open members, [m] indices into them."""
        self._follower.take(indices)
        if len(indices):
            self._state = self.engine.leave(self._state, indices.tolist())


def describe(trial: Trial) -> dict[str, Value]:
    """The columns of a trial's row that do not depend on its training."""
    return {
        "study": trial.study,
        "setting": trial.setting.label,
        "trial_id": trial.trial_id,
        "point_id": trial.point_id,
        "task": trial.setting.task,
        "net": trial.setting.net,
        **trial.point.values(),
        "seed": trial.seed,
        "test_size": trial.test_size,
        "fewer_rows": trial.setting.data.fewer_rows,
        "fewer_from": trial.setting.data.fewer_from,
        "steps_per_epoch": trial.steps_per_epoch,
        "budget_epochs": trial.budget_epochs,
        "commuting_share": code_of_task(trial.setting.task).commuting_share(trial),
    }


def _written(column: NDArray[np.float64], *, whole: bool) -> list[Value]:
    """A column as it is stored; null for what is not a finite number, as a diverged loss.

    Args:
        column: of the readings, [R].
        whole: whether it is a column of whole numbers.
    """
    finite = np.isfinite(column)
    numbers = np.where(finite, column, 0).astype(np.int64) if whole else column
    values: list[Value] = numbers.tolist()
    if finite.all():
        return values
    return [v if present else None for v, present in zip(values, finite.tolist(), strict=True)]
