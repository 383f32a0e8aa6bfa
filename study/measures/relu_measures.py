"""Progress measures of the ReLU net: numbers between memorizing and generalizing.

Each function takes arrays and gives arrays or one number. `study.vocabulary.measures` lists the
measures that a study can ask for; `study.measures.relu_pack` takes them of a pack.
"""

import torch
from torch import Tensor

from study.errors import EmptySampleError
from study.nets.relu import ReluNets, hidden


def weight_norm(nets: ReluNets) -> Tensor:
    """Euclidean norm of W, b and u together: float64 [T]."""
    squares = nets.incoming.double().square().flatten(1).sum(-1)
    return (squares + nets.outgoing.double().square().sum(-1)).sqrt()


def neuron_norms(nets: ReluNets) -> Tensor:
    """Norm of each neuron's row of W, bias excluded: float64 [T, p]."""
    return nets.incoming[..., :-1].double().square().sum(-1).sqrt()


def contributions(nets: ReluNets, inputs: Tensor) -> Tensor:
    """What each neuron of one network adds to f(x): inputs [N, n + 1] to [N, p]."""
    return hidden(nets, inputs[None])[0].mul_(nets.outgoing)


def relevant_share(nets: ReluNets, relevant: Tensor) -> Tensor:
    """Share of W's squared weight that lies on the relevant bits: float64 [T] in 0..1.

    Biases are left out. Weights that have learned nothing have about k / n. NaN where all weights
    are zero.

    Args:
        nets: the weights.
        relevant: the hidden bits of each network, bool [T, n].
    """
    squares = nets.incoming[..., :-1].double().square().sum(1)
    return (squares * relevant).sum(-1) / squares.sum(-1)


def weight_movement(nets: ReluNets, initial: ReluNets) -> Tensor:
    """Largest absolute change of a weight of W since initialization: float64 [T].

    Biases and output weights are left out. Weight decay alone moves a weight by up to its initial
    size, which is at most init_scale / sqrt(n).

    Args:
        nets: the weights now.
        initial: the weights before the first update.
    Source: arXiv 2207.08799, section 5 (the distance in the maximum norm).
    """
    moved = nets.incoming[..., :-1].double() - initial.incoming[..., :-1].double()
    return moved.abs().flatten(1).amax(-1)


def sensitivity(nets: ReluNets, inputs: Tensor) -> float:
    """Mean number of input bits whose flip changes the sign of f: 0..n, k for parity.

    A step from or to a tie f(x) = 0 is a change.

    Args:
        nets: one network, T = 1.
        inputs: of the rows, [N, n + 1].
    Source: GitHub Tsili42/parity-nn, utils.py, which multiplies a share by n.
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

    One neuron at a time is pruned: all incoming weights but the m of largest magnitude are set to
    zero, never the bias. The neuron's arity is the smallest m with which the *whole net* predicts
    every row as before. Agreement is not monotone in m, so every m is tried. A neuron of arity 0
    may as well be a constant. Pruning two neurons together may change what pruning either does not.

    Args:
        nets: one network, T = 1.
        inputs: of the rows, [N, n + 1].
    Source: GitHub Tsili42/parity-nn, `ArityFinder`. Its mask compares positions of an argsort where
    ranks are meant, and its search assumes that agreement is monotone; this function does neither.
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
        unpruned = weights.gather(1, column[:, None])[:, 0]
        before = before + unpruned * inputs.index_select(1, column)
    agrees.append(torch.ones_like(agrees[0]))  # nothing is pruned: agrees, whatever the rounding
    return torch.stack(agrees).int().argmax(0)


def mean_arity(sizes: Tensor) -> float:
    """Mean arity of the neurons that need any input; 0 where none does."""
    needed = sizes[sizes > 0].tolist()
    return sum(needed) / len(needed) if needed else 0.0


def fourier_gaps(active: Tensor, inputs: Tensor, relevant: Tensor) -> Tensor:
    """Fourier gap of each neuron's gradient at the relevant bits S: float64 [p] in -1..1.

    The gradient of the correlation loss at w_i is, up to the factor u, a Fourier coefficient of the
    neuron's activity a(x): c_i = E[chi_S(x) x_i a(x)]. The coefficient is of order k - 1 for i in S
    and of order k + 1 for the other bits. The gap is the smallest |c_i| in S less the largest
    outside S, or less 0 where every bit is relevant. Above 0 the gradient singles out S.

    E is the mean over the rows given, so a coefficient errs by up to 1 / sqrt(N). A neuron without
    a signal has a gap below 0 in all but 1 in C(n, k) cases. A neuron that is never active has 0.

    Args:
        active: the activity, 1 where the neuron is active and 0 elsewhere, [N, p].
        inputs: uniform rows of signs without their column of ones, [N, n].
        relevant: S, the hidden bits, bool [n].
    Raises: EmptySampleError when N is 0.
    Source: arXiv 2207.08799, the definition of the Fourier gap, for the derivative of a ReLU.
    """
    if not len(inputs):
        raise EmptySampleError("no rows; a coefficient is a mean over at least one. Give rows.")
    signed = parities(inputs, relevant)[:, None] * inputs
    # Whole numbers below 2^24: exact in float32, in any order of summation.
    sizes = (signed.T @ active).abs().double() / len(inputs)
    inside, outside = sizes[relevant], sizes[~relevant]
    return inside.amin(0) - (outside.amax(0) if len(outside) else 0.0)


def parities(inputs: Tensor, relevant: Tensor) -> Tensor:
    """The parity chi_S of the relevant bits, whatever the labels are: [N].

    Args:
        inputs: rows of signs without their column of ones, [N, n].
        relevant: S, the hidden bits, bool [n].
    """
    return inputs[:, relevant].prod(1)


def parity_coefficient(outputs: Tensor, parity: Tensor) -> float:
    """E[f chi_S], the mean over rows of f(x) times the parity.

    The unit is that of f. The coefficient is 1 or more where every margin is at least 1.

    Args:
        outputs: f(x), [N].
        parity: chi_S of the rows, [N].
    """
    return float((outputs.double() * parity.double()).mean())
