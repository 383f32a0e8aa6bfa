"""Losses of a labeled score, as functions of the margin f(x) y.

A row of the table is a loss: its value, and its slope with respect to the margin. Labels are -1 and
+1, so the squared error (f - y)^2 is (1 - f y)^2.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from study.kernel.numerics import in_whole_vectors


class Loss(NamedTuple):
    """`value(margin)` and its derivative `slope(margin)`, element by element."""

    value: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]


def _hinge_slope(margin: Tensor) -> Tensor:
    # Not -(margin < 1): a comparison would turn the NaN of a diverged net into a zero gradient.
    return torch.where(margin >= 1, torch.zeros_like(margin), margin * 0 - 1)


def _logistic(margin: Tensor) -> Tensor:
    return in_whole_vectors(lambda m: torch.nn.functional.softplus(-m), margin)


def _logistic_slope(margin: Tensor) -> Tensor:
    return in_whole_vectors(lambda m: -torch.sigmoid(-m), margin)


LOSSES: dict[str, Loss] = {
    "hinge": Loss(lambda m: (1 - m).clamp(min=0), _hinge_slope),
    "logistic": Loss(_logistic, _logistic_slope),
    "square": Loss(lambda m: (1 - m).square(), lambda m: -2 * (1 - m)),
}
