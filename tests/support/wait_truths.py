"""Trials of one k whose waits are drawn from a stated curve, by equations written here.

A net of N rows waits F(x) decay times, with x = N / (c n^a width^w), times a log-normal factor of
its own, and one that nets of equal (n, width, rows) share. It memorizes at 0.06 decay times. Nets
are watched for 40 decay times, and read at epochs 4% apart.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

RATE = 0.1
PATIENCE = 40.0
BETWEEN = 0.03  # log rows, that nets of equal (n, width, rows) share


@dataclass(frozen=True)
class WaitTruth:
    """F, and where half of its nets are."""

    wait: Callable[[np.ndarray], np.ndarray]  # decay times at x
    exponent: float = 1.1
    width: float = -0.05
    factor: float = 2.4
    sigma: float = 0.15


def _wall(x: np.ndarray) -> np.ndarray:
    return np.where(x > 1, np.maximum(x - 1, 1e-12) ** -1.2, np.inf)


WAIT_TRUTHS = {
    "power": WaitTruth(lambda x: 5 * x**-4.5),
    "exponential": WaitTruth(lambda x: 0.05 * np.exp(4 / x)),
    "wall": WaitTruth(_wall),
}


def draw_waits(
    truth: WaitTruth,
    rng: np.random.Generator,
    seeds: int = 10,
    sizes: tuple[int, ...] = (16, 24, 36, 54),
) -> pd.DataFrame:
    """Rows of the table of trials, as far as a collapse reads it."""
    points = [
        (n, width, round(rows), rng.normal() * BETWEEN)
        for n in sizes
        for width in (50, 200)
        for rows in np.geomspace(1.4 * n**truth.exponent, 8.6 * n**truth.exponent, 12)
    ]
    columns = ["n", "width", "train_size", "shared"]
    trials = pd.DataFrame(points, columns=columns).merge(
        pd.DataFrame({"weight_decay": [0.01, 0.03]}), how="cross"
    )
    trials = trials.merge(pd.DataFrame({"seed": range(seeds)}), how="cross")
    over = np.log(trials["train_size"] / truth.factor) - truth.exponent * np.log(trials["n"])
    over -= truth.width * np.log(trials["width"] / 100)
    over += trials["shared"] + truth.sigma * rng.normal(size=len(trials))
    return _as_rows(trials, truth.wait(np.exp(over.to_numpy())))


def _as_rows(trials: pd.DataFrame, wait: np.ndarray) -> pd.DataFrame:
    steps = np.ceil(trials["train_size"] / 32)
    epochs = 1 / (RATE * trials["weight_decay"] * steps)  # in one decay time
    memorized = np.maximum(np.round(0.06 * epochs), 1)
    generalized = np.ceil(memorized + wait * epochs)
    budget = np.ceil(PATIENCE * epochs)
    happened = generalized <= budget
    last = np.where(happened, generalized, budget)
    point = trials.groupby(["n", "width", "train_size", "weight_decay"]).ngroup()
    whole = {
        "train_size": trials["train_size"],
        "steps_per_epoch": steps,
        "budget_epochs": budget,
        "epochs_run": last,
        "memorized_epoch": memorized,
        "memorized_after_epoch": memorized - 1,
        "generalized_after_epoch": np.where(happened, np.floor(last / 1.04), budget),
    }
    return trials.assign(
        k=2,
        learning_rate=RATE,
        batch_size=32,
        init_scale=1.0,
        point_id=point.astype(str),
        fewer_rows=pd.NA,
        ended=np.where(happened, "decided", "budget"),
        generalized_epoch=pd.Series(last).astype("Int64").where(happened),
        **{name: pd.Series(values).astype("Int64") for name, values in whole.items()},
    )
