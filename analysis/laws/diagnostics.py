"""Whether a law holds, as tidy frames: residuals, profiles, predictions beyond the fit, drift.

A chart draws these frames, and computes nothing.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.laws.compare import held_out, predict_beyond
from analysis.laws.design import make_design, points_of
from analysis.laws.fit import Fit
from analysis.laws.intervals import in_units, parameter_names, profiled, standard_errors
from analysis.laws.model import best
from analysis.laws.profiles import Profile
from analysis.laws.times import at_level, shortened
from analysis.laws.views import cell_median, drawable, slice_of
from analysis.statistics import Z_95, RiskSteps
from study.errors import UsageError
from study.vocabulary.columns import CROSSINGS

HALF_LOSS = Z_95**2 / 2  # the log-likelihood lost at the ends of a 95% interval
SHARES = (1.0, 0.7, 0.5, 0.35, 0.25)  # shares of the budget in `drift`
SURE = 2.58  # in standard errors; chance makes a larger change once in 100 times


def cox_snell(fit: Fit) -> pd.DataFrame:
    """The cumulative hazard of the residuals; it equals `expected` where the law holds.

    A residual is minus the log of the survival that the law gives a trial at its reading. Residuals
    of a right law are exponential times, censored where the trial is.
    Returns: the columns `expected` and `hazard`, for at most 200 events.
    Source: D. R. Cox and E. J. Snell, J. R. Stat. Soc. B 30 (1968) 248.
    """
    observed = fit.model.observed
    mu, log_sigma, cure = fit.model.errors(fit.top.theta)
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
        points: how many each curve has.
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
    """What laws predict for the hardest third of an axis, beside the Kaplan-Meier medians.

    The laws are fitted to all other trials. The rows are of one slice of the other axes.

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
        median = cell_median(cell, fits[0].event)
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
        for value, steps in zip(points[axis], drawable(middle, part), strict=True):
            row = {axis: value, "law": fit.law.name, "steps": steps, "reached": True}
            rows.append({**row, "held_out": value in edge})
    return pd.DataFrame(rows)


def drift(trials: pd.DataFrame, law: str, event: str, errors: str, parameter: str) -> pd.DataFrame:
    """A parameter fitted at other thresholds, and as if the budget had been shorter.

    An exponent that moves with the budget describes the budget, not the networks.

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
    variants = [("threshold", float(level), at_level(trials, level)) for level in CROSSINGS]
    variants += [("budget", share, shortened(trials, share * budget)) for share in SHARES]
    table = pd.DataFrame(
        [
            {"kind": kind, "at": at, **_refitted(part, law, event, errors, parameter)}
            for kind, at, part in variants
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
