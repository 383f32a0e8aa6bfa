"""Laws against trials, as tidy frames: survival curves, law curves, medians of cells.

A chart draws these frames, and computes nothing.

Times are in steps. Where a cell does not reach its median, `reached` is False, and the time is the
steps that the cell was watched for. A chart draws a triangle there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.laws.adequacy import calibration
from analysis.laws.families import Reals
from analysis.laws.fit import Fit
from analysis.laws.intervals import covariance_of
from analysis.laws.strata import SlopesWithin
from analysis.laws.times import happened, times_of
from analysis.phases.drawn_axes import axes_that_vary
from analysis.statistics import Z_95, RiskSteps
from study.errors import UsageError
from study.vocabulary.axes import AXES, ONLINE

GRID = 60  # points of a curve
SERIES = 5  # the most curves in one chart
FARTHEST = 100.0  # times the longest watch; a longer time is drawn as never
MOST_POINTS = 700  # in one chart of points against a law
FOREST_ROWS = 40  # the most strata in one chart
NO_BREAK = "\N{NO-BREAK SPACE}"  # where a heading must not be wrapped


@dataclass(frozen=True, slots=True)
class Forest:
    """Slopes within strata as the rows of a forest chart.

    Attributes:
        heading: the names of the axes whose values are in the labels.
        rows: `label`, `slope`, `low`, `high`, `trials`, `events` and `is_mean`; a row for each
            stratum by rising slope, then one for the mean.
        left_out: how many strata with a slope have no row.
    """

    heading: str
    rows: pd.DataFrame
    left_out: int


def slice_of(trials: pd.DataFrame, event: str, x: str, series: str | None = None) -> pd.DataFrame:
    """The trials of one slice: at one value of every axis but `x` and `series`.

    The slice is the one in which the event happens at the most values of x; among such slices, the
    one in which it happens most often.

    Args:
        trials: the trials, in any number of slices.
        event: see `fit_law`.
        x: the axis to draw along.
        series: an axis that has a curve for each of its values.
    """
    others = [axis for axis in axes_that_vary(trials) if axis not in {x, series}]
    if not others:
        return trials
    key = trials.groupby(others, dropna=False).ngroup().to_numpy()
    positions = pd.DataFrame({"key": key, "x": trials[x].to_numpy()})
    events = positions[happened(trials, event)].groupby("key")["x"]
    ranked = events.agg(["nunique", "size"]).sort_values(["nunique", "size"])
    chosen = ranked.index[-1] if len(ranked) else key[0]
    part: pd.DataFrame = trials[key == chosen]
    return part


def longest_axes(trials: pd.DataFrame) -> tuple[str, str | None]:
    """The axis with the most values, to draw along, and the axis with the next most, for colors.

    Raises: UsageError where no axis varies.
    """
    counts = {axis: trials[axis].nunique() for axis in axes_that_vary(trials)}
    if not counts:
        raise UsageError("every trial is at one point; a law is drawn along an axis. Vary one.")
    order = sorted(counts, key=lambda axis: -counts[axis])
    return order[0], order[1] if len(order) > 1 else None


def survival_steps(trials: pd.DataFrame, event: str, by: str) -> pd.DataFrame:
    """Kaplan-Meier curves, for at most 5 values of an axis that are spread over its range.

    An event whose time is an interval counts at the reading that showed the event.

    Args:
        trials: the trials.
        event: see `fit_law`.
        by: the axis.
    Returns: the columns `by`, `steps`, `share` (without the event yet), and `censored` (the row
        marks trials that are censored there, and is no step of the curve).
    """
    parts = []
    for value in _spread_out(trials[by]):
        observed = times_of(trials[trials[by] == value], event).observed
        had_it = ~observed.censored
        time = np.exp(np.where(had_it, observed.high, observed.low))
        curve = RiskSteps.of(time, had_it)
        rows = pd.DataFrame(
            {"steps": curve.time, "share": curve.survival, "censored": ~curve.happened}
        )
        start = pd.DataFrame({"steps": [curve.time[0] / 2], "share": [1.0], "censored": [False]})
        part = pd.concat([start, rows]).drop_duplicates(["steps", "censored"], keep="last")
        parts.append(part.assign(**{by: _label(value)}))
    return pd.concat(parts, ignore_index=True)


def law_curves(
    fit: Fit, trials: pd.DataFrame, x: str, series: str | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A law against the trials of one slice: the law's median with a 95% band, and cells' medians.

    Args:
        fit: the law.
        trials: the trials; the slice is that of `slice_of`.
        x: the axis to draw along.
        series: an axis that has a curve for each of its values, at most 5.
    Returns: the law, with the columns x, `series`, `steps`, `low` and `high`, null where the law
        says never; and the cells, with x, `series`, `steps` (the Kaplan-Meier median), `reached`,
        `events` and `trials`.
    """
    part = slice_of(trials, fit.event, x, series)
    values = [None] if series is None else _spread_out(part[series])
    grid_x = np.geomspace(float(part[x].min()), float(part[x].max()), GRID)
    lines, cells = [], []
    for value in values:
        members = part if value is None else part[part[series] == value]
        label = "" if value is None else _label(value)
        at = members.iloc[[0] * GRID].copy()
        at[x] = pd.array(grid_x, "Float64")
        middle, spread = _median_and_error(fit, at)
        bounds = {"steps": middle, "low": middle - Z_95 * spread, "high": middle + Z_95 * spread}
        drawn = {
            name: drawable(np.exp(np.minimum(bound, 700)), part) for name, bound in bounds.items()
        }
        drawn["low"] = np.maximum(drawn["low"], 1.0)  # a band may reach far below one step
        lines.append(pd.DataFrame({x: grid_x, "series": label, **drawn}))
        for x_value, cell in members.groupby(x):
            cells.append({x: x_value, "series": label, **cell_median(cell, fit.event)})
    return pd.concat(lines, ignore_index=True), pd.DataFrame(cells)


