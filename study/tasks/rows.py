"""Rows of a pack and their labels."""

from dataclasses import dataclass

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

    def take(self, index: Tensor) -> "Rows":
        """The rows of the members at `index`, an int64 tensor [T']."""
        return Rows(self.inputs[index], self.labels[index])

    def alone(self, member: int) -> "Rows":
        """The rows of one member, inputs [N, ...], in memory of their own."""
        return Rows(self.inputs[member].clone(), self.labels[member])
