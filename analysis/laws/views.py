"""The numbers of the charts of laws, as tidy frames: charts draw, here it is computed.

Times are in steps. A median that a cell does not reach is drawn at the steps it was watched, as a
triangle: `reached` is False there.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.laws.compare import held_out, predict_beyond
from analysis.laws.families import Reals
from analysis.laws.features import varying_axes
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
from analysis.statistics import Z_95, RiskSteps
from study.errors import UsageError
from study.vocabulary.columns import CROSSINGS

GRID = 60  # points of a curve
SERIES = 5  # curves in one chart, at most
FARTHEST = 100.0  # times longer than the longest watch: drawn as never
HALF_LOSS = Z_95**2 / 2  # of log-likelihood, at the ends of a 95% interval
SHARES = (1.0, 0.7, 0.5, 0.35, 0.25)  # of the budget, in `drift`
SURE = 2.58  # standard errors: a change that chance makes once in 100


def slice_of(trials: pd.DataFrame, event: str, x: str, series: str | None = None) -> pd.DataFrame:
    """The trials at one value of every axis but x and `series`: the slice with most to show.

    That is where the event occurs at the most values of x, then where it occurs most often.
    """
    others = [axis for axis in varying_axes(trials) if axis not in {x, series}]
    if not others:
        return trials
    times = times_of(trials, event)
    happened = np.zeros(len(trials), bool)
    happened[times.rows] = ~times.known.censored
    key = trials.groupby(others, dropna=False).ngroup().to_numpy()
    seen = pd.DataFrame({"key": key, "x": trials[x].to_numpy()})[happened].groupby("key")["x"]
    ranked = seen.agg(["nunique", "size"]).sort_values(["nunique", "size"])
    chosen = ranked.index[-1] if len(ranked) else key[0]
    kept: pd.DataFrame = trials[key == chosen]
    return kept


def axes_to_draw(trials: pd.DataFrame) -> tuple[str, str | None]:
    """The axis with the most values to draw along, and the next one for colours."""
    counts = {axis: trials[axis].nunique() for axis in varying_axes(trials)}
    if not counts:
        raise UsageError("every trial is at one point; a law is drawn along an axis. Vary one.")
    order = sorted(counts, key=lambda axis: -counts[axis])
    return order[0], order[1] if len(order) > 1 else None


def survival(trials: pd.DataFrame, event: str, by: str) -> pd.DataFrame:
    """Kaplan-Meier curves, one a value of `by` (at most 5, spread over its range).

    Columns: `by`, `steps`, `share` without the event yet; and `censored`, rows that mark trials
    censored there. An event known to an interval counts at the reading that showed it.
    """
    parts = []
    for value in _spread_out(trials[by]):
        known = times_of(trials[trials[by] == value], event).known
        happened = ~known.censored
        time = np.exp(np.where(happened, known.high, known.low))
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
    """A law against the trials of one slice: its median with a 95% band, and the cells' medians.

    The first frame has x, `series`, `steps`, `low` and `high`, null where the law says never; the
    second x, `series`, `steps` (Kaplan-Meier median), `reached`, `events` and `trials`.
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
        drawn = {name: _within(np.exp(np.minimum(b, 700)), part) for name, b in bounds.items()}
        drawn["low"] = np.maximum(drawn["low"], 1.0)  # a band may reach far below a step
        lines.append(pd.DataFrame({x: grid_x, "series": label, **drawn}))
        for place, cell in members.groupby(x):
            cells.append({x: place, "series": label, **_median(cell, fit.event)})
    return pd.concat(lines, ignore_index=True), pd.DataFrame(cells)


