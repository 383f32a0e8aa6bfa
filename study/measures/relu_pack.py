"""The progress measures of a pack of ReLU nets: the table of functions and what they share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from study.measures import relu_measures as measures
from study.measures import relu_sparsity as sparsity
from study.measures.run import MeasureFunctions, measured
from study.nets import relu
from study.nets.relu import ReluNets
from study.tasks.packed_parity import hidden_bits
from study.tasks.rows import Rows
from study.trials.trial import Trial
from study.vocabulary.measures import PROBE_ROWS

# The rows of one member of a pack, by its index: inputs [N, n + 1] and labels [N].
RowsOf = Callable[[int], Rows]


@dataclass(frozen=True)
class ReluMember:
    """One network of a pack, and what several measures of the network share.

    Attributes:
        nets: this network alone, as a pack with T = 1.
        relevant: the network's hidden bits, bool [n].
        train_rows: draws the training rows, when a measure asks for them.
        test_rows: draws the test rows, likewise.
        initial: draws the network's initial weights, likewise.
    """

    nets: ReluNets
    relevant: Tensor
    train_rows: Callable[[], Rows]
    test_rows: Callable[[], Rows]
    initial: Callable[[], ReluNets]

    @cached_property
    def train(self) -> Rows:
        """Training rows: inputs [N, n + 1], labels [N]."""
        return self.train_rows()

    @cached_property
    def test(self) -> Rows:
        """Test rows: inputs [N, n + 1], labels [N]."""
        return self.test_rows()

    @cached_property
    def order(self) -> Tensor:
        """Neurons by falling norm: int64 [p]."""
        return sparsity.neuron_order(self.nets)[0]

    @cached_property
    def on_train(self) -> Tensor:
        """Contributions of the neurons to f on the training rows: [N, p]."""
        return measures.contributions(self.nets, self.train.inputs)

    @cached_property
    def on_test(self) -> Tensor:
        """Contributions of the neurons to f on the test rows: [N, p]."""
        return measures.contributions(self.nets, self.test.inputs)

    @property
    def probes(self) -> Tensor:
        """The first test rows, for measures that try every bit: [PROBE_ROWS, n + 1]."""
        return self.test.inputs[:PROBE_ROWS]

    @property
    def finite(self) -> bool:
        """Whether f and its partial sums are surely finite: |f| <= |u| |W, b| sqrt(n + 1)."""
        incoming, outgoing = (weight.double().norm() for weight in self.nets)
        bound = incoming * outgoing * self.nets.incoming.shape[2] ** 0.5
        return bool(bound < torch.finfo(self.nets.outgoing.dtype).max)


def _effective_sparsity(member: ReluMember) -> tuple[int, int]:
    parts = (member.on_train, member.on_test)
    on_train, on_test = (sparsity.effective_sparsity(part, member.order) for part in parts)
    return on_train, on_test


def _accuracy_sparsity(member: ReluMember) -> int:
    return sparsity.accuracy_sparsity(member.on_train, member.order, member.train.labels)


def _mean_neuron_norm(member: ReluMember) -> float:
    return float(measures.neuron_norms(member.nets).mean())


def _largest_neuron_norm(member: ReluMember) -> float:
    return float(measures.neuron_norms(member.nets).amax())


def _relevant_share(member: ReluMember) -> float:
    return float(measures.relevant_share(member.nets, member.relevant[None]))


def _weight_movement(member: ReluMember) -> float:
    return float(measures.weight_movement(member.nets, member.initial()))


def _sensitivity(member: ReluMember) -> float:
    return measures.sensitivity(member.nets, member.probes)


def _arity(member: ReluMember) -> float:
    return measures.mean_arity(measures.arities(member.nets, member.probes))


def _fourier_gap(member: ReluMember) -> float:
    inputs = member.test.inputs
    active = relu.hidden(member.nets, inputs[None])[0].gt_(0)
    return float(measures.fourier_gaps(active, inputs[:, :-1], member.relevant).amax())


def _parity_coefficient(member: ReluMember) -> float:
    parity = measures.parities(member.test.inputs[:, :-1], member.relevant)
    return measures.parity_coefficient(member.on_test.sum(-1), parity)


RELU_MEASURES: MeasureFunctions[ReluMember] = {
    "effective_sparsity": _effective_sparsity,
    "accuracy_sparsity": _accuracy_sparsity,
    "mean_neuron_norm": _mean_neuron_norm,
    "largest_neuron_norm": _largest_neuron_norm,
    "relevant_share": _relevant_share,
    "weight_movement": _weight_movement,
    "sensitivity": _sensitivity,
    "arity": _arity,
    "fourier_gap": _fourier_gap,
    "parity_coefficient": _parity_coefficient,
}


def measure_relu_nets(
    names: Sequence[str], trials: Sequence[Trial], nets: ReluNets, train: RowsOf, test: RowsOf
) -> dict[str, NDArray[np.float64]]:
    """Each column of some measures, of each trial: float64 [T], NaN where there is no value.

    Args:
        names: of the measures.
        trials: the T trials.
        nets: at least T networks; the first T are those of the trials.
        train: the training rows of a member.
        test: the test rows of a member.
    """
    if not names:
        return {}
    device, dtype = nets.outgoing.device, nets.outgoing.dtype
    relevant = hidden_bits(trials, device)
    initial = cache(lambda: relu.initial_nets(trials, device, dtype))  # drawn if a measure asks

    def member(index: int) -> ReluMember:
        return ReluMember(
            nets=_alone(nets, index),
            relevant=relevant[index],
            train_rows=lambda: train(index),
            test_rows=lambda: test(index),
            initial=lambda: _alone(initial(), index),
        )

    return measured(names, len(trials), member, RELU_MEASURES)


def _alone(nets: ReluNets, index: int) -> ReluNets:
    """A network of a pack as a pack of its own, in memory of its own."""
    one = (weight[index].clone(memory_format=torch.contiguous_format) for weight in nets)
    return ReluNets(*(weight[None] for weight in one))
