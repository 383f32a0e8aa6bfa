"""The fits of a whole study: one list for each regime and stratum, and how it reads as text."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.formats import as_table
from analysis.laws.bootstrap import bootstrap, interval_of
from analysis.laws.compare import Cure, comparison, fit_laws, ratio_tests
from analysis.laws.fit import REGIMES, Fit
from analysis.laws.intervals import Parameter
from analysis.laws.times import with_norms
from study.errors import UsageError, unknown
from study.machine import usable_cores
from study.store.store import Store

NO_TRIALS = "0 trials; a law is fitted to some. Loosen the filter."


def by_regime(trials: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The trials of each regime that has some: multi-pass, and online."""
    online = trials["train_size"].isna()
    parts = dict(zip(REGIMES, (trials[~online], trials[online]), strict=True))
    return {name: part for name, part in parts.items() if len(part)}


def fit_study(
    trials: pd.DataFrame,
    laws: Iterable[str] | None = None,
    event: str = "generalized",
    errors: str = "lognormal",
    axes: Sequence[str] | None = None,
    cure: Cure = False,  # noqa: FBT002  as in fit_law
    by: str | None = None,
) -> tuple[list[list[Fit]], list[str]]:
    """The fits of each regime and each value of the column `by`, and why other laws were not.

    Where several laws are asked for, one that the trials of a regime cannot determine is said so in
    the second answer; where one is, or none can be fitted, it is an error.
    Raises: UsageError as `fit_law`, with the stratum named; for a column that is not there.
    """
    if by is not None and by not in trials:
        raise unknown("a column", by, map(str, trials.columns))
    if by is not None and trials[by].nunique(dropna=False) > 50:
        raise UsageError(
            f"{by}: {trials[by].nunique(dropna=False)} values; strata are at most 50. "
            "Choose a column of fewer values."
        )
    names = None if laws is None else list(laws)
    lists, said = [], []
    failure = UsageError(NO_TRIALS)
    for regime, part in by_regime(trials).items():
        strata = [({}, part)] if by is None else _strata(part, by)
        for stratum, members in strata:
            place = "".join([f"{name} = {value}: " for name, value in stratum.items()])
            try:
                fits, refused = fit_laws(members, names, event, errors, axes, cure)
            except UsageError as error:
                failure = UsageError(f"{place}{error}")
                if names is not None:
                    raise failure from None
                said.append(f"{regime}, {place}no law fitted: {error}")
                continue
            lists.append([replace(fit, stratum=stratum) for fit in fits])
            said += [f"{regime}, {place}{law} not fitted: {why}" for law, why in refused.items()]
    if not lists:
        raise failure
    return lists, said


def with_norms_of(store: str | Path, trials: pd.DataFrame) -> pd.DataFrame:
    """The trials with the norms that the law `norms` needs, from the readings of their store."""
    columns = ["trial_id", "epoch", "weight_norm"]
    readings = Store.open(store).readings(trials["trial_id"], columns).to_pandas()
    return with_norms(trials, readings)


def resampled(
    lists: Sequence[Sequence[Fit]], draws: int, progress: Callable[[int, int], None]
) -> list[list[Fit]]:
    """The fits with bootstrap intervals over points, on all cores; progress as `bootstrap`."""

    def one(fit: Fit) -> Fit:
        if not fit.converged:
            return fit
        estimates = bootstrap(fit, draws, workers=usable_cores(), progress=progress)
        ends = interval_of(estimates)
        parameters = {}
        for name, value in fit.parameters.items():
            low, high = ends.loc[name, ["low", "high"]].to_numpy(float)
            found = not np.isnan(low)
            parameters[name] = replace(
                value,
                bootstrap_low=float(low) if found else None,
                bootstrap_high=float(high) if found else None,
            )
        return replace(fit, parameters=parameters)

    return [[one(fit) for fit in fits] for fits in lists]


def _strata(trials: pd.DataFrame, by: str) -> list[tuple[dict[str, Any], pd.DataFrame]]:
    groups = trials.groupby(by, dropna=False, sort=True)
    strata = []
    for value, members in groups:
        plain = None if pd.isna(value) else value.item() if hasattr(value, "item") else value
        strata.append(({by: plain}, members))
    return strata


def as_lines(fits: Sequence[Fit]) -> list[str]:
    """A list of fits for people: counts, the ranking, then each law's parameters."""
    first = fits[0]
    place = "".join(f"{name} = {value}, " for name, value in first.stratum.items())
    ended = ", ".join(f"{cause} {share:.1%}" for cause, share in first.incidence.items() if share)
    lines = [
        f"{place}{first.regime}, {first.event}, {first.errors}: {first.trials:,} trials, "
        f"{first.events:,} events, {first.censored:,} censored"
        + (f"; incidence: {ended}" if ended else "")
        + (f"; {first.left_out:,} never at risk" if first.left_out else "")
        + (f"; {first.at_once:,} at once" if first.at_once else "")
    ]
    if len(fits) > 1:
        columns = ["law", "parameters", "converged", "identified", "delta_aic", "heldout"]
        shown = comparison(fits)[columns].copy()
        shown["delta_aic"] = shown["delta_aic"].astype(float).round(1)
        shown["heldout"] = shown["heldout"].astype(float).round(3)
        lines += ["", as_table(shown)]
        tests = ratio_tests(fits)
        if len(tests):
            lines += ["", *map(_ratio, tests.to_dict("records"))]
    for fit in fits:
        lines += ["", f"{fit.law.name}: {fit.law.formula}   ({fit.law.source})"]
        if not fit.converged:
            lines.append("  no maximum: these trials do not determine this law")
            continue
        wide = max(map(len, fit.parameters))
        lines += [f"  {name:<{wide}}  {in_words(value)}" for name, value in fit.parameters.items()]
    return lines


def _ratio(row: dict[Any, Any]) -> str:
    return (
        f"{row['law']} within {row['within']}: likelihood ratio {row['statistic']:.1f}, "
        f"{row['freedom']} more, p = {row['chance']:.2g}"
    )


def in_words(parameter: Parameter) -> str:
    """An estimate, its interval, and the one robust to scatter between points."""
    if parameter.estimate is None:
        return "not identified"
    text = f"{parameter.estimate:.4g} {_interval(parameter.low, parameter.high)}"
    if not parameter.identified:
        text += ", not identified"
    if parameter.robust_low is not None:
        text += f"; points {_interval(parameter.robust_low, parameter.robust_high)}"
    if parameter.bootstrap_low is not None:
        text += f"; bootstrap {_interval(parameter.bootstrap_low, parameter.bootstrap_high)}"
    return text


def _interval(low: float | None, high: float | None) -> str:
    ends = ("?" if end is None else f"{end:.4g}" for end in (low, high))
    return f"[{', '.join(ends)}]"
