"""Progress measures of any module, one network at a time.

A measure has no value, NaN, where the net or its task does not say what the measure needs:
`ModuleNet.neurons`, `ModuleNet.embedding`, `TaskCode.changed`, `TaskCode.cycle` or
`TaskCode.mirrored`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from study.errors import EmptySampleError
from study.measures.run import MeasureFunctions
from study.nets.module_net import ModuleNet
from study.nets.outputs import answers, right
from study.tasks.rows import Rows
from study.tasks.task_code import code_of_task
from study.trials.trial import Trial
from study.vocabulary.measures import PROBE_ROWS

DOMINANT_FREQUENCIES = 3  # how many frequencies `fourier_share` counts
# How many rows are compared at a time. The first rows suffice to refute most prefixes.
_COMPARED_ROWS = 64


@dataclass(frozen=True)
class ModuleMember:
    """One network with its own weights, and its rows.

    Attributes:
        net: the network.
        trial: of the network.
        train: training rows, inputs [N, ...] and labels [N].
        test: test rows, likewise.
    """

    net: ModuleNet
    trial: Trial
    train: Rows
    test: Rows

    def answers_to(self, inputs: Tensor) -> Tensor:
        """What the network answers: [N, ...] to [N]."""
        return answers(self.net(inputs), self.trial.setting.train.loss)

    @property
    def finite(self) -> bool:
        """Whether all weights, and all outputs on the test rows, are finite numbers."""
        if not all(bool(weight.isfinite().all()) for weight in self.net.parameters()):
            return False
        return bool(self.net(self.test.inputs).isfinite().all())


def layer_norms(layers: Sequence[nn.Linear]) -> Tensor:
    """Norm of each neuron's incoming weights, bias excluded, over all layers: float64 [m]."""
    return torch.cat([layer.weight.double().norm(dim=1) for layer in layers])


def module_sparsity(member: ModuleMember, inputs: Tensor) -> int:
    """Size of the smallest norm-ranked set of neurons with which the net answers as whole: 0..m.

    Neurons of all layers are ranked together, by falling incoming norm. A neuron that is left out
    has no incoming weights, so it adds nothing; all else of the net stays. Agreement is not
    monotone in the size, so the first prefix that agrees on every row is returned. Unlike in the
    ReLU net, the empty set may agree.

    Args:
        member: the network.
        inputs: the rows to agree on, [N, ...].
    Raises: EmptySampleError when N is 0.
    Source: arXiv 2303.11873, section 2.1, applied to MLP blocks.
    """
    if not len(inputs):
        raise EmptySampleError("no rows; a subnetwork is compared on at least one. Give rows.")
    layers = member.net.neurons()
    parts = [(part, member.answers_to(part)) for part in torch.split(inputs, _COMPARED_ROWS)]
    order = layer_norms(layers).argsort(descending=True, stable=True).tolist()
    neurons = [(layer, row) for layer in layers for row in range(layer.out_features)]
    size = 0
    with _without_neurons(layers) as weights:
        while not all(bool((member.answers_to(part) == whole).all()) for part, whole in parts):
            layer, row = neurons[order[size]]
            for name, weight in layer.named_parameters():
                weight[row] = weights[layer][name][row]
            size += 1
    return size


@contextmanager
def _without_neurons(layers: Sequence[nn.Linear]) -> Iterator[dict[nn.Linear, dict[str, Tensor]]]:
    """Zero the weights of layers inside, and put them back after; gives copies of the weights."""
    copies = {layer: {n: w.clone() for n, w in layer.named_parameters()} for layer in layers}
    try:
        for layer in layers:
            for weight in layer.parameters():
                weight.zero_()
        yield copies
    finally:
        for layer, weights in copies.items():
            for name, weight in layer.named_parameters():
                weight.copy_(weights[name])


def module_sensitivity(member: ModuleMember) -> float:
    """Mean number of inputs of a row whose change changes the answer.

    Modulo p each number is raised by one. A net that adds has 2. A net that divides has a little
    less, because 0 / b is 0 for every b.
    """
    inputs = member.test.inputs[:PROBE_ROWS]
    changed = code_of_task(member.trial.setting.task).changed(inputs, member.trial)
    if changed is None:
        return np.nan
    before = member.answers_to(inputs)
    return float(sum((member.answers_to(rows) != before).double().mean() for rows in changed))


def mirror_accuracy(member: ModuleMember, *, mirrored: bool) -> float:
    """Accuracy on the test rows whose mirror is a training row, or on all other test rows.

    The mirror of a + b is b + a. A net that has learned its training rows by heart, and that
    addition commutes, has 1 on the mirrored rows and guesses on the others. A test row a + a is
    among the others: its mirror is itself, which is not a training row.

    NaN where the task has no mirrors, and where there is no such test row.

    Args:
        member: the network.
        mirrored: which of the two kinds of test rows to take.
    """
    task, trial = code_of_task(member.trial.setting.task), member.trial
    has_mirror = task.mirrored(member.train, member.test, trial)
    if has_mirror is None:
        return np.nan
    rows = has_mirror if mirrored else ~has_mirror
    outputs = member.net(member.test.inputs[rows])
    correct = right(outputs, member.test.labels[rows], trial.setting.train.loss)
    return float(correct.double().mean())


def fourier_share(embedding: Tensor, cycle: Tensor) -> float:
    """Share of the embedding's power in its DOMINANT_FREQUENCIES strongest frequencies: 0..1.

    Power is of the discrete Fourier transform along the numbers in the order `cycle`, over all
    columns. A frequency and its mirror image count as one. The constant is left out.

    Args:
        embedding: what stands for each number, [p, d].
        cycle: numbers in order, int64 [m].
    Source: arXiv 2301.05217, where nets that add modulo p embed few frequencies.
    """
    rows = embedding[cycle].double()
    power = torch.fft.fft(rows - rows.mean(0), dim=0).abs().square().sum(-1)
    half = len(cycle) // 2 + 1
    folded = power[1:half] + power.flip(0)[: half - 1]
    if len(cycle) % 2 == 0:
        folded[-1] /= 2  # its own mirror image
    strongest = folded.topk(min(DOMINANT_FREQUENCIES, len(folded))).values
    return float(strongest.sum() / folded.sum())


def _sparsities(member: ModuleMember) -> tuple[float, ...]:
    if not member.net.neurons():
        return np.nan, np.nan
    return tuple(module_sparsity(member, rows.inputs) for rows in (member.train, member.test))


def _of_norms(summary: Callable[[Tensor], Tensor]) -> Callable[[ModuleMember], float]:
    def summarized(member: ModuleMember) -> float:
        layers = member.net.neurons()
        return float(summary(layer_norms(layers))) if layers else np.nan

    return summarized


def _fourier_share(member: ModuleMember) -> float:
    cycle = code_of_task(member.trial.setting.task).cycle(member.trial)
    embedding = member.net.embedding()
    if cycle is None or embedding is None:
        return np.nan
    return fourier_share(embedding, cycle)


MODULE_MEASURES: MeasureFunctions[ModuleMember] = {
    "effective_sparsity": _sparsities,
    "mean_neuron_norm": _of_norms(torch.mean),
    "largest_neuron_norm": _of_norms(torch.amax),
    "sensitivity": module_sensitivity,
    "fourier_share": _fourier_share,
    "mirrored_accuracy": partial(mirror_accuracy, mirrored=True),
    "unmirrored_accuracy": partial(mirror_accuracy, mirrored=False),
}
