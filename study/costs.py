"""What a plan would cost on this machine: time, memory, and what cannot work, before any training.

Estimates, no promises: arithmetic over rates that were measured on cores of 2.5 GHz with AVX-512.
"""

from collections.abc import Iterable, Sequence

from study import native
from study.catalogue import MEASURES, PROBE_ROWS
from study.packing import multiply_adds, trial_bytes
from study.problems import NETS
from study.readings import log_spaced_up_to, scheduled
from study.trials import Pack, Trial

# Arithmetic that one core sustains in training, a step's bookkeeping and glances included, and in
# readings alone, which the fused kernel takes several rows at a time: operations a second, 2026-11.
# `module` was measured on transformers of width 32 to 128, where it is right within a factor of 3.
TRAIN_FLOPS = {"torch": 1e10, "fused": 5e10, "module": 1e10}
READ_FLOPS = {"torch": 1.8e10, "fused": 1.7e11, "module": 1.5e10}
_READINGS_AROUND_EVENTS = 8
_MODULE_ONCE = 1e-3  # seconds: a module's own copy, and calls


def core_seconds(packs: Iterable[Pack]) -> float:
    """Time of packs on one core if every trial runs to its budget: an upper estimate."""
    return sum(_seconds(trial) for pack in packs for trial in pack.trials)


def pack_bytes(packs: Iterable[Pack]) -> int:
    """Memory of the largest pack."""
    return max((sum(trial_bytes(trial) for trial in pack.trials) for pack in packs), default=0)


def measure_shares(packs: Iterable[Pack]) -> dict[str, float]:
    """Time that each measure adds to the readings of its trials, as a share of their own time.

    If every trial runs to its budget: the costs of the catalogue over the arithmetic of a reading.
    """
    added: dict[str, float] = {}
    own: dict[str, float] = {}
    for trial in (trial for pack in packs for trial in pack.trials):
        readings = _readings(trial)
        for name, seconds in _measure_seconds(trial).items():
            added[name] = added.get(name, 0.0) + readings * seconds
            own[name] = own.get(name, 0.0) + readings * _reading_seconds(trial)
    return {name: added[name] / own[name] for name in added}


def warnings(trials: Sequence[Trial]) -> list[str]:
    """What will not work as asked, a sentence each."""
    overshooting = [
        trial
        for trial in trials
        if trial.setting.train.optimizer == "sgd"
        and trial.point.learning_rate * trial.point.weight_decay >= 2
    ]
    if not overshooting:
        return []
    worst = max(overshooting, key=lambda t: t.point.learning_rate * t.point.weight_decay).point
    sentence = (
        f"learning_rate x weight_decay: {worst.learning_rate:g} x {worst.weight_decay:g}; decay "
        f"alone overshoots from 2 on, so {len(overshooting)} of {len(trials)} trials will diverge. "
        "Lower either."
    )
    return [sentence]


def _seconds(trial: Trial) -> float:
    rows = trial.budget_epochs * trial.train_size
    training = 6.0 * rows * multiply_adds(trial) / TRAIN_FLOPS[_kernel(trial)]
    each = _reading_seconds(trial) + sum(_measure_seconds(trial).values())
    return training + _readings(trial) * each


def _readings(trial: Trial) -> float:
    """How many readings a trial takes: those on schedule that are stored, and around events."""
    asked, epochs = trial.setting.readings, trial.budget_epochs
    on_schedule = (
        epochs / asked.every
        if isinstance(asked.every, int)
        else sum(scheduled(epoch, asked.every) for epoch in range(min(epochs, 10_000)))
    )
    if asked.keep_per_decade == "all":
        return on_schedule
    kept = log_spaced_up_to(epochs, asked.keep_per_decade) + _READINGS_AROUND_EVENTS
    return min(on_schedule, kept)


def _reading_seconds(trial: Trial) -> float:
    rows = trial.train_size + trial.test_size
    return 2.0 * multiply_adds(trial) * rows / READ_FLOPS[_kernel(trial)]


def _measure_seconds(trial: Trial) -> dict[str, float]:
    """Time that each measure asked for adds to one reading of a trial."""
    if _kernel(trial) == "module":
        return {name: _module_seconds(trial, name) for name in trial.setting.readings.measures}
    shape = (trial.point.bits, trial.point.width, trial.train_size, trial.test_size)
    return {name: MEASURES[name].seconds(*shape) for name in trial.setting.readings.measures}


def _module_seconds(trial: Trial, name: str) -> float:
    """A measure of a module: forward passes of all rows, or of probes and their two changes."""
    rows = trial.train_size + trial.test_size
    neurons = 4 * trial.point.width * (trial.point.layers or 1)
    passes = {"effective_sparsity": neurons, "sensitivity": 3 * PROBE_ROWS / rows}
    return _MODULE_ONCE + passes.get(name, 0.0) * _reading_seconds(trial)


def _kernel(trial: Trial) -> str:
    if NETS[trial.setting.net].home is not None:
        return "module"
    fused = trial.setting.train.optimizer == "sgd" and native.path() is not None
    return "fused" if fused else "torch"
