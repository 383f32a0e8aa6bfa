"""One trial's circuits: replay the trial, and say which neurons form its subnetworks.

`record_history` trains a stored trial again and keeps its network at log-spaced epochs.
`find_circuits` extracts the subnetworks of the paper. What became of the subnetworks during
training is computed in `analysis.circuits.through_training`.

Source: arXiv 2303.11873, section 2.1.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict, cast

import numpy as np
import torch
from numpy.typing import NDArray

from study.detect.schedule import log_spaced
from study.engine.protocol import Engine
from study.measures.relu_sparsity import neuron_order, pack_effective_sparsity
from study.nets.relu import ReluNets
from study.store.store import Store
from study.tasks.parity import Parity
from study.tasks.rows import Rows, rows_at
from study.training.replay import differences, stored_trial
from study.training.snapshots import NetSnapshot, snapshots
from study.trials.trial import Trial
from study.vocabulary.outcomes import BROKEN, Ended

PER_DECADE = 50  # networks kept in a factor of 10 of epochs; near epoch 130 every sixth epoch

Circuits = Mapping[str, NDArray[np.int64]]  # the neurons of each circuit by its name, [neurons]

# The subnetworks by name, with what they are. Legends and summaries list them in this order.
CIRCUITS = {
    "memorizing": "the active subnetwork when the trial memorized",
    "generalizing": "the active subnetwork at the end",
    "complementary": "all neurons that are not generalizing",
    "control": "random neurons, as many as are generalizing",
}

# The readings by which a replay is compared with the stored trial.
_COMPARED = ("train_accuracy", "test_accuracy", "train_loss", "test_loss", "weight_norm")


class StoredTrial(TypedDict):
    """The columns of a row of the table `trials` that circuits need; None is a null."""

    setting: str
    trial_id: str
    seed: int
    width: int
    ended: str
    epochs_run: int
    memorized_epoch: int | None
    memorized_after_epoch: int | None
    generalized_epoch: int | None
    generalized_after_epoch: int | None
    final_train_accuracy: float
    final_test_accuracy: float
    final_effective_sparsity_train: int | None


@dataclass(frozen=True, slots=True)
class History:
    """A trial trained again: its row, its data, and its network at chosen epochs."""

    trial: Trial
    row: StoredTrial
    data: Parity
    snapshots: tuple[NetSnapshot, ...]  # those with finite weights, by epoch
    moved: Mapping[str, float]  # what differs from the stored readings, as in `Replay.moved`

    def at(self, event: Literal["memorized", "generalized"]) -> NetSnapshot | None:
        """The network at the epoch of an event; None for a trial without the event."""
        memorized = event == "memorized"
        epoch = self.row["memorized_epoch"] if memorized else self.row["generalized_epoch"]
        return next((shot for shot in self.snapshots if shot.epoch == epoch), None)

    def train_rows(self, shot: NetSnapshot) -> Rows:
        """The training rows at a snapshot: online, and where rows were left out, of its epoch."""
        if self.data.online:
            return self.data.fresh(shot.epoch)
        return rows_at(self.data.train, self.trial, 0, shot.epoch)

    @property
    def broken(self) -> bool:
        """Whether training ended in a way after which nothing can be learned."""
        return self.row["ended"] in BROKEN


def record_history(
    store: Store,
    trial_id: str,
    engine: Engine | None = None,
    watch: Callable[[int, int], None] = lambda _epoch, _last: None,
) -> History:
    """Train a stored trial again, and keep its network at log-spaced epochs and at its events.

    Args:
        store: that has the trial.
        trial_id: all of it, or a beginning that no other trial has.
        engine: that trains; None: the engine that would train the trial today.
        watch: is called with each epoch that is kept, and the last epoch.

    Raises: UsageError where the id is that of no trial or of several, and for a trial of another
    net than the ReLU net.
    """
    trial, stored = stored_trial(store, trial_id)
    row = cast("StoredTrial", stored)
    last = row["epochs_run"]
    both = (row["memorized_epoch"], row["generalized_epoch"])
    events = {epoch for epoch in both if epoch is not None}
    epochs = {e for e in range(last + 1) if log_spaced(e, PER_DECADE)} | events | {last}
    shots = []
    for shot in snapshots(trial, epochs, engine):
        watch(shot.epoch, last)
        if all(bool(weights.isfinite().all()) for weights in shot.nets):
            shots.append(shot)
    dtype = getattr(torch, trial.setting.train.dtype)
    data = Parity((trial,), torch.device("cpu"), dtype)
    columns = store.readings([row["trial_id"]], ["epoch", *_COMPARED]).to_pydict()
    return History(trial, row, data, tuple(shots), _moved(trial, shots, columns))


def _moved(
    trial: Trial, shots: Sequence[NetSnapshot], stored: Mapping[str, list[float]]
) -> dict[str, float]:
    """What differs between snapshots and the stored readings of the same epochs.

    Args:
        trial: that was replayed.
        shots: its networks.
        stored: its readings by column, a value for each stored epoch.
    """
    index_of = {epoch: index for index, epoch in enumerate(stored["epoch"])}
    both = [shot for shot in shots if shot.epoch in index_of]
    now = [reading_columns(trial, shot) for shot in both]
    return differences(
        {name: [columns[name] for columns in now] for name in _COMPARED},
        {name: [stored[name][index_of[shot.epoch]] for shot in both] for name in _COMPARED},
    )


def reading_columns(trial: Trial, shot: NetSnapshot) -> dict[str, float]:
    """A reading as columns of the table `readings`.

    Args:
        trial: whose rows were read.
        shot: with the reading.
    """
    reading = shot.reading
    return {
        "train_accuracy": float(reading.train_correct[0] / trial.train_size),
        "test_accuracy": float(reading.test_correct[0] / trial.test_size),
        "train_loss": float(reading.train_loss[0]),
        "test_loss": float(reading.test_loss[0]),
        "weight_norm": float(reading.weight_norm[0]),
    }


def active_neurons(nets: ReluNets, rows: Rows) -> NDArray[np.int64]:
    """The active subnetwork of one net on some rows: its neurons by falling norm, [size].

    It is the smallest set of neurons with the largest norms that predicts like the whole net.

    Args:
        nets: one network.
        rows: on which the predictions are compared.
    """
    [size] = pack_effective_sparsity(nets, rows.inputs)
    return np.asarray(neuron_order(nets)[0, :size].numpy())


def find_circuits(history: History) -> dict[str, NDArray[np.int64]]:
    """The subnetworks that a trial has, by name: the neurons of each, [neurons].

    The memorizing and the generalizing circuit are the active subnetworks on the training rows. The
    complementary circuit is all neurons that are not generalizing. The control is drawn at random
    from the trial's own key, so that every call draws the same neurons. `lacking` says why a trial
    lacks one of CIRCUITS.
    """
    circuits: dict[str, NDArray[np.int64]] = {}
    memorized, final = history.at("memorized"), history.snapshots[-1]
    if memorized is not None:
        circuits["memorizing"] = active_neurons(memorized.nets, history.train_rows(memorized))
    if history.at("generalized") is not None and not history.broken:
        width = history.trial.point.width
        generalizing = active_neurons(final.nets, history.train_rows(final))
        chance = np.random.default_rng(history.trial.stream_key)
        control = chance.choice(width, len(generalizing), replace=False)
        circuits["generalizing"] = generalizing
        circuits["complementary"] = np.setdiff1d(np.arange(width), generalizing)
        circuits["control"] = np.sort(control)
    return circuits


def lacking(history: History) -> list[str]:
    """Why a trial lacks a circuit, or why its circuit is not final, a sentence each."""
    row = history.row
    sentences = []
    if row["memorized_epoch"] is None:
        after = row["memorized_after_epoch"]
        sentences.append(f"no memorizing circuit: it had not memorized by epoch {after}")
    if row["generalized_epoch"] is None:
        after = row["generalized_after_epoch"]
        sentences.append(f"no generalizing circuit: it had not generalized by epoch {after}")
    elif history.broken:
        sentences.append(f"no generalizing circuit: {Ended(row['ended']).sentence}")
    elif row["final_effective_sparsity_train"] is None:
        sentences.append(
            "its training stopped when it was decided, before its circuit had settled: "
            "set detect.stop = false or detect.linger to watch on"
        )
    return sentences


def jaccard(one: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    """The Jaccard index of two circuits: neurons in both, as a share of the neurons in either.

    It is 0 where both are empty.

    Args:
        one: the neurons of a circuit, [neurons].
        other: the neurons of the other circuit, [neurons].
    """
    either = np.union1d(one, other)
    return len(np.intersect1d(one, other)) / len(either) if len(either) else 0.0
