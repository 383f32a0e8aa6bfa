"""A whole study through the driver, and some of its trials as ordinary Ray Tune trials.

`study bench --study` adds these two bars; they take minutes. The ordinary way is one network a Tune
trial: the plain loop, accuracies on training and test rows reported every epoch, actors reused, for
as many epochs as the study trained that network.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ray import tune

from study.bench.plain_loop import PlainLoop
from study.bench.targets import SHAPES, STUDY_BARS, judged
from study.driver.ray_session import connected
from study.driver.tune import run_study
from study.kernel.numerics import use_repeatable_arithmetic
from study.machine import usable_cores
from study.plan.plan import start_study
from study.spec.file import resolve
from study.store.store import Store
from study.terminal.display import StudyProgress
from study.trials.pack import Pack
from study.trials.trial import Trial

TRIALS, ORDINARY_TRIALS = 20_000, 200


def bench_study(
    display: Callable[[StudyProgress], None],
    trials: int = TRIALS,
    ordinary: int = ORDINARY_TRIALS,
) -> dict[str, Any]:
    """Train shape B with so many seeds, then `ordinary` of them the ordinary way.

    Seconds of the study's window run from the first epoch of its first pack to the last of its
    last; `study_seconds` counts everything, Ray's start too, `ordinary_seconds` begins after that.
    """
    shape = SHAPES["B"]
    axes: dict[str, Any] = {"n": shape.n, "k": shape.k, "width": shape.p, "train_size": shape.N}
    axes |= {"batch_size": shape.B, "weight_decay": shape.weight_decay}
    cpu = {"device": "cpu"}
    spec = resolve({"name": "bench", "seeds": trials, "axes": axes, "resources": cpu})
    with tempfile.TemporaryDirectory(prefix="study-bench-") as folder:
        store = Store(f"{folder}/{spec.name}")
        plan = start_study(spec, store, ["study", "bench", "--study"])
        began = time.perf_counter()
        run_study(plan, store, "local", display)
        study_seconds = time.perf_counter() - began
        columns = ["trial_id", "pack_id", "epochs_run", "wall_seconds"]
        rows = store.trials(columns=columns).to_pylist()
        window = _window(Path(store.url) / "packs", rows)
    cores = usable_cores()
    engine_seconds = sum(row["wall_seconds"] for row in rows)
    epochs = {row["trial_id"]: row["epochs_run"] for row in rows}
    chosen = plan.trials[:ordinary]
    ordinary_seconds = _ordinary(chosen, [epochs[trial.trial_id] for trial in chosen])
    found = {
        "trials": len(rows),
        "cores": cores,
        "study_seconds": study_seconds,
        "window_seconds": window,
        "engine_seconds": engine_seconds,
        "ordinary_trials": len(chosen),
        "ordinary_seconds": ordinary_seconds,
        "engine_share": engine_seconds / window / cores,
        "ordinary_tune": (ordinary_seconds / len(chosen)) / (study_seconds / len(rows)),
    }
    return {"study": found, "bars": judged({"B": found}, STUDY_BARS)}


def _window(packs: Path, rows: Sequence[dict[str, Any]]) -> float:
    """Seconds from the first epoch of any pack to the last of all.

    A pack's file is last written when it is done; it began its engine time, or more, before that.
    """
    spent: dict[str, float] = {}
    for row in rows:
        spent[row["pack_id"]] = spent.get(row["pack_id"], 0.0) + row["wall_seconds"]
    done = {pack_id: (packs / f"{pack_id}.json").stat().st_mtime for pack_id in spent}
    return max(done.values()) - min(done[pack_id] - spent[pack_id] for pack_id in spent)


class PlainTrainable(tune.Trainable):
    """One network in the plain loop; a step is an epoch."""

    def setup(self, config: dict[str, Any]) -> None:
        """Begin with the trial that `config` names."""
        use_repeatable_arithmetic()
        self._loop = PlainLoop(Pack.from_json(config["network"]["trial"]).trials[0])

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Begin again with another trial, in the same process."""
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Train one epoch and report."""
        loop = self._loop
        loop.epoch()
        return {
            "train_accuracy": loop.accuracy(loop.train),
            "test_accuracy": loop.accuracy(loop.test),
            "done": self.iteration + 1 >= self.config["network"]["epochs"],
        }


def _ordinary(trials: Sequence[Trial], epochs: Sequence[int]) -> float:
    """Seconds that trials take as one Tune trial each, once Ray is up."""
    configs = [
        {"trial": Pack((trial,)).to_json(), "epochs": count}
        for trial, count in zip(trials, epochs, strict=True)
    ]
    with connected("local", usable_cores()), tempfile.TemporaryDirectory() as folder:
        tuner = tune.Tuner(
            tune.with_resources(PlainTrainable, {"cpu": 1}),
            param_space={"network": tune.grid_search(configs)},
            tune_config=tune.TuneConfig(reuse_actors=True),
            run_config=tune.RunConfig(
                storage_path=folder,
                verbose=0,
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            ),
        )
        began = time.perf_counter()
        tuner.fit()
        return time.perf_counter() - began
