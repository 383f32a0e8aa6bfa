"""What one network has learned, as it comes about: the weights of the neurons that do the work.

A page shows them as a matrix, a row a neuron, which moves with the epoch.
"""

from collections.abc import Callable
from typing import TypedDict

from analysis.circuits.history import History, active_neurons, reading_columns, record_history
from analysis.circuits.through_training import neuron_table
from study.store.store import Store

MOST_NEURONS = 24  # of a matrix, those with the largest norms
_DIGITS = 4  # significant ones, of a weight


class LearnedNet(TypedDict):
    """The neurons of a trial's active subnetwork at the end, at log-spaced epochs.

    Attributes:
        trial_id: of the trial.
        width: neurons of the network.
        active: neurons of the active subnetwork at the end; MOST_NEURONS of them are shown.
        exact: whether the replay gave the stored readings, bit for bit.
        neurons: that are shown, by falling norm at the end.
        columns: of the matrix: a relevant bit each, the bias, the outgoing weight, and the largest
            absolute weight on any other bit.
        epochs: of the snapshots.
        test_accuracy: at each epoch.
        weights: for each epoch, for each neuron, a number for each column.
    """

    trial_id: str
    width: int
    active: int
    exact: bool
    neurons: list[int]
    columns: list[str]
    epochs: list[int]
    test_accuracy: list[float]
    weights: list[list[list[float]]]


def learned_net(
    store: Store, trial_id: str, watch: Callable[[int, int], None] = lambda _epoch, _last: None
) -> LearnedNet:
    """Train a stored trial again, and look at the neurons that predict like its final network.

    Args:
        store: that has the trial.
        trial_id: all of it, or a beginning that no other trial has.
        watch: is called with each epoch that is kept, and the last epoch.
    Raises: UsageError as `record_history`.
    """
    return learned_of(record_history(store, trial_id, watch=watch))


def learned_of(history: History) -> LearnedNet:
    """What the network of a replayed trial has learned.

    Args:
        history: of the trial.
    """
    final, relevant = history.snapshots[-1], history.data.hidden[0]
    active = active_neurons(final.nets, history.train_rows(final))
    neurons = active[:MOST_NEURONS]
    tables = [
        neuron_table(shot.nets, relevant, neurons).set_index("neuron") for shot in history.snapshots
    ]
    bits = [f"bit_{bit}" for bit in relevant.nonzero()[:, 0].tolist()]
    columns = [*bits, "bias", "outgoing", "largest_other"]
    return {
        "trial_id": history.row["trial_id"],
        "width": history.row["width"],
        "active": len(active),
        "exact": not any(history.moved.values()),
        "neurons": neurons.tolist(),
        "columns": [*(name.replace("_", " ") for name in bits), "bias", "out", "others"],
        "epochs": [shot.epoch for shot in history.snapshots],
        "test_accuracy": [
            reading_columns(history.trial, shot)["test_accuracy"] for shot in history.snapshots
        ],
        "weights": [
            [[_short(weight) for weight in row] for row in table[columns].to_numpy(float)]
            for table in tables
        ],
    }


def _short(weight: float) -> float:
    return float(f"{weight:.{_DIGITS}g}")
