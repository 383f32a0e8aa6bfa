"""A simulated store: the times of its trials are drawn from a stated model, without training.

A trial of N rows memorizes at 20 (N / 400)^0.5 epochs. It generalizes 1.5 decay times later, or
later still when rows are few, and never with 250 rows or fewer. Both times have a log-normal spread
of 10%. A weight decay of 0.2 or more collapses the net at epoch 15. Accuracies rise along a
logistic curve in log epoch that crosses the threshold at the event.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np

from study.plan.plan import start_study
from study.spec.file import resolve
from study.store.schema import READINGS, TRIALS
from study.store.store import Store
from study.trials.expand import expand
from study.trials.trial import Trial
from study.vocabulary.columns import CROSSINGS
from study.vocabulary.outcomes import PackStatus

QUICK: dict[str, Any] = {
    "name": "quick",
    "seeds": 5,
    "axes": {
        "n": 30,
        "k": 2,
        "width": 100,
        "train_size": [200, 300, 400, 600, 1000],
        "weight_decay": [0.001, 0.003, 0.01, 0.03, 0.1, 0.3],
    },
    "budget": {"epochs": 600},
}
MANIFEST = {
    "started": "2026-11-20T10:00:00+00:00",
    "command": "study run quick",
    "versions": {"study": "0.1.0", "torch": "2.13.0"},
}


def simulate(path: Path, study: dict[str, Any] = QUICK) -> Path:
    """Write the store of a study at a path; the numbers are the same every time."""
    spec = resolve(study)
    store = Store(path)
    store.write_manifest({"spec": spec.model_dump(mode="json"), **MANIFEST})
    write_simulated(store, expand(spec))
    return path


def write_simulated(store: Store, trials: list[Trial]) -> None:
    """Write some trials of a study into its store, as a part of its own."""
    rows: list[dict[str, Any]] = []
    readings: dict[str, list[Any]] = {name: [] for name in READINGS.names}
    for trial in trials:
        row, columns = _simulate(trial)
        rows.append(row)
        for name in readings:
            readings[name] += columns.get(name, [None] * len(columns["epoch"]))
    store.tables.write_rows("simulated", rows, readings)


def begun(path: Path, study: dict[str, Any] = QUICK, running: int = 0) -> list[Trial]:
    """Begin a study at a path as `study run` does, with its first packs in training; its trials."""
    spec, store = resolve(study), Store(path)
    plan = start_study(spec, store, ["study", "run", "quick"])
    for pack in plan.packs[:running]:
        record = store.packs.read(pack.pack_id)
        beat = store.manifest()["started"]
        store.packs.write(pack.pack_id, record.changed(status=PackStatus.RUNNING, heartbeat=beat))
    return list(plan.trials)


def empty_store(path: Path) -> Path:
    """A store at a path, of a study that has started and has finished no trial."""
    spec = resolve(QUICK)
    Store(path).write_manifest({"spec": spec.model_dump(mode="json"), **MANIFEST})
    return path


def _simulate(trial: Trial) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    point = trial.point
    rng = np.random.default_rng(trial.stream_key)
    spread = rng.lognormal(sigma=0.1, size=2)
    memorized = 20 * math.sqrt(trial.train_size / 400) * spread[0]
    rows_short = 250 / trial.train_size
    generalized = math.inf
    if rows_short < 1 and point.weight_decay > 0:
        delay = 1.5 * trial.decay_time_epochs / (1 - rows_short) * spread[1]
        generalized = memorized + delay
    collapsed = point.weight_decay >= 0.2
    last = 15 if collapsed else trial.budget_epochs
    ended = "collapsed" if collapsed else "budget"
    if not collapsed and generalized * 1.2 < last:
        last, ended = math.ceil(generalized * 1.2), "decided"
    epochs = np.unique(np.r_[0, np.geomspace(1, last, 60).round()]).astype(int)
    curves = {
        "train_accuracy": _rise(epochs, memorized),
        "test_accuracy": _rise(epochs, generalized),
    }
    row = {
        **{name: getattr(point, name) for name in TRIALS.names if hasattr(point, name)},
        "study": trial.study,
        "setting": trial.setting.label,
        "trial_id": trial.trial_id,
        "point_id": trial.point_id,
        "pack_id": "simulated",
        "task": trial.setting.task,
        "seed": trial.seed,
        "test_size": trial.test_size,
        "steps_per_epoch": trial.steps_per_epoch,
        "budget_epochs": trial.budget_epochs,
        "epochs_run": last,
        "ended": ended,
        "device": "cpu",
        "kernel": "none",
        "code_version": "0.1.0",
        "schema_version": 1,
        **_event("memorized", memorized, last),
        **_event("generalized", generalized, last),
        **{f"final_{name}": float(curve[-1]) for name, curve in curves.items()},
    }
    count = len(epochs)
    return row, {
        "trial_id": [trial.trial_id] * count,
        "epoch": epochs.tolist(),
        "step": (epochs * trial.steps_per_epoch).tolist(),
        **{name: curve.tolist() for name, curve in curves.items()},
        "weight_norm": np.linspace(8, 3, count).tolist(),
    }


def _event(name: str, epoch: float, last: int) -> dict[str, int | None]:
    """The columns of an event: null and censored at the last reading, if it comes after `last`."""
    reached = math.ceil(epoch) if epoch <= last else None
    early = {
        f"{name}_epoch_{level}": math.ceil(epoch * level / 98)
        for level in CROSSINGS
        if epoch * level / 98 <= last
    }
    after = last if reached is None else reached - 1
    return {f"{name}_epoch": reached, f"{name}_after_epoch": after, **early}


def _rise(epochs: np.ndarray, event: float) -> np.ndarray:
    """An accuracy at some epochs, [R], which starts at 0.5 and first passes 0.98 at `event`."""
    if math.isinf(event):
        return np.full(len(epochs), 0.52)
    slope = 8.0
    distance = slope * np.log(np.maximum(epochs, 0.5) / event) + math.log(0.48 / 0.02)
    return 0.5 + 0.5 / (1 + np.exp(-distance))
