"""The paper's propositions as weights: small nets that compute parity, and how near a circuit is.

A construction is one network of n bits; weights on irrelevant bits are 0. A *circuit* here is one
network on its k relevant bits alone, as `restricted` gives it.

Source: arXiv 2303.11873, propositions 1 to 3. Tests of all inputs show that the weights are right
as printed.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from study.errors import UsageError
from study.nets.relu import ReluNets, hidden

MAX_BITS = 10  # of a circuit; all 2^k inputs are listed
SAME = 1e-6  # distance below which a circuit is a construction; rounding leaves about 1e-8


def dnf(n: int, relevant: Sequence[int]) -> ReluNets:
    """2^k neurons for any k from 1: an AND for each assignment of the k bits, signed by its parity.

    The neuron of assignment a is relu(a . x - (k - 1)): 1 where x is a, and 0 elsewhere. So f is
    the parity itself.

    Args:
        n: input bits.
        relevant: the k relevant bits, each once.

    Raises: UsageError for bits that are not different indices from 0 to n - 1, or too many.
    Source: proposition 1.
    """
    assignments = _all_inputs(len(relevant))
    bias = torch.full((len(assignments), 1), 1.0 - len(relevant), dtype=torch.float64)
    return _placed(n, relevant, torch.cat((assignments, bias), 1), assignments.prod(1))


def six(n: int, relevant: Sequence[int]) -> ReluNets:
    """Six neurons for k = 3: f is -1 where the parity is -1, and 7 or 10 elsewhere.

    Args:
        n: input bits.
        relevant: the three relevant bits, each once.

    Raises: UsageError for bits that are not three different indices from 0 to n - 1.
    Source: proposition 2, as printed.
    """
    rows = [
        [-1, -1, 10, -9],
        [-1, -1, 1, -2],
        [1, 1, 1, -2],
        [1, -1, -10, -9],
        [-1, 1, -1, -2],
        [1, -1, -1, -2],
    ]
    return _of_three(n, relevant, rows, [-1, 10, 10, -1, 10, 10])


def four(n: int, relevant: Sequence[int]) -> ReluNets:
    """Four neurons for k = 3: f is the parity itself, and the first neuron is the constant 1.

    The constant is a neuron without incoming weights and with bias 1.

    Args:
        n: input bits.
        relevant: the three relevant bits, each once.

    Raises: UsageError for bits that are not three different indices from 0 to n - 1.
    Source: proposition 3, as printed.
    """
    rows = [[0, 0, 0, 1], [1, 1, 1, -1], [1, 1, 1, 1], [-1, -1, -1, -1]]
    return _of_three(n, relevant, rows, [1, 2, -1, -1])


# The construction of each proposition, by its name in tables.
CONSTRUCTIONS: dict[str, Callable[[int, Sequence[int]], ReluNets]] = {
    "2^k neurons": dnf,
    "6 neurons": six,
    "4 neurons": four,
}


def restricted(nets: ReluNets, relevant: Sequence[int]) -> ReluNets:
    """One network on its relevant bits alone, as a circuit in float64.

    The columns of W that belong to other bits are cut off; the bias stays.

    Args:
        nets: one network.
        relevant: the bits that stay, in this order.
    """
    incoming = nets.incoming[..., [*relevant, nets.incoming.shape[-1] - 1]]
    return ReluNets(incoming.double(), nets.outgoing.double())


def margin(circuit: ReluNets) -> float:
    """The smallest product of f(x) and the parity of x over all 2^k inputs.

    Above 0 the circuit computes parity. A tie, f(x) = 0, has margin 0 and is wrong.
    """
    parity = _all_inputs(_bits(circuit)).prod(1)
    return float((_added(circuit).sum(1) * parity).min())


def norm(circuit: ReluNets) -> float:
    """Euclidean norm of W, b and u together."""
    return float(sum(weight.double().square().sum() for weight in circuit) ** 0.5)


def balanced_norm(circuit: ReluNets) -> float:
    """The smallest norm that scaling neurons, w, b -> c w, c b and u -> u / c, can give a circuit.

    It is the norm with balanced neurons, |u| = |(w, b)|, which weight decay prefers: the root of
    the sum of 2 |u| |(w, b)|.
    """
    sizes = circuit.incoming.double().square().sum(-1).sqrt()
    return float((2 * circuit.outgoing.double().abs() * sizes).sum().sqrt())


class Likeness(NamedTuple):
    """How far a circuit is from a construction: 0 for the same, sqrt(2) for nothing in common.

    Weights that differ may act alike, so there are two distances. See `nearest`.
    """

    construction: str  # a name in CONSTRUCTIONS
    distance: float  # between the weights
    behavior: float  # distance between what the neurons add to f on the 2^k inputs

    @property
    def matches(self) -> bool:
        """Whether the circuit is the construction, up to its symmetries."""
        return self.distance < SAME


def nearest(circuit: ReluNets) -> Likeness:
    """The construction nearest to a circuit, up to the symmetries of parity.

    The distance compares two sets of vectors:

    1. A neuron is the vector |u| (w, b), which no scaling w, b -> c w, c b, u -> u / c changes.
       Neurons of opposite sign of u have nothing in common.
    2. Both sets are scaled to a sum of squares of 1: f times a positive number predicts the same.
    3. Neurons are paired one to one, or left alone, so that the sum of squared differences is
       smallest. A neuron that is left alone counts with its square.
    4. The distance is the root of that sum, at the smallest over all permutations and sign flips
       of the bits; u is negated where the flips negate parity.

    The behavior is the same distance between other vectors: what each neuron adds to f on every
    input.

    Args:
        circuit: one network on its k relevant bits.

    Raises: UsageError for a circuit that is 0 everywhere, or on more bits than can be listed.
    """
    bits = _bits(circuit)
    if not _added(circuit).abs().sum() > 0:
        raise UsageError("f = 0 everywhere; a circuit adds something to f. Give one that is alive.")
    likenesses = []
    for name, construct in CONSTRUCTIONS.items():
        if construct is dnf:
            images = [dnf(bits, range(bits))]  # its own image under every symmetry
        elif bits == 3:
            images = list(_images(construct(3, range(3))))
        else:
            continue
        distance = min(_distance(_by_weights(circuit), _by_weights(image)) for image in images)
        behavior = min(_distance(_added(circuit).T, _added(image).T) for image in images)
        likenesses.append(Likeness(name, distance, behavior))
    return min(likenesses, key=lambda likeness: likeness.distance)


def _images(circuit: ReluNets) -> Iterator[ReluNets]:
    """The images of a circuit under all permutations and sign flips of its bits, 2^k k! of them.

    Where the flips negate parity, u is negated, so that an image computes what the circuit does.
    """
    bits = _bits(circuit)
    for order in itertools.permutations(range(bits)):
        for flips in _all_inputs(bits):
            weights = circuit.incoming[..., list(order)] * flips
            incoming = torch.cat((weights, circuit.incoming[..., -1:]), -1)
            yield ReluNets(incoming, circuit.outgoing * flips.prod())


def _by_weights(circuit: ReluNets) -> Tensor:
    """The vector |u| (w, b) of each neuron, [p, 2 (k + 1)].

    The vector fills the first half of the row if u > 0, and the second half otherwise. So neurons
    of opposite sign have nothing in common.
    """
    incoming, outgoing = circuit.incoming[0].double(), circuit.outgoing[0].double()[:, None]
    return torch.cat((incoming * outgoing.relu(), incoming * (-outgoing).relu()), 1)


def _distance(ours: Tensor, theirs: Tensor) -> float:
    """The distance between two sets of vectors, [p, d] and [q, d], each set scaled to norm 1."""
    ours, theirs = ours / ours.norm(), theirs / theirs.norm()
    apart = (ours[:, None] - theirs[None]).square().sum(-1)
    alone = ours.square().sum(-1)[:, None] + theirs.square().sum(-1)[None]
    gain = (alone - apart).clamp(min=0)
    rows, columns = linear_sum_assignment(gain.numpy(), maximize=True)
    paired = gain[rows, columns] > 0
    rows, columns = torch.as_tensor(rows)[paired], torch.as_tensor(columns)[paired]
    left_alone = 2.0 - alone[rows, columns].sum()  # each set has a sum of squares of 1
    return float((apart[rows, columns].sum() + left_alone.clamp(min=0)).sqrt())


def _of_three(
    n: int, relevant: Sequence[int], rows: list[list[int]], outgoing: list[int]
) -> ReluNets:
    if len(relevant) != 3:
        raise UsageError(
            f"{len(relevant)} relevant bits; this construction is for 3. Use dnf for others."
        )
    doubles = torch.tensor(rows, dtype=torch.float64)
    return _placed(n, relevant, doubles, torch.tensor(outgoing, dtype=torch.float64))


def _placed(n: int, relevant: Sequence[int], rows: Tensor, outgoing: Tensor) -> ReluNets:
    """A network of n bits whose weights on irrelevant bits are 0.

    Args:
        n: input bits.
        relevant: the k relevant bits, each once.
        rows: the weights of each neuron on the relevant bits, and its bias, [p, k + 1].
        outgoing: the outgoing weight of each neuron, [p].
    """
    if len(set(relevant)) != len(relevant) or not set(relevant) <= set(range(n)):
        raise UsageError(
            f"{list(relevant)} of n = {n}; relevant bits are different numbers from 0 to n - 1. "
            "Name each once."
        )
    incoming = torch.zeros(1, len(rows), n + 1, dtype=torch.float64)
    incoming[0, :, [*relevant, n]] = rows
    return ReluNets(incoming, outgoing[None])


def _bits(circuit: ReluNets) -> int:
    return circuit.incoming.shape[-1] - 1


def _all_inputs(bits: int) -> Tensor:
    """All rows of k signs, [2^k, k]."""
    if not 1 <= bits <= MAX_BITS:
        raise UsageError(
            f"k = {bits}; constructions and circuits have 1 to {MAX_BITS} bits, because all 2^k "
            "inputs are listed. Take fewer bits."
        )
    return torch.tensor(list(itertools.product((1.0, -1.0), repeat=bits)), dtype=torch.float64)


def _added(circuit: ReluNets) -> Tensor:
    """What each neuron adds to f on each row of `_all_inputs`, [2^k, p]."""
    inputs = torch.nn.functional.pad(_all_inputs(_bits(circuit)), (0, 1), value=1.0)
    doubles = ReluNets(circuit.incoming.double(), circuit.outgoing.double())
    return hidden(doubles, inputs[None])[0] * doubles.outgoing
