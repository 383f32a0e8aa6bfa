"""What a plan would cost on this machine, in time and memory, and what in it cannot work.

These are estimates, no promises. Time is arithmetic over `ENGINE_SPEEDS`, which were measured on
cores of 2.5 GHz with AVX-512.
"""

import bisect
import functools
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from study.detect.schedule import log_spaced_up_to, scheduled
from study.engine.choose import ENGINE_SPEEDS, engine_name
from study.spec.toml_tables import PerDecade
from study.trials.pack import Pack
from study.trials.pack_room import trains_on_gpu
from study.trials.packing import multiply_adds, trial_bytes
from study.trials.trial import Trial
from study.vocabulary.measures import MEASURES, PROBE_ROWS

_READINGS_AROUND_EVENTS = 8  # how many a trial takes for all of its events together
_MODULE_SECONDS = 1e-3  # time of each measure of a module for calls and a copy of the module


def core_seconds(packs: Iterable[Pack]) -> float:
    """Time of packs on one core if every trial runs to its budget: an upper estimate."""
    return sum(count * _seconds(trial) for trial, count in _points(_trials_of(packs)))


def pack_bytes(packs: Iterable[Pack]) -> int:
    """Memory of the largest pack; all members of a pack take the same, being of one shape."""
    return max((len(pack.trials) * trial_bytes(pack.trials[0]) for pack in packs), default=0)


def measure_shares(packs: Iterable[Pack]) -> dict[str, float]:
    """Time that each progress measure adds to readings, as a share of the readings' own time.

    Every trial runs to its budget. A measure's time is that of the catalogue, and a reading's own
    time follows from its arithmetic.
    """
    added: dict[str, float] = {}
    own: dict[str, float] = {}
    for trial, count in _points(_trials_of(packs)):
        for name, seconds in _measure_seconds(trial).items():
            readings = count * _readings(trial)
            added[name] = added.get(name, 0.0) + readings * seconds
            own[name] = own.get(name, 0.0) + readings * _reading_seconds(trial)
    return {name: added[name] / own[name] for name in added}


def warnings(trials: Sequence[Trial], packs: Sequence[Pack] = ()) -> list[str]:
    """What will not work as the study asks, a sentence each.

    Args:
        trials: whose decay and detection are checked.
        packs: whose memory is checked against this machine's.
    """
    points = _points(trials)
    sentences = [
        _of_decay(points, len(trials)),
        _of_detection(points, len(trials)),
        _of_memory(packs),
    ]
    return [sentence for sentence in sentences if sentence]


def _of_decay(points: Sequence[tuple[Trial, int]], trials: int) -> str:
    """The warning for trials whose decay turns weights round, "" without any.

    Each step decay multiplies the weights by 1 - learning rate x weight decay. Above a product of 1
    the weights change sign with every step; above 2 they grow. Exactly 1, which sets the weights to
    zero, and exactly 2 are warned of, too.

    Args:
        points: one trial of each point, and its count of seeds.
        trials: in all.
    """
    fast = [(trial, count) for trial, count in points if _decay_rate(trial) >= 1]
    if not fast:
        return ""
    worst = max((trial for trial, _ in fast), key=_decay_rate)
    diverging = sum(count for trial, count in fast if _decay_rate(trial) >= 2)
    turning = sum(count for _, count in fast) - diverging
    what = [f"{diverging} of {trials} trials will diverge"] * (diverging > 0)
    what += [f"the weights of {turning} of {trials} change sign with every step"] * (turning > 0)
    return (
        f"learning_rate x weight_decay: {worst.point.learning_rate:g} x "
        f"{worst.point.weight_decay:g}; decay alone turns weights round from 1 on and overshoots "
        f"from 2 on, so {' and '.join(what)}. Lower either."
    )


def _decay_rate(trial: Trial) -> float:
    """The share of a weight that decay takes in a step.

    The share is 0 for coupled decay under AdamW. Coupled decay is part of the gradient, and AdamW
    divides the gradient by its own size. The size of the step is then the learning rate.
    """
    train = trial.setting.train
    if train.optimizer == "adamw" and train.decay == "coupled":
        return 0.0
    return float(trial.point.learning_rate * trial.point.weight_decay)


def _of_detection(points: Sequence[tuple[Trial, int]], trials: int) -> str:
    """The warning for trials whose budget has fewer than `hold` readings, "" without any.

    The reading at epoch 0, of an untrained net, does not count. Arguments are as of `_of_decay`.
    """
    short = [(trial, count) for trial, count in points if trial.budget_epochs < _to_decide(trial)]
    if not short:
        return ""
    first = short[0][0]
    budget = f"{first.budget_epochs} epoch{'s' * (first.budget_epochs != 1)}"
    return (
        f"detect.hold: {first.setting.detect.hold} with a budget of {budget}; "
        f"a trial is decided by so many readings in a row of a trained net, so that none of "
        f"{sum(count for _, count in short)} of {trials} trials can be. Give them at least "
        f"{_to_decide(first)} epochs, or lower hold."
    )


