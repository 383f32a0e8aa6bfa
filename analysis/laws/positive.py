"""Trials that are at 0 on an axis, of which laws, made of logarithms, cannot speak."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from analysis.laws.features import FEATURES, reals_of
from analysis.phases.drawn_axes import axes_that_vary


def above_zero(
    trials: pd.DataFrame, names: Iterable[str] | None = None
) -> tuple[pd.DataFrame, str]:
    """The trials above 0 on each axis that varies, and a sentence where others are left out.

    Where no trial is above 0 on each of them, all trials stay: a law then says what it lacks.

    Args:
        trials: as `load_trials` gives them.
        names: features, names in `FEATURES`, whose axes count; None: all axes that vary.
    """
    varying = axes_that_vary(trials)
    if names is not None:
        made_of = {column for name in names if name in FEATURES for column in FEATURES[name][0]}
        varying = tuple(axis for axis in varying if axis in made_of)
    zero = {axis: reals_of(trials, axis) <= 0 for axis in varying}
    axes = [axis for axis, at_zero in zero.items() if at_zero.any()]
    at_any = np.logical_or.reduce([zero[axis] for axis in axes]) if axes else np.zeros(1, bool)
    if not at_any.any() or at_any.all():
        return trials, ""
    count = int(at_any.sum())
    return trials[~at_any].reset_index(drop=True), (
        f"{' or '.join(axes)} is 0 in {count:,} of {len(trials):,} trials, and laws take "
        f"logarithms: the other {len(trials) - count:,} are fitted"
    )
