"""Stores of very many trials that nobody trained, made by whole columns.

Each trial memorizes and generalizes at times of a stated model with log-normal scatter; readings
are noisy as those of 2,048 rows are, since a smooth curve would compress better than a real one.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from simulated import MANIFEST, QUICK

from study.spec.file import resolve
from study.store.schema import TRIALS
from study.store.store import Store


def crowd(trials: int, seeds: int, axes: dict[str, list[float]], seed: int = 0) -> pd.DataFrame:
    """Trials on a grid of axes, so many seeds a point; columns as in a store."""
    rng = np.random.default_rng(seed)
    places = np.arange(trials) // seeds
    frame = pd.DataFrame({"seed": np.arange(trials) % seeds})
    for name, values in axes.items():
        frame[name] = np.array(values)[places % len(values)]
        places = places // len(values)
    usual = {"n": 30, "k": 2, "width": 100, "weight_decay": 0.01, "train_size": 400,
             "learning_rate": 0.1, "batch_size": 32, "init_scale": 1.0}  # fmt: skip
    for name, value in usual.items():
        if name not in frame:
            frame[name] = value
    memorized = 20 * (frame["train_size"] / 400) ** 0.5 * rng.lognormal(0, 0.2, trials)
    delay = 1.5 / (frame["weight_decay"] * 0.1 * frame["train_size"] / 32)
    generalized = memorized + delay * rng.lognormal(0, 0.3, trials)
    budget = 2_000
    grew = (generalized < budget) & (frame["train_size"] > 150)
    last = np.where(grew, np.ceil(generalized * 1.2), budget).astype(int)
    ids = rng.integers(0, 2**62, trials)
    columns = {
        "study": "crowd",
        "setting": "",
        "trial_id": [f"{number:016x}" for number in ids],
        "point_id": [f"{number:08x}" for number in np.arange(trials) // seeds],
        "pack_id": "crowd",
        "task": "parity",
        "test_size": 2048,
        "steps_per_epoch": np.ceil(frame["train_size"] / 32).astype(int),
        "budget_epochs": budget,
        "epochs_run": last,
        "ended": np.where(grew, "decided", "budget"),
        "memorized_epoch": np.ceil(memorized).astype(int),
        "memorized_after_epoch": np.ceil(memorized).astype(int) - 1,
        "generalized_epoch": pd.array(np.ceil(generalized).astype(int), "Int64"),
        "generalized_after_epoch": np.where(grew, np.ceil(generalized) - 1, last).astype(int),
        "device": "cpu",
        "kernel": "none",
        "wall_seconds": rng.lognormal(-3, 1, trials),
        "code_version": "0.1.0",
        "schema_version": 1,
        **{f"final_{name}": rng.random(trials) for name in
           ("train_accuracy", "test_accuracy", "train_loss", "test_loss", "weight_norm")},
    }  # fmt: skip
    whole = frame.assign(**columns)
    whole.loc[~grew, "generalized_epoch"] = pd.NA
    for name in TRIALS.names:
        if name not in whole:
            whole[name] = None
    return whole[TRIALS.names]


def readings_of(trials: pd.DataFrame, each: int, seed: int = 1) -> pd.DataFrame:
    """So many noisy readings of each trial, spaced by logarithm."""
    rng = np.random.default_rng(seed)
    last = trials["epochs_run"].to_numpy(float)[:, None]
    epoch = np.round(last ** np.linspace(0, 1, each) + np.arange(each) - 1).astype(int)
    rises = {}
    for part in ("train", "test"):
        event = trials["memorized_epoch" if part == "train" else "generalized_epoch"]
        middle = event.to_numpy(float, na_value=1e9)[:, None]
        share = 0.5 + 0.5 / (1 + np.exp(-3 * np.log((epoch + 1) / middle) - 3))
        rises[part] = rng.binomial(2048, share) / 2048
    noise = rng.normal(1, 0.01, (2, *epoch.shape))
    columns = {
        "epoch": epoch,
        "step": epoch * trials["steps_per_epoch"].to_numpy()[:, None],
        "train_accuracy": rises["train"],
        "test_accuracy": rises["test"],
        "train_loss": 2 * (1 - rises["train"]) * noise[0],
        "test_loss": 2 * (1 - rises["test"]) * noise[1],
        "weight_norm": 6 - 3 * rises["test"] + 0.01 * rng.normal(size=epoch.shape),
    }
    frame = pd.DataFrame({name: column.ravel() for name, column in columns.items()})
    frame.insert(0, "trial_id", np.repeat(trials["trial_id"].to_numpy(), each))
    return frame


def crowd_store(path: Path, trials: pd.DataFrame, readings: pd.DataFrame) -> Path:
    """Write them as the store of a study."""
    spec = resolve({**QUICK, "name": "crowd"})
    store = Store(path)
    store.write_manifest({"spec": spec.model_dump(mode="json"), **MANIFEST})
    rows = trials.astype(object).where(trials.notna(), None).to_dict("records")
    store.tables.write_rows("crowd", rows, {name: readings[name].tolist() for name in readings})
    return path
