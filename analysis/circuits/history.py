"""One trial's circuits: replay it, and say which neurons form its subnetworks.

`watch` trains a stored trial again and keeps its network at log-spaced epochs; `find_circuits`
extracts the subnetworks of the paper; `analysis.circuits.through_training` says what became of them
on the way.

Source: arXiv 2303.11873, section 2.1.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from study.detect.schedule import log_spaced
from study.engine.protocol import Engine
from study.measures.relu_measures import neuron_order, pack_effective_sparsity
from study.nets.relu import ReluNets
from study.store.store import Store
from study.tasks.parity import Parity
from study.tasks.rows import Rows
from study.training.replay import Snapshot, differences, snapshots, stored_trial
from study.trials.trial import Trial

PER_DECADE = 50  # networks kept of each decade of epochs: every sixth at a transition near 130

Circuits = Mapping[str, NDArray[np.int64]]

# The subnetworks by name, with what they are; a legend and a summary list them in this order.
CIRCUITS = {
    "memorizing": "the active subnetwork when the trial memorised",
    "generalizing": "the active subnetwork at the end",
    "complementary": "all neurons that are not generalizing",
    "control": "random neurons, as many as are generalizing",
}

# What a replay is compared by with the readings stored.
_COMPARED = ("train_accuracy", "test_accuracy", "train_loss", "test_loss", "weight_norm")


@dataclass(frozen=True, slots=True)
class History:
    """A trial trained again: its row, its data, its network at chosen epochs.

    `snapshots` are those with finite weights, the last at the end of training where it is finite.
    `moved` says what differs from the stored readings; see `study.training.replay.Replay`.
    """

    trial: Trial
    row: Mapping[str, Any]
    data: Parity
    snapshots: tuple[Snapshot, ...]
    moved: Mapping[str, float]

    def at(self, event: str) -> Snapshot | None:
        """The network at the epoch of an event, "memorized" or "generalized", if there was one."""
        epoch = self.row[f"{event}_epoch"]
        return next((shot for shot in self.snapshots if shot.epoch == epoch), None)

    def train_rows(self, shot: Snapshot) -> Rows:
        """The training rows at a snapshot; fresh ones online."""
        return self.data.fresh(shot.epoch) if self.data.online else self.data.train


def watch(store: Store, trial_id: str, engine: Engine | None = None) -> History:
    """Train a stored trial again, and keep its network at log-spaced epochs and at its events.

    The trial is named, or refused, as in `study.training.replay.stored_trial`.
    """
    trial, row = stored_trial(store, trial_id)
    last = int(row["epochs_run"])
    events = {row["memorized_epoch"], row["generalized_epoch"]} - {None}
    epochs = {e for e in range(last + 1) if log_spaced(e, PER_DECADE)} | events | {last}
    shots = tuple(
        shot
        for shot in snapshots(trial, epochs, engine)
        if all(bool(weights.isfinite().all()) for weights in shot.nets)
    )
    dtype = getattr(torch, trial.setting.train.dtype)
    data = Parity((trial,), torch.device("cpu"), dtype)
    stored = store.readings([row["trial_id"]], ["epoch", *_COMPARED]).to_pylist()
    return History(trial, row, data, shots, _moved(trial, shots, stored))


def _moved(
    trial: Trial, shots: tuple[Snapshot, ...], stored: list[dict[str, Any]]
) -> dict[str, float]:
    before = {row["epoch"]: row for row in stored}
    both = [shot for shot in shots if shot.epoch in before]
    now = {name: [values(trial, shot)[name] for shot in both] for name in _COMPARED}
    return differences(now, {name: [before[s.epoch][name] for s in both] for name in _COMPARED})


def values(trial: Trial, shot: Snapshot) -> dict[str, float]:
    """A snapshot's reading as the columns of the readings table."""
    reading = shot.reading
    return {
        "train_accuracy": float(reading.train_correct[0] / trial.train_size),
        "test_accuracy": float(reading.test_correct[0] / trial.test_size),
        "train_loss": float(reading.train_loss[0]),
        "test_loss": float(reading.test_loss[0]),
        "weight_norm": float(reading.weight_norm[0]),
    }


def active_neurons(nets: ReluNets, rows: Rows) -> NDArray[np.int64]:
    """The active subnetwork of one net on some rows: its neurons, by falling norm."""
    [size] = pack_effective_sparsity(nets, rows.inputs)
    return np.asarray(neuron_order(nets)[0, :size].numpy())


def find_circuits(history: History) -> dict[str, NDArray[np.int64]]:
    """The subnetworks that a trial has, by name; see CIRCUITS, and `lacking` for the others.

    All are active on the training rows. The control is drawn from the trial's own key, so that it
    is the same each time.
    """
    found: dict[str, NDArray[np.int64]] = {}
    memorized, final = history.at("memorized"), history.snapshots[-1]
    if memorized is not None:
        found["memorizing"] = active_neurons(memorized.nets, history.train_rows(memorized))
    if history.at("generalized") is not None and history.row["ended"] not in _BROKEN:
        width = history.trial.point.width
        circuit = active_neurons(final.nets, history.train_rows(final))
        chance = np.random.default_rng(history.trial.stream_key)
        found["generalizing"] = circuit
        found["complementary"] = np.setdiff1d(np.arange(width), circuit)
        found["control"] = np.sort(chance.choice(width, len(circuit), replace=False))
    return found


_BROKEN = {
    "collapsed": "its network collapsed",
    "diverged": "its network diverged",
}


def lacking(history: History) -> list[str]:
    """Why a trial lacks a circuit, or why its circuit is not final, a sentence each."""
    row, said = history.row, []
    if row["memorized_epoch"] is None:
        said.append(
            f"no memorizing circuit: it had not memorised by epoch {row['memorized_after_epoch']}"
        )
    if row["generalized_epoch"] is None:
        after = row["generalized_after_epoch"]
        said.append(f"no generalizing circuit: it had not generalised by epoch {after}")
    elif row["ended"] in _BROKEN:
        said.append(f"no generalizing circuit: {_BROKEN[row['ended']]}")
    elif row["final_effective_sparsity_train"] is None:
        said.append(
            "its training stopped when it was decided, before its circuit had settled: "
            "set detect.stop = false or detect.linger to watch on"
        )
    return said


def jaccard(one: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    """Neurons that two circuits share, of those in either; two empty ones share nothing."""
    either = np.union1d(one, other)
    return len(np.intersect1d(one, other)) / len(either) if len(either) else 0.0
