"""Slopes within strata: how a time changes along one axis while every other axis stays.

A *stratum* of a feature is the trials that are alike in every axis but those that move it. The
slope of one law over all trials mixes what happens within strata with what differs between them,
and may describe no network: even its sign may be that of no stratum (E. H. Simpson, J. R. Stat.
Soc. B 13 (1951) 238). Here are the slopes of the strata themselves, their mean and spread, and the
rule by which a pooled slope is called misleading.

S strata, T trials.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import brentq

from analysis.laws.equations import Equation, find_law
from analysis.laws.families import Reals, find_family
from analysis.laws.features import SAME_LOG, feature, moved_by
from analysis.laws.grouped import fit_groups
from analysis.laws.intervals import covariance_of
from analysis.laws.model import Model, best
from analysis.laws.positive import above_zero
from analysis.laws.terms import Slopes
from analysis.laws.times import times_of
from analysis.phases.drawn_axes import axes_that_vary
from analysis.statistics import Z_95
from study.errors import UsageError

LEAST_STRATA = 3  # with a slope of their own; fewer do not show a spread
_PARAMETERS = 3  # of a stratum: factor, slope, sigma; it needs more events
_WIDEST_SPREAD = 1e3  # of slopes, searched for the ends of its interval
_STEEPEST = 50.0  # a slope beyond it stands for a stratum without events at one of two values


@dataclass(frozen=True, slots=True)
class Bounded:
    """A number with its 95% interval; the ends are None where they are not determined."""

    estimate: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class SlopesWithin:
    """The slope of a feature within strata.

    Attributes:
        feature: a name in `FEATURES`.
        common: one slope for all strata, each with a factor of its own; the interval is robust to
            scatter between strata.
        mean: of the strata's own slopes, with its interval by Hartung and Knapp.
        spread: the standard deviation of the strata's true slopes.
        predicted: the mean, and the interval that holds the slopes of 95% of strata.
        strata: a row for each stratum, as `own_slopes` gives them.
        trials: how many are in strata with a slope of their own, as all numbers above.
    """

    feature: str
    common: Bounded
    mean: Bounded
    spread: Bounded
    predicted: Bounded
    strata: pd.DataFrame
    trials: int

    @property
    def known(self) -> pd.DataFrame:
        """The rows of the strata that have a slope of their own."""
        return self.strata.dropna(subset="slope")


def stratum_axes(trials: pd.DataFrame, name: str) -> tuple[str, ...]:
    """The axes that vary, but for those that a slope of a feature is taken along.

    Args:
        trials: as `load_trials` gives them.
        name: of the feature, a name in `FEATURES`.
    Raises: UsageError for another name.
    """
    return tuple(axis for axis in axes_that_vary(trials) if axis not in moved_by(name))


def strata_of(trials: pd.DataFrame, name: str) -> NDArray[np.intp]:
    """The number of each trial's stratum of a feature, [T]."""
    axes = list(stratum_axes(trials, name))
    if not axes:
        return np.zeros(len(trials), np.intp)
    return trials.groupby(axes, dropna=False, sort=True).ngroup().to_numpy().astype(np.intp)


def own_slopes(trials: pd.DataFrame, name: str, event: str, errors: str) -> pd.DataFrame:
    """The slope of a feature in each stratum that has the feature at several values.

    Args:
        trials: as `load_trials` gives them, of one regime.
        name: of the feature.
        event: see `fit_law`.
        errors: see `fit_law`.

    Returns: a row for each stratum with the axes of `stratum_axes`, `slope`, `low`, `high` and
        `error` (null where the stratum does not determine a slope: fewer than two values with the
        event), `trials` and `events`.
    """
    axes = list(stratum_axes(trials, name))
    times = times_of(trials, event)
    at_risk = trials[times.rows]
    columns = [*axes, "trials", "events", "slope", "low", "high", "error"]
    if at_risk.empty:
        return pd.DataFrame(columns=columns)
    x, happened = feature(at_risk, name), ~times.observed.censored
    equation = Equation(find_law("power"), (Slopes((name,)),))
    firsts, rows = [], []
    stratum = strata_of(at_risk, name)
    moved = at_risk.groupby(list(moved_by(name)), dropna=False).ngroup().to_numpy()
    order = np.argsort(stratum, kind="stable")
    for members in np.split(order, np.cumsum(np.bincount(stratum))[:-1]):
        inside = x[members]
        if np.ptp(moved[members]) == 0 or np.ptp(inside) < SAME_LOG:
            continue
        events = happened[members]
        slope, error = np.nan, np.nan
        if events.sum() > _PARAMETERS and np.ptp(inside[events]) > SAME_LOG:
            observed = times.observed.take(members)
            model = Model(equation, find_family(errors), observed, (inside[:, None],))
            slope, error = _slope_of(model)
        firsts.append(members[0])
        rows.append(
            {
                "trials": len(members),
                "events": int(events.sum()),
                "slope": slope,
                "low": slope - Z_95 * error,
                "high": slope + Z_95 * error,
                "error": error,
            }
        )
    of_strata = at_risk[axes].iloc[firsts].reset_index(drop=True)
    return of_strata.join(pd.DataFrame(rows, columns=columns[len(axes) :]))


