"""Progress measures of any module, one network at a time; `measuring` has those of the ReLU net.

A module says what they need: `neurons()`, its layers that are cut at zero, and `embedding()`, a
row for each number. Where it, or its task, has nothing to say, a measure has no value.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from study.errors import EmptySampleError
from study.nets.outputs import answers
from study.tasks.rows import Rows
from study.trials.trial import Trial
from study.vocabulary.measures import MEASURES, PROBE_ROWS
from study.vocabulary.tasks import TASKS, home

DOMINANT = 3  # frequencies of `fourier_share`
COMPARED_ROWS = 64  # at a time: most prefixes are refuted by the first rows


@dataclass(frozen=True)
class Subject:
    """One network, with its own weights, and its rows: inputs [N, ...] and labels [N]."""

    net: nn.Module
    trial: Trial
    train: Rows
    test: Rows

    def ask(self, inputs: Tensor) -> Tensor:
        """What the network answers: [N, ...] to [N]."""
        return answers(self.net(inputs), self.trial.setting.train.loss)

    @property
    def neurons(self) -> list[nn.Linear]:
        """The layers whose outputs are cut at zero; none where the module does not say."""
        found: list[nn.Linear] = getattr(self.net, "neurons", list)()
        return found

    def of_task(self, name: str) -> Callable[..., Any] | None:
        """A function of the task's home, if it has it."""
        found: Callable[..., Any] | None = getattr(
            home(TASKS[self.trial.setting.task].home), name, None
        )
        return found


def neuron_norms(layers: Sequence[nn.Linear]) -> Tensor:
    """Norm of each neuron's incoming weights, bias excluded, over all layers: float64 [m]."""
    return torch.cat([layer.weight.double().norm(dim=1) for layer in layers])


def effective_sparsity(one: Subject, inputs: Tensor) -> int:
    """Size of the smallest norm-ranked set of neurons with which the net answers as with all: 0..m.

    Neurons of all blocks are ranked together, by incoming norm; those left out have no incoming
    weights, so they add nothing, and whatever is no neuron stays. Agreement is not monotone in
    size, so the first prefix that agrees on every row is returned. Unlike in the ReLU net none at
    all may do.

    Raises: EmptySampleError when N is 0.  Source: arXiv 2303.11873, section 2.1, of MLP blocks.
    """
    if not len(inputs):
        raise EmptySampleError("no rows; a subnetwork is compared on at least one. Give rows.")
    layers = one.neurons
    parts = [(part, one.ask(part)) for part in torch.split(inputs, COMPARED_ROWS)]
    order = neuron_norms(layers).argsort(descending=True, stable=True).tolist()
    places = [(layer, row) for layer in layers for row in range(layer.out_features)]
    whole = [{n: w.clone() for n, w in layer.named_parameters()} for layer in layers]
    copies = dict(zip(layers, whole, strict=True))
    try:
        for layer in layers:
            for weight in layer.parameters():
                weight.zero_()
        size = 0
        while not all(bool((one.ask(part) == before).all()) for part, before in parts):
            layer, row = places[order[size]]
            for name, weight in layer.named_parameters():
                weight[row] = copies[layer][name][row]
            size += 1
    finally:
        for layer, kept in copies.items():
            for name, weight in layer.named_parameters():
                weight.copy_(kept[name])
    return size


def sensitivity(one: Subject) -> float:
    """Mean number of inputs of a row whose change changes the answer.

    Modulo p each number is raised by one: 2 for a net that adds, a little less for one that
    divides, because 0 / b is 0 for every b.
    """
    changed, inputs = one.of_task("changed"), one.test.inputs[:PROBE_ROWS]
    if changed is None:
        return np.nan
    before = one.ask(inputs)
    return float(
        sum((one.ask(rows) != before).double().mean() for rows in changed(inputs, one.trial))
    )


def fourier_share(embedding: Tensor, cycle: Tensor) -> float:
    """Share of the embedding's power in its DOMINANT strongest frequencies: 0..1.

    Power is of the discrete Fourier transform along the numbers in the order `cycle`, over all
    columns; a frequency and its mirror image are one, and the constant is left out.

    Args: embedding [p, d]; cycle, int64 [m].
    Source: arXiv 2301.05217, where nets that add modulo p embed few frequencies.
    """
    rows = embedding[cycle].double()
    power = torch.fft.fft(rows - rows.mean(0), dim=0).abs().square().sum(-1)
    half = len(cycle) // 2 + 1
    folded = power[1:half] + power.flip(0)[: half - 1]
    if len(cycle) % 2 == 0:
        folded[-1] /= 2  # its own mirror image
    return float(folded.topk(min(DOMINANT, len(folded))).values.sum() / folded.sum())


def _fourier_share(one: Subject) -> float:
    cycle, embedding = one.of_task("cycle"), getattr(one.net, "embedding", None)
    if cycle is None or embedding is None:
        return np.nan
    return fourier_share(embedding(), cycle(one.trial))


def _sparsities(one: Subject) -> tuple[float, float]:
    if not one.neurons:
        return np.nan, np.nan
    return effective_sparsity(one, one.train.inputs), effective_sparsity(one, one.test.inputs)


def _of_norms(summary: Callable[[Tensor], Tensor]) -> Callable[[Subject], float]:
    return lambda one: float(summary(neuron_norms(one.neurons))) if one.neurons else np.nan


FUNCTIONS: dict[str, Callable[[Subject], float | tuple[float, ...]]] = {
    "effective_sparsity": _sparsities,
    "mean_neuron_norm": _of_norms(torch.mean),
    "largest_neuron_norm": _of_norms(torch.amax),
    "sensitivity": sensitivity,
    "fourier_share": _fourier_share,
}


@torch.no_grad()
def measured(
    names: Sequence[str], trials: Sequence[Trial], subject: Callable[[int], Subject]
) -> dict[str, NDArray[np.float64]]:
    """Each column of the measures named, of each trial: float64 [T].

    NaN where a measure has no value, as of a network that has diverged.
    """
    columns = [column for name in names for column in MEASURES[name].columns]
    values = {column: np.full(len(trials), np.nan) for column in columns}
    for place in range(len(trials)) if names else ():
        one = subject(place)
        finite = all(bool(weight.isfinite().all()) for weight in one.net.parameters())
        outputs = one.net(one.test.inputs)
        for name in names if finite and bool(outputs.isfinite().all()) else ():
            found = np.atleast_1d(FUNCTIONS[name](one))
            for column, value in zip(MEASURES[name].columns, found, strict=True):
                values[column][place] = value
    return values
