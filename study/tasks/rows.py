"""Rows of a pack and their labels."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of the T trials of a pack, or of one trial without the leading axis.

    Attributes:
        inputs: what a net is given, [T, N, ...]. The task decides the last axes and the type.
            Parity: numbers of the pack's dtype, [T, N, n + 1], the last column 1. Arithmetic
            modulo a number: int64 [T, N, 2].
        labels: what a net should answer, [T, N]: -1 and +1 in the pack's dtype for a loss of
            `study.nets.losses`, or a class, int64, for the cross-entropy.
    """

    inputs: Tensor
    labels: Tensor

    def repeated(self, count: int) -> "Rows":
        """The first `count` rows of each member, again and again, up to as many rows as before."""
        index = again(count, self.labels)
        return Rows(self.inputs[:, index], self.labels[:, index])

    def take(self, index: Tensor) -> "Rows":
        """The rows of the members at `index`, an int64 tensor [T']."""
        return Rows(self.inputs[index], self.labels[index])

    def alone(self, member: int) -> "Rows":
        """The rows of one member, inputs [N, ...], in memory of their own."""
        return Rows(self.inputs[member].clone(), self.labels[member])


def again(count: int, labels: Tensor) -> Tensor:
    """Indices of the first `count` rows, again and again, up to as many as there are: int64 [N].

    Args:
        count: rows that are left.
        labels: of all rows, [T, N].
    """
    return torch.arange(labels.shape[1], device=labels.device) % count
