"""Rows and weights in the layout of the fused kernel: signs packed as bits, neurons in groups."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from study.engine.protocol import Indices
from study.kernel.library import GROUP
from study.measures.relu_pack import RowsOf
from study.nets.relu import ReluNets
from study.tasks.packed_parity import PackedParity, PackedRows
from study.tasks.rows import Rows, again
from study.trials.trial import Trial


class Bits(NamedTuple):
    """The rows of T members as bits, among the rows of the S members that the pack began with.

    Members that leave take no rows with them: only `slots` changes. `ranks` is the order in which a
    glance visits the rows. The kernel moves wrong rows to the front of `ranks`, in place, so that
    the next glance meets them first. This changes speed, not results.
    """

    inputs: Tensor  # uint8 [S, N, ceil(n / 4)], the first sign in the lowest bit
    labels: Tensor  # int8 [S, N]
    ranks: NDArray[np.uint32]  # [S, N]
    slots: Indices  # [T], where the rows of each member are

    @classmethod
    def of(cls, rows: PackedRows) -> "Bits":
        """Packed rows in the kernel's form, without their column of ones."""
        octets = torch.stack(
            [(rows.words >> shift & 255).to(torch.uint8) for shift in (0, 8, 16, 24)], -1
        )
        quads = torch.stack((octets & 15, octets >> 4), -1).flatten(-3)
        inputs = quads[..., : -(-rows.bits // 4)].contiguous()
        members, count = rows.labels.shape
        ranks = np.tile(np.arange(count, dtype=np.uint32), (members, 1))
        return cls(inputs, rows.labels.contiguous(), ranks, np.arange(members))

    @classmethod
    def joined(cls, parts: Sequence["Bits"]) -> "Bits":
        """The rows of several whole packs as those of one pack."""
        inputs, labels, ranks, slots = zip(*parts, strict=True)
        members = np.arange(sum(map(len, slots)))
        return cls(torch.cat(inputs), torch.cat(labels), np.concatenate(ranks), members)

    @property
    def rows_each(self) -> int:
        """How many rows each member has: N."""
        return self.labels.shape[1]

    def own(self, bits: int, dtype: torch.dtype) -> RowsOf:
        """A function that unpacks the rows of one member, given its index.

        Args:
            bits: n.
            dtype: of the numbers.
        """

        def rows(index: int) -> Rows:
            slot = self.slots[index]
            return Rows(signs(self.inputs[slot], bits, dtype), self.labels[slot].to(dtype))

        return rows

    def repeated(self, count: int) -> "Bits":
        """The first `count` rows of each member, again and again, up to as many rows as before."""
        index = again(count, self.labels)
        return self._replace(
            inputs=self.inputs[:, index], labels=self.labels[:, index], ranks=self.ranks.copy()
        )

    def take(self, indices: Indices) -> "Bits":
        """The rows of the members at `indices` [m]."""
        return self._replace(slots=self.slots[indices])


def signs(inputs: Tensor, bits: int, dtype: torch.dtype) -> Tensor:
    """Inputs as numbers -1 and +1, with their column of ones: [..., n + 1].

    Args:
        inputs: four signs a byte, uint8 [..., ceil(n / 4)].
        bits: n; the last byte of a row may have room for more.
        dtype: of the numbers.
    """
    shifts = torch.arange(4, dtype=torch.uint8)
    ones = ((inputs[..., None] >> shifts) & 1).flatten(-2)[..., :bits]
    return torch.nn.functional.pad(2 * ones.to(dtype) - 1, (0, 1), value=1.0)


def drawn_bits(trials: Sequence[Trial], device: torch.device) -> tuple[Bits, Bits]:
    """The training and the test rows of some trials, drawn from their streams."""
    data = PackedParity(trials, device)
    return Bits.of(data.train), Bits.of(data.test)


def blocked(nets: ReluNets) -> ReluNets:
    """Weights in the kernel's layout; neurons up to a multiple of `GROUP` are zero, and stay so.

    Args:
        nets: `incoming` [T, p, n + 1] and `outgoing` [T, p].
    Returns: `incoming` [T, p / GROUP, n + 1, GROUP] and `outgoing` [T, p], p rounded up.
    """
    missing = -nets.outgoing.shape[1] % GROUP
    incoming = torch.nn.functional.pad(nets.incoming, (0, 0, 0, missing))
    members, width, columns = incoming.shape
    grouped = incoming.reshape(members, width // GROUP, GROUP, columns).transpose(2, 3)
    outgoing = torch.nn.functional.pad(nets.outgoing, (0, missing))
    return ReluNets(grouped.contiguous(), outgoing.contiguous())


def unblocked(nets: ReluNets, width: int) -> ReluNets:
    """Weights as `blocked` was given them.

    Args:
        nets: `incoming` [T, p / GROUP, n + 1, GROUP] and `outgoing` [T, p], p rounded up.
        width: p, without the neurons that `blocked` added.
    """
    incoming = nets.incoming.transpose(2, 3).flatten(1, 2)
    return ReluNets(incoming[:, :width], nets.outgoing[:, :width])