def _to_decide(trial: Trial) -> int:
    """The earliest epoch at which a trial can be decided."""
    every = trial.setting.readings.every
    return (every if isinstance(every, int) else 1) + trial.setting.detect.hold - 1


def _of_memory(packs: Sequence[Pack]) -> str:
    """The warning for a pack that does not fit this machine's memory, "" where all fit.

    Packs for a GPU are left out: they are made for its memory.
    """
    needed, available = pack_bytes(p for p in packs if _on_cpu(p)), machine_bytes()
    if needed <= available:
        return ""
    return (
        f"memory: about {needed / 1e9:.0f} GB for the largest pack; this machine has "
        f"{available / 1e9:.0f} GB. Lower width, rows or batch_size, or resources.trials_per_pack."
    )


def _on_cpu(pack: Pack) -> bool:
    return not trains_on_gpu(pack.setting.resources)


def machine_bytes() -> int:
    """Memory of this machine, or what its container may use of it."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text("utf-8").strip()
    except OSError:
        return pages
    return min(pages, int(limit)) if limit.isdigit() else pages


def _trials_of(packs: Iterable[Pack]) -> Iterator[Trial]:
    return (trial for pack in packs for trial in pack.trials)


def _points(trials: Iterable[Trial]) -> list[tuple[Trial, int]]:
    """One trial of each point and setting, and how many seeds the point has.

    All seeds of a point share one `Point` object, so points are told apart without comparing them.
    """
    first: dict[tuple[int, int], Trial] = {}
    counts: Counter[tuple[int, int]] = Counter()
    for trial in trials:
        key = id(trial.setting), id(trial.point)
        first.setdefault(key, trial)
        counts[key] += 1
    return [(trial, counts[key]) for key, trial in first.items()]


def _seconds(trial: Trial) -> float:
    """Time of a trial on one core if it runs to its budget."""
    rows = trial.budget_epochs * trial.train_size
    training = 6.0 * rows * multiply_adds(trial) / ENGINE_SPEEDS[engine_name(trial, "cpu")].train
    each = _reading_seconds(trial) + sum(_measure_seconds(trial).values())
    return training + _readings(trial) * each


def _readings(trial: Trial) -> float:
    """How many readings a trial takes: stored ones on schedule, and those around events."""
    asked, epochs = trial.setting.readings, trial.budget_epochs
    on_schedule = (
        epochs / asked.every
        if isinstance(asked.every, int)
        else bisect.bisect_left(_schedule(asked.every.per_decade), epochs)
    )
    if asked.keep_per_decade == "all":
        return on_schedule
    stored = log_spaced_up_to(epochs, asked.keep_per_decade) + _READINGS_AROUND_EVENTS
    return min(on_schedule, stored)


@functools.cache
def _schedule(per_decade: int) -> list[int]:
    """The epochs of a log-spaced schedule, as far as they matter to an estimate."""
    every = PerDecade(per_decade=per_decade)
    return [epoch for epoch in range(10_000) if scheduled(epoch, every)]


def _reading_seconds(trial: Trial) -> float:
    """Time of one reading of a trial, without progress measures."""
    rows = trial.train_size + trial.test_size
    return 2.0 * multiply_adds(trial) * rows / ENGINE_SPEEDS[engine_name(trial, "cpu")].read


def _measure_seconds(trial: Trial) -> dict[str, float]:
    """Time that each progress measure of a trial adds to one of its readings, by name."""
    seconds = _module_seconds if engine_name(trial, "cpu") == "module" else _relu_seconds
    return {name: seconds(trial, name) for name in trial.setting.readings.measures}


def _relu_seconds(trial: Trial, name: str) -> float:
    """Time of a progress measure of the ReLU net, by the catalogue."""
    point = trial.point
    return MEASURES[name].seconds(point.bits, point.width, trial.train_size, trial.test_size)


def _module_seconds(trial: Trial, name: str) -> float:
    """Time of a progress measure of a module: calls, and so many forward passes of all rows.

    Sensitivity takes three passes of the probe rows: one unchanged, two changed. The accuracies on
    rows with and without a mirror share one pass of the test rows, about half of it each.
    """
    rows = trial.train_size + trial.test_size
    half_of_test = trial.test_size / 2 / rows
    passes = {
        "effective_sparsity": 4 * trial.point.whole("width") * int(trial.point.layers or 1),
        "sensitivity": 3 * PROBE_ROWS / rows,
        "mirrored_accuracy": half_of_test,
        "unmirrored_accuracy": half_of_test,
    }
    return _MODULE_SECONDS + passes.get(name, 0.0) * _reading_seconds(trial)
