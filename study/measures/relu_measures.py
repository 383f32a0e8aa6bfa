"""Progress measures: numbers that say how far a network is from memorising to generalising.

Each takes arrays and gives arrays or one number. `catalogue` lists those that a study can ask for,
and `measuring` runs them over a pack.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from study.errors import EmptySampleError
from study.nets.relu import ReluNets, hidden

COMPARED_ROWS = 256  # at a time: half to a third of the time of all at once, 2,048 rows and up


def weight_norm(nets: ReluNets) -> Tensor:
    """Euclidean norm of W, b and u together: float64 [T]."""
    squares = nets.incoming.double().square().flatten(1).sum(-1)
    return (squares + nets.outgoing.double().square().sum(-1)).sqrt()


def neuron_norms(nets: ReluNets) -> Tensor:
    """Norm of each neuron's row of W, bias excluded: float64 [T, p]."""
    return nets.incoming[..., :-1].double().square().sum(-1).sqrt()


def neuron_order(nets: ReluNets) -> Tensor:
    """Neurons by falling norm of their row of W, bias excluded: int64 [T, p]."""
    norms = nets.incoming[..., :-1].double().square().sum(-1)
    return norms.argsort(dim=-1, descending=True, stable=True)


def contributions(nets: ReluNets, inputs: Tensor) -> Tensor:
    """What each neuron of one network adds to f(x): inputs [N, n + 1] to [N, p]."""
    return hidden(nets, inputs[None])[0].mul_(nets.outgoing)


def effective_sparsity(parts: Tensor, order: Tensor) -> int:
    """Size of the smallest norm-ranked subnetwork that predicts like the whole net.

    Neurons join by falling incoming norm; agreement is not monotone in size, so the first prefix
    that agrees on every row is returned (1..p; the whole net always agrees).

    Args: parts [N, p], what each neuron adds to f(x) on N rows; order [p], neurons by falling norm.
    Raises: EmptySampleError when N is 0.  Source: arXiv 2303.11873, section 2.1.
    """
    prefixes = _prefix_signs(parts, order)
    agrees = torch.stack([signs.eq_(signs[:, -1:].clone()).amin(0) for signs in prefixes])
    return int(agrees.amin(0).int().argmax()) + 1


def accuracy_sparsity(parts: Tensor, order: Tensor, labels: Tensor) -> int:
    """Size of the smallest norm-ranked subnetwork as accurate as the whole net: 1..p.

    The circuit search of the authors' code, which asks for equal accuracy and not for equal
    predictions, without its binary search (that takes the accuracy to rise with size) and with the
    whole net as the last candidate. A tie f(x) = 0 is wrong. At most `effective_sparsity`.

    Args: as for `effective_sparsity`; labels [N] of -1 and +1.
    Raises: EmptySampleError when N is 0.  Source: GitHub Tsili42/parity-nn, utils.py.
    """
    pairs = zip(_prefix_signs(parts, order), torch.split(labels, COMPARED_ROWS), strict=True)
    correct = torch.stack([signs.eq_(truth[:, None]).sum(0) for signs, truth in pairs]).sum(0)
    return int((correct == correct[-1]).int().argmax()) + 1


def _prefix_signs(parts: Tensor, order: Tensor) -> Iterator[Tensor]:
    """Sign of f of the first 1..p neurons of an order: [N, p], COMPARED_ROWS rows at a time."""
    if not len(parts):
        raise EmptySampleError("no rows; a subnetwork is compared on at least one. Give rows.")
    for part in torch.split(parts, COMPARED_ROWS):
        yield part.index_select(1, order).cumsum(dim=1).sign_()


def pack_effective_sparsity(nets: ReluNets, inputs: Tensor) -> list[int]:
    """Effective sparsity of each network on its own rows: inputs [T, N, n + 1]."""
    order = neuron_order(nets)
    sizes = []
    for member in range(len(inputs)):
        one = ReluNets(*(part[member : member + 1] for part in nets))
        own = contributions(one, inputs[member])
        sizes.append(effective_sparsity(own, order[member]))
    return sizes


def relevant_share(nets: ReluNets, relevant: Tensor) -> Tensor:
    """Share of W's squared weight that lies on the relevant bits: float64 [T] in 0..1.

    Biases are left out; k / n for weights that know nothing, NaN where all are zero.

    Args: relevant, bool [T, n].
    """
    squares = nets.incoming[..., :-1].double().square().sum(1)
    return (squares * relevant).sum(-1) / squares.sum(-1)


def weight_movement(nets: ReluNets, initial: ReluNets) -> Tensor:
    """Largest absolute change of a weight of W since initialisation: float64 [T].

    Biases and output weights are left out. Weight decay alone moves a weight by up to its initial
    size, 1 / sqrt(n).  Source: arXiv 2207.08799, section 5 (the distance in the maximum norm).
    """
    moved = nets.incoming[..., :-1].double() - initial.incoming[..., :-1].double()
    return moved.abs().flatten(1).amax(-1)


