"""How long and how large things are on this machine: the floor, the peak, our epochs, a pack.

Each function measures one thing once; `bench` takes them in turns, so that a machine whose speed
drifts does so for all sides alike. Seconds are of one network and one epoch.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from study.engine.choose import engine_of
from study.engine.fused import FusedState
from study.engine.protocol import Engine
from study.kernel.numerics import use_repeatable_arithmetic
from study.kernel.relu_kernel import ReluKernel
from study.nets import relu
from study.training.pack_run import PackRun
from study.trials.pack import Pack
from study.trials.trial import Point, Trial

FLOOR_NETWORKS = (1, 4, 16, 64)  # networks a call of the batched product
_FIRST_EPOCHS = 5
_FLOOR_FLOPS = 2e8  # of one timing of a product: some milliseconds
_LEAST_LAUNCHES = 20  # of a timing on a GPU, which takes longer to begin than to multiply
_PEAK_SECONDS = 0.02
_EXERCISE_EPOCHS = 8  # after as many a pack keeps all the states that it ever will


def seconds(work: Callable[[], Any], times: int = 1, device: str = "cpu") -> float:
    """Wall seconds of one call, averaged over `times` of them; a GPU is waited for."""
    synchronise(device)
    start = time.perf_counter()
    for _ in range(times):
        work()
    synchronise(device)
    return (time.perf_counter() - start) / times


def synchronise(device: str) -> None:
    """Wait until a GPU has done what it was given; a CPU always has."""
    if device != "cpu":
        torch.cuda.synchronize(device)


# ---- what the machine could do ----


@dataclass(frozen=True, slots=True)
class Products:
    """A pair of products of one step; called, it times an epoch of them for one network."""

    product: Any
    operands: tuple[tuple[Tensor, Tensor], ...]
    share: float  # of an epoch of one network in one step of all
    times: int
    device: str

    def __call__(self) -> float:
        """Seconds of an epoch. Operands are the same in every call: in cache where they fit."""
        results = [self.product(*pair) for pair in self.operands]

        def step() -> None:
            for pair, out in zip(self.operands, results, strict=True):
                self.product(*pair, out=out)

        return seconds(step, self.times, self.device) / self.share


def floor(point: Point, device: str) -> dict[str, Products]:
    """X W and X^T G of a step, by product, networks a call and layout of W."""
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
    """Float32 operations a second that one core (or the GPU) can do at most, and how that is known.

    The better of a large matrix product, by itself a lower bound, and of multiply-adds on registers
    where the fused kernel is compiled.
    """
    size = 1024 if device == "cpu" else 8192
    a, b = (torch.randn(size, size, device=device) for _ in range(2))
    out = torch.empty_like(a)

    def products(times: int) -> int:
        for _ in range(times):
            torch.mm(a, b, out=out)
        synchronise(device)
        return 2 * size**3 * times

    peaks = [(_fastest(products), f"a product of {size} x {size} matrices")]
    fused, version = ReluKernel.load(), kernel.removeprefix("fused-")
    if device == "cpu" and fused is not None and version in fused.versions:
        peaks.append((_fastest(fused.peak(fused.versions[version])), "multiply-adds"))
    return max(peaks)


def _fastest(work: Callable[[int], int]) -> float:
    """Operations a second: `work(n)` does n rounds and says how many operations these were."""

    def spent(rounds: int) -> float:
        return seconds(lambda: work(rounds))

    rounds = 1
    while spent(rounds) < _PEAK_SECONDS:
        rounds *= 2
    operations = work(rounds)
    return operations / min(spent(rounds) for _ in range(9))


# ---- what we do ----


@dataclass(frozen=True, slots=True)
class Training:
    """Of networks trained to the epochs asked: seconds, and the share of rows learned from.

    `first` is the median of the first epochs, `first_share` the mean share there; `state` is what
    is left at the end: the network that took longest.
    """

    epoch: float
    first: float
    share: float
    first_share: float
    state: Any


def train(
    engine: Engine,
    trials: Sequence[Trial],
    ends: Sequence[int],
    each: Callable[[Any], Any] | None = None,
) -> Training:
    """Train each trial to its own end. `each` is called before every epoch, inside the clock."""
    state, members = engine.allocate(trials), list(range(len(trials)))
    spent, shares = [], []
    for epoch in range(max(ends)):
        stay = [place for place, member in enumerate(members) if ends[member] > epoch]
        if len(stay) < len(members):
            state, members = engine.leave(state, stay), [members[place] for place in stay]
        before = state

        def one_epoch(before: Any = before) -> Any:
            if each is not None:
                each(before)
            nonlocal state
            state = engine.step(before)

        spent.append((seconds(one_epoch, device=engine.device), len(members)))
        shares.append(learned_share(before, state))
    epochs = sum(count for _, count in spent)
    learned = sum(share * count for share, (_, count) in zip(shares, spent, strict=True))
    return Training(
        epoch=sum(second for second, _ in spent) / epochs,
        first=statistics.median(second / count for second, count in spent[:_FIRST_EPOCHS]),
        share=learned / epochs,
        first_share=statistics.fmean(shares[:_FIRST_EPOCHS]),
        state=state,
    )


def train_as_studied(engine: Engine, pack: Pack, ends: Sequence[int]) -> float:
    """Seconds of an epoch with whatever a study does beside training: readings, detection, log."""
    run = PackRun(pack, engine)
    spent, epochs = 0.0, 0
    for epoch in range(max(ends)):
        gone = [t.trial_id for t, end in zip(pack.trials, ends, strict=True) if end == epoch]
        if gone:
            run.drop(gone)
        epochs += run.open
        spent += seconds(run.advance, device=engine.device)
    return spent / epochs


def generalized_epochs(engine: Engine, pack: Pack) -> list[int]:
    """When each trial generalised, by the program's own detector; its last epoch if it did not."""
    run, found = PackRun(pack, engine), {}
    while run.open:
        for row in finished.trials if (finished := run.advance()) else ():
            found[row["trial_id"]] = row["generalized_epoch"] or row["epochs_run"]
    return [found[trial.trial_id] for trial in pack.trials]


