"""What became of a trial's circuits, and of its neurons, through training: frames of a history.

A neuron's norm is that of its row of W, bias excluded. A circuit alone is the net without all other
neurons; the whole net is followed beside its circuits.

Source: arXiv 2303.11873, section 3.
"""

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from analysis.circuits.constructions import MAX_BITS, Likeness, nearest, restricted
from analysis.circuits.history import Circuits, History, values
from study.detect.schedule import log_spaced
from study.measures.relu_measures import pack_effective_sparsity
from study.nets.relu import ReluNets, hidden

WHOLE = "whole"
NEURON_EPOCHS = 20  # a decade: a thousand neurons at more would be a chart of megabytes
SENSITIVITY_ROWS = 100  # each is flipped bit by bit: n + 1 times the work of a prediction


def curves(history: History) -> pd.DataFrame:
    """Readings with effective sparsity: epoch, accuracies, losses, weight_norm, sparsities."""
    rows = []
    for shot in history.snapshots:
        sizes = {
            "effective_sparsity_train": history.train_rows(shot),
            "effective_sparsity_test": history.data.test,
        }
        rows.append(
            {
                "epoch": shot.epoch,
                **values(history.trial, shot),
                **{
                    name: pack_effective_sparsity(shot.nets, r.inputs)[0]
                    for name, r in sizes.items()
                },
            }
        )
    return pd.DataFrame(rows)


def follow(history: History, circuits: Circuits) -> pd.DataFrame:
    """Each circuit, and the whole net, through training, on the test rows.

    Columns: epoch, circuit, mean_norm of its neurons, agreement (the share of rows on which it
    alone predicts like the whole net), accuracy.
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
    """Epoch, circuit, sensitivity: on how many single-bit flips of a row the sign of f changes.

    It is a mean over the first test rows; k for a net that computes parity of k bits.
    """
    names, masks = _masks(history, circuits)
    inputs = history.data.test.inputs[:, :SENSITIVITY_ROWS]
    measured = []
    for shot in history.snapshots:
        before = (inputs @ shot.nets.incoming.mT)[0]
        signs = _scores(shot.nets, before.relu(), masks).sign()
        changed = torch.zeros(len(names), dtype=torch.float64)
        for bit in range(history.trial.point.bits):
            moved = 2 * inputs[0, :, bit, None] * shot.nets.incoming[0, :, bit]
            flipped = _scores(shot.nets, (before - moved).relu_(), masks).sign()
            changed += (flipped != signs).sum(0)
        measured.append(changed / inputs.shape[1])
    return _by_circuit(history, names, sensitivity=measured)


def neuron_norms(history: History) -> NDArray[np.float64]:
    """The norm of every neuron at every snapshot: [R, p]."""
    return np.stack([_norms(shot.nets).numpy() for shot in history.snapshots])


def every_neuron(history: History, circuits: Circuits) -> pd.DataFrame:
    """Epoch, neuron, norm and the circuit it ends in: generalizing, or complementary.

    Epochs are as many as a line of a chart can show, NEURON_EPOCHS a decade, and the last.
    """
    norms, width = neuron_norms(history), history.trial.point.width
    epochs = np.array([shot.epoch for shot in history.snapshots])
    wanted = [log_spaced(int(epoch), NEURON_EPOCHS) for epoch in epochs]
    shown = np.flatnonzero(wanted | (epochs == epochs[-1]))
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
    """The norms of two neurons: the largest when the trial memorised, and the largest at the end.

    Columns: epoch, series (the event), neuron, value.
    """
    norms = neuron_norms(history)
    epochs = [shot.epoch for shot in history.snapshots]
    places = {"final": len(epochs) - 1}
    if history.at("memorized") is not None:
        places = {"memorized": epochs.index(history.row["memorized_epoch"]), **places}
    frames = []
    for event, place in places.items():
        neuron = int(norms[place].argmax())
        frames.append(
            pd.DataFrame(
                {"epoch": epochs, "series": event, "neuron": neuron, "value": norms[:, neuron]}
            )
        )
    return pd.concat(frames, ignore_index=True)


def survivors(history: History, circuit: NDArray[np.int64]) -> pd.DataFrame:
    """What the neurons of a circuit compute at the end, a row each.

    Columns: neuron, norm, outgoing, its weight on each of the k relevant bits (`bit_0`, ...), bias,
    and the largest weight on any other bit, as a size.
    """
    final = history.snapshots[-1].nets
    incoming, relevant = final.incoming[0, circuit], history.data.hidden[0]
    bits = [int(bit) for bit in relevant.nonzero()[:, 0]]
    others = incoming[:, :-1][:, ~relevant].abs()
    return pd.DataFrame(
        {
            "neuron": circuit,
            "norm": _norms(final)[circuit].numpy(),
            "outgoing": final.outgoing[0, circuit].numpy(),
            **{f"bit_{bit}": incoming[:, bit].numpy() for bit in bits},
            "bias": incoming[:, -1].numpy(),
            "largest_other": (others.amax(1) if others.shape[1] else others.sum(1)).numpy(),
        }
    )


def likeness(history: History, circuit: NDArray[np.int64]) -> Likeness | None:
    """The construction that a circuit is nearest to at the end, its irrelevant bits cut off.

    None for a circuit without neurons, or of more relevant bits than constructions are listed for.
    """
    final, relevant = history.snapshots[-1].nets, history.data.hidden[0].nonzero()[:, 0].tolist()
    if not len(circuit) or len(relevant) > MAX_BITS:
        return None
    neurons = torch.from_numpy(circuit)
    alone = ReluNets(final.incoming[:, neurons], final.outgoing[:, neurons])
    return nearest(restricted(alone, relevant))


def kinds(table: pd.DataFrame) -> int:
    """Of neurons as `survivors` gives them: how many differ in the sign of a relevant bit or bias.

    Neurons of one kind do the same work and could be one.
    """
    signs = table[[name for name in table if str(name).startswith("bit_")] + ["bias"]] > 0
    return len(signs.drop_duplicates())


def _by_circuit(history: History, names: list[str], **columns: list[Tensor]) -> pd.DataFrame:
    """What was measured of each circuit [C] at each snapshot, as rows: epoch, circuit, columns."""
    epochs = [shot.epoch for shot in history.snapshots]
    return pd.DataFrame(
        {
            "epoch": np.repeat(epochs, len(names)),
            "circuit": names * len(epochs),
            **{name: torch.stack(rows).flatten().numpy() for name, rows in columns.items()},
        }
    )


def _norms(nets: ReluNets) -> Tensor:
    """Norm of each neuron of one net: float64 [p]."""
    return nets.incoming[0, :, :-1].double().square().sum(dim=1).sqrt()


def _scores(nets: ReluNets, active: Tensor, masks: Tensor) -> Tensor:
    """What each circuit alone says of each row: activations [N, p], masks [p, C] -> [N, C]."""
    return (active * nets.outgoing[0]).double() @ masks


def _masks(history: History, circuits: Circuits) -> tuple[list[str], Tensor]:
    """Circuits that have neurons, the whole net last, as names and columns of 0 and 1: [p, C]."""
    some = {name: neurons for name, neurons in circuits.items() if len(neurons)}
    every = {**some, WHOLE: np.arange(history.trial.point.width)}
    masks = torch.zeros(history.trial.point.width, len(every), dtype=torch.float64)
    for column, neurons in enumerate(every.values()):
        masks[torch.from_numpy(neurons), column] = 1
    return list(every), masks