def slopes_within(trials: pd.DataFrame, name: str, event: str, errors: str) -> SlopesWithin:
    """The slope of a feature within strata: one for all, and the mean and spread of their own.

    Args:
        trials: as `load_trials` gives them, of one regime.
        name: of the feature.
        event: see `fit_law`.
        errors: see `fit_law`.
    Raises: UsageError where fewer than `LEAST_STRATA` strata have a slope of their own.
    """
    trials, _ = above_zero(trials, [name])
    table = own_slopes(trials, name, event, errors)
    usable = table.dropna(subset="slope")
    if len(usable) < LEAST_STRATA:
        raise UsageError(
            f"{name}: {len(usable)} of {len(table)} strata have {event} times at two of its "
            f"values; a slope within strata needs {LEAST_STRATA}. Vary {name} at more points, or "
            "train longer."
        )
    slopes, errors_of = usable["slope"].to_numpy(float), usable["error"].to_numpy(float)
    mean, spread, predicted = random_effects(slopes, errors_of)
    telling = in_strata(trials, usable, stratum_axes(trials, name))
    common = common_slope(telling, name, event, errors)
    return SlopesWithin(name, common, mean, spread, predicted, table, int(usable["trials"].sum()))


def in_strata(trials: pd.DataFrame, strata: pd.DataFrame, axes: Sequence[str]) -> pd.DataFrame:
    """The trials that are in some strata.

    Args:
        trials: as `load_trials` gives them.
        strata: a row for each, with its axes.
        axes: that a stratum is alike in.
    """
    if not axes:
        return trials
    keys = pd.MultiIndex.from_frame(strata[list(axes)].astype(float))
    inside = pd.MultiIndex.from_frame(trials[list(axes)].astype(float)).isin(keys)
    part: pd.DataFrame = trials[inside]
    return part


def common_slope(trials: pd.DataFrame, name: str, event: str, errors: str) -> Bounded:
    """One slope of a feature for all strata, each of which has a factor of its own.

    The interval is robust to scatter between strata, with Student's t for S - 1 degrees of freedom.

    Args:
        trials: as `load_trials` gives them, of one regime.
        name: of the feature.
        event: see `fit_law`.
        errors: see `fit_law`.
    """
    times = times_of(trials, event)
    at_risk = trials[times.rows]
    group = strata_of(at_risk, name)
    fit = fit_groups(
        times.observed, find_family(errors), group, feature(at_risk, name).reshape(-1, 1)
    )
    error = float(np.sqrt(fit.covariance[0, 0]))
    reach = float(stats.t.ppf(0.975, max(fit.with_event - 1, 1))) * error
    slope = float(fit.slopes[0])
    if not (fit.converged and np.isfinite(reach)):
        return Bounded(slope, None, None)
    return Bounded(slope, slope - reach, slope + reach)


def random_effects(slopes: Reals, errors: Reals) -> tuple[Bounded, Bounded, Bounded]:
    """The mean of slopes that differ between strata, their spread, and the range of 95% of them.

    Args:
        slopes: of the strata, [S], S at least 2.
        errors: their standard errors, [S].

    Returns: the mean, the standard deviation of the true slopes, and the mean again with the ends
        between which the slopes of 95% of strata lie.
    Source: R. C. Paule and J. Mandel, J. Res. Natl. Bur. Stand. 87 (1982) 377, for the spread; W.
        Viechtbauer, Stat. Med. 26 (2007) 37, for its interval; G. Knapp and J. Hartung, Stat. Med.
        22 (2003) 2693, for the mean, whose interval is never narrower than without a spread.
    """
    freedom = len(slopes) - 1

    def misfit(spread: float) -> float:
        weights = 1 / (errors**2 + spread**2)
        middle = weights @ slopes / weights.sum()
        return float(weights @ (slopes - middle) ** 2)

    def spread_at(level: float) -> float:
        if misfit(0.0) <= level:
            return 0.0
        return float(brentq(lambda spread: misfit(spread) - level, 0.0, _WIDEST_SPREAD))

    spread = spread_at(freedom)
    ends = [spread_at(float(stats.chi2.ppf(share, freedom))) for share in (0.975, 0.025)]
    weights = 1 / (errors**2 + spread**2)
    mean = float(weights @ slopes / weights.sum())
    error = float(np.sqrt(max(misfit(spread) / freedom, 1.0) / weights.sum()))
    reach = float(stats.t.ppf(0.975, freedom)) * error
    wide = float(stats.t.ppf(0.975, max(freedom - 1, 1))) * np.hypot(spread, error)
    return (
        Bounded(mean, mean - reach, mean + reach),
        Bounded(spread, *ends),
        Bounded(mean, mean - wide, mean + wide),
    )


def simpson(pooled: float, strata: pd.DataFrame) -> str:
    """Why a pooled slope misleads: a sentence, or "" where it does not.

    It misleads where more than half of the strata have a slope of the other sign, or intervals that
    it lies outside of.

    Args:
        pooled: the slope over all trials.
        strata: as `own_slopes` gives them.
    """
    known = strata.dropna(subset="slope")
    count = len(known)
    if count < LEAST_STRATA:
        return ""
    against = int((known["slope"] * pooled < 0).sum())
    outside = int(((known["low"] > pooled) | (known["high"] < pooled)).sum())
    if 2 * against > count:
        what = f"has another sign than {against} of {count} strata (Simpson)"
    elif 2 * outside > count:
        what = f"is outside the intervals of {outside} of {count} strata"
    else:
        return ""
    least, most = known["slope"].min(), known["slope"].max()
    return f"{pooled:.3g} pooled {what}; their own run from {least:.2f} to {most:.2f}"


def _slope_of(model: Model) -> tuple[float, float]:
    """The slope of one stratum and its standard error, NaN where they are not determined."""
    top = best(model, model.starts())
    covariance, flat = covariance_of(model, top.theta)
    if not top.converged or flat[1] or abs(top.theta[1]) > _STEEPEST:
        return np.nan, np.nan
    return float(top.theta[1]), float(np.sqrt(covariance[1, 1]))
