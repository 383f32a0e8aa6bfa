"""Trials drawn from laws whose parameters are given, by equations written here.

The equations do not use those of `analysis`. A truth is a design (the points), the log of the
median time in steps as a plain function of the points, and the parameters that a fit should find.
Times are read every 10 steps, so that the time of an event is an interval. All trials share one
budget, which censors a stated share of them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
from scipy.special import comb

SIGMA = 0.4
SIGMA_LEARNING, SIGMA_WAITING = 0.2, 0.5  # of two clocks
STEPS_PER_EPOCH = 10
BASE = {
    "n": 40, "k": 3, "width": 100, "weight_decay": 0.01, "train_size": 1000,
    "learning_rate": 0.1, "batch_size": 32, "init_scale": 1.0,
}  # fmt: skip
DRAWS = {
    "lognormal": lambda rng, size: rng.normal(size=size),
    "loglogistic": lambda rng, size: rng.logistic(size=size),
    "weibull": lambda rng, size: np.log(rng.exponential(size=size) / np.log(2)),
}


@dataclass(frozen=True)
class Truth:
    """A law with its parameters; a law of two clocks has a second log median, of the wait.

    The log of the time of two clocks is drawn as the law has it, with one error, whose sigma is
    mixed of two. With `added`, each clock has an error of its own and the two times are added,
    which the law approximates.
    """

    law: str
    axes: dict[str, list]
    log_median: Callable[[pd.DataFrame], np.ndarray]  # from the frame of points
    parameters: dict[str, float]
    cured: float = 0.0  # share of trials that never have the event
    waiting: Callable[[pd.DataFrame], np.ndarray] | None = None  # likewise
    added: bool = False

    @property
    def sigmas(self) -> dict[str, float]:
        """The scales of the errors, by the name of the parameter."""
        if self.waiting is None:
            return {"sigma": SIGMA}
        return {"sigma_learning": SIGMA_LEARNING, "sigma_waiting": SIGMA_WAITING}

    def log_times(self, points: pd.DataFrame, errors: Callable[[int], np.ndarray]) -> np.ndarray:
        """The log time of each point in steps.

        Args:
            points: the frame of points.
            errors: draws so many standardized errors.
        """
        count = len(points)
        median = np.asarray(self.log_median(points), float)
        if self.waiting is None:
            return median + SIGMA * errors(count)
        waiting = np.asarray(self.waiting(points), float)
        if self.added:
            both = median + SIGMA_LEARNING * errors(count), waiting + SIGMA_WAITING * errors(count)
            return np.logaddexp(*both)
        waited = 1 / (1 + np.exp(median - waiting))
        sigma = np.hypot((1 - waited) * SIGMA_LEARNING, waited * SIGMA_WAITING)
        return np.logaddexp(median, waiting) + sigma * errors(count)


def _log(points: pd.DataFrame, name: str) -> np.ndarray:
    return np.log(points[name].to_numpy(float))


DECAYS = [0.001, 0.002, 0.004, 0.01, 0.02, 0.04, 0.1]
ROWS = [260, 280, 310, 350, 400, 500, 650, 900, 1300, 2000]

TRUTHS = {
    "constant": Truth("constant", {"seed": [0]}, lambda p: np.full(len(p), 7.0), {"log_a": 7.0}),
    "power": Truth(
        "power",
        {"n": [20, 30, 40, 60], "weight_decay": DECAYS},
        lambda p: 0.5 + 1.2 * _log(p, "n") - 0.8 * _log(p, "weight_decay"),
        {"log_a": 0.5, "slope_n": 1.2, "slope_weight_decay": -0.8},
    ),
    "decay_time": Truth(
        "decay_time",
        {"learning_rate": [0.03, 0.1, 0.3], "weight_decay": DECAYS},
        lambda p: 1.0 - np.log(p["learning_rate"] * p["weight_decay"]),
        {"log_a": 1.0, "slope_decay_time": 1.0},
    ),
    "norms": Truth(
        "norms",
        {"weight_decay": DECAYS, "memorized_norm": [4.0, 6.0, 10.0, 20.0], "settled_norm": [3.0]},
        lambda p: (
            1.0 - np.log(0.1 * p["weight_decay"]) + np.log(2 * np.log(p["memorized_norm"] / 3))
        ),
        {"log_a": 1.0, "slope_decay_time": 1.0, "slope_norm_ratio": 1.0},
    ),
    "n_to_k": Truth(
        "n_to_k",
        {"n": [15, 20, 30, 45, 60], "k": [2, 3, 4], "train_size": [None]},
        lambda p: 0.9 * p["k"].to_numpy(float) * _log(p, "n"),
        {"log_a": 0.0, "slope_n_to_k": 0.9},
    ),
    "n_to_k_bent": Truth(
        "n_to_k_bent",
        {"n": [8, 12, 20, 35, 60, 100], "k": [1, 2, 3, 4], "train_size": [None]},
        lambda p: 3 + 0.5 * (u := p["k"].to_numpy(float) * _log(p, "n")) + 0.03 * u**2,
        {"log_a": 3.0, "slope_n_to_k": 0.5, "slope_n_to_k_squared": 0.03},
    ),
    "choose": Truth(
        "choose",
        {"n": [15, 20, 30, 45, 60], "k": [2, 3, 4], "train_size": [None]},
        lambda p: 1.0 + 0.7 * np.log(comb(p["n"].to_numpy(float), p["k"].to_numpy(float))),
        {"log_a": 1.0, "slope_choose": 0.7},
    ),
    "critical_rows": Truth(
        "critical_rows",
        {"train_size": ROWS},
        lambda p: 7.0 - 0.8 * np.log(p["train_size"] / 240 - 1),
        {"log_a": 7.0, "critical_train_size": 240.0, "exponent_train_size": 0.8},
    ),
    "critical_rows_by": Truth(
        "critical_rows_by",
        {"train_size": [round(1.2 * rows) for rows in ROWS], "n": [20, 30, 45]},
        lambda p: (
            3.6
            + 1.0 * _log(p, "n")
            - 0.8 * np.log(p["train_size"] / (240 * (p["n"] / 30) ** 0.3) - 1)
        ),
        {
            "log_a": 3.6, "slope_n": 1.0, "critical_train_size": 240.0,
            "slope_of_critical_train_size_n": 0.3, "exponent_train_size": 0.8,
        },
    ),
    "critical_decay": Truth(
        "critical_decay",
        {"weight_decay": [0.0012, 0.0014, 0.0017, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05]},
        lambda p: 7.0 - 0.8 * np.log(p["weight_decay"] / 0.001 - 1),
        {"log_a": 7.0, "critical_weight_decay": 0.001, "exponent_weight_decay": 0.8},
    ),
    "critical_decay_high": Truth(
        "critical_decay_high",
        {"weight_decay": [0.002, 0.005, 0.01, 0.02, 0.04, 0.06, 0.075, 0.085, 0.092, 0.096]},
        lambda p: 4.0 - 0.5 * _log(p, "weight_decay") - 0.8 * np.log(1 - p["weight_decay"] / 0.1),
        {
            "log_a": 4.0, "slope_weight_decay": -0.5, "critical_weight_decay_high": 0.1,
            "exponent_weight_decay_high": 0.8,
        },
    ),
    "width": Truth(
        "width",
        {"width": [20, 40, 60, 80, 100, 150, 200, 300, 500, 2000]},
        lambda p: 7.0 + np.log1p((100 / p["width"].to_numpy(float)) ** 1.5),
        {"log_a": 7.0, "level_width": 100.0, "exponent_width": 1.5},
    ),
    "saturating": Truth(
        "saturating",
        {"train_size": [100, 150, 200, 300, 500, 1000, 2000, 4000, 8000, 16000]},
        lambda p: 7.0 + np.log1p((500 / p["train_size"].to_numpy(float)) ** 2),
        {"log_a": 7.0, "level_train_size": 500.0, "exponent_train_size": 2.0},
    ),
    "initial_scale": Truth(
        "initial_scale",
        {"weight_decay": DECAYS[::2], "init_scale": [0.6, 0.7, 1.0, 2.0, 4.0, 8.0, 16.0]},
        lambda p: 1.0 - np.log(0.1 * p["weight_decay"]) + np.log(np.log(p["init_scale"] / 0.5)),
        {
            "log_a": 1.0, "slope_decay_time": 1.0, "critical_init_scale": 0.5,
            "exponent_init_scale": 1.0,
        },
    ),
    "power with cured": Truth(
        "power",
        {"weight_decay": DECAYS},
        lambda p: 3.5 - 0.8 * _log(p, "weight_decay"),
        {"log_a": 3.5, "slope_weight_decay": -0.8, "cured_share": 0.2},
        cured=0.2,
    ),
    "two_clocks": Truth(
        "two_clocks",
        {"n": [15, 25, 40, 70], "weight_decay": DECAYS},
        lambda p: 3.5 + 0.5 * _log(p, "n"),
        {
            "log_a_learning": 3.5, "slope_n_learning": 0.5,
            "log_a_waiting": -7.8, "slope_decay_time_waiting": 1.0, "slope_n_waiting": 2.0,
        },
        waiting=lambda p: -7.8 - np.log(0.1 * p["weight_decay"]) + 2.0 * _log(p, "n"),
    ),
    "two_clocks_rows": Truth(
        "two_clocks_rows",
        {
            "n": [15, 30, 60], "width": [30, 300], "train_size": [80, 180, 400],
            "weight_decay": [0.001, 0.004, 0.02, 0.1],
        },
        lambda p: 6.5 + 0.5 * _log(p, "n") - 0.3 * _log(p, "width") - 0.3 * _log(p, "train_size"),
        {
            "log_a_learning": 6.5, "slope_n_learning": 0.5, "slope_width_learning": -0.3,
            "slope_train_size_learning": -0.3,
            "log_a_waiting": 1.6, "slope_decay_time_waiting": 1.0, "exponent_train_size": 2.0,
            "slope_of_critical_train_size_n": 1.1, "slope_of_critical_train_size_width": 0.1,
        },
        waiting=lambda p: (
            1.6
            - np.log(0.1 * p["weight_decay"])
            - 2.0 * np.log(p["train_size"] / (p["n"] ** 1.1 * p["width"] ** 0.1))
        ),
    ),
}  # fmt: skip
TRUTHS["two_clocks added"] = replace(TRUTHS["two_clocks"], added=True)


def points_of(truth: Truth, trials: int) -> pd.DataFrame:
    """The points of a truth, with as many seeds each as make `trials` rows or a few more."""
    rows = [dict(zip(truth.axes, values, strict=True)) for values in product(*truth.axes.values())]
    points = pd.DataFrame(rows)
    columns = {name: points.get(name, value) for name, value in BASE.items()}
    points = points.assign(**columns, point_id=[f"p{i}" for i in range(len(rows))])
    points["train_size"] = points["train_size"].astype("Int64")
    seeds = -(-trials // len(rows))
    return (
        points.loc[points.index.repeat(seeds)]
        .reset_index(drop=True)
        .assign(seed=np.tile(np.arange(seeds), len(rows)))
    )


def draw(
    truth: Truth,
    rng: np.random.Generator,
    censored: float,
    trials: int = 600,
    errors: str = "lognormal",
) -> pd.DataFrame:
    """Trials of a truth, under the one budget that censors a share of them on average.

    Args:
        truth: the law.
        rng: the source of randomness.
        censored: the share to censor; with a cure fraction, cured trials count.
        trials: how many, or a few more.
        errors: the error family.
    """
    points = points_of(truth, trials)
    budget = budget_steps(truth, points, censored, errors)
    steps = np.exp(truth.log_times(points, partial(DRAWS[errors], rng)))
    never = rng.random(len(points)) < truth.cured
    return as_trials(points, np.where(never, np.inf, steps), budget)


def budget_steps(truth: Truth, points: pd.DataFrame, censored: float, errors: str) -> float:
    """The budget in steps, from a fixed large sample: it must not depend on the trials drawn.

    Args:
        truth: the law.
        points: the point of each trial.
        censored: the share to censor, cured trials included.
        errors: the error family.
    """
    many = points.loc[points.index.repeat(100)]
    times = np.exp(truth.log_times(many, partial(DRAWS[errors], np.random.default_rng(1))))
    return float(np.quantile(times, 1 - (censored - truth.cured) / (1 - truth.cured)))


def as_trials(points: pd.DataFrame, steps: np.ndarray, budget: float) -> pd.DataFrame:
    """Rows of the trials table, as far as laws read it.

    Args:
        points: the point of each trial.
        steps: the exact times of generalizing, [T].
        budget: in steps.
    """
    epochs = max(int(budget // STEPS_PER_EPOCH), 1)
    epoch = np.ceil(steps / STEPS_PER_EPOCH)
    happened = epoch <= epochs
    epoch = pd.Series(np.where(happened, epoch, 0)).astype("Int64")
    return points.assign(
        steps_per_epoch=STEPS_PER_EPOCH,
        budget_epochs=epochs,
        epochs_run=epoch.where(happened, epochs),
        ended=np.where(happened, "decided", "budget"),
        generalized_epoch=epoch.where(happened),
        generalized_after_epoch=(epoch - 1).where(happened, epochs),
    )
