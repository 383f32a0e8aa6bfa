"""Rows and weights as the fused kernel has them on a GPU: signs as bits, weights in fragments."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from study.kernel.cuda_relu import NetCut
from study.measures.relu_pack import RowsOf
from study.nets.relu import ReluNets
from study.tasks.packed_parity import PackedParity, PackedRows
from study.tasks.rows import Rows, again
from study.trials.trial import Trial


class CudaRows(NamedTuple):
    """The rows of T members as the kernel takes them: `NetCut.row_words` and labels."""

    words: Tensor  # int32 [T, N, words]
    labels: Tensor  # int8 [T, N]

    @classmethod
    def of(cls, rows: PackedRows, cut: NetCut) -> "CudaRows":
        """Packed rows with their column of ones."""
        return cls(cut.row_words(rows.words), rows.labels.contiguous())

    def repeated(self, count: int) -> "CudaRows":
        """The first `count` rows of each member, again and again, up to as many rows as before."""
        index = again(count, self.labels)
        return CudaRows(self.words[:, index], self.labels[:, index])

    def take(self, index: Tensor) -> "CudaRows":
        """The rows of the members at `index`, an int64 tensor [m]."""
        return CudaRows(self.words[index], self.labels[index])

    @classmethod
    def joined(cls, parts: Sequence["CudaRows"]) -> "CudaRows":
        """The rows of several packs as those of one pack."""
        words, labels = zip(*parts, strict=True)
        return cls(torch.cat(words), torch.cat(labels))

    def on_cpu(self, bits: int, dtype: torch.dtype) -> RowsOf:
        """A function that unpacks the rows of one member on the CPU, given its index.

        Args:
            bits: n.
            dtype: of the numbers.
        """
        words, labels = self.words.cpu(), self.labels.cpu()

        def rows(index: int) -> Rows:
            own = PackedRows(words[index : index + 1].long(), labels[index : index + 1], bits)
            unpacked = own.unpacked(dtype)
            return Rows(unpacked.inputs[0], unpacked.labels[0])

        return rows


@dataclass(frozen=True, slots=True)
class CudaState:
    """A pack of T members on a GPU, its weights in fragments (`NetCut.fragments`).

    `data` draws the rows of each pass where rows are fresh every step, and is None otherwise.
    `learned` counts the rows that the last pass learned from; it is 0 before the first pass.
    """

    trials: tuple[Trial, ...]
    cut: NetCut
    data: PackedParity | None
    train: CudaRows
    test: CudaRows
    weights: Tensor  # [T, tiles, 2 column tiles, 32, 4]
    outgoing: Tensor  # [T, tiles, 16]
    keys: Tensor  # int64 [T, 2]
    learning_rate: Tensor  # [T]
    weight_decay: Tensor  # [T]
    learned: Tensor  # int32 [T] rows
    epoch: int = 0

    @property
    def nets(self) -> ReluNets:
        """The weights in the layout of `ReluEngine`."""
        return ReluNets(*self.cut.plain(self.weights, self.outgoing))
