"""The propositions, exhaustively: parity on all inputs, and what a circuit is nearest to."""

import itertools

import numpy as np
import pytest
import torch

from analysis.circuits.constructions import (
    CONSTRUCTIONS,
    balanced_norm,
    dnf,
    four,
    margin,
    nearest,
    norm,
    restricted,
    six,
)
from study.errors import UsageError
from study.nets.relu import ReluNets

OF_THREE = [six, four]
# name, the function, its neurons at k = 3, its outputs, its squared norm, by hand from the paper
BY_HAND = [
    (dnf, 8, {-1.0, 1.0}, 8 * (3 + 4 + 1)),
    (six, 6, {-1.0, 7.0, 10.0}, 2 * (1 + 1 + 100 + 81 + 1) + 4 * (3 + 4 + 100)),
    (four, 4, {-1.0, 1.0}, (1 + 1) + (4 + 4) + (4 + 1) + (4 + 1)),
]


def outputs(nets, rows):
    """f(x) in numpy, rows without their ones."""
    incoming, outgoing = nets.incoming[0].numpy(), nets.outgoing[0].numpy()
    return np.maximum(rows @ incoming[:, :-1].T + incoming[:, -1], 0) @ outgoing


def every_row(n):
    return np.array(list(itertools.product((-1.0, 1.0), repeat=n)))


def some_bits(n, k):
    return np.random.default_rng(100 * n + k).permutation(n)[:k].tolist()


@pytest.mark.parametrize(("n", "k"), [(n, k) for n in (1, 2, 3, 5, 8, 12) for k in range(1, 7)])
def test_an_and_for_each_assignment_is_parity_on_all_inputs(n, k):
    if k > n:
        return
    relevant, rows = some_bits(n, k), every_row(n)
    nets = dnf(n, relevant)
    assert nets.outgoing.shape == (1, 2**k)
    assert (outputs(nets, rows) == rows[:, relevant].prod(1)).all()


@pytest.mark.parametrize("construct", OF_THREE)
@pytest.mark.parametrize("n", range(3, 13))
def test_the_nets_of_six_and_four_neurons_are_parity_on_all_inputs(construct, n):
    relevant, rows = some_bits(n, 3), every_row(n)
    signs = np.sign(outputs(construct(n, relevant), rows))  # a tie is 0, and wrong
    assert (signs == rows[:, relevant].prod(1)).all()


@pytest.mark.parametrize("construct", CONSTRUCTIONS.values())
def test_other_bits_weigh_nothing(construct):
    nets = construct(200, [7, 150, 3])
    others = [bit for bit in range(200) if bit not in {7, 150, 3}]
    assert (nets.incoming[..., others] == 0).all()
    narrow = construct(3, range(3))
    for wide, own in zip(restricted(nets, [7, 150, 3]), narrow, strict=True):
        assert torch.equal(wide, own)


@pytest.mark.parametrize(("construct", "neurons", "values", "squared_norm"), BY_HAND)
def test_size_margin_and_norm_are_those_counted_by_hand(construct, neurons, values, squared_norm):
    circuit = construct(3, range(3))
    assert circuit.outgoing.shape == (1, neurons)
    assert set(outputs(circuit, every_row(3))) == values
    assert margin(circuit) == 1
    assert norm(circuit) == pytest.approx(squared_norm**0.5, rel=1e-12)


def test_a_wrong_circuit_has_no_margin_and_a_tie_has_margin_zero():
    circuit = four(3, range(3))
    assert margin(ReluNets(circuit.incoming, -circuit.outgoing)) == -1
    assert margin(ReluNets(circuit.incoming[:, 1:], circuit.outgoing[:, 1:])) == 0


def test_the_balanced_norm_is_the_smallest_over_scalings():
    for construct in CONSTRUCTIONS.values():
        circuit = construct(3, range(3))
        sizes = circuit.incoming.norm(dim=-1)
        balance = (circuit.outgoing.abs() / sizes).sqrt()
        scaled = scale(circuit, balance)
        assert norm(scaled) == pytest.approx(balanced_norm(circuit), rel=1e-12)
        assert margin(scaled) == pytest.approx(margin(circuit), rel=1e-12)
        for seed in range(20):
            chance = torch.Generator().manual_seed(seed)
            by = torch.rand(balance.shape, generator=chance, dtype=torch.float64) * 3 + 0.1
            assert norm(scale(circuit, by)) >= balanced_norm(circuit)


def scale(circuit, by):
    return ReluNets(circuit.incoming * by[..., None], circuit.outgoing / by)


def moved(circuit, seed):
    """The circuit under a symmetry drawn at random: neurons, bits, signs, scales."""
    chance = np.random.default_rng(seed)
    neurons = chance.permutation(circuit.outgoing.shape[1]).tolist()
    bits = circuit.incoming.shape[-1] - 1
    flips = torch.tensor(chance.choice([-1.0, 1.0], bits))
    columns = [*chance.permutation(bits).tolist(), bits]
    incoming = circuit.incoming[:, neurons][..., columns].clone()
    incoming[..., :-1] *= flips
    by = torch.tensor(10 ** chance.uniform(-2, 2, (1, len(neurons))))
    return scale(ReluNets(incoming, circuit.outgoing[:, neurons] * flips.prod()), by)