def cox_snell(fit: Fit) -> pd.DataFrame:
    """Cumulative hazard of the residuals: on the diagonal `expected` where the law holds.

    A residual is minus the log of the survival that the law gives a trial at its reading; of a
    right law they are exponential times, censored where the trial is.
    Source: D. R. Cox and E. J. Snell, J. R. Stat. Soc. B 30 (1968) 248.
    """
    known = fit.model.known
    mu, _, log_sigma, cure = fit.model.parts(fit.top.theta)
    happened = ~known.censored
    ends = np.where(happened, known.high, known.low)
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
    """Log-likelihood lost along each profiled parameter: `parameter`, `value`, `loss`.

    Drawn a little beyond the interval; one decade where an end is not identified.
    """
    frames = []
    for place, name in enumerate(parameter_names(fit.model, fit.cure)):
        found = fit.parameters[name]
        if not profiled(name) or found.estimate is None:
            continue
        middle = float(fit.top.theta[place])
        error = standard_errors(fit.model, fit.top.theta, fit.points)[0][place]
        reach = 3 * error if np.isfinite(error) and error < 1 else 2.3
        values = middle + np.linspace(-reach, reach, points)
        loss = Profile(fit.model, fit.top, place).curve(values)
        shown = [in_units(name, float(value)) for value in values]
        frames.append(pd.DataFrame({"parameter": name, "value": shown, "loss": loss}))
    columns = ["parameter", "value", "loss"]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def extrapolation(fits: Sequence[Fit], trials: pd.DataFrame, axis: str) -> pd.DataFrame:
    """What laws fitted without the hardest third of an axis say of it, beside what was seen.

    Columns: the axis, `law` ("seen" for the Kaplan-Meier medians), `steps` (null for never),
    `reached`, and `held_out`. One slice of the other axes; the fits use all trials.
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
        found = predict_beyond(trials, beyond, fit)
        if found is None:
            continue
        design, top = found[1]
        points = part.drop_duplicates(axis).sort_values(axis)
        equation = design.model.equation
        theta = top.theta[: len(equation.parameters)]
        middle = np.exp(np.minimum(equation.value(equation.features(points), theta)[0], 700))
        for value, steps in zip(points[axis], _within(middle, part), strict=True):
            row = {axis: value, "law": fit.law.name, "steps": steps, "reached": True}
            rows.append({**row, "held_out": value in edge})
    return pd.DataFrame(rows)


def drift(trials: pd.DataFrame, law: str, event: str, errors: str, parameter: str) -> pd.DataFrame:
    """A parameter fitted at other thresholds, and as if the budget had been shorter.

    Columns: `kind` (threshold or budget), `at` (accuracy in percent, or share of the budget),
    `estimate`, `low`, `high` (by the information), `censored` (share), and `moves`: true
    where the estimate under a shorter budget differs from the full one by more than the difference
    in their information allows.
    An exponent that moves with the budget speaks of the budget. A row that cannot be fitted is
    null. Source of the test: J. A. Hausman, Econometrica 46 (1978) 1251.
    """
    budget = float((trials["budget_epochs"] * trials["steps_per_epoch"]).max())
    views = [("threshold", float(level), at_level(trials, level)) for level in CROSSINGS]
    views += [("budget", share, shortened(trials, share * budget)) for share in SHARES]
    table = pd.DataFrame(
        [
            {"kind": kind, "at": at, **_one(part, law, event, errors, parameter)}
            for kind, at, part in views
        ]
    )
    full = table[(table["kind"] == "budget") & (table["at"] == 1)].iloc[0]
    gained = (table["error"] ** 2 - full["error"] ** 2).clip(lower=0) ** 0.5
    gained = gained.clip(lower=table["error"] / 4)  # near the full budget a difference is noise
    apart = (table["estimate"] - full["estimate"]).abs()
    table["moves"] = (table["kind"] == "budget") & (apart > SURE * gained) & (table["at"] < 1)
    return table.drop(columns="error")


def _one(
    part: pd.DataFrame, law: str, event: str, errors: str, parameter: str
) -> dict[str, float | None]:
    nothing: dict[str, float | None] = dict.fromkeys(("estimate", "low", "high", "error"), np.nan)
    try:
        design = make_design(part, law, event, errors, None, cure=False)
    except UsageError:
        return nothing
    model = design.model
    names = parameter_names(model, None)
    top = best(model, model.starts())
    if parameter not in names or not top.converged:
        return nothing
    place = names.index(parameter)
    error = float(standard_errors(model, top.theta, points_of(part[design.rows]))[0][place])
    middle = float(top.theta[place])
    low, high = middle - Z_95 * error, middle + Z_95 * error
    shown = {"estimate": middle, "low": low, "high": high}
    known = {name: in_units(parameter, value) for name, value in shown.items()}
    return {**known, "error": error, "censored": float(model.known.censored.mean())}


def _median_and_error(fit: Fit, at: pd.DataFrame) -> tuple[Reals, Reals]:
    """Log median of each row and its standard error."""
    equation = fit.model.equation
    count = len(equation.parameters)
    middle, slopes = equation.value(equation.features(at), fit.top.theta[:count])
    covariance = covariance_of(fit.model, fit.top.theta)[0][:count, :count]
    variance = np.einsum("ti,ij,tj->t", slopes, covariance, slopes)
    return middle, np.sqrt(np.maximum(variance, 0))


def _within(steps: Reals, part: pd.DataFrame) -> Reals:
    """Steps that a chart can show, NaN for longer ones and for never."""
    watched = float((part["epochs_run"] * part["steps_per_epoch"]).max())
    return np.where(steps < FARTHEST * watched, steps, np.nan)


def _median(cell: pd.DataFrame, event: str) -> dict[str, object]:
    known = times_of(cell, event).known
    happened = ~known.censored
    time = np.where(happened, known.high, known.low)
    curve = RiskSteps.of(time, happened)
    medians = curve.time[curve.medians()]
    reached = len(medians) > 0
    at = medians[0] if reached else (time.max() if len(time) else np.nan)
    steps = float(np.exp(at)) if np.isfinite(at) else None
    counts = {"events": int(happened.sum()), "trials": len(cell)}
    return {"steps": steps, "reached": reached, **counts}


def _spread_out(values: pd.Series) -> list[float]:
    found = np.unique(values.dropna().to_numpy(float))
    kept = np.unique(np.linspace(0, len(found) - 1, min(len(found), SERIES)).round().astype(int))
    return [float(value) for value in found[kept]]


def _label(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
