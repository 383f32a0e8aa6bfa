"""Randomness that belongs to a trial: counter-based streams, the same numbers on every device.

A trial has a 64-bit key. Folding in a purpose and an epoch gives the key of one stream. Word i of
the stream is Threefry-2x32-20 of the counter i. Nothing is consumed in sequence, so a trial draws
the same numbers alone, in any pack, and after a resume. All is int64 tensor arithmetic over the T
trials of a pack at once.

Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3" (the test vectors of
its Random123 library are in the tests).
"""

import ctypes
from enum import IntEnum

import torch
from torch import Tensor

from study.kernel import library as native
from study.kernel.gpu import Gpu, GpuKernel, LaunchSize
from study.kernel.torch_gpu import gpu_of, launch_on, tensor_address

_MASK = 0xFFFFFFFF
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA
_ON_GPU = GpuKernel("streams.cu", (), "stream_words")
_THREADS = 256  # of a block on a GPU


class Purpose(IntEnum):
    """What a stream is for. A new purpose changes no stream of an old one; values never change."""

    HIDDEN_BITS = 1
    TRAIN_ROWS = 2
    TEST_ROWS = 3
    TRAIN_LABELS = 4
    TEST_LABELS = 5
    WEIGHTS = 6
    ORDER = 7
    FIXED_ROWS = 8
    LABEL_NOISE = 9


def threefry(keys: Tensor, counters: Tensor) -> Tensor:
    """Threefry-2x32 with 20 rounds.

    Args:
        keys: two 32-bit words each, int64 [..., 2].
        counters: two 32-bit words each, int64 [..., 2]. The leading axes broadcast against `keys`.
    Returns: int64 words of the broadcast shape [..., 2], each in [0, 2^32).
    """
    k0, k1 = keys[..., 0], keys[..., 1]
    schedule = (k0, k1, k0 ^ k1 ^ _PARITY)
    x0 = (counters[..., 0] + k0) & _MASK
    x1 = (counters[..., 1] + k1) & _MASK
    for group in range(5):
        for rotation in _ROTATIONS[group % 2]:
            x0 = (x0 + x1) & _MASK
            x1 = (((x1 << rotation) | (x1 >> (32 - rotation))) & _MASK) ^ x0
        x0 = (x0 + schedule[(group + 1) % 3]) & _MASK
        x1 = (x1 + schedule[(group + 2) % 3] + group + 1) & _MASK
    return torch.stack((x0, x1), dim=-1)


def fold(keys: Tensor, purpose: Purpose, epoch: int = 0) -> Tensor:
    """The keys of the streams of one purpose and epoch: int64 [T, 2].

    Args:
        keys: of T trials, int64 [T, 2].
        purpose: what the streams are for.
        epoch: the epoch that the streams belong to; 0 where a purpose draws once.
    """
    return blocks(keys, (int(purpose), epoch), 1)


def words(keys: Tensor, count: int) -> Tensor:
    """The first `count` 32-bit words of each stream: keys [T, 2] to int64 [T, count]."""
    return blocks(keys, (0, 0), (count + 1) // 2)[:, :count]


def blocks(keys: Tensor, first: tuple[int, int], count: int) -> Tensor:
    """Threefry of consecutive counters under each key: int64 words [T, 2 count].

    Compiled code computes the words where there is any: as tensor operations the words take more
    time than training does.

    Args:
        keys: of T streams, int64 [T, 2].
        first: the two words of the first counter; the low word counts up.
        count: how many counters.
    """
    gpu = gpu_of(keys.device)
    if gpu is not None:
        return _blocks_by_cuda(gpu, keys, first, count)
    library = native.library() if keys.device.type == "cpu" else None
    if library is None:
        return _blocks_by_torch(keys, first, count)
    contiguous, drawn = keys.contiguous(), torch.empty((len(keys), 2 * count), dtype=torch.uint32)
    sizes = [ctypes.c_int64(size) for size in (len(keys), *first, count)]
    library.stream_blocks(
        ctypes.c_void_p(contiguous.data_ptr()), *sizes, ctypes.c_void_p(drawn.data_ptr())
    )
    return drawn.to(torch.int64)


def _blocks_by_cuda(gpu: Gpu, keys: Tensor, first: tuple[int, int], count: int) -> Tensor:
    contiguous = keys.contiguous()
    drawn = torch.empty((len(keys), 2 * count), dtype=torch.int64, device=keys.device)
    grid = LaunchSize(-(-len(keys) * count // _THREADS), _THREADS)
    sizes = [ctypes.c_int64(size) for size in (len(keys), *first, count)]
    launch_on(
        gpu, keys.device, _ON_GPU, grid, [tensor_address(contiguous), *sizes, tensor_address(drawn)]
    )
    return drawn


def _blocks_by_torch(keys: Tensor, first: tuple[int, int], count: int) -> Tensor:
    low = torch.arange(first[0], first[0] + count, dtype=torch.int64, device=keys.device)
    counters = torch.stack((low, torch.full_like(low, first[1])), dim=-1)
    return threefry(keys[:, None, :], counters).flatten(1)


def uniforms(keys: Tensor, count: int) -> Tensor:
    """Uniform numbers in [0, 1), exact multiples of 2^-24: keys [T, 2] to float32 [T, count]."""
    return (words(keys, count) >> 8).to(torch.float32) * 2.0**-24


def orders(keys: Tensor, count: int) -> Tensor:
    """A random order of 0..count-1 for each stream: keys [T, 2] to int64 [T, count]."""
    return torch.argsort(words(keys, count), dim=-1, stable=True)


def packed_rows(keys: Tensor, rows: int, bits: int) -> Tensor:
    """Random rows of bits as words: int64 [T, rows, W], W = ceil(bits / 32).

    A word holds 32 bits, the first in its lowest bit. Unused bits of the last word are zero. A
    longer draw begins with the rows of a shorter draw.

    Args:
        keys: of T streams, int64 [T, 2].
        rows: how many rows.
        bits: how many bits a row has.
    """
    per_row = -(-bits // 32)
    drawn = words(keys, rows * per_row).view(-1, rows, per_row)
    drawn[..., -1] &= (1 << (bits - 32 * (per_row - 1))) - 1
    return drawn


def unpack_rows(packed: Tensor, bits: int) -> Tensor:
    """Rows of words as signs, +1 for a bit that is set: int64 [..., W] to int8 [..., bits]."""
    # Byte by byte: 32 int64 numbers for each word would make eight times the memory traffic.
    four = torch.stack([(packed >> shift & 255).to(torch.uint8) for shift in (0, 8, 16, 24)], -1)
    shifts = torch.arange(8, dtype=torch.uint8, device=packed.device)
    ones = (four[..., None] >> shifts & 1).flatten(-3)[..., :bits].to(torch.int8)
    return 2 * ones - 1