def sensitivity(nets: ReluNets, inputs: Tensor) -> float:
    """Mean number of input bits whose flip changes the sign of f: 0..n, k for parity.

    A step from or to a tie f(x) = 0 is a change.

    Args: nets of one network; inputs [N, n + 1].
    Source: GitHub Tsili42/parity-nn, utils.py, where it is a share that is multiplied by n.
    """
    signs = _f(nets, inputs).sign()
    changes = torch.zeros((), dtype=torch.int64, device=inputs.device)
    for bit in range(inputs.shape[1] - 1):
        flipped = inputs.clone()
        flipped[:, bit] *= -1
        changes += (_f(nets, flipped).sign() != signs).sum()
    return int(changes) / len(inputs)


def _f(nets: ReluNets, inputs: Tensor) -> Tensor:
    """f(x) of one network: inputs [N, n + 1] to [N]."""
    return contributions(nets, inputs).sum(-1)


def arities(nets: ReluNets, inputs: Tensor) -> Tensor:
    """How many inputs each neuron needs: int64 [p] in 0..n.

    Of one neuron at a time, the incoming weights (never the bias) of the smallest magnitude are set
    to zero; its arity is the smallest number kept with which the *whole net* predicts every row as
    before. Agreement is not monotone, so the smallest is found by trying all. 0 is a neuron that
    may as well be a constant; neurons pruned together may change what each alone does not.

    Args: nets of one network; inputs [N, n + 1].
    Source: GitHub Tsili42/parity-nn, `ArityFinder`, whose mask compares the positions of an argsort
    instead of ranks, and whose search takes agreement to be monotone; neither is kept here.
    """
    weights, bias = nets.incoming[0, :, :-1], nets.incoming[0, :, -1]
    order = weights.abs().argsort(dim=1, descending=True, stable=True)
    parts = contributions(nets, inputs)
    score = parts.sum(-1, keepdim=True)
    others = score - parts
    before = bias.expand(len(inputs), -1)
    agrees = []
    for column in order.T:
        pruned = others + before.relu() * nets.outgoing
        agrees.append((pruned.sign() == score.sign()).all(0))
        kept = weights.gather(1, column[:, None])[:, 0]
        before = before + kept * inputs.index_select(1, column)
    agrees.append(torch.ones_like(agrees[0]))  # all inputs kept, whatever the rounding
    return torch.stack(agrees).int().argmax(0)


def mean_arity(sizes: Tensor) -> float:
    """Mean arity of the neurons that need any input; 0 where none does."""
    needed = sizes[sizes > 0].tolist()
    return sum(needed) / len(needed) if needed else 0.0


def fourier_gaps(active: Tensor, inputs: Tensor, relevant: Tensor) -> Tensor:
    """Fourier gap of each neuron's gradient at the relevant bits S: float64 [p] in -1..1.

    The gradient of the correlation loss at w_i is, up to its factor u, the coefficient c_i =
    E[chi_S(x) x_i a(x)] of the activity a(x), 1 where the neuron is active and 0 elsewhere: of
    order k - 1 for i in S, of order k + 1 for the rest. The gap is the smallest |c_i| in S less
    the largest outside, or less 0 where every bit is relevant. Above 0 the gradient singles out S.

    E is the mean over the rows given: a coefficient errs by up to 1 / sqrt(N), and a neuron without
    a signal has a gap below 0 in all but 1 in C(n, k) cases. 0 for a neuron that is never active.

    Args: active [N, p] of 0 and 1; inputs [N, n], uniform rows; relevant, bool [n].
    Source: arXiv 2207.08799, the definition of the Fourier gap, for a ReLU's derivative.
    """
    if not len(inputs):
        raise EmptySampleError("no rows; a coefficient is a mean over at least one. Give rows.")
    signed = parities(inputs, relevant)[:, None] * inputs
    # Whole numbers below 2^24: exact in float32, in any order of summation.
    sizes = (signed.T @ active).abs().double() / len(inputs)
    inside, outside = sizes[relevant], sizes[~relevant]
    return inside.amin(0) - (outside.amax(0) if len(outside) else 0.0)


def parities(inputs: Tensor, relevant: Tensor) -> Tensor:
    """The parity chi_S of the relevant bits, whatever the labels: inputs [N, n] to [N]."""
    return inputs[:, relevant].prod(1)


def parity_coefficient(outputs: Tensor, parity: Tensor) -> float:
    """E[f chi_S], the mean over rows of f(x) times the parity: outputs and parity, both [N].

    It has the unit of f; 1 or more where every margin is at least 1.
    """
    return float((outputs.double() * parity.double()).mean())
