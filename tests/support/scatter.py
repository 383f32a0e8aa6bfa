"""Trials of a power law from which points, strata or slopes scatter, on a design of three axes.

A stratum is the trials that are alike in all but weight decay. The law is known, so the coverage of
an interval of its slopes can be counted.
"""

from itertools import product

import numpy as np
import pandas as pd
from law_truths import BASE, as_trials

SLOPES = {"n": 1.5, "train_size": -0.8, "weight_decay": -0.5}
SPREAD = 0.3  # of points or strata in log time, or of the slope of weight decay between strata
SIGMA = 0.35
CENSORED = 0.3
SEEDS = 8
KINDS = ("points", "strata", "slopes")


def scattered(kind, rng):
    """Trials of 4 n, 6 dataset sizes and 5 weight decays, 8 seeds each, a third of them censored.

    Args:
        kind: what scatters, one of `KINDS`.
        rng: the source of randomness.
    """
    sizes = {
        "n": [20, 30, 45, 60],
        "train_size": [80, 120, 180, 270, 400, 600],
        "weight_decay": [0.001, 0.00316, 0.01, 0.0316, 0.1],
    }
    points = pd.DataFrame(list(product(*sizes.values())), columns=list(sizes))
    columns = {name: points.get(name, value) for name, value in BASE.items()}
    points = points.assign(**columns, point_id=[f"p{i}" for i in range(len(points))])
    centered = {name: np.log(points[name]) - np.log(points[name]).mean() for name in SLOPES}
    middle = 7 + sum(slope * centered[name] for name, slope in SLOPES.items())
    stratum = points.groupby(["n", "train_size"]).ngroup().to_numpy()
    if kind == "points":
        middle = middle + SPREAD * rng.normal(size=len(points))
    elif kind == "strata":
        middle = middle + SPREAD * rng.normal(size=stratum.max() + 1)[stratum]
    else:
        own = SPREAD * rng.normal(size=stratum.max() + 1)[stratum]
        middle = middle + own * centered["weight_decay"]
    trials = points.loc[points.index.repeat(SEEDS)].reset_index(drop=True)
    trials = trials.assign(seed=np.tile(np.arange(SEEDS), len(points)))
    times = np.repeat(middle.to_numpy(), SEEDS) + SIGMA * rng.normal(size=len(trials))
    return as_trials(trials, np.exp(times), float(np.quantile(np.exp(times), 1 - CENSORED)))