def calibration_points(fit: Fit, trials: pd.DataFrame) -> pd.DataFrame:
    """Each point against a law: what the law states, and what was seen.

    Args:
        fit: the law.
        trials: that it was fitted to.
    Returns: `point` (the values of its axes), `stated` (the median by the law, at least 1 step;
        null where the law says never), `steps` (Turnbull's median of the trials), `reached`,
        `trials` and `events`. Of more than `MOST_POINTS` points, every second, or third, and so on.
    """
    points = calibration(fit.model, fit.top, fit.points)
    first_trials = np.unique(fit.points, return_index=True)[1]
    at_risk = trials[times_of(trials, fit.event).rows].iloc[first_trials]
    names = axes_that_vary(trials)
    reached = points["median"].notna()
    steps = points["median"].where(reached, points["watched"])
    frame = pd.DataFrame(
        {
            "point": [_point_in_words(names, row) for row in _values(at_risk, names)],
            "stated": drawable(points["stated"].clip(lower=1.0).to_numpy(float), trials),
            "steps": steps.clip(lower=1.0),
            "reached": reached,
            "trials": points["trials"],
            "events": points["events"],
        }
    )
    every = -(-len(frame) // MOST_POINTS)
    thinned: pd.DataFrame = frame.iloc[::every]
    return thinned


def forest(within: SlopesWithin) -> Forest:
    """Slopes within strata as the rows of a forest chart.

    Of more than `FOREST_ROWS` strata, those are shown that are evenly spaced in the order of their
    slopes, the first and the last included.

    Args:
        within: as `slopes_within` gives them.
    """
    known = within.strata.dropna(subset="slope").sort_values("slope", kind="stable")
    names = [name for name in AXES if name in known and known[name].nunique(dropna=False) > 1]
    count = min(len(known), FOREST_ROWS)
    shown = known.iloc[np.linspace(0, len(known) - 1, count).round().astype(int)]
    labels = [" · ".join(map(_label, row)) for row in _values(shown, names)]
    own = shown.assign(label=labels, is_mean=False)
    mean = {
        "label": f"mean of {len(known)}",
        "slope": within.mean.estimate,
        "low": within.mean.low,
        "high": within.mean.high,
        **known[["trials", "events"]].sum(),
        "is_mean": True,
    }
    rows = pd.concat([own[list(mean)], pd.DataFrame([mean])], ignore_index=True)
    heading = " · ".join(name.replace("_", NO_BREAK) for name in names)
    return Forest(heading, rows, len(known) - count)


def _values(trials: pd.DataFrame, names: Sequence[str]) -> Iterator[tuple[float, ...]]:
    """The values of some axes, row by row."""
    columns = [trials[name].to_numpy(float, na_value=np.nan) for name in names]
    return zip(*columns, strict=True)


def _point_in_words(names: Sequence[str], values: Sequence[float]) -> str:
    named = zip(names, values, strict=True)
    return ", ".join(f"{name.replace('_', ' ')} {_label(value)}" for name, value in named)


def _median_and_error(fit: Fit, at: pd.DataFrame) -> tuple[Reals, Reals]:
    """The log median of each trial that a fit gives, and its standard error, [T] each."""
    equation = fit.model.equation
    count = len(equation.parameters)
    middle, slopes = equation.value(equation.features(at), fit.top.theta[:count])
    covariance = covariance_of(fit.model, fit.top.theta)[0][:count, :count]
    variance = np.einsum("ti,ij,tj->t", slopes, covariance, slopes)
    return middle, np.sqrt(np.maximum(variance, 0))


def drawable(steps: Reals, trials: pd.DataFrame) -> Reals:
    """The steps that a chart of some trials can show, NaN for longer times and for never.

    Args:
        steps: times, inf for never.
        trials: the trials; the longest watch among them sets the limit.
    """
    watched = float((trials["epochs_run"] * trials["steps_per_epoch"]).max())
    return np.where(steps < FARTHEST * watched, steps, np.nan)


def cell_median(cell: pd.DataFrame, event: str) -> dict[str, object]:
    """The Kaplan-Meier median of the trials of a cell.

    Args:
        cell: the trials.
        event: see `fit_law`.
    Returns: `steps`, `reached`, `events` and `trials`.
    """
    observed = times_of(cell, event).observed
    had_it = ~observed.censored
    time = np.where(had_it, observed.high, observed.low)
    curve = RiskSteps.of(time, had_it)
    medians = curve.time[curve.medians()]
    reached = len(medians) > 0
    at = medians[0] if reached else (time.max() if len(time) else np.nan)
    steps = float(np.exp(at)) if np.isfinite(at) else None
    counts = {"events": int(had_it.sum()), "trials": len(cell)}
    return {"steps": steps, "reached": reached, **counts}


def _spread_out(values: pd.Series) -> list[float]:
    """At most `SERIES` of the distinct values, evenly spaced in their order."""
    numbers = np.unique(values.dropna().to_numpy(float))
    count = min(len(numbers), SERIES)
    chosen = np.unique(np.linspace(0, len(numbers) - 1, count).round().astype(int))
    return [float(value) for value in numbers[chosen]]


def _label(value: float) -> str:
    """A value of an axis, as legends and labels show it; NaN is that of fresh rows."""
    if np.isnan(value):
        return ONLINE
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
