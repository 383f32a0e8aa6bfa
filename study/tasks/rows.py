"""Rows of a pack and their labels."""

from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

import torch
from torch import Tensor

from study.trials.trial import Trial


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


class _Repeatable(Protocol):
    def repeated(self, count: int) -> Self: ...


_Kept = TypeVar("_Kept", bound=_Repeatable)


def rows_at(rows: _Kept, trial: Trial, before: int, epoch: int) -> _Kept:
    """The training rows of a pack at an epoch: `[data] fewer_rows` of them from `fewer_from` on.

    Args:
        rows: those of an earlier epoch, in the form of an engine.
        trial: any of the pack; all have one setting.
        before: that earlier epoch.
        epoch: whose rows are wanted.
    """
    data = trial.setting.data
    if data.fewer_rows is None or data.fewer_from is None:
        return rows
    return rows.repeated(data.fewer_rows) if before < data.fewer_from <= epoch else rows


def again(count: int, labels: Tensor) -> Tensor:
    """Indices of the first `count` rows, again and again, up to as many as there are: int64 [N].

    Args:
        count: rows that are left.
        labels: of all rows, [T, N].
    """
    return torch.arange(labels.shape[1], device=labels.device) % count
