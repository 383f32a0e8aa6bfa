"""Replay: any trial can be trained again from its row, alone, and compared with what is stored.

On the machine, kernel and torch that trained it first the replay is exact, bit for bit; elsewhere
the comparison says by how much it moved. `snapshots` shows the network itself on the way.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from study.engine.make import pick_engine
from study.engine.protocol import Engine, Reading
from study.errors import UsageError
from study.kernel.numerics import use_repeatable_arithmetic
from study.nets.relu import ReluNets
from study.spec.toml_tables import Budget
from study.store.manifest import stored_settings
from study.store.schema import READINGS
from study.store.store import Store
from study.training.pack_run import PackRun
from study.trials.identity import find_id
from study.trials.pack import Pack
from study.trials.trial import Point, Trial
from study.vocabulary.axes import AXES
from study.vocabulary.columns import RESULT_COLUMNS
from study.vocabulary.nets import NETS


@dataclass(frozen=True, slots=True)
class Replay:
    """A trial trained again: its row, its readings by column, and what differs from the store.

    `moved` maps a column to the largest absolute difference, or to infinity where one is null.
    """

    row: Mapping[str, Any]
    readings: Mapping[str, list[Any]]
    moved: Mapping[str, float]

    @property
    def exact(self) -> bool:
        """Whether every result and reading is the stored one, bit for bit."""
        return not self.moved


def stored_trial(store: Store, trial_id: str) -> tuple[Trial, dict[str, Any]]:
    """The trial of a row, with the budget it was trained to, and the row.

    Args: trial_id, all of it or a beginning that no other trial of the store has.
    Raises UsageError, with candidates or the nearest ids, where that is no trial or several.
    """
    row = store.trial(trial_id)
    if row is None:
        known = store.trials(columns=["trial_id"])["trial_id"].to_pylist()
        return stored_trial(store, find_id(known, trial_id, store.url))
    settings = stored_settings(store)
    if row["setting"] not in settings:
        raise UsageError(
            f"{trial_id}: setting {row['setting']!r} is not in {store.place('study.json')}; a "
            "replay needs it. Run the study file that had it."
        )
    budget = Budget(epochs=row["budget_epochs"])
    setting = settings[row["setting"]].model_copy(update={"budget": budget})
    return Trial(
        row["study"], setting, Point(**{name: row[name] for name in AXES}), row["seed"]
    ), row


def replay(store: Store, trial_id: str, engine: Engine | None = None) -> Replay:
    """Train a stored trial again, alone, and compare; the trial is named as in `stored_trial`."""
    trial, stored = stored_trial(store, trial_id)
    run = PackRun(Pack((trial,)), engine or pick_engine(trial))
    finished = None
    while finished is None:
        finished = run.advance()
    row, readings = finished.trials[0], finished.readings
    moved = differences(
        {n: [row[n]] for n in RESULT_COLUMNS}, {n: [stored[n]] for n in RESULT_COLUMNS}
    )
    before = store.readings([stored["trial_id"]]).to_pydict()
    shared = [name for name in READINGS.names if name in readings]
    moved |= differences({n: readings[n] for n in shared}, {n: before[n] for n in shared})
    return Replay(row, readings, moved)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A network at one epoch, before that epoch's pass: T = 1 in `nets` and in its reading."""

    epoch: int
    nets: ReluNets
    reading: Reading


def snapshots(
    trial: Trial,
    epochs: Iterable[int],
    engine: Engine | None = None,
    neurons: Sequence[int] | None = None,
) -> Iterator[Snapshot]:
    """Train a trial alone and show its network at some epochs, in order.

    Its numbers are those of `replay`; nothing ends it before the last epoch asked for.

    Args: neurons, the only ones that there are: the others' weights are zero from the start, which
    has no gradient. Data and order of rows stay the trial's own.
    """
    use_repeatable_arithmetic()
    if NETS[trial.setting.net].engine == "module":
        raise UsageError(
            f"{trial.trial_id}: a {trial.setting.net}; circuits are of the ReLU net of parity. "
            "Choose a parity trial."
        )
    wanted = set(epochs)
    engine = engine or pick_engine(trial)
    state = engine.allocate((trial,))
    if neurons is not None:
        absent = np.setdiff1d(np.arange(trial.point.width), neurons)
        arrays = {name: np.array(array) for name, array in engine.dump(state).items()}
        for name in ReluNets._fields:
            arrays[name][:, absent] = 0
        state = engine.restore((trial,), arrays)
    last = max(wanted, default=-1)
    for epoch in range(last + 1):
        if epoch in wanted:
            weights = engine.dump(state)
            nets = ReluNets(*(torch.tensor(weights[name]) for name in ReluNets._fields))
            yield Snapshot(epoch, nets, engine.read(state))
        if epoch < last:
            state = engine.step(state)


def differences(now: Mapping[str, list[Any]], then: Mapping[str, list[Any]]) -> dict[str, float]:
    """Columns whose values differ, with the largest absolute difference; see `Replay.moved`."""
    moved: dict[str, float] = {}
    for name, values in now.items():
        if values == then[name]:
            continue
        pairs = list(zip(values, then[name], strict=False))
        comparable = len(values) == len(then[name]) and all(
            isinstance(v, int | float) and isinstance(w, int | float) for v, w in pairs if v != w
        )
        moved[name] = max(abs(v - w) for v, w in pairs if v != w) if comparable else float("inf")
    return moved
