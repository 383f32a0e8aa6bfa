"""The times of one shape, taken in turns: the floor, our engines, the plain loop.

A turn times every side once, so that a machine whose speed drifts does so for all sides alike. An
epoch's time is averaged over training from the initial weights to the epoch where a trial ends.
Drawing the order of rows counts. All else that a trial takes counts in the time of whole trials.
"""

import statistics
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from study.bench.bench_report import ShapeFigures
from study.bench.plain_loop import PlainLoop
from study.bench.stopwatch import floor, seconds
from study.bench.targets import Shape
from study.bench.training_times import (
    Training,
    needed_flops,
    study_trials,
    train,
)
from study.engine.protocol import Engine
from study.measures import relu_sparsity as sparsity
from study.nets.relu import ReluNets
from study.spec.file import resolve
from study.tasks.parity import Parity
from study.trials.expand import expand
from study.trials.pack import Pack
from study.trials.packing import group
from study.trials.trial import Trial
from study.vocabulary.tasks import MIN_TEST_ROWS

# Bars that are one time over another, both taken in the same turn.
RATIOS = {
    "floor": ("epoch", "floor"),
    "plain_loop": ("plain", "epoch"),
    "plain_loop_whole": ("plain", "whole"),
    "authors": ("authors", "epoch_read_fully"),
    "whole_trial": ("whole", "epoch"),
    "N_doubled": ("doubled_N", "doubled_nothing"),
    "p_doubled": ("doubled_p", "doubled_nothing"),
}
# Every turn times so many of the fastest products again, to find the floor of that moment.
_FASTEST_PRODUCTS = 3
_GROWTH_EPOCHS = 5
# Doubled shapes are timed in their first epoch, when every network learns from all rows.
_FIRST_EPOCH_TIMES = 10
# Few networks are timed so often before the many are timed, and as often afterward.
_FEW_TIMES = 4


def trials_of(
    shape: Shape, seeds: int = 1, test_rows: int | str | None = None, device: str = "auto"
) -> list[Trial]:
    """Trials of a shape.

    Args:
        shape: of the networks.
        seeds: how many trials.
        test_rows: as [data] has it; None is the default.
        device: as [resources] has it; it decides how large packs are.
    """
    data = {} if test_rows is None else {"test_rows": test_rows}
    written = {"name": "bench", "seeds": seeds, "axes": shape.axes, "data": data}
    more = {"budget": {"epochs": shape.cap}, "resources": {"device": device}}
    return expand(resolve({**written, **more}))


class Turns:
    """Everything that the turns of one shape time, prepared once."""

    def __init__(self, engine: Engine, shape: Shape, asked: set[str]) -> None:
        """Train the networks once for their ends, and find the fastest products.

        Args:
            engine: that trains.
            shape: of the networks.
            asked: names of the shape's bars; what no bar asks for is not timed.
        """
        self.engine, self.asked = engine, asked
        self.networks = shape.together
        self.pack = Pack(tuple(trials_of(shape, self.networks)))
        self.ends = study_trials(engine, self.pack).ends
        self._products = floor(self.pack.trials[0].point, engine.device)
        best = {name: min(timed() for _ in range(5)) for name, timed in self._products.items()}
        self.fastest = sorted(best, key=best.__getitem__)[:_FASTEST_PRODUCTS]
        self._plain = PlainLoop(trials_of(shape, test_rows="fixed")[0], engine.device)
        self._plain.epoch()
        doubles = {"nothing": shape, "N": replace(shape, N=2 * shape.N)}
        doubles["p"] = replace(shape, p=2 * shape.p)
        self._doubled = {
            what: engine.allocate(trials_of(double, self.networks))
            for what, double in (doubles if "N_doubled" in asked else {}).items()
        }
        self._authors_trials = trials_of(shape, self.networks, test_rows="fixed")

    def floor_now(self) -> float:
        """Seconds of an epoch's two dense products at this moment."""
        return min(self._products[name]() for name in self.fastest for _ in range(3))

    def turn(self) -> tuple[Training, dict[str, float]]:
        """Our training, and the seconds of every side by name."""
        engine, plain = self.engine, self._plain
        before = self.floor_now()
        ours = train(engine, self.pack.trials, self.ends)
        times = {
            "floor": (before + self.floor_now()) / 2,
            "epoch": ours.epoch,
            "first_epochs": ours.first,
            "whole": study_trials(engine, self.pack).epoch,
            "plain": seconds(plain.epoch, 3, engine.device),
        }
        if "authors" in self.asked:
            read_fully = train(engine, self._authors_trials, self.ends, engine.read)
            times["epoch_read_fully"] = read_fully.epoch
            times["authors"] = seconds(plain.author_epoch, 1, engine.device)
        for what, state in self._doubled.items():
            times[f"doubled_{what}"] = _steps_seconds(engine, [state], 1, _FIRST_EPOCH_TIMES)
        if "sparsity" in self.asked:
            times["sparsity"] = _sparsity_seconds(engine, ours.state)
        return ours, times


