"""Features, which laws are written in: logarithms of axes, and of a few combinations of axes.

The combinations are those that theories name. `FEATURES` is the one table. A feature takes the
trials and gives one number for each trial, and NaN where a trial does not have the feature (an
online trial has no train_size).
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy.special import gammaln

from analysis.laws.families import Reals
from study.errors import UsageError, unknown
from study.vocabulary.axes import AXES

SAME_LOG = 1e-9  # two logarithms that are closer than this are one value of an axis


def _log(values: Reals) -> Reals:
    """The natural logarithm, -inf or NaN where there is none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(values)


def reals_of(trials: pd.DataFrame, name: str) -> Reals:
    """A column of trials as floats, NaN for null, [T]."""
    return trials[name].to_numpy(np.float64, na_value=np.nan)


def _axis(name: str) -> Callable[[pd.DataFrame], Reals]:
    """The feature that is the log of an axis."""
    return lambda trials: _log(reals_of(trials, name))


def _squared(name: str) -> Callable[[pd.DataFrame], Reals]:
    """The feature that is the square of the log of an axis: a power that bends."""
    return lambda trials: _log(reals_of(trials, name)) ** 2


def _n_to_k(trials: pd.DataFrame) -> Reals:
    """The log of n^k."""
    return reals_of(trials, "k") * _log(reals_of(trials, "n"))


def _choose(trials: pd.DataFrame) -> Reals:
    """The log of the number of ways to choose k of n bits."""
    n, k = reals_of(trials, "n"), reals_of(trials, "k")
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))


def _decay_time(trials: pd.DataFrame) -> Reals:
    """The log of the decay time in steps, 1 / (learning_rate weight_decay)."""
    return -_log(reals_of(trials, "learning_rate")) - _log(reals_of(trials, "weight_decay"))


def _norm_ratio(trials: pd.DataFrame) -> Reals:
    """The log of log(V_mem / V_post), the squared norms at memorizing and after generalizing."""
    before, after = reals_of(trials, "memorized_norm"), reals_of(trials, "settled_norm")
    return _log(2 * (_log(before) - _log(after)))


def _memorized(trials: pd.DataFrame) -> Reals:
    """The log of the steps until a trial memorized."""
    return _log(reals_of(trials, "memorized_epoch") * reals_of(trials, "steps_per_epoch"))


# The name of a feature: the columns that it is computed from, and the function.
FEATURES: dict[str, tuple[tuple[str, ...], Callable[[pd.DataFrame], Reals]]] = {
    **{name: ((name,), _axis(name)) for name in AXES},
    "n_to_k": (("n", "k"), _n_to_k),
    "n_to_k_squared": (("n", "k"), lambda trials: _n_to_k(trials) ** 2),
    "train_size_squared": (("train_size",), _squared("train_size")),
    "weight_decay_squared": (("weight_decay",), _squared("weight_decay")),
    "choose": (("n", "k"), _choose),
    "decay_time": (("learning_rate", "weight_decay"), _decay_time),
    "norm_ratio": (("memorized_norm", "settled_norm"), _norm_ratio),
    "memorized": (("memorized_epoch", "steps_per_epoch"), _memorized),
}


# The axes that a slope of a feature is taken along, where they are not all that the feature is made
# of: k changes the task, and initial weights are what moves the norms of one task.
_MOVED_BY = {
    "n_to_k": ("n",),
    "n_to_k_squared": ("n",),
    "choose": ("n",),
    "norm_ratio": ("init_scale",),
}


def moved_by(name: str) -> tuple[str, ...]:
    """The axes that a slope of a feature is taken along, all others staying.

    Args:
        name: a name in `FEATURES`.
    Raises: UsageError for another name.
    """
    if name not in FEATURES:
        raise unknown("a feature", name, FEATURES)
    return _MOVED_BY.get(name, FEATURES[name][0])


def feature(trials: pd.DataFrame, name: str) -> Reals:
    """A feature of each trial, [T].

    Args:
        trials: as `load_trials` gives them.
        name: a name in `FEATURES`.
    Raises: UsageError for another name, for a missing column, and for trials whose value has no
        logarithm.
    """
    if name not in FEATURES:
        raise unknown("a feature", name, FEATURES)
    columns, compute = FEATURES[name]
    for column in columns:
        if column not in trials:
            remedy = "Load the trials with load_trials."
            if column.endswith("_norm"):
                remedy = "Add the norms with analysis.laws.with_norms(trials, readings)."
            raise UsageError(f"{column!r} is no column here; {name} is made of it. {remedy}")
    values = compute(trials)
    bad = int((~np.isfinite(values)).sum())
    if bad:
        where = " and ".join(f"{column} > 0" for column in columns if column in AXES)
        remedy = f'Leave them out with where "{where}".' if where else "Choose another law."
        if name == "norm_ratio":
            remedy = "Train on after generalizing, with linger = 3, so that norms settle."
        raise UsageError(
            f"{name}: no logarithm in {bad:,} of {len(trials):,} trials; a law takes logarithms of "
            f"what it is written in. {remedy}"
        )
    return values


def distinct(values: Reals) -> Reals:
    """The distinct values of a feature, rising."""
    ordered = np.sort(values)
    is_new = np.r_[True, np.diff(ordered) > SAME_LOG]
    return np.asarray(ordered[is_new])


def check_spread(trials: pd.DataFrame, name: str, values: Reals, least: int = 2) -> None:
    """Raise UsageError where a feature has fewer distinct values than a law needs.

    Args:
        trials: the trials, which the message counts.
        name: of the feature.
        values: of the feature, [T].
        least: how many distinct values the law needs.
    """
    values = distinct(values)
    if len(values) < least:
        shown = ", ".join(f"{np.exp(value):.4g}" for value in values)
        raise UsageError(
            f"{name}: {len(values)} distinct value{'s' * (len(values) != 1)} ({shown}) in "
            f"{len(trials):,} trials; this law needs at least {least}. "
            "Vary it in the study, or choose a law without it."
        )


def check_independent(names: Sequence[str], columns: Reals) -> None:
    """Raise UsageError where a feature is a linear combination of the features before it.

    Args:
        names: of the features.
        columns: the features, [T, names].
    """
    centered = columns - columns.mean(axis=0)
    centered = centered / np.linalg.norm(centered, axis=0)
    for last in range(1, len(names)):
        up_to_it = centered[:, : last + 1]
        singular = np.linalg.svd(up_to_it.T @ up_to_it, hermitian=True)
        if singular.S[-1] < 1e-8 * singular.S[0]:
            raise UsageError(
                f"{names[last]} moves with {', '.join(names[:last])}; effects of axes that only "
                "change together cannot be told apart. Choose the axes to use with --axes, or vary "
                "them separately."
            )
