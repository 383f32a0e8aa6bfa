"""The numbers of the charts of laws, as tidy frames: a chart draws, and computes nothing.

Times are in steps. Where a cell does not reach its median, `reached` is False, and the time is the
steps that the cell was watched for. A chart draws a triangle there.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.laws.compare import held_out, predict_beyond
from analysis.laws.families import Reals
from analysis.laws.fit import Fit, make_design, points_of
from analysis.laws.intervals import (
    covariance_of,
    in_units,
    parameter_names,
    profiled,
    standard_errors,
)
from analysis.laws.model import best
from analysis.laws.profiles import Profile
from analysis.laws.times import at_level, shortened, times_of
from analysis.phases.axes import axes_that_vary
from analysis.statistics import Z_95, RiskSteps
from study.errors import UsageError
from study.vocabulary.columns import CROSSINGS

GRID = 60  # points of a curve
SERIES = 5  # the most curves in one chart
FARTHEST = 100.0  # a time so many times longer than the longest watch is drawn as never
HALF_LOSS = Z_95**2 / 2  # the log-likelihood lost at the ends of a 95% interval
SHARES = (1.0, 0.7, 0.5, 0.35, 0.25)  # of the budget, in `drift`
SURE = 2.58  # standard errors: chance makes a larger change once in 100 times


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
    times = times_of(trials, event)
    happened = np.zeros(len(trials), bool)
    happened[times.rows] = ~times.observed.censored
    key = trials.groupby(others, dropna=False).ngroup().to_numpy()
    events = pd.DataFrame({"key": key, "x": trials[x].to_numpy()})[happened].groupby("key")["x"]
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


def survival(trials: pd.DataFrame, event: str, by: str) -> pd.DataFrame:
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
        happened = ~observed.censored
        time = np.exp(np.where(happened, observed.high, observed.low))
        curve = RiskSteps.of(time, happened)
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
            name: _drawable(np.exp(np.minimum(bound, 700)), part) for name, bound in bounds.items()
        }
        drawn["low"] = np.maximum(drawn["low"], 1.0)  # a band may reach far below a step
        lines.append(pd.DataFrame({x: grid_x, "series": label, **drawn}))
        for x_value, cell in members.groupby(x):
            cells.append({x: x_value, "series": label, **_median(cell, fit.event)})
    return pd.concat(lines, ignore_index=True), pd.DataFrame(cells)


def cox_snell(fit: Fit) -> pd.DataFrame:
    """The cumulative hazard of the residuals; it equals `expected` where the law holds.

    A residual is minus the log of the survival that the law gives a trial at its reading. Residuals
    of a right law are exponential times, censored where the trial is.
    Returns: the columns `expected` and `hazard`, for at most 200 events.
    Source: D. R. Cox and E. J. Snell, J. R. Stat. Soc. B 30 (1968) 248.
    """
    observed = fit.model.observed
    mu, _, log_sigma, cure = fit.model.parts(fit.top.theta)
    happened = ~observed.censored
    ends = np.where(happened, observed.high, observed.low)
    z = np.clip((ends - mu) / np.exp(log_sigma), -50, 50)
    log_survival = fit.model.family.log_survival(z)
    if cure is not None:
        share = 1 / (1 + np.exp(-cure))
        log_survival = np.log(share + (1 - share) * np.exp(log_survival))
    residuals = RiskSteps.of(-log_survival, happened)
    events = np.flatnonzero(residuals.happened)
    drawn = events[np.unique(np.linspace(0, len(events) - 1, min(len(events), 200)).astype(int))]
    hazard = np.cumsum(residuals.hazard)
    return pd.DataFrame({"expected": residuals.time[drawn], "hazard": hazard[drawn]})


def profile_curves(fit: Fit, points: int = 25) -> pd.DataFrame:
    """The log-likelihood lost along each parameter that has a profile.

    A curve reaches a little beyond the interval, or one decade where an end is not identified.

    Args:
        fit: the law.
        points: of each curve.
    Returns: the columns `parameter`, `value` and `loss`.
    """
    frames = []
    for index, name in enumerate(parameter_names(fit.model, fit.cure)):
        if not profiled(name) or fit.parameters[name].estimate is None:
            continue
        middle = float(fit.top.theta[index])
        error = standard_errors(fit.model, fit.top.theta, fit.points)[0][index]
        reach = 3 * error if np.isfinite(error) and error < 1 else 2.3
        values = middle + np.linspace(-reach, reach, points)
        loss = Profile(fit.model, fit.top, index).curve(values)
        shown = [in_units(name, float(value)) for value in values]
        frames.append(pd.DataFrame({"parameter": name, "value": shown, "loss": loss}))
    columns = ["parameter", "value", "loss"]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def extrapolation(fits: Sequence[Fit], trials: pd.DataFrame, axis: str) -> pd.DataFrame:
    """What laws predict of the hardest third of an axis, fitted without it, beside the medians.

    The laws are fitted to all other trials; drawn is one slice of the other axes.

    Args:
        fits: the laws.
        trials: the trials that the laws were fitted to.
        axis: a name in `HARDER`.
    Returns: the axis, `law` ("seen" for the Kaplan-Meier medians), `steps` (null for never),
        `reached`, and `held_out`.
    Raises: UsageError if the axis has fewer than 3 values.
    """
    beyond = held_out(trials, axis)
    if beyond is None:
        raise UsageError(f"{axis}: fewer than 3 values; the hardest third of it is held out.")
    part = slice_of(trials, fits[0].event, axis)
    edge = set(trials.loc[beyond, axis])
    rows = []
    for value, cell in part.groupby(axis):
        median = _median(cell, fits[0].event)
        row = {axis: value, "law": "seen", "steps": median["steps"], "reached": median["reached"]}
        rows.append({**row, "held_out": value in edge})
    for fit in fits:
        prediction = predict_beyond(trials, beyond, fit)
        if prediction is None:
            continue
        points = part.drop_duplicates(axis).sort_values(axis)
        equation = prediction.design.model.equation
        theta = prediction.top.theta[: len(equation.parameters)]
        middle = np.exp(np.minimum(equation.value(equation.features(points), theta)[0], 700))
        for value, steps in zip(points[axis], _drawable(middle, part), strict=True):
            row = {axis: value, "law": fit.law.name, "steps": steps, "reached": True}
            rows.append({**row, "held_out": value in edge})
    return pd.DataFrame(rows)


def drift(trials: pd.DataFrame, law: str, event: str, errors: str, parameter: str) -> pd.DataFrame:
    """A parameter fitted at other thresholds, and as if the budget had been shorter.

    An exponent that moves with the budget says something of the budget, not of the networks.

    Args:
        trials: the trials.
        law: see `fit_law`, like `event` and `errors`.
        event: see `fit_law`.
        errors: see `fit_law`.
        parameter: its name.
    Returns: `kind` (threshold or budget), `at` (accuracy in percent, or share of the budget),
        `estimate`, `low` and `high` (from the information), `censored` (share), and `moves`: true
        if the estimate under a shorter budget differs from that under the full budget by more than
        the difference in their information allows. A row that cannot be fitted is null.
    Source: J. A. Hausman, Econometrica 46 (1978) 1251, for the test.
    """
    budget = float((trials["budget_epochs"] * trials["steps_per_epoch"]).max())
    views = [("threshold", float(level), at_level(trials, level)) for level in CROSSINGS]
    views += [("budget", share, shortened(trials, share * budget)) for share in SHARES]
    table = pd.DataFrame(
        [
            {"kind": kind, "at": at, **_refitted(part, law, event, errors, parameter)}
            for kind, at, part in views
        ]
    )
    full = table[(table["kind"] == "budget") & (table["at"] == 1)].iloc[0]
    allowed = (table["error"] ** 2 - full["error"] ** 2).clip(lower=0) ** 0.5
    allowed = allowed.clip(lower=table["error"] / 4)  # near the full budget a difference is noise
    apart = (table["estimate"] - full["estimate"]).abs()
    table["moves"] = (table["kind"] == "budget") & (apart > SURE * allowed) & (table["at"] < 1)
    return table.drop(columns="error")


def _refitted(
    part: pd.DataFrame, law: str, event: str, errors: str, parameter: str
) -> dict[str, float | None]:
    """A row of `drift`: the parameter of a law on some trials, null if it cannot be fitted."""
    nothing: dict[str, float | None] = dict.fromkeys(("estimate", "low", "high", "error"), np.nan)
    try:
        design = make_design(part, law, event, errors, None)
    except UsageError:
        return nothing
    model = design.model
    names = parameter_names(model, None)
    top = best(model, model.starts())
    if parameter not in names or not top.converged:
        return nothing
    index = names.index(parameter)
    error = float(standard_errors(model, top.theta, points_of(part[design.rows]))[0][index])
    middle = float(top.theta[index])
    low, high = middle - Z_95 * error, middle + Z_95 * error
    interval = {"estimate": middle, "low": low, "high": high}
    reported = {name: in_units(parameter, value) for name, value in interval.items()}
    return {**reported, "error": error, "censored": float(model.observed.censored.mean())}


def _median_and_error(fit: Fit, at: pd.DataFrame) -> tuple[Reals, Reals]:
    """The log median of each trial that a fit gives, and its standard error, [T] each."""
    equation = fit.model.equation
    count = len(equation.parameters)
    middle, slopes = equation.value(equation.features(at), fit.top.theta[:count])
    covariance = covariance_of(fit.model, fit.top.theta)[0][:count, :count]
    variance = np.einsum("ti,ij,tj->t", slopes, covariance, slopes)
    return middle, np.sqrt(np.maximum(variance, 0))


def _drawable(steps: Reals, part: pd.DataFrame) -> Reals:
    """The steps that a chart of these trials can show; NaN for longer times and for never."""
    watched = float((part["epochs_run"] * part["steps_per_epoch"]).max())
    return np.where(steps < FARTHEST * watched, steps, np.nan)


def _median(cell: pd.DataFrame, event: str) -> dict[str, object]:
    """The Kaplan-Meier median of a cell in `steps`, whether it is `reached`, and its counts."""
    observed = times_of(cell, event).observed
    happened = ~observed.censored
    time = np.where(happened, observed.high, observed.low)
    curve = RiskSteps.of(time, happened)
    medians = curve.time[curve.medians()]
    reached = len(medians) > 0
    at = medians[0] if reached else (time.max() if len(time) else np.nan)
    steps = float(np.exp(at)) if np.isfinite(at) else None
    counts = {"events": int(happened.sum()), "trials": len(cell)}
    return {"steps": steps, "reached": reached, **counts}


def _spread_out(values: pd.Series) -> list[float]:
    """At most `SERIES` of the distinct values, evenly spaced in their order."""
    numbers = np.unique(values.dropna().to_numpy(float))
    count = min(len(numbers), SERIES)
    chosen = np.unique(np.linspace(0, len(numbers) - 1, count).round().astype(int))
    return [float(value) for value in numbers[chosen]]


def _label(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
