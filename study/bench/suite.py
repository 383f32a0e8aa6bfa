"""Speed and size of training on this machine, each beside the bar that the project set for it.

`targets` has the shapes and the bars, `stopwatch` and its neighbors take one measurement each, and
`turns` takes the times of a shape in turns. All sides of a ratio are timed in one run, on one core
and one thread. A ratio is the median over repeats.
"""

import platform
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from study import __version__
from study.bench.bench_report import BenchReport, Machine, ShapeFigures
from study.bench.gpu_sides import gpu_figures
from study.bench.peak_memory import pack_peak_bytes
from study.bench.stopwatch import peak_flops
from study.bench.targets import GPU_TARGETS, TARGETS, Shape, judged
from study.bench.turns import growth_ratio, shape_figures, trials_of
from study.engine.make import pick_engine
from study.engine.protocol import Engine
from study.errors import StudyError, UsageError, choices
from study.kernel.numerics import use_repeatable_arithmetic
from study.spec.file import resolve
from study.trials.expand import expand
from study.trials.pack import Pack
from study.trials.packing import most_together, trial_bytes

# How many networks are trained, few and many: `growth_ratio` compares their time per network.
GROWTH = (64, 4096)


def engine_on(device: str) -> Engine:
    """The engine that a study uses on "cpu" or "cuda"; StudyError where there is no such GPU."""
    if device not in {"cpu", "cuda"}:
        raise UsageError(f"--device {device!r}; {choices('a device', device, ('cpu', 'cuda'))}")
    if device == "cuda" and not torch.cuda.is_available():
        raise StudyError("--device cuda: torch finds no CUDA here. Use --device cpu.")
    axes = {"n": 8, "k": 2, "width": 8, "train_size": 8}
    asked = {"name": "bench", "seeds": 1, "axes": axes, "resources": {"device": device}}
    return pick_engine(expand(resolve(asked))[0])


def bench(
    engine: Engine,
    shapes: dict[str, Shape],
    repeats: int = 5,
    growth: tuple[int, int] = GROWTH,
    note: Callable[[str], object] = lambda _: None,
) -> BenchReport:
    """Measure everything that the bars of some shapes ask for: those of a CPU, or those of a GPU.

    Args:
        engine: that trains.
        shapes: by letter.
        repeats: turns that a median is over.
        growth: how many networks are trained, few and many, to compare their time per network.
        note: called with what is being measured.
    """
    use_repeatable_arithmetic()
    bars = TARGETS if engine.device == "cpu" else GPU_TARGETS
    peaks = [peak_flops(engine.kernel, engine.device)]
    shape_by_letter: dict[str, ShapeFigures] = {}
    for name, shape in shapes.items():
        note(f"shape {name}")
        asked = {bar.name for bar in bars if bar.shape == name}
        figures = _figures(engine, shape, repeats, asked)
        numbers = {**figures.numbers, **_memory(engine, shape)}
        if "networks" in asked:
            note(f"shape {name}, {growth[1]} networks")
            numbers["networks"] = growth_ratio(engine, shape, repeats, growth)
        shape_by_letter[name] = replace(figures, numbers=numbers)
        peaks.append(peak_flops(engine.kernel, engine.device))
    peak, known_by = max(peaks)
    for figures in shape_by_letter.values():
        figures.numbers["peak"] = figures.number("first_gflops") * 1e9 / peak
    return BenchReport(
        machine=machine(engine),
        repeats=repeats,
        peak_gflops=peak / 1e9,
        peak_known_by=known_by,
        shapes=shape_by_letter,
        bars=judged({name: figures.numbers for name, figures in shape_by_letter.items()}, bars),
    )


def _figures(engine: Engine, shape: Shape, repeats: int, asked: set[str]) -> ShapeFigures:
    """The times of a shape, on a CPU or on a GPU; arguments as of `shape_figures`."""
    if engine.device == "cpu":
        return shape_figures(engine, shape, repeats, asked)
    return gpu_figures(engine, shape, repeats)


def machine(engine: Engine) -> Machine:
    """The machine that an engine computes on, and the versions of what computes."""
    gpu = engine.device != "cpu"
    fused = engine.kernel.removeprefix("fused-")
    vectors = "cuda" if gpu else torch.backends.cpu.get_cpu_capability().lower()
    return Machine(
        device=engine.device,
        device_name=torch.cuda.get_device_name() if gpu else _processor(),
        kernel=engine.kernel,
        instruction_set=vectors if fused == engine.kernel else fused,
        threads=torch.get_num_threads(),
        dtype="float32",
        study=__version__,
        torch=str(torch.__version__),
        numpy=np.__version__,
        python=platform.python_version(),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _processor() -> str:
    """The processor's name, as far as the system tells."""
    table = Path("/proc/cpuinfo")
    lines = table.read_text().splitlines() if table.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _memory(engine: Engine, shape: Shape) -> dict[str, float | None]:
    """The peak of the largest pack that the program makes of a shape, and what the model says."""
    [trial] = trials_of(shape, device=engine.device)
    pack = Pack(tuple(trials_of(shape, most_together(trial), device=engine.device)))
    model, peak = sum(map(trial_bytes, pack.trials)), pack_peak_bytes(pack, engine)
    return {
        "pack_networks": len(pack.trials),
        "pack_model_bytes": model,
        "pack_peak_bytes": peak,
        "memory": None if peak is None else peak / model,
    }
