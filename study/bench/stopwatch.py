"""Seconds, and what this machine could do: the floor of an epoch, and the core's peak.

Each function measures one thing once. `suite` takes the measurements in turns, so that a machine
whose speed drifts does so for all sides of a ratio alike.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from study.kernel.relu_kernel import ReluKernel
from study.trials.trial import Point

FLOOR_NETWORKS = (1, 4, 16, 64)  # networks that one call of the batched product takes
# Arithmetic in one timing of a product, which takes some milliseconds.
_FLOOR_FLOPS = 2e8
# Steps in one timing on a GPU at least, because a launch takes longer than a small product.
_LEAST_LAUNCHES = 20
_PEAK_SECONDS = 0.02


def seconds(work: Callable[[], object], times: int = 1, device: str = "cpu") -> float:
    """Wall seconds of one call, averaged over `times` calls.

    Args:
        work: what is timed.
        times: calls of `work` in a row.
        device: a GPU is waited for before and after.
    """
    synchronize(device)
    start = time.perf_counter()
    for _ in range(times):
        work()
    synchronize(device)
    return (time.perf_counter() - start) / times


def synchronize(device: str) -> None:
    """Wait until a GPU has done its work; a CPU always has."""
    if device != "cpu":
        torch.cuda.synchronize(device)


@dataclass(frozen=True, slots=True)
class Products:
    """The two products of one step; a call gives their seconds per epoch of one network.

    Attributes:
        product: torch.mm or torch.bmm.
        operands: of the two products; [T, ...] each for torch.bmm.
        share: rows of one step of all T networks over rows of one network's epoch, T B / N.
            Seconds of a step divided by `share` are seconds of one network's epoch.
        times: steps that one timing averages over.
        device: "cpu" or a CUDA device.
    """

    product: Callable[..., Tensor]
    operands: tuple[tuple[Tensor, Tensor], ...]
    share: float
    times: int
    device: str

    def __call__(self) -> float:
        """Seconds of an epoch. Operands are the same in every step: in cache where they fit."""
        results = [self.product(*pair) for pair in self.operands]

        def step() -> None:
            for pair, out in zip(self.operands, results, strict=True):
                self.product(*pair, out=out)

        return seconds(step, self.times, self.device) / self.share


def floor(point: Point, device: str) -> dict[str, Products]:
    """X W and X^T G of a step, in every way that torch can compute them.

    Args:
        point: of the networks; B, n and p follow.
        device: "cpu" or a CUDA device.
    Returns: products by a name that says the call, its networks and the layout of W.
    """
    candidates = {}
    B, n, p = point.batch_size, point.bits + 1, point.width
    for T in FLOOR_NETWORKS:
        least = 1 if device == "cpu" else _LEAST_LAUNCHES
        times = max(least, int(_FLOOR_FLOPS / (4 * T * B * n * p)))
        share = T * B / (point.train_size or B)
        x, g, w = (torch.randn(T, *size, device=device) for size in ((B, n), (B, p), (p, n)))
        turned = w.mT.contiguous()
        layouts = {"p n": ((x, w.mT), (g.mT, x)), "n p": ((x, turned), (x.mT, g))}
        for layout, pairs in layouts.items():
            candidates[f"bmm of {T} [{layout}]"] = Products(torch.bmm, pairs, share, times, device)
            if T == 1:
                alone = tuple((a[0], b[0]) for a, b in pairs)
                candidates[f"mm [{layout}]"] = Products(torch.mm, alone, share, times, device)
    return candidates


def peak_flops(kernel: str, device: str) -> tuple[float, str]:
    """Float32 operations per second that one core (or the GPU) can do at most, and how it is known.

    The better of two: a large matrix product, by itself a lower bound; and multiply-adds on
    registers, where the fused kernel is compiled.

    Args:
        kernel: of the engine, whose version of the fused kernel does the multiply-adds.
        device: "cpu" or a CUDA device.
    """
    size = 1024 if device == "cpu" else 8192
    a, b = (torch.randn(size, size, device=device) for _ in range(2))
    out = torch.empty_like(a)

    def products(rounds: int) -> int:
        for _ in range(rounds):
            torch.mm(a, b, out=out)
        synchronize(device)
        return 2 * size**3 * rounds

    peaks = [(_fastest(products), f"a product of {size} x {size} matrices")]
    fused, version = ReluKernel.load(), kernel.removeprefix("fused-")
    if device == "cpu" and fused is not None and version in fused.versions:
        peaks.append((_fastest(fused.peak(fused.versions[version])), "multiply-adds"))
    return max(peaks)


def _fastest(work: Callable[[int], int]) -> float:
    """Operations per second; `work(n)` does n rounds and returns how many operations these were."""

    def spent(rounds: int) -> float:
        return seconds(lambda: work(rounds))

    rounds = 1
    while spent(rounds) < _PEAK_SECONDS:
        rounds *= 2
    operations = work(rounds)
    return operations / min(spent(rounds) for _ in range(9))
