"""Sparse parity: rows of n signs, labeled with the product of k hidden coordinates.

Inputs are numbers with a last column of ones, so that a neuron's bias is one more incoming weight.
`study.tasks.packed_parity` draws the rows.

Source: arXiv 2303.11873, section 2.
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor

from study.tasks.packed_parity import PackedParity
from study.tasks.rows import Rows
from study.tasks.task_code import TaskCode
from study.trials.trial import Trial


class ParityTask(TaskCode):
    """Sparse parity for the engine of modules; the engines of the ReLU net draw otherwise."""

    def draw(
        self, trials: Sequence[Trial], device: torch.device, dtype: torch.dtype
    ) -> tuple[Rows, Rows]:
        """See TaskCode. Online packs are not drawn here: the spec refuses fresh rows of modules."""
        data = Parity(trials, device, dtype)
        return data.train, data.test


class Parity:
    """The rows of one pack of parity trials as numbers of one type, all trials of one shape.

    `train` and `test` are the rows. The training rows of an online pack are those of epoch 0;
    `fresh(epoch)` draws the rows of a later epoch.

    Args:
        trials: the T members, all of one shape and setting.
        device: where the rows are to lie.
        dtype: the type of inputs and labels.
    """

    def __init__(self, trials: Sequence[Trial], device: torch.device, dtype: torch.dtype) -> None:
        self._packed, self._dtype = PackedParity(trials, device), dtype
        self.train, self.test = (
            rows.unpacked(dtype) for rows in (self._packed.train, self._packed.test)
        )

    @property
    def online(self) -> bool:
        """Whether every epoch has fresh rows."""
        return self._packed.online

    @property
    def hidden(self) -> Tensor:
        """Which bits are hidden: bool [T, n], k of them true."""
        return self._packed.hidden

    def fresh(self, epoch: int) -> Rows:
        """The rows of one online epoch."""
        return self._packed.fresh(epoch).unpacked(self._dtype)

    def repeated(self, count: int) -> "Parity":
        """The same, with the first `count` training rows of each trial again and again."""
        fewer = copy.copy(self)
        fewer.train = self.train.repeated(count)
        return fewer

    def take(self, index: Tensor) -> "Parity":
        """The rows of the members at `index`, an int64 tensor [T']."""
        taken = copy.copy(self)
        taken._packed = self._packed.take(index)
        taken.train, taken.test = self.train.take(index), self.test.take(index)
        return taken
