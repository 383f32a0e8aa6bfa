"""Replay: a trial is trained again from its row, alone, and compared with what is stored.

On the machine, kernel and torch that trained the trial first, the replay is exact, bit for bit.
Elsewhere the comparison says by how much each column differs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from study.engine.make import pick_engine
from study.engine.protocol import Engine
from study.errors import UsageError
from study.spec.toml_tables import Budget
from study.store.manifest import stored_settings
from study.store.parquet import Value
from study.store.schema import READINGS
from study.store.store import Store
from study.training.pack_run import PackRun
from study.trials.identity import find_id
from study.trials.pack import Pack
from study.trials.trial import Point, Trial
from study.vocabulary.axes import AXES
from study.vocabulary.columns import comparable_columns


@dataclass(frozen=True, slots=True)
class Replay:
    """A trial trained again, and what differs from the store.

    Attributes:
        row: the new row, by column.
        readings: the new readings, by column.
        moved: the columns that differ, with the largest absolute difference. The difference is
            infinity where the lengths differ, or at least one of two values is null or a text.
    """

    row: Mapping[str, Value]
    readings: Mapping[str, list[Value]]
    moved: Mapping[str, float]

    @property
    def exact(self) -> bool:
        """Whether every result and reading is the stored one, bit for bit."""
        return not self.moved


def stored_trial(store: Store, trial_id: str) -> tuple[Trial, dict[str, Any]]:
    """The trial of a row, with the budget it was trained to, and the row.

    Args:
        store: that has the row.
        trial_id: all of the id, or a beginning that no other trial of the store has.
    Raises: UsageError, with candidates or the nearest ids, where that is no trial or several; and
        where the store no longer has the trial's setting.
    """
    row = store.trial(trial_id)
    if row is None:
        ids = store.trials(columns=["trial_id"])["trial_id"].to_pylist()
        return stored_trial(store, find_id(ids, trial_id, store.url))
    settings = stored_settings(store)
    if row["setting"] not in settings:
        raise UsageError(
            f"{trial_id}: setting {row['setting']!r} is not in {store.address_of('study.json')}; a "
            "replay needs it. Run the study file that had it."
        )
    budget = Budget(epochs=row["budget_epochs"])
    setting = settings[row["setting"]].model_copy(update={"budget": budget})
    return Trial(
        row["study"], setting, Point(**{name: row[name] for name in AXES}), row["seed"]
    ), row


def replay(store: Store, trial_id: str, engine: Engine | None = None) -> Replay:
    """Train a stored trial again, alone, and compare its row and readings with the stored ones.

    Args:
        store: that has the trial.
        trial_id: as of `stored_trial`.
        engine: by default the fastest one here for the trial.
    Raises: UsageError as of `stored_trial`.
    """
    trial, stored = stored_trial(store, trial_id)
    run = PackRun(Pack((trial,)), engine or pick_engine(trial))
    finished = None
    while finished is None:
        finished = run.advance()
    row, readings = finished.trials[0], finished.readings
    names = comparable_columns(stored["schema_version"])
    moved = differences({n: [row[n]] for n in names}, {n: [stored[n]] for n in names})
    before = store.readings([stored["trial_id"]]).to_pydict()
    shared = [name for name in READINGS.names if name in readings]
    moved |= differences({n: readings[n] for n in shared}, {n: before[n] for n in shared})
    return Replay(row, readings, moved)


def differences(
    now: Mapping[str, Sequence[Value]], then: Mapping[str, Sequence[Value]]
) -> dict[str, float]:
    """The columns whose values differ, with the largest absolute difference; see `Replay.moved`.

    Args:
        now: columns to compare.
        then: the same columns, and perhaps more.
    """
    moved: dict[str, float] = {}
    for name, values in now.items():
        if values == then[name]:
            continue
        differing = [(v, w) for v, w in zip(values, then[name], strict=False) if v != w]
        gaps = [
            abs(v - w)
            for v, w in differing
            if isinstance(v, int | float) and isinstance(w, int | float)
        ]
        comparable = len(values) == len(then[name]) and len(gaps) == len(differing)
        moved[name] = max(gaps) if comparable else float("inf")
    return moved
