"""relu_step.cu as Python sees it: `struct pack`, how a network is cut, and where its weights lie.

A network is cut for one GPU: so many warps a block, so many blocks a network, weights in shared
memory or not. Nothing here knows what a trial is.
"""

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from study.kernel.gpu import CLUSTERS_SINCE, Gpu, GpuKernel, LaunchSize

_TILE = 16  # neurons of a fragment
_COLUMNS = 16  # inputs of a fragment
_SCALE = 32.0  # of the weights in fragments: SCALE of fragments.cuh
_ROWS = 32  # that a warp holds at a time, one a lane
READING_NUMBERS = 7  # numbers that a reading finds of each member

_MOST_WARPS = 8
_TILES_A_WARP = 4  # at least: every warp has the work of a step beside its tiles
_CLUSTERS = (1, 2, 4, 8)  # blocks of a cluster; more than 8 are not portable
_HELD_TILES = 4  # of columns: with more, the operands of a visit do not fit the registers
_SOURCE = "relu_step.cu"

_POINTERS = (
    *("train_words", "test_words", "train_labels", "test_labels", "order", "allowed"),
    *("weights", "outgoing", "rate", "decay", "learned", "found"),
    *("activity", "gradients", "slopes"),
)
_NUMBERS = ("train_rows", "test_rows", "bits", "batch", "tiles", "members")


