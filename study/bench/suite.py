"""Speed and size of training on this machine, each beside the bar that the project set for it.

`bars` has the shapes and the bars, `stopwatch` takes one measurement; here they are put in turns.
All sides of a ratio are timed in one run, on one core and one thread, and the ratio is the median
over repeats. An epoch's cost is averaged over training from the initial weights to the epoch where
the network generalises: drawing the order and all bookkeeping count, readings where a bar says so.
"""

import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from study import __version__
from study.bench.plain_loop import PlainLoop
from study.bench.stopwatch import (
    Training,
    floor,
    generalized_epochs,
    needed_flops,
    pack_peak_bytes,
    peak_flops,
    seconds,
    train,
    train_as_studied,
)
from study.bench.targets import BARS, Shape, judged
from study.engine.choose import pick_engine
from study.engine.protocol import Engine
from study.engine.relu_engine import ReluEngine
from study.errors import StudyError, UsageError, choices
from study.kernel.numerics import use_repeatable_arithmetic
from study.measures import relu_measures as measures
from study.nets.relu import ReluNets
from study.spec.file import resolve
from study.tasks.parity import Parity
from study.trials.expand import expand
from study.trials.pack import Pack
from study.trials.packing import group, most_together, trial_bytes
from study.trials.trial import Trial
from study.vocabulary.tasks import MIN_TEST_ROWS

CUDA_NETWORKS = 64  # a pack on a GPU, where a few networks would leave it idle
GROWTH = (64, 4096)  # networks whose time a network is compared
# Bars that are one time over another, both taken in the same turn.
RATIOS = {
    "floor": ("epoch", "floor"),
    "plain_loop": ("plain", "epoch"),
    "plain_loop_read": ("plain", "epoch_read"),
    "authors": ("authors", "epoch_read_fully"),
    "readings": ("epoch_read", "epoch"),
    "N_doubled": ("doubled_N", "doubled_nothing"),
    "p_doubled": ("doubled_p", "doubled_nothing"),
}
_GROWTH_EPOCHS = 5
_FIRST_EPOCH_TIMES = (
    10  # doubled shapes are timed in their first epoch, when all learn from all rows
)
_FEW_TIMES = 4  # few networks are timed so often before and after many


def trials_of(shape: Shape, seeds: int = 1, **data: Any) -> list[Trial]:
    """So many trials of a shape; `data` is a [data] table."""
    axes: dict[str, Any] = {"n": shape.n, "k": shape.k, "width": shape.p, "train_size": shape.N}
    axes |= {"batch_size": shape.B, "weight_decay": shape.weight_decay}
    written = {"name": "bench", "seeds": seeds, "axes": axes, "data": data}
    return expand(resolve({**written, "budget": {"epochs": shape.cap}}))


def engine_on(device: str) -> Engine:
    """The engine that a study uses on "cpu" or "cuda"; StudyError where there is no such GPU."""
    if device == "cpu":
        axes = {"n": 8, "k": 2, "width": 8, "train_size": 8}
        cpu = {"name": "bench", "seeds": 1, "axes": axes, "resources": {"device": "cpu"}}
        return pick_engine(expand(resolve(cpu))[0])
    if device != "cuda":
        raise UsageError(f"--device {device!r}; {choices('a device', device, ('cpu', 'cuda'))}")
    if not torch.cuda.is_available():
        raise StudyError("--device cuda: torch finds no CUDA here. Use --device cpu.")
    torch.backends.cuda.matmul.allow_tf32 = False
    return ReluEngine("cuda")


def bench(
    engine: Engine,
    shapes: dict[str, Shape],
    repeats: int = 5,
    growth: tuple[int, int] = GROWTH,
    note: Callable[[str], Any] = lambda _: None,
) -> dict[str, Any]:
    """Measure everything: what the machine is, each shape's figures, and `bars`, a row a bar.

    Figures are in ms where their name says so. `note` hears what is being measured.
    """
    use_repeatable_arithmetic()
    peaks = [peak_flops(engine.kernel, engine.device)]
    figures: dict[str, dict[str, Any]] = {}
    for name, shape in shapes.items():
        note(f"shape {name}")
        asked = {bar.name for bar in BARS if bar.shape == name}
        found = _figures(engine, shape, repeats, asked)
        found |= _memory(engine, shape)
        if "networks" in asked:
            note(f"shape {name}, {growth[1]} networks")
            found["networks"] = _growth(engine, shape, repeats, growth)
        figures[name] = {**asdict(shape), **found}
        peaks.append(peak_flops(engine.kernel, engine.device))
    peak, known_by = max(peaks)
    for found in figures.values():
        found["peak"] = found["first_gflops"] * 1e9 / peak
    return {
        **machine(engine),
        "repeats": repeats,
        "peak_gflops": peak / 1e9,
        "peak_known_by": known_by,
        "shapes": figures,
        "bars": judged(figures),
    }


