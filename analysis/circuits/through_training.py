"""What became of a trial's circuits, and of its neurons, through training: frames of a history.

A neuron's norm is that of its row of W, bias excluded. A circuit alone is the net without all other
neurons. The whole net is followed beside its circuits.

Axis letters beyond those of `study.engine.protocol`: C circuits, the whole net among them.

Source: arXiv 2303.11873, section 3.
"""

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from analysis.circuits.constructions import MAX_BITS, Likeness, nearest, restricted
from analysis.circuits.history import Circuits, History, reading_columns
from study.detect.schedule import log_spaced
from study.measures.relu_sparsity import pack_effective_sparsity
from study.nets.relu import ReluNets, hidden

WHOLE_NET = "whole"  # the name of the whole net beside the names of circuits
NEURON_EPOCHS = 20  # epochs per decade; with more, a chart of a thousand neurons takes megabytes
SENSITIVITY_ROWS = 100  # each row is flipped bit by bit, n + 1 times the work of a prediction


def reading_curves(history: History) -> pd.DataFrame:
    """Readings with effective sparsity, a row for each snapshot.

    Columns: epoch, train_accuracy, test_accuracy, train_loss, test_loss, weight_norm,
    effective_sparsity_train, effective_sparsity_test.
    """
    rows = []
    for shot in history.snapshots:
        [train_size] = pack_effective_sparsity(shot.nets, history.train_rows(shot).inputs)
        [test_size] = pack_effective_sparsity(shot.nets, history.data.test.inputs)
        rows.append(
            {
                "epoch": shot.epoch,
                **reading_columns(history.trial, shot),
                "effective_sparsity_train": train_size,
                "effective_sparsity_test": test_size,
            }
        )
    return pd.DataFrame(rows)


def follow(history: History, circuits: Circuits) -> pd.DataFrame:
    """Each circuit, and the whole net, through training, on the test rows.

    Args:
        history: of the trial.
        circuits: of the trial, as `find_circuits` gives them.

    Returns: epoch, circuit, and
        mean_norm: of the circuit's neurons.
        agreement: share of rows on which the circuit alone predicts like the whole net.
        accuracy: share of rows on which the circuit alone is right.
    """
    names, masks = _masks(history, circuits)
    labels = history.data.test.labels[0].double()[:, None]
    norms, agreements, accuracies = [], [], []
    for shot in history.snapshots:
        scores = _scores(shot.nets, hidden(shot.nets, history.data.test.inputs)[0], masks)
        agrees = scores.sign() == scores[:, -1:].sign()
        norms.append(_norms(shot.nets) @ masks / masks.sum(0))
        agreements.append(agrees.double().mean(0))
        accuracies.append((scores * labels > 0).double().mean(0))
    return _by_circuit(history, names, mean_norm=norms, agreement=agreements, accuracy=accuracies)


def sensitivities(history: History, circuits: Circuits) -> pd.DataFrame:
    """The number of single-bit flips of a row that change the sign of f: k for parity of k bits.

    Args:
        history: of the trial.
        circuits: of the trial, as `find_circuits` gives them.

    Returns: epoch, circuit, and sensitivity, the mean over the first SENSITIVITY_ROWS test rows.
    """
    names, masks = _masks(history, circuits)
    inputs = history.data.test.inputs[:, :SENSITIVITY_ROWS]
    means = []
    for shot in history.snapshots:
        before = (inputs @ shot.nets.incoming.mT)[0]
        signs = _scores(shot.nets, before.relu(), masks).sign()
        changed = torch.zeros(len(names), dtype=torch.float64)
        for bit in range(history.trial.point.bits):
            difference = 2 * inputs[0, :, bit, None] * shot.nets.incoming[0, :, bit]
            flipped = _scores(shot.nets, (before - difference).relu_(), masks).sign()
            changed += (flipped != signs).sum(0)
        means.append(changed / inputs.shape[1])
    return _by_circuit(history, names, sensitivity=means)


def norms_through_training(history: History) -> NDArray[np.float64]:
    """The norm of every neuron at every snapshot: [snapshots, p]."""
    return np.stack([_norms(shot.nets).numpy() for shot in history.snapshots])


def every_neuron(history: History, circuits: Circuits) -> pd.DataFrame:
    """The norm of every neuron at NEURON_EPOCHS epochs per decade, and at the last epoch.

    Args:
        history: of the trial.
        circuits: of the trial, as `find_circuits` gives them.

    Returns: epoch, neuron, norm, and the circuit that the neuron ends in: generalizing, or
    complementary.
    """
    norms, width = norms_through_training(history), history.trial.point.width
    epochs = np.array([shot.epoch for shot in history.snapshots])
    on_schedule = [log_spaced(int(epoch), NEURON_EPOCHS) for epoch in epochs]
    shown = np.flatnonzero(on_schedule | (epochs == epochs[-1]))
    generalizing = np.isin(np.arange(width), circuits.get("generalizing", []))
    return pd.DataFrame(
        {
            "epoch": np.repeat(epochs[shown], width),
            "neuron": np.tile(np.arange(width), len(shown)),
            "norm": norms[shown].ravel(),
            "circuit": np.tile(np.where(generalizing, "generalizing", "complementary"), len(shown)),
        }
    )


