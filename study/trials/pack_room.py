"""How large packs are made for a device: so much memory, so many members, and no smaller than that.

A pack for a CPU is limited by what leaves room for the packs of other cores. A pack for a GPU has
its share of the GPU's memory, and is not split further than the GPU needs to be busy.
"""

from typing import NamedTuple

from study.kernel.gpu import LEAST_ARCH, Gpu, first_gpu
from study.spec.toml_tables import Resources

MAX_PACK = 256
PACK_BYTES = 256 << 20
# Packs of this size are not split further: each member's share of Python's work would grow.
SMALL_PACK = 64
SMALL_PACK_BYTES = 32 << 20

MAX_GPU_PACK = 1024
# Of a GPU's memory; the rest is for its context, and for what the formulas of memory do not see.
_USABLE = 0.8
# A GPU that this machine does not have, as when a study is planned for a cluster: the smallest that
# cluster.yaml starts, an A10G or an L4.
_ASSUMED_BYTES, _ASSUMED_SHARED_BYTES = 22 << 30, 58 * (99 << 10)
# A pack that fills the shared memory of a GPU so many times keeps it busy to the last block.
_WAVES = 2


class PackRoom(NamedTuple):
    """The limits of a pack.

    Attributes:
        members: of the largest pack.
        bytes: of the largest pack's memory.
        small_members: a pack with so few is not split further.
        small_bytes: likewise, of its memory on a CPU, or of its weights on a GPU.
    """

    members: int
    bytes: int
    small_members: int
    small_bytes: int


_ON_CPU = PackRoom(MAX_PACK, PACK_BYTES, SMALL_PACK, SMALL_PACK_BYTES)


def room_for_packs(resources: Resources) -> PackRoom:
    """The limits of the packs that ask for these resources."""
    if not trains_on_gpu(resources):
        return _ON_CPU
    gpu, share = first_gpu(), min(resources.gpu, 1.0) or 1.0
    memory = gpu.memory if gpu else _ASSUMED_BYTES
    filled = _WAVES * (_shared_bytes(gpu) if gpu else _ASSUMED_SHARED_BYTES)
    return PackRoom(MAX_GPU_PACK, int(memory * share * _USABLE), MAX_GPU_PACK, filled)


def trains_on_gpu(resources: Resources) -> bool:
    """Whether packs are made for a GPU: "cuda" asks for one, "auto" takes this machine's."""
    device = resources.device
    return device == "cuda" or (device == "auto" and first_gpu() is not None)


def fused_on_gpu(optimizer: str, dtype: str) -> bool:
    """Whether the fused kernel of a GPU trains ReLU networks so, on a GPU that is new enough.

    Args:
        optimizer: a [train] optimizer.
        dtype: a [train] dtype.
    """
    gpu = first_gpu()
    return optimizer == "sgd" and dtype == "float32" and (gpu is None or gpu.arch >= LEAST_ARCH)


def _shared_bytes(gpu: Gpu) -> int:
    """Shared memory of all multiprocessors, about: what one block may have of each."""
    return gpu.multiprocessors * gpu.room
