"""The fits of a whole study: a list of fits for each regime and each stratum."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.formats import json_cell
from analysis.laws.bootstrap import bootstrap, interval_of
from analysis.laws.compare import fit_laws
from analysis.laws.design import NO_TRIALS, Cure
from analysis.laws.existence import RIVALS, existence
from analysis.laws.fit import REGIMES, Fit
from analysis.laws.regimes import regime_of
from analysis.laws.strata import own_slopes, simpson
from analysis.laws.times import with_norms
from study.errors import UsageError, unknown
from study.machine import usable_cores
from study.store.store import Store
from study.vocabulary.axes import AXES

MOST_STRATA = 50  # each stratum adds its own fits, and its own lines to the answer
POOLED = (*AXES, "decay_time", "n_to_k")  # features whose slopes are compared with those of strata


def by_regime(trials: pd.DataFrame, regime: str | None = None) -> dict[str, pd.DataFrame]:
    """The trials of each regime, multi-pass and online, without a regime that has no trials.

    Args:
        trials: as `load_trials` gives them.
        regime: a name in `regimes.SIDES`: that regime alone.
    Raises: UsageError where a regime that is asked for has no trials.
    """
    if regime is not None:
        return {regime: regime_of(trials, regime).trials}
    online = trials["train_size"].isna()
    if not online.any():
        return {REGIMES[0]: trials} if len(trials) else {}
    parts = dict(zip(REGIMES, (trials[~online], trials[online]), strict=True))
    return {name: part for name, part in parts.items() if len(part)}


def fit_study(
    trials: pd.DataFrame,
    laws: Iterable[str] | None = None,
    event: str = "generalized",
    errors: str = "lognormal",
    axes: Sequence[str] | None = None,
    cure: Cure = None,
    by: str | None = None,
    regime: str | None = None,
    clusters: Sequence[str] | None = None,
) -> tuple[list[list[Fit]], list[str]]:
    """The fits of each regime, and of each value of a column; whether they fit, and what misleads.

    Args:
        trials: as `load_trials` gives them, of any regimes.
        laws: names in `LAWS`; by default all of them.
        event: see `fit_law`.
        errors: see `fit_law`.
        axes: see `fit_law`.
        cure: see `fit_law`.
        by: a column of at most 50 values, each of which is fitted by itself.
        regime: "grokking" or "comprehension": the trials of `regimes.regime_of` alone.
        clusters: see `fit_law`.
    Returns: a list of fits for each regime and value, best first; and a sentence for each law that
        was asked for or tried and could not be fitted.
    Raises: UsageError as `fit_laws`, with the value of the column named: where no law could be
        fitted to any trials, or the laws were named and none could be fitted to some; and for a
        column that is not there.
    """
    _check_by(trials, by)
    names = None if laws is None else list(laws)
    lists, notes = [], []
    failure = UsageError(NO_TRIALS)
    for name, stratum, members in _parts(trials, regime, by):
        label = "".join([f"{column} = {value}: " for column, value in stratum.items()])
        try:
            fits, refused = fit_laws(members, names, event, errors, axes, cure, clusters)
        except UsageError as error:
            failure = UsageError(f"{label}{error}")
            if names is not None:
                raise failure from None
            notes.append(f"{name}, {label}no law fitted: {error}")
            continue
        fits = with_warnings(fits, members)
        lists.append([replace(fit, regime=name, stratum=stratum) for fit in fits])
        notes += [f"{name}, {label}{law} not fitted: {why}" for law, why in refused.items()]
    if not lists:
        raise failure
    return lists, notes


def _parts(
    trials: pd.DataFrame, regime: str | None, by: str | None
) -> Iterator[tuple[str, dict[str, object], pd.DataFrame]]:
    """The trials to fit together, each with its regime and the column and value of its stratum."""
    for name, part in by_regime(trials, regime).items():
        for stratum, members in [({}, part)] if by is None else _strata(part, by):
            yield name, stratum, members


def with_warnings(fits: Sequence[Fit], trials: pd.DataFrame) -> list[Fit]:
    """The fits, each with the warnings that a pooled slope misleads or a critical value is none.

    Args:
        fits: of laws to the same trials.
        trials: that they were fitted to.
    """
    strata: dict[str, pd.DataFrame] = {}
    warned = []
    for fit in fits:
        warnings = {}
        for parameter, value in fit.parameters.items():
            name = parameter.removeprefix("slope_")
            if name not in POOLED or name == parameter or value.estimate is None:
                continue
            if name not in strata:
                strata[name] = own_slopes(trials, name, fit.event, fit.errors)
            warnings[parameter] = simpson(value.estimate, strata[name])
        if fit.converged and fit.law.name in RIVALS:
            warnings |= _doubts(fit, trials)
        warned.append(replace(fit, warnings={key: why for key, why in warnings.items() if why}))
    return warned


def _doubts(fit: Fit, trials: pd.DataFrame) -> dict[str, str]:
    """Why the critical value of a fit is not believed, by its parameter; empty where it is."""
    parameter = f"critical_{RIVALS[fit.law.name][0]}"
    try:
        found = existence(trials, fit.law.name, fit.event, fit.errors)
    except UsageError as error:
        return {parameter: f"is not identified: {error}"}
    return {} if found.believed else {parameter: f"is not identified: {found.why}"}


def with_norms_of(store: str | Path, trials: pd.DataFrame) -> pd.DataFrame:
    """The trials with the norms that the law `norms` needs, from the readings of their store.

    Args:
        store: path or URL of the store.
        trials: of that store.
    """
    columns = ["trial_id", "epoch", "weight_norm"]
    readings = Store.open(store).readings(trials["trial_id"], columns).to_pandas()
    return with_norms(trials, readings)


def resampled(
    lists: Sequence[Sequence[Fit]], draws: int, progress: Callable[[int, int], None]
) -> list[list[Fit]]:
    """The fits with bootstrap intervals over points, made on all cores.

    Args:
        lists: of fits, as `fit_study` gives them.
        draws: how often to resample.
        progress: called with the numbers of draws done and planned, from 0 for each fit.
    """

    def with_bootstrap(fit: Fit) -> Fit:
        if not fit.converged:
            return fit
        estimates = bootstrap(fit, draws, workers=usable_cores(), progress=progress)
        ends = interval_of(estimates)
        parameters = {}
        for name, value in fit.parameters.items():
            low, high = ends.loc[name, ["low", "high"]].to_numpy(float)
            has_ends = not np.isnan(low)
            parameters[name] = replace(
                value,
                bootstrap_low=float(low) if has_ends else None,
                bootstrap_high=float(high) if has_ends else None,
            )
        return replace(fit, parameters=parameters)

    return [[with_bootstrap(fit) for fit in fits] for fits in lists]


def _check_by(trials: pd.DataFrame, by: str | None) -> None:
    """Raise UsageError for a column that is not there, or has too many values."""
    if by is None:
        return
    if by not in trials:
        raise unknown("a column", by, map(str, trials.columns))
    count = trials[by].nunique(dropna=False)
    if count > MOST_STRATA:
        raise UsageError(
            f"{by}: {count} values; strata are at most {MOST_STRATA}. "
            "Choose a column of fewer values."
        )


def _strata(trials: pd.DataFrame, by: str) -> list[tuple[dict[str, object], pd.DataFrame]]:
    """The trials at each value of a column, null included, each with the column and its value."""
    groups = trials.groupby(by, dropna=False, sort=True)
    strata: list[tuple[dict[str, object], pd.DataFrame]] = []
    for value, members in groups:
        strata.append(({by: json_cell(value)}, members))
    return strata
