"""What a study asks to be measured, of every network of a pack.

One network at a time, from its own copy of its weights: a member's numbers cannot depend on its
neighbours, not by a product's shape nor by where in memory its weights lie.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from study.measures import relu_measures as measures
from study.nets import relu
from study.nets.relu import ReluNets
from study.tasks.parity import hidden_bits
from study.tasks.rows import Rows
from study.trials.trial import Trial
from study.vocabulary.measures import MEASURES, PROBE_ROWS

# The rows of one member of a pack, by its place: inputs [N, n + 1] and labels [N].
RowsOf = Callable[[int], Rows]


@dataclass(frozen=True)
class Subject:
    """One network of a pack, and what several measures of it share.

    `nets` is of this network alone; `relevant`, bool [n], are its hidden bits.
    """

    place: int
    nets: ReluNets
    relevant: Tensor
    train_of: RowsOf
    test_of: RowsOf
    initial_of: Callable[[int], ReluNets]

    @cached_property
    def train(self) -> Rows:
        """Its training rows."""
        return self.train_of(self.place)

    @cached_property
    def test(self) -> Rows:
        """Its test rows."""
        return self.test_of(self.place)

    @cached_property
    def order(self) -> Tensor:
        """Neurons by falling norm: int64 [p]."""
        return measures.neuron_order(self.nets)[0]

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


def _effective_sparsity(one: Subject) -> tuple[int, int]:
    parts = (one.on_train, one.on_test)
    on_train, on_test = (measures.effective_sparsity(part, one.order) for part in parts)
    return on_train, on_test


def _accuracy_sparsity(one: Subject) -> int:
    return measures.accuracy_sparsity(one.on_train, one.order, one.train.labels)


def _arity(one: Subject) -> float:
    return measures.mean_arity(measures.arities(one.nets, one.probes))


def _fourier_gap(one: Subject) -> float:
    active = relu.hidden(one.nets, one.test.inputs[None])[0].gt_(0)
    return float(measures.fourier_gaps(active, one.test.inputs[:, :-1], one.relevant).amax())


def _parity_coefficient(one: Subject) -> float:
    parity = measures.parities(one.test.inputs[:, :-1], one.relevant)
    return measures.parity_coefficient(one.on_test.sum(-1), parity)


# How each measure of the catalogue is computed: one number, or one for each of its columns.
FUNCTIONS: dict[str, Callable[[Subject], float | tuple[float, ...]]] = {
    "effective_sparsity": _effective_sparsity,
    "accuracy_sparsity": _accuracy_sparsity,
    "mean_neuron_norm": lambda one: float(measures.neuron_norms(one.nets).mean()),
    "largest_neuron_norm": lambda one: float(measures.neuron_norms(one.nets).amax()),
    "relevant_share": lambda one: float(measures.relevant_share(one.nets, one.relevant[None])),
    "weight_movement": lambda one: float(
        measures.weight_movement(one.nets, one.initial_of(one.place))
    ),
    "sensitivity": lambda one: measures.sensitivity(one.nets, one.probes),
    "arity": _arity,
    "fourier_gap": _fourier_gap,
    "parity_coefficient": _parity_coefficient,
}


def measured(
    names: Sequence[str], trials: Sequence[Trial], nets: ReluNets, train: RowsOf, test: RowsOf
) -> dict[str, NDArray[np.float64]]:
    """Each column of the measures named, of each trial: float64 [T].

    NaN where a measure has no value: of a network that has diverged, or without any weight for a
    share of them.

    Args: nets of at least T networks, the first T of them those of the trials; the rows of each.
    """
    if not names:
        return {}
    columns = [column for name in names for column in MEASURES[name].columns]
    values = {column: np.full(len(trials), np.nan) for column in columns}
    device, dtype = nets.outgoing.device, nets.outgoing.dtype
    relevant = hidden_bits(trials, device)
    initial = cache(lambda: relu.initial(trials, device, dtype))  # drawn where it is asked for
    for place in range(len(trials)):
        one = Subject(
            place, own(nets, place), relevant[place], train, test, lambda i: own(initial(), i)
        )
        for name in names if one.finite else ():
            found = np.atleast_1d(FUNCTIONS[name](one))
            for column, value in zip(MEASURES[name].columns, found, strict=True):
                values[column][place] = value
    return values


def own(nets: ReluNets, place: int) -> ReluNets:
    """A network of a pack as a pack of its own, in memory of its own."""
    return ReluNets(*(weight[place].clone(memory_format=_PLAIN)[None] for weight in nets))


def own_rows(rows: Rows) -> RowsOf:
    """The rows of each member of a pack, in memory of their own."""
    return lambda place: Rows(rows.inputs[place].clone(), rows.labels[place])


_PLAIN = torch.contiguous_format
