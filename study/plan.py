"""What a study still has to train, given what its store holds already.

There is one way to resume: the store and its pack checkpoints decide what is missing. A spec with
more points, seeds or settings extends a store; one that contradicts it is refused.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from study import __version__
from study.errors import SpecError
from study.readings import scheduled
from study.schema import SCHEMA_VERSION
from study.spec import StudySpec
from study.store import Store
from study.study_file import checked
from study.trials import Pack, Trial, expand, group, trial_bytes

# Arithmetic that one core sustains in the torch kernel, readings and bookkeeping included:
# 10 GFLOP/s at p = 100, 17 at p = 1000 (2 cores of 2.5 GHz, 2026-11). An estimate, no promise.
CORE_FLOPS = 1e10

# Tables of a setting that decide what a stored row means: they cannot change under a store.
MEANINGS = ("task", "data", "train", "detect", "readings")


@dataclass(frozen=True, slots=True)
class Plan:
    """Every trial of a study, how many are stored, and the packs that train the rest."""

    spec: StudySpec
    trials: tuple[Trial, ...]
    done: int
    packs: tuple[Pack, ...]

    @property
    def core_seconds(self) -> float:
        """Time of the packs on one core if every trial runs to its budget: an upper estimate."""
        return sum(_flops(trial) for pack in self.packs for trial in pack.trials) / CORE_FLOPS

    @property
    def pack_bytes(self) -> int:
        """Memory of the largest pack."""
        sizes = (sum(trial_bytes(trial) for trial in pack.trials) for pack in self.packs)
        return max(sizes, default=0)


def make_plan(spec: StudySpec, store: Store | None = None) -> Plan:
    """What would run: all of the study, or what its store lacks."""
    trials = expand(spec)
    if store is None or not store.exists():
        return Plan(spec, tuple(trials), 0, tuple(group(trials)))
    refuse_contradiction(store, spec)
    wanted = {trial.trial_id: trial for trial in missing(store, trials)}
    done = len(trials) - len(wanted)
    resumed = _checkpointed(store, wanted)
    for pack in resumed:
        for trial in pack.trials:
            wanted.pop(trial.trial_id, None)
    return Plan(spec, tuple(trials), done, (*resumed, *group(wanted.values())))


def missing(store: Store, trials: Sequence[Trial]) -> list[Trial]:
    """The trials still to train: those without a row, or censored by a smaller budget."""
    stored = store.trials(columns=["trial_id", "ended", "budget_epochs"]).to_pydict()
    rows = {
        trial_id: (ended, budget) for trial_id, ended, budget in zip(*stored.values(), strict=True)
    }
    wanted = []
    for trial in trials:
        ended, budget = rows.get(trial.trial_id, ("budget", -1))
        if ended == "budget" and budget < trial.budget_epochs:
            wanted.append(trial)
    return wanted


def start_study(spec: StudySpec, store: Store, command: Sequence[str]) -> Plan:
    """Plan a study and note its start in the store, with every pack that is to run."""
    plan = make_plan(spec, store)
    versions = {name: version(name) for name in ("torch", "ray", "optuna", "pandas", "pyarrow")}
    store.write_manifest(
        {
            "spec": spec.model_dump(mode="json"),
            "command": shlex.join(command),
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "done_before": plan.done,
            "versions": {"study": __version__, **versions},
            "schema_version": SCHEMA_VERSION,
        }
    )
    for pack in plan.packs:
        known = store.pack(pack.pack_id)
        state = {**known, "members": pack.to_json(), "state": "pending", "error": None}
        store.write_pack(pack.pack_id, state)
    return plan


def stored_spec(store: Store) -> StudySpec:
    """The study that a store was last run with."""
    spec: StudySpec = checked(
        StudySpec, store.manifest().get("spec"), f"{store.url}/study.json: spec."
    )
    return spec


def refuse_contradiction(store: Store, spec: StudySpec) -> None:
    """Raise SpecError, naming the keys, where a spec changes what stored rows mean."""
    stored = {setting.label: setting for setting in stored_spec(store).settings}
    changed = []
    for setting in spec.settings:
        known = stored.get(setting.label)
        if known is None:
            continue
        before, after = _flat(known.model_dump(mode="json")), _flat(setting.model_dump(mode="json"))
        changed += [
            f"{key}: {before.get(key)} -> {after.get(key)}"
            for key in sorted({*before, *after})
            if before.get(key) != after.get(key) and key.split(".")[0] in MEANINGS
        ]
    if changed:
        raise SpecError(
            f"{'; '.join(changed)}; the trials stored at {store.url} mean the old values. "
            "Keep them, rename the study, or choose another --out."
        )


def _flat(table: dict[str, Any]) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            rows.update({f"{key}.{below}": v for below, v in value.items()})
        else:
            rows[key] = value
    return rows


def _checkpointed(store: Store, wanted: dict[str, Trial]) -> list[Pack]:
    """Packs that left a checkpoint and whose open members are all wanted, to the same budget."""
    packs = []
    for pack_id in store.checkpoint_ids():
        pack = Pack.from_json(store.pack(pack_id)["members"])
        open_members = [t for t in pack.trials if t.trial_id in wanted]
        same = all(wanted[t.trial_id].budget_epochs == t.budget_epochs for t in open_members)
        if open_members and same:
            packs.append(pack)
    return packs


def _flops(trial: Trial) -> float:
    """Arithmetic of a trial that runs to its budget: 6 a weight and row to train, 2 to read."""
    weights = trial.point.width * (trial.point.n + 1)
    every = trial.setting.readings.every
    epochs = trial.budget_epochs
    readings = (
        epochs / every
        if isinstance(every, int)
        else sum(scheduled(epoch, every) for epoch in range(min(epochs, 10_000)))
    )
    rows = 6 * epochs * trial.train_size + 2 * readings * (trial.train_size + trial.test_size)
    return float(rows * weights)