def shape_figures(engine: Engine, shape: Shape, repeats: int, asked: set[str]) -> ShapeFigures:
    """The times of a shape, and the ratios that bars ask for under the bars' names.

    Args:
        engine: that trains.
        shape: of the networks.
        repeats: turns that a median is over.
        asked: names of the shape's bars.
    """
    turns = Turns(engine, shape, asked)
    taken = [turns.turn() for _ in range(repeats)]
    ours, first = taken[0]
    times = {name: [turn_times[name] for _, turn_times in taken] for name in first}
    medians = {name: statistics.median(values) for name, values in times.items()}
    gflops = partial(_gflops, turns.pack)
    numbers: dict[str, float | None] = {
        "networks_trained": turns.networks,
        "epochs_run": statistics.median(turns.ends),
        "share_of_rows_learned": ours.share,
        **{f"{name}_ms": 1e3 * value for name, value in medians.items()},
        "first_gflops": gflops(ours.first_share, medians["first_epochs"]),
        "mean_gflops": gflops(ours.share, medians["epoch"]),
        **_ratios(times),
    }
    if "sparsity" in asked:
        numbers["sparsity"] = numbers["sparsity_ms"]
    return ShapeFigures(shape, turns.fastest[0], numbers)


def _ratios(times: dict[str, list[float]]) -> dict[str, float]:
    """The median ratio of every bar whose two times were taken."""
    ratios = {}
    for name, (above, below) in RATIOS.items():
        if above in times:
            pairs = zip(times[above], times[below], strict=True)
            ratios[name] = statistics.median([a / b for a, b in pairs])
    return ratios


def _gflops(pack: Pack, share: float, epoch_seconds: float) -> float:
    """GFLOP/s of needed arithmetic in an epoch that learns from a share of the rows."""
    return needed_flops(pack.trials[0].point, share) / epoch_seconds / 1e9


def growth_ratio(engine: Engine, shape: Shape, repeats: int, counts: tuple[int, int]) -> float:
    """Seconds per network when many networks train, over seconds per network when few train.

    Each number of networks trains in the packs that the program makes of so many trials. The
    result is the median over `repeats`.

    Args:
        engine: that trains.
        shape: of the networks.
        repeats: turns that the median is over.
        counts: how many networks are few, and how many are many.
    """
    few, many = (packs_at_start(engine, shape, count) for count in counts)
    ratios = []
    for _ in range(repeats):
        before = _steps_seconds(engine, few, _GROWTH_EPOCHS, _FEW_TIMES)
        between = _steps_seconds(engine, many, _GROWTH_EPOCHS, 1)
        after = _steps_seconds(engine, few, _GROWTH_EPOCHS, _FEW_TIMES)
        ratios.append(between / counts[1] / ((before + after) / 2 / counts[0]))
    return statistics.median(ratios)


def packs_at_start(engine: Engine, shape: Shape, count: int) -> list[Any]:
    """States at epoch 0 of the packs that the program makes of some trials of a shape.

    No step uses test rows, so the packs have the fewest.

    Args:
        engine: that allocates the packs.
        shape: of the networks.
        count: trials.
    """
    trials, states = trials_of(shape, count, test_rows=MIN_TEST_ROWS), []
    for pack in group(trials_of(shape, count, device=engine.device)):
        states.append(engine.allocate(trials[: len(pack.trials)]))
        trials = trials[len(pack.trials) :]
    return states


def _steps_seconds(engine: Engine, states: Sequence[Any], epochs: int, times: int) -> float:
    """Seconds that packs take for their next epochs, one pack after the other.

    Args:
        engine: of the states.
        states: of the packs, which do not change.
        epochs: of each pack.
        times: timings that the seconds are averaged over.
    """

    def work() -> None:
        for begun in states:
            state = begun
            for _ in range(epochs):
                state = engine.step(state)

    return seconds(work, times, engine.device)


def _sparsity_seconds(engine: Engine, state: Any) -> float:
    """Seconds of the effective sparsity of one network of a state on its training rows."""
    arrays, trial, device = engine.dump(state), state.trials[0], torch.device(engine.device)
    first = (torch.from_numpy(arrays[name][:1].copy()) for name in ReluNets._fields)
    nets = ReluNets(*(weight.to(device) for weight in first))
    inputs = Parity([trial], device, torch.float32).train.inputs
    return seconds(lambda: sparsity.pack_effective_sparsity(nets, inputs), 1, engine.device)