def dominant_neurons(history: History) -> pd.DataFrame:
    """The norms of two neurons: the largest when the trial memorized, and the largest at the end.

    Columns: epoch; series, "memorized" or "final"; neuron; value, its norm.
    """
    norms = norms_through_training(history)
    epochs = [shot.epoch for shot in history.snapshots]
    memorized = history.at("memorized")
    largest_at = {"final": len(epochs) - 1}
    if memorized is not None:
        largest_at = {"memorized": epochs.index(memorized.epoch), **largest_at}
    frames = []
    for series, snapshot in largest_at.items():
        neuron = int(norms[snapshot].argmax())
        columns = {"epoch": epochs, "series": series, "neuron": neuron, "value": norms[:, neuron]}
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True)


def survivors(history: History, circuit: NDArray[np.int64]) -> pd.DataFrame:
    """What the neurons of a circuit compute at the end, a row each.

    Args:
        history: of the trial.
        circuit: its neurons, [neurons].

    Returns: neuron, norm, outgoing; bit_0, ..., the weight on each of the k relevant bits; bias;
    and largest_other, the largest absolute weight on any other bit.
    """
    return neuron_table(history.snapshots[-1].nets, history.data.hidden[0], circuit)


def neuron_table(nets: ReluNets, relevant: Tensor, neurons: NDArray[np.int64]) -> pd.DataFrame:
    """What some neurons of one network compute, a row each: columns as of `survivors`.

    Args:
        nets: one network.
        relevant: which bits are, bool [n].
        neurons: their indices, [neurons].
    """
    incoming = nets.incoming[0, neurons]
    bits = [int(bit) for bit in relevant.nonzero()[:, 0]]
    others = incoming[:, :-1][:, ~relevant].abs()
    return pd.DataFrame(
        {
            "neuron": neurons,
            "norm": _norms(nets)[neurons].numpy(),
            "outgoing": nets.outgoing[0, neurons].numpy(),
            **{f"bit_{bit}": incoming[:, bit].numpy() for bit in bits},
            "bias": incoming[:, -1].numpy(),
            "largest_other": (others.amax(1) if others.shape[1] else others.sum(1)).numpy(),
        }
    )


def likeness(history: History, circuit: NDArray[np.int64]) -> Likeness | None:
    """The construction that a circuit is nearest to at the end, its irrelevant bits cut off.

    None for a circuit without neurons, or of more relevant bits than `constructions` can list.

    Args:
        history: of the trial.
        circuit: its neurons, [neurons].
    """
    final, relevant = history.snapshots[-1].nets, history.data.hidden[0].nonzero()[:, 0].tolist()
    if not len(circuit) or len(relevant) > MAX_BITS:
        return None
    neurons = torch.from_numpy(circuit)
    alone = ReluNets(final.incoming[:, neurons], final.outgoing[:, neurons])
    return nearest(restricted(alone, relevant))


def kinds(table: pd.DataFrame) -> int:
    """How many neurons, as `survivors` gives them, differ in the sign of a relevant bit or bias.

    Neurons of one kind do the same work and could be a single neuron.
    """
    signs = table[[name for name in table if str(name).startswith("bit_")] + ["bias"]] > 0
    return len(signs.drop_duplicates())


def _by_circuit(history: History, names: list[str], **columns: list[Tensor]) -> pd.DataFrame:
    """What was measured of each circuit at each snapshot, as rows: epoch, circuit, columns.

    Args:
        history: of the trial.
        names: of the circuits, [C].
        columns: by name, for each snapshot what was measured of each circuit, [C].
    """
    epochs = [shot.epoch for shot in history.snapshots]
    return pd.DataFrame(
        {
            "epoch": np.repeat(epochs, len(names)),
            "circuit": names * len(epochs),
            **{name: torch.stack(rows).flatten().numpy() for name, rows in columns.items()},
        }
    )


def _norms(nets: ReluNets) -> Tensor:
    """The norm of each neuron of one net: float64 [p]."""
    return nets.incoming[0, :, :-1].double().square().sum(dim=1).sqrt()


def _scores(nets: ReluNets, active: Tensor, masks: Tensor) -> Tensor:
    """The f(x) of each circuit alone: float64 [N, C].

    Args:
        nets: one net.
        active: activations of its neurons, [N, p].
        masks: of the circuits, [p, C].
    """
    return (active * nets.outgoing[0]).double() @ masks


def _masks(history: History, circuits: Circuits) -> tuple[list[str], Tensor]:
    """The circuits that have neurons, and the whole net as the last.

    Returns: names, [C], and masks of 0 and 1, [p, C].
    """
    some = {name: neurons for name, neurons in circuits.items() if len(neurons)}
    every = {**some, WHOLE_NET: np.arange(history.trial.point.width)}
    masks = torch.zeros(history.trial.point.width, len(every), dtype=torch.float64)
    for column, neurons in enumerate(every.values()):
        masks[torch.from_numpy(neurons), column] = 1
    return list(every), masks
