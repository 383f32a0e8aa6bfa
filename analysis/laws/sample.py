"""Samples of very many trials, where fitting all would take minutes: always the same ones.

Ids of points are hashes, so every so manieth point is a random choice of points.
"""

import numpy as np
import pandas as pd

from analysis.laws.strata import strata_of

LEAST_STRATA_DRAWN = 30  # where there are so many; fewer show their spread badly


def first_seeds(trials: pd.DataFrame, most: int) -> pd.DataFrame:
    """At most so many trials: the first seeds of each point, or one seed of some points."""
    if len(trials) <= most:
        return trials
    points = trials["point_id"].nunique()
    if points > most:
        every = -(-points // most)
        chosen = np.sort(trials["point_id"].unique())[::every]
        trials, points = trials[trials["point_id"].isin(chosen)], len(chosen)
    seeds = max(1, most // points)
    sample: pd.DataFrame = (
        trials.sort_values("seed", kind="stable").groupby("point_id", observed=True).head(seeds)
    )
    return sample


def whole_points(trials: pd.DataFrame, most: int) -> pd.DataFrame:
    """About so many trials at most: all seeds of some points."""
    if len(trials) <= most:
        return trials
    every = -(-len(trials) // most)
    chosen = np.sort(trials["point_id"].unique())[::every]
    sample: pd.DataFrame = trials[trials["point_id"].isin(chosen)]
    return sample


def whole_strata(trials: pd.DataFrame, name: str, most: int) -> pd.DataFrame:
    """At most so many trials: all those of some strata, in which an axis has several values.

    A stratum of which a few points are drawn tells its slope badly, and takes as long to fit.

    Args:
        trials: as `load_trials` gives them.
        name: of the axis along which a stratum's trials differ.
        most: trials; strata that are larger than a thirtieth of it are cut to their first seeds.
    """
    if len(trials) <= most:
        return trials
    stratum = strata_of(trials, name)
    values = trials[name].groupby(stratum)
    drawn = np.random.default_rng(0).permutation(np.flatnonzero(values.max() > values.min()))
    fitting = int((np.cumsum(np.bincount(stratum)[drawn]) <= most).sum())
    chosen = drawn[: max(fitting, LEAST_STRATA_DRAWN)]
    return first_seeds(trials[np.isin(stratum, chosen)], most)