def machine(engine: Engine) -> dict[str, Any]:
    """What a number of speed means nothing without."""
    gpu = engine.device != "cpu"
    fused = engine.kernel.removeprefix("fused-")
    vectors = "cuda" if gpu else torch.backends.cpu.get_cpu_capability().lower()
    return {
        "device": engine.device,
        "device_name": torch.cuda.get_device_name() if gpu else _processor(),
        "kernel": engine.kernel,
        "instruction_set": vectors if fused == engine.kernel else fused,
        "threads": torch.get_num_threads(),
        "dtype": "float32",
        "study": __version__,
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "python": platform.python_version(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _processor() -> str:
    known = Path("/proc/cpuinfo")
    lines = known.read_text().splitlines() if known.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _figures(engine: Engine, shape: Shape, repeats: int, asked: set[str]) -> dict[str, Any]:
    """A shape's times, and the ratios that bars ask for, under their names."""
    networks = shape.together if engine.device == "cpu" else CUDA_NETWORKS
    pack = Pack(tuple(trials_of(shape, networks)))
    ends = generalized_epochs(engine, pack)
    candidates = floor(pack.trials[0].point, engine.device)
    fastest = sorted(candidates, key=lambda key: min(candidates[key]() for _ in range(5)))[:3]
    plain = PlainLoop(trials_of(shape, test_rows="fixed")[0], engine.device)
    plain.epoch()
    doubled = _doublings(engine, shape, networks) if "N_doubled" in asked else {}
    authors_rows = trials_of(shape, networks, test_rows="fixed")

    def floor_now() -> float:
        return min(candidates[key]() for key in fastest for _ in range(3))

    def turn() -> tuple[Training, dict[str, float]]:
        before = floor_now()
        ours = train(engine, pack.trials, ends)
        times = {
            "floor": (before + floor_now()) / 2,
            "epoch": ours.epoch,
            "first_epochs": ours.first,
            "epoch_read": train_as_studied(engine, pack, ends),
            "plain": seconds(plain.epoch, 3, engine.device),
        }
        if "authors" in asked:
            times["epoch_read_fully"] = train(engine, authors_rows, ends, engine.read).epoch
            times["authors"] = seconds(plain.author_epoch, 1, engine.device)
        for what, state in doubled.items():
            times[f"doubled_{what}"] = _steps_seconds(engine, [state], 1, _FIRST_EPOCH_TIMES)
        if "sparsity" in asked:
            times["sparsity"] = _sparsity_seconds(engine, ours.state)
        return ours, times

    turns = [turn() for _ in range(repeats)]
    ours, times = turns[0][0], {key: [t[key] for _, t in turns] for key in turns[0][1]}
    medians = {key: statistics.median(values) for key, values in times.items()}
    found: dict[str, Any] = {
        "networks_trained": networks,
        "generalized_epoch": statistics.median(ends),
        "share_of_rows_learned": ours.share,
        "floor_is": fastest[0],
        **{f"{key}_ms": 1e3 * value for key, value in medians.items()},
        "first_gflops": _gflops(pack, ours.first_share, medians["first_epochs"]),
        "mean_gflops": _gflops(pack, ours.share, medians["epoch"]),
    }
    for name, (above, below) in RATIOS.items():
        if above in times:
            ratios = [a / b for a, b in zip(times[above], times[below], strict=True)]
            found[name] = statistics.median(ratios)
    found["readings"] -= 1  # what they add
    if "sparsity" in asked:
        found["sparsity"] = found["sparsity_ms"]
    return found


def _gflops(pack: Pack, share: float, epoch_seconds: float) -> float:
    return needed_flops(pack.trials[0].point, share) / epoch_seconds / 1e9


def _doublings(engine: Engine, shape: Shape, networks: int) -> dict[str, Any]:
    """Packs at epoch 0: of the shape, of twice its N, of twice its p."""
    double: dict[str, dict[str, int]] = {
        "nothing": {},
        "N": {"N": 2 * shape.N},
        "p": {"p": 2 * shape.p},
    }
    return {
        what: engine.allocate(trials_of(replace(shape, **change), networks))
        for what, change in double.items()
    }


def _growth(engine: Engine, shape: Shape, repeats: int, counts: tuple[int, int]) -> float:
    """Time a network in the packs that the program makes of many, over that of few."""
    few, many = (_packs(engine, shape, count) for count in counts)
    ratios = []
    for _ in range(repeats):
        before = _steps_seconds(engine, few, _GROWTH_EPOCHS, _FEW_TIMES)
        between = _steps_seconds(engine, many, _GROWTH_EPOCHS, 1)
        after = _steps_seconds(engine, few, _GROWTH_EPOCHS, _FEW_TIMES)
        ratios.append(between / counts[1] / ((before + after) / 2 / counts[0]))
    return statistics.median(ratios)


def _packs(engine: Engine, shape: Shape, count: int) -> list[Any]:
    """Packs at epoch 0 as the program would make them, but for test rows, which no step uses."""
    trials, states = trials_of(shape, count, test_rows=MIN_TEST_ROWS), []
    for pack in group(trials_of(shape, count)):
        states.append(engine.allocate(trials[: len(pack.trials)]))
        trials = trials[len(pack.trials) :]
    return states


def _steps_seconds(engine: Engine, states: Sequence[Any], epochs: int, times: int) -> float:
    """Seconds that packs take for their next epochs, one pack after the other."""

    def work() -> None:
        for begun in states:
            state = begun
            for _ in range(epochs):
                state = engine.step(state)

    return seconds(work, times, engine.device)


def _memory(engine: Engine, shape: Shape) -> dict[str, Any]:
    """The largest pack that the program makes of a shape: its peak, and what its model says."""
    [trial] = trials_of(shape)
    pack = Pack(tuple(trials_of(shape, most_together(trial))))
    model, peak = sum(map(trial_bytes, pack.trials)), pack_peak_bytes(pack, engine)
    return {
        "pack_networks": len(pack.trials),
        "pack_model_bytes": model,
        "pack_peak_bytes": peak,
        "memory": None if peak is None else peak / model,
    }


def _sparsity_seconds(engine: Engine, state: Any) -> float:
    """Of the effective sparsity of one network of a state on its training rows."""
    arrays, trial, device = engine.dump(state), state.trials[0], torch.device(engine.device)
    first = (torch.from_numpy(arrays[name][:1].copy()) for name in ReluNets._fields)
    nets = ReluNets(*(weight.to(device) for weight in first))
    inputs = Parity([trial], device, torch.float32).train.inputs
    return seconds(lambda: measures.pack_effective_sparsity(nets, inputs), 1, engine.device)
