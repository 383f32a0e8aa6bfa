"""The share of nets that grok against dataset size, for several sizes n, and if it sharpens.

For each n the share is a logistic curve in log N with a middle (half grok) and a width. A sharp
threshold narrows as n grows; then curves of different n fall on one when log N is shifted by b log
n and stretched by n^nu. Whether they do is judged by BIC against a curve for each n, which has more
parameters. What the trials do not resolve is None and said to be unresolved.
"""

from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, xlogy
from scipy.stats import chi2

from analysis.laws.families import Reals
from analysis.laws.features import varying_axes
from analysis.laws.times import shortened
from analysis.statistics import Z_95
from study.errors import UsageError
from study.search.newton import Look, climb

LEAST_SIZES = 3  # to tell a trend of the width from two numbers
_CLOSE = 1e-9  # of the log-likelihood, twice what Newton's next step would gain


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and its 95% interval; all None where it is unresolved."""

    estimate: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def resolved(self) -> bool:
        """Whether there is a number."""
        return self.estimate is not None


@dataclass(frozen=True, slots=True)
class Curve:
    """The transition at one n.

    `half`: rows at which half grok; `width`: of the transition in log rows, which takes 2.2 widths
    from 1/4 to 3/4 grokking; `misfit`: the chance of shares this far from a logistic curve, null
    without freedom. With fewer than two shares between 0 and 1, only `between` is known: the
    largest N at which none groks and the smallest at which all do.
    """

    n: int
    trials: int
    grokked: int
    half: Estimate
    width: Estimate
    misfit: float | None
    between: tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class FiniteSize:
    """Curves, crossings of neighbours, and the collapse.

    `shift` b: rows at which half grok go as n^b; `narrowing` nu: the width goes as n^-nu; both from
    the collapsed curves, whose `bic_collapsed` is to be below `bic_separate`. `verdict`: collapse,
    no collapse, or unresolved with the reason.
    """

    horizon_steps: float
    curves: list[Curve]
    crossings: list[dict[str, Any]]
    shift: Estimate
    narrowing: Estimate
    bic_collapsed: float | None
    bic_separate: float | None
    verdict: str

    def to_json(self) -> dict[str, Any]:
        """The analysis as data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Fitted:
    theta: Reals
    covariance: Reals
    value: float
    converged: bool


