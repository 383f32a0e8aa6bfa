"""Update rules over stacked weights: one trial a slice, each with its own rate and weight decay.

Coupled decay adds weight_decay * weight to the gradient, as `torch.optim.SGD` and
`torch.optim.Adam` do. Decoupled decay shrinks the weights beside the step, as `torch.optim.AdamW`
does. For plain SGD the two are the same update in exact arithmetic.
"""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

Moments = tuple[Tensor, ...]

EPSILON = 1e-8


class Hyper(NamedTuple):
    """What an update takes beside weights, gradients and moments.

    Attributes:
        rate: the learning rate of each trial, shaped to broadcast against the weights [T, ...].
        weight_decay: the weight decay of each trial, shaped likewise.
        coupled: whether weight decay adds to the gradient.
        step: the number of this update, from 1.
        betas: of AdamW: how much of each moment an update keeps.
    """

    rate: Tensor
    weight_decay: Tensor
    coupled: bool
    step: int
    betas: tuple[float, float]


class Optimizer(NamedTuple):
    """An update rule.

    Attributes:
        slots: how many moment tensors of the weight's shape the rule carries.
        update: (weight, gradient, moments, hyper) to the next weight and moments.
    """

    slots: int
    update: Callable[[Tensor, Tensor, Moments, Hyper], tuple[Tensor, Moments]]


def _sgd(weight: Tensor, grad: Tensor, _: Moments, hyper: Hyper) -> tuple[Tensor, Moments]:
    if hyper.coupled:
        return weight - hyper.rate * (grad + hyper.weight_decay * weight), ()
    return weight * (1 - hyper.rate * hyper.weight_decay) - hyper.rate * grad, ()


def _adamw(weight: Tensor, grad: Tensor, moments: Moments, hyper: Hyper) -> tuple[Tensor, Moments]:
    first, second = moments
    beta1, beta2 = hyper.betas
    if hyper.coupled:
        grad = grad + hyper.weight_decay * weight
    else:
        weight = weight * (1 - hyper.rate * hyper.weight_decay)
    # In place wherever this function made the tensor: fresh memory took a third of the time.
    first = (beta1 * first).add_((1 - beta1) * grad)
    second = (beta2 * second).add_(grad.square().mul_(1 - beta2))
    scale = (second / (1 - beta2**hyper.step)).sqrt_().add_(EPSILON)
    moved = (hyper.rate / (1 - beta1**hyper.step) * first).div_(scale)
    return weight - moved, (first, second)


OPTIMIZERS: dict[str, Optimizer] = {"sgd": Optimizer(0, _sgd), "adamw": Optimizer(2, _adamw)}
