"""What laws are written in: logarithms of axes, and of the few combinations that theories name.

`FEATURES` is the one table; a feature takes the trials and gives one number a trial, NaN where the
trial does not have it (an online trial has no train_size).
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy.special import gammaln

from analysis.laws.families import Reals
from study.errors import UsageError, unknown
from study.vocabulary.axes import AXES

SAME_LOG = 1e-9  # two logarithms closer than this are one value of an axis


def _log(values: Reals) -> Reals:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(values)


def _column(trials: pd.DataFrame, name: str) -> Reals:
    return trials[name].to_numpy(np.float64, na_value=np.nan)


def _axis(name: str) -> Callable[[pd.DataFrame], Reals]:
    return lambda trials: _log(_column(trials, name))


def _n_to_k(trials: pd.DataFrame) -> Reals:
    return _column(trials, "k") * _log(_column(trials, "n"))


def _choose(trials: pd.DataFrame) -> Reals:
    n, k = _column(trials, "n"), _column(trials, "k")
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))


def _decay_time(trials: pd.DataFrame) -> Reals:
    return -_log(_column(trials, "learning_rate")) - _log(_column(trials, "weight_decay"))


def _norm_ratio(trials: pd.DataFrame) -> Reals:
    """The log of log(V_mem / V_post): V is the squared norm, memorised and after generalising."""
    before, after = _column(trials, "memorized_norm"), _column(trials, "settled_norm")
    return _log(2 * (_log(before) - _log(after)))


def _memorized(trials: pd.DataFrame) -> Reals:
    return _log(_column(trials, "memorized_epoch") * _column(trials, "steps_per_epoch"))


# name: columns it is made of, function
FEATURES: dict[str, tuple[tuple[str, ...], Callable[[pd.DataFrame], Reals]]] = {
    **{name: ((name,), _axis(name)) for name in AXES},
    "n_to_k": (("n", "k"), _n_to_k),
    "n_to_k_squared": (("n", "k"), lambda trials: _n_to_k(trials) ** 2),
    "choose": (("n", "k"), _choose),
    "decay_time": (("learning_rate", "weight_decay"), _decay_time),
    "norm_ratio": (("memorized_norm", "settled_norm"), _norm_ratio),
    "memorized": (("memorized_epoch", "steps_per_epoch"), _memorized),
}


def feature(trials: pd.DataFrame, name: str) -> Reals:
    """A feature of each trial, [T].

    Raises: UsageError for a name that is none, a column that is missing, and trials whose value has
    no logarithm.
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
        raise UsageError(
            f"{name}: no logarithm in {bad:,} of {len(trials):,} trials; a law takes logarithms of "
            f"what it is written in. {remedy}"
        )
    return values


def varying_axes(trials: pd.DataFrame) -> tuple[str, ...]:
    """Axes with more than one value, in the order of the table."""
    return tuple(axis for axis in AXES if axis in trials and trials[axis].nunique() > 1)


def distinct(values: Reals) -> Reals:
    """The values of a feature, each once, rising."""
    ordered = np.sort(values)
    new = np.r_[True, np.diff(ordered) > SAME_LOG]
    return np.asarray(ordered[new])


def check_spread(trials: pd.DataFrame, name: str, values: Reals, least: int = 2) -> None:
    """Raise UsageError where a feature has too few values for what is to be fitted to it."""
    found = distinct(values)
    if len(found) < least:
        shown = ", ".join(f"{np.exp(value):.4g}" for value in found)
        raise UsageError(
            f"{name}: {len(found)} distinct value{'s' * (len(found) != 1)} ({shown}) in "
            f"{len(trials):,} trials; this law needs at least {least}. "
            "Vary it in the study, or choose a law without it."
        )


def check_independent(names: Sequence[str], columns: Reals) -> None:
    """Raise UsageError where one feature is a combination of those before it; columns [T, q]."""
    centred = columns - columns.mean(axis=0)
    centred = centred / np.linalg.norm(centred, axis=0)
    for last in range(1, len(names)):
        singular = np.linalg.svd(centred[:, : last + 1].T @ centred[:, : last + 1], hermitian=True)
        if singular.S[-1] < 1e-8 * singular.S[0]:
            raise UsageError(
                f"{names[last]} moves with {', '.join(names[:last])}; effects of axes that only "
                "change together cannot be told apart. Choose the axes to use with --axes, or vary "
                "them separately."
            )