def grok_shares(trials: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """Counts by n and train_size, `trials` and `grokked`, within the steps that all were given."""
    horizon = float((trials["budget_epochs"] * trials["steps_per_epoch"]).min())
    within = shortened(trials, horizon)["generalized_epoch"].notna()
    counts = trials.assign(grokked=within).groupby(["n", "train_size"])["grokked"]
    table = counts.agg(trials="size", grokked="sum").reset_index()
    return table.astype(dict.fromkeys(table, int)), horizon


def finite_size(trials: pd.DataFrame) -> FiniteSize:
    """The transition in dataset size for each n, how it narrows, and whether curves collapse.

    Args: multi-pass trials that differ in n and train_size only.
    Raises: UsageError where they differ in more, or not in these.
    """
    if trials.empty:
        raise UsageError("0 trials; finite-size analysis needs some. Loosen the filter.")
    if trials["train_size"].isna().any():
        raise UsageError(
            "online trials have no train_size; finite-size analysis is of dataset size. Leave them "
            'out with where "train_size is not null".'
        )
    more = [axis for axis in varying_axes(trials) if axis not in {"n", "train_size"}]
    if more:
        raise UsageError(
            f"{', '.join(more)} also vary; finite-size analysis is of trials that differ in n and "
            f'train_size only. Choose one value with where "{more[0]} == ...".'
        )
    table, horizon = grok_shares(trials)
    sizes = sorted(table["n"].unique().tolist())
    curves = [_curve(n, table[table["n"] == n]) for n in sizes]
    crossings = [_crossing(one, other, table) for one, other in pairwise(curves)]
    whole = FiniteSize(horizon, curves, crossings, Estimate(), Estimate(), None, None, "")
    return _collapse(whole, table)


def _collapse(whole: FiniteSize, table: pd.DataFrame) -> FiniteSize:
    resolved = [curve.n for curve in whole.curves if curve.width.resolved]
    if len(resolved) < LEAST_SIZES:
        said = f"unresolved: {len(resolved)} values of n with a resolved width, of {LEAST_SIZES}"
        return replace(whole, verdict=said)
    part = table[table["n"].isin(resolved)]
    log_n = np.log(part["n"].to_numpy(float))
    centred = np.column_stack([np.ones(len(part)), log_n - log_n.mean()])
    together = _fit_shares(part, centred)
    total = float(part["trials"].sum())
    apart = sum(_fitted(table, n).value for n in resolved)
    bic_separate = 2 * len(resolved) * np.log(total) - 2 * apart
    bic_collapsed = 4 * np.log(total) - 2 * together.value
    error = np.sqrt(np.diag(together.covariance))
    better = together.converged and bic_collapsed < bic_separate
    return replace(
        whole,
        bic_separate=float(bic_separate),
        bic_collapsed=float(bic_collapsed),
        shift=_estimate(together.theta[1], error[1]) if better else Estimate(),
        narrowing=_estimate(-together.theta[3], error[3]) if better else Estimate(),
        verdict="collapse" if better else "no collapse: a curve for each n has a lower BIC",
    )


def _curve(n: int, part: pd.DataFrame) -> Curve:
    share = (part["grokked"] / part["trials"]).to_numpy()
    rows = part["train_size"].to_numpy(float)
    none, every = rows[share == 0], rows[share == 1]
    between = (float(none.max()) if len(none) else None, float(every.min()) if len(every) else None)
    half, width, misfit = Estimate(), Estimate(), None
    inside = int(((share > 0) & (share < 1)).sum())
    if inside > 1 and share.min() < 0.5 < share.max():  # one alone says nothing of the width
        top = _fitted(part, n)
        error = np.sqrt(np.diag(top.covariance))
        if top.converged and error[1] < 2:  # of a logarithm: wider is a factor of 50 either way
            half = _estimate(top.theta[0], error[0], np.exp)
            width = _estimate(top.theta[1], error[1], np.exp)
            freedom = len(part) - 2
            saturated = _saturated(part)
            misfit = float(chi2.sf(2 * (saturated - top.value), freedom)) if freedom else None
    total, grokked = int(part["trials"].sum()), int(part["grokked"].sum())
    return Curve(n, total, grokked, half, width, misfit, between)


def _crossing(one: Curve, other: Curve, table: pd.DataFrame) -> dict[str, Any]:
    """Where two neighbouring curves have the same share: rows, or unresolved."""
    place: dict[str, Any] = {"n": [one.n, other.n], "rows": Estimate(), "said": ""}
    if not (one.width.resolved and other.width.resolved):
        return place | {"said": "unresolved: a width is"}
    tops = [_fitted(table, curve.n) for curve in (one, other)]
    (m1, s1), (m2, s2) = (top.theta for top in tops)
    w1, w2 = np.exp(s1), np.exp(s2)
    apart = w2 - w1
    error = np.sqrt(sum((np.exp(t.theta[1]) ** 2) * t.covariance[1, 1] for t in tops))
    if abs(apart) < Z_95 * error:
        return place | {"said": "unresolved: the widths do not differ, so the curves are parallel"}
    at = (m1 * w2 - m2 * w1) / apart
    slopes = np.array([w2, w1 * (at - m2), -w1, w2 * (m1 - at)]) / apart
    covariance = np.zeros((4, 4))
    covariance[:2, :2], covariance[2:, 2:] = (top.covariance for top in tops)
    spread = float(np.sqrt(slopes @ covariance @ slopes))
    return place | {"rows": _estimate(at, spread, np.exp), "said": "resolved"}


def _fitted(table: pd.DataFrame, n: int) -> _Fitted:
    part = table[table["n"] == n]
    return _fit_shares(part, np.ones((len(part), 1)))


def _fit_shares(part: pd.DataFrame, design: Reals) -> _Fitted:
    """Logistic shares whose middle and log width are linear in the design, [cells, c] each.

    Fisher's scoring: theta is the c parameters of the middle, then the c of the log width.
    """
    x = np.log(part["train_size"].to_numpy(float))
    trials, grokked = (part[name].to_numpy(float) for name in ("trials", "grokked"))
    count = design.shape[1]
    start = np.zeros(2 * count)
    near = np.argsort(np.abs(grokked / trials - 0.5))[:3]
    start[0], start[count] = x[near].mean(), np.log(0.2)

    def look(theta: Reals) -> Look:
        stretch = np.exp(-np.clip(design @ theta[count:], -20, 20))
        eta = (x - design @ theta[:count]) * stretch

        def slopes() -> tuple[Reals, Reals]:
            share = expit(eta)
            by_theta = np.column_stack([-design * stretch[:, None], -design * eta[:, None]])
            information = by_theta.T @ ((trials * share * (1 - share))[:, None] * by_theta)
            return by_theta.T @ (grokked - trials * share), information

        return Look(float(np.sum(grokked * eta - trials * np.logaddexp(0, eta))), slopes)

    top = climb(look, start, tolerance=_CLOSE, longest=1.0)
    covariance = np.asarray(np.linalg.pinv(top.curvature, hermitian=True), np.float64)
    return _Fitted(top.theta, covariance, top.value, top.converged)


def _saturated(part: pd.DataFrame) -> float:
    trials, grokked = (part[name].to_numpy(float) for name in ("trials", "grokked"))
    share = grokked / trials
    return float(np.sum(xlogy(grokked, share) + xlogy(trials - grokked, 1 - share)))


def _estimate(middle: float, error: float, unit: Any = float) -> Estimate:
    ends = (middle, middle - Z_95 * error, middle + Z_95 * error)
    return Estimate(*(float(unit(end)) for end in ends))


def as_lines(found: FiniteSize) -> list[str]:
    """The analysis for people."""
    lines = [f"share that generalises within {found.horizon_steps:,.0f} steps, against train_size"]
    for curve in found.curves:
        head = f"  n = {curve.n}: {curve.grokked:,} of {curve.trials:,}"
        if curve.half.resolved:
            misfit = "" if curve.misfit is None else f", misfit p = {curve.misfit:.2g}"
            lines.append(
                f"{head}; half at {_text(curve.half)} rows, width {_text(curve.width)}{misfit}"
            )
        else:
            ends = ("?" if end is None else f"{end:,.0f}" for end in curve.between)
            lines.append(f"{head}; unresolved, between {' and '.join(ends)} rows")
    for crossing in found.crossings:
        one, other = crossing["n"]
        rows = crossing["rows"]
        said = f"{_text(rows)} rows" if rows.resolved else crossing["said"]
        lines.append(f"  crossing of n = {one} and {other}: {said}")
    lines.append(f"  {found.verdict}")
    if found.shift.resolved:
        lines.append(
            f"  half grok at rows that go as n^{_text(found.shift)}, with a width that goes as "
            f"n^-{_text(found.narrowing)}"
        )
    return lines


def _text(estimate: Estimate) -> str:
    return f"{estimate.estimate:.3g} [{estimate.low:.3g}, {estimate.high:.3g}]"
