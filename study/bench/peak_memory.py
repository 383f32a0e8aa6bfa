"""How much memory a pack takes at its peak."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import torch

from study.bench.stopwatch import synchronize
from study.engine.make import engine_of
from study.engine.protocol import Engine
from study.kernel.numerics import use_repeatable_arithmetic
from study.training.pack_run import PackRun
from study.trials.pack import Pack

_EXERCISE_EPOCHS = 8  # by then a pack keeps as many past states as it ever will


def pack_peak_bytes(pack: Pack, engine: Engine) -> int | None:
    """Bytes that a pack needs at most, from its allocation to its checkpoint; None if unknown.

    On a CPU the pack runs in a process of its own, and Linux says the process's peak.

    Args:
        pack: which is trained for some epochs and checkpointed.
        engine: that trains; in the other process one of the same kernel.
    """
    if engine.device != "cpu":
        synchronize(engine.device)
        torch.cuda.reset_peak_memory_stats(engine.device)
        before = torch.cuda.memory_allocated(engine.device)
        _exercise(engine, pack)
        return int(torch.cuda.max_memory_allocated(engine.device) - before)
    if not Path("/proc/self/clear_refs").exists():
        return None
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_peak_here, pack, engine.kernel).result()


def _peak_here(pack: Pack, kernel: str) -> int | None:
    """The peak of this process above what it had before the pack."""
    use_repeatable_arithmetic()
    engine = engine_of(kernel)
    small = {"n": 8, "width": 8, "train_size": 32, "batch_size": 8, "k": 2}
    first = pack.trials[0]
    point = replace(first.point, **small)
    # What the process keeps for good, such as torch's own buffers, is not the pack's.
    _exercise(engine, Pack(tuple(replace(first, point=point, seed=seed) for seed in range(2))))
    try:
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from what is in use
    except OSError:
        return None
    before = _status_bytes("VmRSS")
    _exercise(engine, pack)
    return _status_bytes("VmHWM") - before


def _exercise(engine: Engine, pack: Pack) -> None:
    """Train some epochs and checkpoint."""
    run = PackRun(pack, engine)
    for _ in range(_EXERCISE_EPOCHS):
        run.advance()
    if run.open:
        run.checkpoint()


def _status_bytes(field: str) -> int:
    """A size of this process by its name in Linux's status file."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(field))