class CudaPack(ctypes.Structure):
    """`struct pack` of relu_step.cu, which explains each field and its shape."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in _POINTERS),
        *((name, ctypes.c_int) for name in _NUMBERS),
    )


@dataclass(frozen=True, slots=True)
class NetCut:
    """How a network of one shape is trained on one GPU.

    Attributes:
        bits: n.
        width: p.
        batch: B.
        loss: its index in `LOSSES`.
        warps: of a block.
        cluster: blocks that share a network.
        shared: whether the weights lie in shared memory during an epoch.
    """

    bits: int
    width: int
    batch: int
    loss: int
    warps: int
    cluster: int
    shared: bool

    @classmethod
    def of(cls, gpu: Gpu, bits: int, width: int, batch: int, loss: int) -> "NetCut | None":
        """As few blocks as have room for the weights; None where a network has no room at all."""
        least = -(-width // _TILE // _TILES_A_WARP)
        warps = max(1, min(_MOST_WARPS, least))
        clusters = _CLUSTERS if gpu.arch >= CLUSTERS_SINCE else (1,)
        tried = [*((count, True) for count in clusters), *((count, False) for count in clusters)]
        for cluster, shared in tried:
            cut = cls(bits, width, batch, loss, warps, cluster, shared)
            if cut.shared_bytes <= gpu.room:
                return cut
        return None

    @property
    def column_tiles(self) -> int:
        """Tiles of 16 columns that hold the inputs and the column of ones."""
        return -(-(self.bits + 1) // _COLUMNS)

    @property
    def words(self) -> int:
        """Words of 32 bits that a row takes, the column of ones included."""
        return -(-_COLUMNS * self.column_tiles // 32)

    @property
    def tiles(self) -> int:
        """Tiles of 16 neurons."""
        return -(-self.width // _TILE)

    @property
    def most_tiles(self) -> int:
        """Tiles of the block that has most."""
        return -(-self.tiles // self.cluster)

    @property
    def batch_parts(self) -> int:
        """How often 32 rows are looked at in a batch."""
        return -(-self.batch // _ROWS)

    @property
    def held(self) -> bool:
        """Whether the operands of a visit stay in registers."""
        return self.column_tiles <= _HELD_TILES

    @property
    def shared_bytes(self) -> int:
        """Shared memory of a block in an epoch: `home_of` of relu_step.cu."""
        operands = 0 if self.held else (3 if self.loss else 2) * self.column_tiles * 256
        block = 2 * self.warps * _ROWS + 2 * _ROWS + 2 * _COLUMNS * self.column_tiles + operands
        tile = _TILE + (_ROWS if self.batch_parts == 1 else 0)
        tile += 256 * self.column_tiles if self.shared else 0
        return 4 * (block + tile * self.most_tiles)

    def kernel(self, name: str) -> GpuKernel:
        """A kernel of relu_step.cu, for this cut."""
        macros = {
            "KT": self.column_tiles,
            "LOSS": self.loss,
            "WARPS": self.warps,
            "CLUSTER": self.cluster,
            "SHARED": int(self.shared),
            "MANY": int(self.batch_parts > 1),
            "HELD": int(self.held),
        }
        return GpuKernel(
            _SOURCE, tuple(f"{macro}={value}" for macro, value in macros.items()), name
        )

    def epoch_grid(self, members: int) -> LaunchSize:
        """The launch of an epoch of T members."""
        return LaunchSize(members * self.cluster, 32 * self.warps, self.shared_bytes)

    def reading_grid(self, members: int) -> LaunchSize:
        """The launch of a reading of T members."""
        return LaunchSize(members, 32 * self.warps, 8 * self.warps)

    # ---- layouts ----

    def fragments(self, incoming: Tensor, outgoing: Tensor) -> tuple[Tensor, Tensor]:
        """Weights as the kernel has them; neurons and columns that only fill a tile are zero.

        Args:
            incoming: [T, p, n + 1].
            outgoing: [T, p].
        Returns: [T, tiles, 2 column tiles, 32, 4], times SCALE, and [T, tiles, 16].
        """
        members, width, columns = incoming.shape
        spare = (0, _COLUMNS * self.column_tiles - columns, 0, self.tiles * _TILE - width)
        whole = torch.nn.functional.pad(incoming * _SCALE, spare)
        parts = whole.view(members, self.tiles, 2, 8, 2 * self.column_tiles, 4, 2)
        in_lanes = parts.permute(0, 1, 4, 3, 5, 2, 6).reshape(
            members, self.tiles, 2 * self.column_tiles, 32, 4
        )
        u = torch.nn.functional.pad(outgoing, (0, self.tiles * _TILE - width))
        return in_lanes.contiguous(), u.view(members, self.tiles, _TILE).contiguous()

    def plain(self, weights: Tensor, outgoing: Tensor) -> tuple[Tensor, Tensor]:
        """Weights as `fragments` was given them, [T, p, n + 1] and [T, p]."""
        members = len(weights)
        parts = weights.view(members, self.tiles, 2 * self.column_tiles, 8, 4, 2, 2)
        whole = parts.permute(0, 1, 5, 3, 2, 4, 6).reshape(
            members, self.tiles * _TILE, _COLUMNS * self.column_tiles
        )
        w = whole[:, : self.width, : self.bits + 1] / _SCALE
        return w.contiguous(), outgoing.reshape(members, -1)[:, : self.width].contiguous()

    def row_words(self, words: Tensor) -> Tensor:
        """Rows of packed bits, int64 [T, N, W], with their column of ones: int32 [T, N, words]."""
        padded = torch.nn.functional.pad(words, (0, self.words - words.shape[-1]))
        padded[..., self.bits // 32] |= 1 << self.bits % 32
        return padded.to(torch.int32)  # the low 32 bits

    def scratch(
        self, members: int, rows: int, device: torch.device
    ) -> Iterator[tuple[str, Tensor]]:
        """What an epoch of batches above 32 rows needs beside the weights, by the pack's fields.

        Args:
            members: T.
            rows: N.
            device: of the arrays.
        """
        if self.batch_parts == 1:
            return
        blocks, lanes = members * self.cluster, 32
        bits = (blocks, self.batch_parts, self.most_tiles, lanes)
        yield "activity", torch.empty(bits, dtype=torch.int32, device=device)
        weights = (members, self.tiles, 2 * self.column_tiles, lanes, 4)
        yield "gradients", torch.empty(weights, device=device)
        yield "slopes", torch.empty((blocks, rows), device=device)
