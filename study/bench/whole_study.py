"""A whole study through the driver, and some of its trials as ordinary Ray Tune trials.

`study bench --study` adds these two bars, which take minutes. In the ordinary
way each Tune trial trains one network: in the plain loop, for as many epochs as the study trained
that network. The trial reports its accuracies on training and test rows every epoch, and Tune
reuses actors.
"""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ray import tune

from study.bench.bench_report import StudyFigures
from study.bench.plain_loop import PlainLoop
from study.bench.targets import SHAPES, STUDY_TARGETS, Verdict, judged
from study.driver.launch import run_study
from study.driver.ray_session import connected
from study.driver.tune_internals import told_to_workers
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
) -> StudyFigures:
    """Train shape B with many seeds, then some of the trials the ordinary way.

    Args:
        display: called with the study's progress.
        trials: seeds of the study.
        ordinary: trials of the study that are trained again as one Tune trial each.
    """
    cpu = {"device": "cpu"}
    spec = resolve({"name": "bench", "seeds": trials, "axes": SHAPES["B"].axes, "resources": cpu})
    with tempfile.TemporaryDirectory(prefix="study-bench-") as folder:
        store = Store(f"{folder}/{spec.name}")
        plan = start_study(spec, store, ["study", "bench", "--study"])
        began = time.perf_counter()
        run_study(plan, store, "local", display)
        study_seconds = time.perf_counter() - began
        columns = ["trial_id", "pack_id", "epochs_run", "wall_seconds"]
        rows = store.trials(columns=columns).to_pylist()
        window = _window(Path(store.url) / "packs", rows)
    epochs = {row["trial_id"]: row["epochs_run"] for row in rows}
    chosen = plan.trials[:ordinary]
    return StudyFigures(
        trials=len(rows),
        cores=usable_cores(),
        study_seconds=study_seconds,
        window_seconds=window,
        engine_seconds=sum(row["wall_seconds"] for row in rows),
        ordinary_trials=len(chosen),
        ordinary_seconds=_ordinary(chosen, [epochs[trial.trial_id] for trial in chosen]),
    )


def study_verdicts(figures: StudyFigures) -> tuple[Verdict, ...]:
    """The verdicts on the bars of a whole study."""
    return judged({"B": figures.to_json()}, STUDY_TARGETS)


def _window(packs: Path, rows: Sequence[Mapping[str, Any]]) -> float:
    """Seconds from the first epoch of any pack to the last epoch of all packs.

    A pack ends when its file is last written. Its start is taken to be that time less its engine
    seconds; the true start may be earlier.

    Args:
        packs: the folder of the packs' files.
        rows: of the trials, with `pack_id` and `wall_seconds`.
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
    """Seconds that trials take as one Tune trial each, without the start of Ray.

    Args:
        trials: each trained alone.
        epochs: of each trial.
    """
    configs = [
        {"trial": Pack((trial,)).to_json(), "epochs": count}
        for trial, count in zip(trials, epochs, strict=True)
    ]
    with (
        connected("local", usable_cores()),
        told_to_workers(local=True),
        tempfile.TemporaryDirectory() as folder,
    ):
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
