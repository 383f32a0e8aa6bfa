"""The sides of a race on a GPU: our kernel, torch's kernel, the plain loop, one core of the CPU.

All sides train the same shape in one run, in turns, each in the packs that suit it. A time is of
one network and one epoch. Epochs follow each other without waiting, as in a study between two
readings.
"""

import statistics
from collections.abc import Callable

from study.bench.bench_report import ShapeFigures
from study.bench.plain_loop import PlainLoop
from study.bench.stopwatch import seconds
from study.bench.targets import Shape
from study.bench.training_times import needed_flops
from study.bench.turns import trials_of
from study.engine.choose import engine_name
from study.engine.make import engine_of
from study.engine.protocol import Engine
from study.engine.relu_engine import ReluEngine

_EPOCHS = 10  # of a pack in one timing on the GPU
_CORE_EPOCHS = 3
_RATIOS = {"torch_kernel": "torch", "plain_loop": "plain", "core": "core", "reading": "reading"}

TimedSide = Callable[[], float]  # seconds of one network and epoch, timed now


def gpu_figures(engine: Engine, shape: Shape, repeats: int) -> ShapeFigures:
    """The times of a shape on a GPU, and each over our epoch under the name of its bar.

    Args:
        engine: that trains on a GPU.
        shape: of the networks.
        repeats: turns that a median is over.
    """
    sides = _sides(engine, shape)
    for side in sides.values():
        side()  # kernels are compiled, and memory is found, before anything counts
    turns = [{name: side() for name, side in sides.items()} for _ in range(repeats)]
    times = {name: statistics.median(turn[name] for turn in turns) for name in sides}
    ratios = {
        bar: statistics.median(turn[name] / turn["epoch"] for turn in turns)
        for bar, name in _RATIOS.items()
    }
    needed = needed_flops(trials_of(shape)[0].point, 1.0)
    numbers: dict[str, float | None] = {
        "networks_trained": shape.on_gpu,
        **{f"{name}_ms": 1e3 * value for name, value in times.items()},
        "net_epoch_us": 1e6 * times["epoch"],
        "first_gflops": needed / times["epoch"] / 1e9,
        **ratios,
    }
    return ShapeFigures(shape, "not timed on a GPU", numbers)


def _sides(engine: Engine, shape: Shape) -> dict[str, TimedSide]:
    """Every side of the race, prepared once."""
    device, [trial] = engine.device, trials_of(shape)
    state = engine.allocate(trials_of(shape, shape.on_gpu))
    plain = PlainLoop(trials_of(shape, test_rows="fixed")[0], device)
    core = engine_of(engine_name(trial, "cpu"))
    return {
        "epoch": _steps(engine, shape, shape.on_gpu, _EPOCHS),
        "reading": lambda: seconds(lambda: engine.read(state), _EPOCHS, device) / shape.on_gpu,
        "torch": _steps(ReluEngine(device), shape, shape.on_gpu, 2),
        "plain": lambda: seconds(plain.epoch, 1, device),
        "core": _steps(core, shape, shape.together, _CORE_EPOCHS),
    }


def _steps(engine: Engine, shape: Shape, networks: int, epochs: int) -> TimedSide:
    """Seconds of a network and epoch in the first epochs of a pack.

    Args:
        engine: that trains.
        shape: of the networks.
        networks: of the pack.
        epochs: in one timing.
    """
    begun = engine.allocate(trials_of(shape, networks))

    def work() -> None:
        state = begun
        for _ in range(epochs):
            state = engine.step(state)

    return lambda: seconds(work, 1, engine.device) / (epochs * networks)
