"""Rows of a pack and their labels."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Rows:
    """The data of a pack. `inputs` [T, N, n + 1], `labels` [T, N] of -1 and +1."""

    inputs: Tensor
    labels: Tensor

    def take(self, index: Tensor) -> "Rows":
        """The rows of the members at `index`, an int64 tensor [T']."""
        return Rows(self.inputs[index], self.labels[index])