def learned_share(before: Any, after: Any) -> float:
    """Share of the training rows with a slope in the pass between two states, 0 to 1.

    The fused kernel counts them; of the torch kernel they are counted as the pass begins.
    """
    if isinstance(after, FusedState):
        return float(after.learned.mean()) / after.train.labels.shape[1]
    rows = before.data.train
    margins = relu.scores(before.nets, relu.hidden(before.nets, rows.inputs)) * rows.labels
    return float((margins < 1).double().mean().item())


def needed_flops(point: Point, share: float) -> float:
    """Arithmetic of an epoch that no implementation can leave out, in multiplications and sums.

    X W on every row, X^T G on the `share` of rows with a slope; 2 a weight and row.
    """
    return 2 * (point.train_size or 0) * (point.bits + 1) * point.width * (1 + share)


# ---- how large a pack is ----


def pack_peak_bytes(pack: Pack, engine: Engine) -> int | None:
    """Bytes that a pack needs at most, from its allocation to its checkpoint; None if unknown.

    On a CPU in a process of its own, by the high-water mark that Linux keeps; nowhere else.
    """
    if engine.device != "cpu":
        synchronise(engine.device)
        torch.cuda.reset_peak_memory_stats(engine.device)
        before = torch.cuda.memory_allocated(engine.device)
        _exercise(engine, pack)
        return int(torch.cuda.max_memory_allocated(engine.device) - before)
    if not Path("/proc/self/clear_refs").exists():
        return None
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_peak_here, pack.to_json(), engine.kernel).result()


def _peak_here(pack: dict[str, Any], kernel: str) -> int | None:
    use_repeatable_arithmetic()
    engine = engine_of(kernel)
    members = Pack.from_json(pack)
    small = {"n": 8, "width": 8, "train_size": 32, "batch_size": 8, "k": 2}
    warm = [{**pack["members"][0], **small, "seed": seed} for seed in range(2)]
    _exercise(engine, Pack.from_json({**pack, "members": warm}))
    try:
        Path("/proc/self/clear_refs").write_text("5")  # sets the mark back to what is in use now
    except OSError:
        return None
    before = _status_bytes("VmRSS")
    _exercise(engine, members)
    return _status_bytes("VmHWM") - before


def _exercise(engine: Engine, pack: Pack) -> None:
    run = PackRun(pack, engine)
    for _ in range(_EXERCISE_EPOCHS):
        run.advance()
    if run.open:
        run.checkpoint()


def _status_bytes(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(field))
