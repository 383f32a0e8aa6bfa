"""Progress measures: numbers that say how far a network is from memorising to generalising.

Each takes arrays and gives arrays; `spec.MEASURES` names those that a study can ask for and the
columns they fill.
"""

import torch
from torch import Tensor

from study.errors import EmptySampleError
from study.nets.relu import ReluNets, hidden


def weight_norm(nets: ReluNets) -> Tensor:
    """Euclidean norm of W, b and u together: float64 [T]."""
    squares = nets.incoming.double().square().flatten(1).sum(-1)
    return (squares + nets.outgoing.double().square().sum(-1)).sqrt()


def neuron_order(nets: ReluNets) -> Tensor:
    """Neurons by falling norm of their row of W, bias excluded: int64 [T, p]."""
    norms = nets.incoming[..., :-1].double().square().sum(-1)
    return norms.argsort(dim=-1, descending=True, stable=True)


def effective_sparsity(contributions: Tensor, order: Tensor) -> int:
    """Size of the smallest norm-ranked subnetwork that predicts like the whole net.

    Neurons join by falling incoming norm; agreement is not monotone in size, so the first prefix
    that agrees on every row is returned (1..p; the whole net always agrees).

    Args: contributions [N, p] of each neuron to f(x) on N rows; order [p], neurons by falling norm.
    Raises: EmptySampleError when N is 0.  Source: arXiv 2303.11873, section 2.1.
    """
    if not len(contributions):
        raise EmptySampleError("no rows; a subnetwork is compared on at least one. Give rows.")
    return _first_agreeing(contributions[:, order])


def pack_effective_sparsity(nets: ReluNets, inputs: Tensor) -> list[int]:
    """Effective sparsity of each network on its own rows: inputs [T, N, n + 1]."""
    order = neuron_order(nets)
    sizes = []
    for member in range(len(inputs)):
        # Weights in order rather than contributions: to sort N p numbers is a third of the time.
        ranked = ReluNets(*(part[member : member + 1, order[member]] for part in nets))
        active = hidden(ranked, inputs[member : member + 1])[0]
        sizes.append(_first_agreeing(active.mul_(ranked.outgoing)))
    return sizes


def _first_agreeing(ranked: Tensor) -> int:
    """Size of the first prefix of contributions [N, p], overwritten, that predicts like all."""
    predicted = torch.cumsum(ranked, 1, out=ranked).sign_()
    agrees = (predicted == predicted[:, -1:]).all(dim=0)
    return int(agrees.int().argmax()) + 1
