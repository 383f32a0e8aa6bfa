"""The propositions as weights: small nets that compute parity, and how near a circuit is to them.

Each construction is one network for any n and any relevant bits; the other bits weigh nothing. A
*circuit* here is such a network on its k relevant bits alone, as `restricted` cuts it out.

Source: arXiv 2303.11873, propositions 1 to 3. Their weights are right as printed: exhaustive tests.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from study.errors import UsageError
from study.nets.relu import ReluNets, hidden

MAX_BITS = 10  # of a circuit: everything here is over all 2^k inputs
SAME = 1e-6  # distance below which a circuit is a construction; rounding leaves about 1e-8


def dnf(n: int, relevant: Sequence[int]) -> ReluNets:
    """2^k neurons, an AND for each assignment of the k bits, signed by its parity: any k from 1.

    The neuron of assignment a is relu(a . x - (k - 1)): 1 where x is a, 0 elsewhere. So f is the
    parity itself.  Source: proposition 1.
    """
    assignments = _all_inputs(len(relevant))
    bias = torch.full((len(assignments), 1), 1.0 - len(relevant), dtype=torch.float64)
    return _placed(n, relevant, torch.cat((assignments, bias), 1), assignments.prod(1))


def six(n: int, relevant: Sequence[int]) -> ReluNets:
    """Six neurons for k = 3: f is -1 where the parity is, and 7 or 10 elsewhere.

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
    """Four neurons for k = 3; f is the parity itself, and the first neuron is the constant 1.

    The constant is a neuron without incoming weights and with bias 1.  Source: proposition 3, as
    printed.
    """
    rows = [[0, 0, 0, 1], [1, 1, 1, -1], [1, 1, 1, 1], [-1, -1, -1, -1]]
    return _of_three(n, relevant, rows, [1, 2, -1, -1])


# Each proposition, by its name in tables, and for which k it stands.
CONSTRUCTIONS: dict[str, Callable[[int, Sequence[int]], ReluNets]] = {
    "2^k neurons": dnf,
    "6 neurons": six,
    "4 neurons": four,
}


def restricted(nets: ReluNets, relevant: Sequence[int]) -> ReluNets:
    """One network on its relevant bits alone: the other columns of W are cut off, the bias kept."""
    incoming = nets.incoming[..., [*relevant, nets.incoming.shape[-1] - 1]]
    return ReluNets(incoming.double(), nets.outgoing.double())


def margin(circuit: ReluNets) -> float:
    """Smallest f(x) times the parity, over all 2^k inputs; above 0 the circuit computes parity.

    A tie f(x) = 0 has margin 0 and is wrong.
    """
    parity = _all_inputs(_bits(circuit)).prod(1)
    return float((_added(circuit).sum(1) * parity).min())


def norm(circuit: ReluNets) -> float:
    """Euclidean norm of W, b and u together."""
    return float(sum(weight.double().square().sum() for weight in circuit) ** 0.5)


def balanced_norm(circuit: ReluNets) -> float:
    """The smallest norm that scaling neurons, w, b -> c w, c b and u -> u / c, can give a circuit.

    That of balanced neurons, |u| = |(w, b)|, which weight decay prefers: the root of the sum of
    2 |u| |(w, b)|.
    """
    sizes = circuit.incoming.double().square().sum(-1).sqrt()
    return float((2 * circuit.outgoing.double().abs() * sizes).sum().sqrt())


class Likeness(NamedTuple):
    """How far a circuit is from a construction: 0 for the same, sqrt(2) for nothing in common.

    `distance` compares weights, `behavior` what each neuron adds to f on each of the 2^k inputs:
    weights that differ may act alike. See `nearest`.
    """

    construction: str
    distance: float
    behavior: float

    @property
    def matches(self) -> bool:
        """Whether the circuit is the construction, up to its symmetries."""
        return self.distance < SAME


def nearest(circuit: ReluNets) -> Likeness:
    """The construction nearest to a circuit, up to the symmetries of parity.

    A neuron stands as the vector |u| (w, b), which no scaling w, b -> c w, c b, u -> u/c changes,
    and neurons of opposite sign of u have nothing in common. Both circuits are scaled to a sum of
    squares of 1: f times a positive number predicts the same. Neurons are paired one to one, or
    left alone, so that the sum of squared differences is smallest; a neuron left alone counts with
    its square. The distance is the root of that sum, the smallest over all permutations and sign
    flips of the bits (with u negated where the flips negate parity). The behavior is the same
    distance between the vectors of what each neuron adds to f on every input.

    Args: circuit, one network on its k relevant bits.
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
    """A circuit under every permutation and sign flip of its bits that keeps parity: 2^k k!."""
    bits = _bits(circuit)
    for order in itertools.permutations(range(bits)):
        for flips in _all_inputs(bits):
            weights = circuit.incoming[..., list(order)] * flips
            incoming = torch.cat((weights, circuit.incoming[..., -1:]), -1)
            yield ReluNets(incoming, circuit.outgoing * flips.prod())


def _by_weights(circuit: ReluNets) -> Tensor:
    """|u| (w, b) of each neuron, in the first half of its vector if u > 0, else in the second."""
    incoming, outgoing = circuit.incoming[0].double(), circuit.outgoing[0].double()[:, None]
    return torch.cat((incoming * outgoing.relu(), incoming * (-outgoing).relu()), 1)


def _distance(ours: Tensor, theirs: Tensor) -> float:
    """Distance between two sets of vectors, [p, d] and [q, d], each set scaled to norm 1."""
    ours, theirs = ours / ours.norm(), theirs / theirs.norm()
    apart = (ours[:, None] - theirs[None]).square().sum(-1)
    alone = ours.square().sum(-1)[:, None] + theirs.square().sum(-1)[None]
    gain = (alone - apart).clamp(min=0)
    one, other = linear_sum_assignment(gain.numpy(), maximize=True)
    paired = gain[one, other] > 0
    one, other = torch.as_tensor(one)[paired], torch.as_tensor(other)[paired]
    left = 2.0 - alone[one, other].sum()
    return float((apart[one, other].sum() + left.clamp(min=0)).sqrt())


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
    """Rows of weights on the relevant bits and bias, [p, k + 1], as a network of n bits."""
    if len(set(relevant)) != len(relevant) or not set(relevant) <= set(range(n)):
        raise UsageError(
            f"{list(relevant)} of n = {n}; relevant bits are different places from 0 to n - 1. "
            "Name each once."
        )
    incoming = torch.zeros(1, len(rows), n + 1, dtype=torch.float64)
    incoming[0, :, [*relevant, n]] = rows
    return ReluNets(incoming, outgoing[None])


def _bits(circuit: ReluNets) -> int:
    return circuit.incoming.shape[-1] - 1


def _all_inputs(bits: int) -> Tensor:
    """Every row of so many signs: [2^k, k]."""
    if not 1 <= bits <= MAX_BITS:
        raise UsageError(
            f"k = {bits}; constructions and circuits have 1 to {MAX_BITS} bits, because all 2^k "
            "inputs are listed. Take fewer bits."
        )
    return torch.tensor(list(itertools.product((1.0, -1.0), repeat=bits)), dtype=torch.float64)


def _added(circuit: ReluNets) -> Tensor:
    """What each neuron adds to f on every input, those of `_all_inputs`: [2^k, p]."""
    inputs = torch.nn.functional.pad(_all_inputs(_bits(circuit)), (0, 1), value=1.0)
    doubles = ReluNets(circuit.incoming.double(), circuit.outgoing.double())
    return hidden(doubles, inputs[None])[0] * doubles.outgoing