@pytest.mark.parametrize("name", CONSTRUCTIONS)
@pytest.mark.parametrize("seed", range(8))
def test_a_construction_is_known_again_under_its_symmetries(name, seed):
    circuit = moved(CONSTRUCTIONS[name](3, range(3)), seed)
    assert margin(circuit) > 0.999  # the symmetry keeps parity
    near = nearest(circuit)
    assert near.construction == name
    assert near.matches
    assert near.behavior < 1e-6


@pytest.mark.parametrize("k", [1, 2, 4, 6])
def test_an_and_for_each_assignment_is_known_for_other_k(k):
    near = nearest(moved(dnf(k, range(k)), 3))
    assert (near.construction, near.matches) == ("2^k neurons", True)


def test_a_sign_flip_alone_is_no_symmetry():
    circuit = dnf(3, range(3))
    near = nearest(ReluNets(circuit.incoming, -circuit.outgoing))
    # Each neuron's nearest of the other sign differs in one bit: (1 + 1 - 1 + 4) / 7 is the cosine.
    assert near.distance == pytest.approx((2 - 2 * 5 / 7) ** 0.5)
    assert near.behavior > 0.9


def vectors(circuit):
    """|u| (w, b) of each neuron, scaled to norm 1 together, and the sign of each u."""
    incoming, outgoing = circuit.incoming[0].numpy(), circuit.outgoing[0].numpy()
    rows = incoming * np.abs(outgoing)[:, None]
    return rows / np.linalg.norm(rows), np.sign(outgoing)


def slow_distance(one, other):
    """Every pairing of some neurons of one with as many of the other, tried in turn."""
    (a, signs_a), (b, signs_b) = vectors(one), vectors(other)
    if len(a) > len(b):
        (a, signs_a), (b, signs_b) = (b, signs_b), (a, signs_a)
    b = np.concatenate((b, np.zeros((len(a), b.shape[1]))))  # room to be left alone
    signs_b = np.concatenate((signs_b, np.zeros(len(a))))
    best = np.inf
    for partners in itertools.permutations(range(len(b)), len(a)):
        total = (b**2).sum()
        for row, sign, partner in zip(a, signs_a, partners, strict=True):
            if sign == signs_b[partner]:
                total += ((row - b[partner]) ** 2).sum() - (b[partner] ** 2).sum()
            else:
                total += (row**2).sum()
        best = min(best, total)
    return np.sqrt(best)


@pytest.mark.parametrize("seed", range(6))
def test_the_distance_is_the_smallest_over_all_pairings_and_symmetries(seed):
    chance = torch.Generator().manual_seed(seed)
    neurons = 2 + seed % 3
    circuit = ReluNets(
        torch.randn(1, neurons, 3, generator=chance, dtype=torch.float64),
        torch.randn(1, neurons, generator=chance, dtype=torch.float64),
    )
    # For k = 2 the only construction is its own image under every symmetry.
    assert nearest(circuit).distance == pytest.approx(slow_distance(circuit, dnf(2, range(2))))


def test_distance_grows_with_the_disturbance_and_with_neurons_missing():
    circuit = six(3, range(3))
    noise = torch.randn(circuit.incoming.shape, generator=torch.Generator().manual_seed(5))
    distances = [
        nearest(ReluNets(circuit.incoming + size * noise, circuit.outgoing)).distance
        for size in (0.0, 0.01, 0.1, 1.0)
    ]
    assert distances == sorted(distances)
    assert distances[0] < 1e-6 < distances[1]
    whole = dnf(3, range(3))
    less = nearest(ReluNets(whole.incoming[:, 1:], whole.outgoing[:, 1:]))
    # Seven of eight equal neurons, both scaled to 1: the cosine is sqrt(7 / 8).
    assert less.distance == pytest.approx((2 - 2 * (7 / 8) ** 0.5) ** 0.5)


def test_weights_may_differ_where_behavior_does_not():
    circuit = dnf(3, range(3))
    gentle = circuit.incoming.clone()
    gentle[..., -1] = -2.5  # still active on one input alone, at half the height
    near = nearest(ReluNets(gentle, circuit.outgoing))
    assert near.behavior < 1e-6 < near.distance


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: six(5, [0, 1]), "2 relevant bits; this construction is for 3"),
        (lambda: four(5, [0, 1, 1]), "different numbers from 0 to n - 1"),
        (lambda: dnf(3, [0, 3]), "different numbers from 0 to n - 1"),
        (lambda: dnf(3, []), "k = 0; constructions and circuits have 1 to 10 bits"),
        (lambda: dnf(40, range(11)), "k = 11; "),
        (lambda: nearest(ReluNets(torch.zeros(1, 2, 4), torch.ones(1, 2))), "f = 0 everywhere"),
    ],
)
def test_bad_input_gets_one_sentence(call, sentence):
    with pytest.raises(UsageError, match=sentence):
        call()
