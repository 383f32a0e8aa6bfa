"""The share of trials that generalize against dataset size, and whether it sharpens with n.

For each n the share is a logistic curve in log N with a middle (half generalize) and a width. A
sharp threshold narrows as n grows. Then the curves of different n become one curve when log N is
shifted by b log n and stretched by n^nu: the curves collapse. BIC decides whether they do, against
a curve for each n, which has more parameters. A number that the trials do not resolve is None.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.special import expit, xlogy
from scipy.stats import chi2

from analysis.laws.families import Reals
from analysis.laws.times import shortened
from analysis.phases.drawn_axes import check_axes_around_rows
from analysis.statistics import Z_95
from study.search.newton import Look, climb

LEAST_SIZES = 3  # values of n; two cannot show a trend of the width
_CLOSE = 1e-9  # a climb ends where a step would gain less than half of this


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and its 95% interval; all None where the trials do not resolve it."""

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

    `half` and `width` need two shares between 0 and 1. With fewer, only `between` is determined.

    Attributes:
        n: input bits.
        trials: how many there are.
        generalized: how many trials generalized within these steps.
        half: rows at which half of the trials generalize.
        width: in log rows; the share goes from 1/4 to 3/4 within 2.2 widths.
        misfit: p value of shares this far from a logistic curve; None without degrees of freedom.
        between: the largest N at which no trial generalizes, and the smallest N at which all do.
    """

    n: int
    trials: int
    generalized: int
    half: Estimate
    width: Estimate
    misfit: float | None
    between: tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class Crossing:
    """Where the curves of two neighboring n have the same share."""

    n: tuple[int, int]
    rows: Estimate
    said: str  # "resolved", or why it is not; the name is that of the JSON


@dataclass(frozen=True, slots=True)
class FiniteSize:
    """Curves, crossings of neighboring curves, and whether all curves collapse.

    Attributes:
        horizon_steps: the shares count trials that generalize within these steps.
        curves: one for each n.
        crossings: one for each two neighboring n.
        shift: b of the collapsed curves; the rows at which half of the trials generalize go as n^b.
        narrowing: nu of the collapsed curves; the width goes as n^-nu.
        bic_collapsed: below `bic_separate` if the curves collapse.
        bic_separate: of a curve for each n.
        verdict: "collapse", "no collapse", or "unresolved", with the reason.
    """

    horizon_steps: float
    curves: list[Curve]
    crossings: list[Crossing]
    shift: Estimate
    narrowing: Estimate
    bic_collapsed: float | None
    bic_separate: float | None
    verdict: str

    def to_json(self) -> dict[str, object]:
        """The analysis as data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Fitted:
    """Logistic curves, fitted; q parameters."""

    theta: Reals  # [q]
    covariance: Reals  # [q, q]
    value: float  # log-likelihood
    converged: bool


def generalized_counts(trials: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """Counts of trials, and the number of steps that every trial was allowed.

    Returns: a row for each n and train_size with `trials`, and `generalized`: those of them that
        generalized within the steps; and the steps.
    """
    horizon = float((trials["budget_epochs"] * trials["steps_per_epoch"]).min())
    within = shortened(trials, horizon)["generalized_epoch"].notna()
    counts = trials.assign(generalized=within).groupby(["n", "train_size"])["generalized"]
    table = counts.agg(trials="size", generalized="sum").reset_index()
    return table.astype(dict.fromkeys(table, int)), horizon


def finite_size(trials: pd.DataFrame) -> FiniteSize:
    """The transition in dataset size for each n, how it narrows, and whether curves collapse.

    Args:
        trials: multi-pass trials that differ in n and train_size only.
    Raises: UsageError where there are no trials, or they differ in another axis.
    """
    check_axes_around_rows(trials, "a finite-size analysis", ("n", "train_size"))
    table, horizon = generalized_counts(trials)
    sizes = sorted(table["n"].unique().tolist())
    curves = [_curve(n, table[table["n"] == n]) for n in sizes]
    crossings = [_crossing(left, right, table) for left, right in pairwise(curves)]
    analysis = FiniteSize(horizon, curves, crossings, Estimate(), Estimate(), None, None, "")
    return _with_collapse(analysis, table)


def _with_collapse(analysis: FiniteSize, table: pd.DataFrame) -> FiniteSize:
    """The analysis with its verdict, and with what the collapsed curves give."""
    resolved = [curve.n for curve in analysis.curves if curve.width.resolved]
    if len(resolved) < LEAST_SIZES:
        reason = f"unresolved: {len(resolved)} values of n with a resolved width, of {LEAST_SIZES}"
        return replace(analysis, verdict=reason)
    part = table[table["n"].isin(resolved)]
    log_n = np.log(part["n"].to_numpy(float))
    centered = np.column_stack([np.ones(len(part)), log_n - log_n.mean()])
    together = _fit_shares(part, centered)
    total = float(part["trials"].sum())
    apart = sum(_fitted(table, n).value for n in resolved)
    bic_separate = 2 * len(resolved) * np.log(total) - 2 * apart
    bic_collapsed = 4 * np.log(total) - 2 * together.value
    error = np.sqrt(np.diag(together.covariance))
    better = together.converged and bic_collapsed < bic_separate
    return replace(
        analysis,
        bic_separate=float(bic_separate),
        bic_collapsed=float(bic_collapsed),
        shift=_estimate(together.theta[1], error[1]) if better else Estimate(),
        narrowing=_estimate(-together.theta[3], error[3]) if better else Estimate(),
        verdict="collapse" if better else "no collapse: a curve for each n has a lower BIC",
    )


def _curve(n: int, part: pd.DataFrame) -> Curve:
    """The transition at one n, from the counts at its dataset sizes."""
    share = (part["generalized"] / part["trials"]).to_numpy()
    rows = part["train_size"].to_numpy(float)
    none, every = rows[share == 0], rows[share == 1]
    between = (float(none.max()) if len(none) else None, float(every.min()) if len(every) else None)
    half, width, misfit = Estimate(), Estimate(), None
    inside = int(((share > 0) & (share < 1)).sum())
    # A single share between 0 and 1 does not determine the width.
    if inside > 1 and share.min() < 0.5 < share.max():
        fit = _fitted(part, n)
        error = np.sqrt(np.diag(fit.covariance))
        # A standard error of 2 in the log width is an interval of a factor of 50 either way.
        if fit.converged and error[1] < 2:
            half = _estimate(fit.theta[0], error[0], np.exp)
            width = _estimate(fit.theta[1], error[1], np.exp)
            freedom = len(part) - 2
            saturated = _saturated(part)
            misfit = float(chi2.sf(2 * (saturated - fit.value), freedom)) if freedom else None
    total, generalized = int(part["trials"].sum()), int(part["generalized"].sum())
    return Curve(n, total, generalized, half, width, misfit, between)


def _crossing(left: Curve, right: Curve, table: pd.DataFrame) -> Crossing:
    """Where two neighboring curves have the same share.

    Two logistic curves with middles m and widths w cross at (m1 w2 - m2 w1) / (w2 - w1).
    """
    n = left.n, right.n
    if not (left.width.resolved and right.width.resolved):
        return Crossing(n, Estimate(), "unresolved: a width is unresolved")
    fits = [_fitted(table, curve.n) for curve in (left, right)]
    (m1, s1), (m2, s2) = (fit.theta for fit in fits)
    w1, w2 = np.exp(s1), np.exp(s2)
    apart = w2 - w1
    error = np.sqrt(sum((np.exp(fit.theta[1]) ** 2) * fit.covariance[1, 1] for fit in fits))
    if abs(apart) < Z_95 * error:
        reason = "unresolved: the widths do not differ, so the curves are parallel"
        return Crossing(n, Estimate(), reason)
    at = (m1 * w2 - m2 * w1) / apart
    slopes = np.array([w2, w1 * (at - m2), -w1, w2 * (m1 - at)]) / apart
    covariance = np.zeros((4, 4))
    covariance[:2, :2], covariance[2:, 2:] = (fit.covariance for fit in fits)
    spread = float(np.sqrt(slopes @ covariance @ slopes))
    return Crossing(n, _estimate(at, spread, np.exp), "resolved")


def _fitted(table: pd.DataFrame, n: int) -> _Fitted:
    """The logistic curve of one n; `theta` is its middle and its log width."""
    part = table[table["n"] == n]
    return _fit_shares(part, np.ones((len(part), 1)))


def _fit_shares(part: pd.DataFrame, design: Reals) -> _Fitted:
    """Logistic shares whose middle and log width are linear in a design.

    theta holds the c parameters of the middle, then the c parameters of the log width. The climb
    takes Fisher's information for the curvature.

    Args:
        part: counts of some cells.
        design: what middle and log width are linear in, [cells, c].
    """
    x = np.log(part["train_size"].to_numpy(float))
    trials, generalized = (part[name].to_numpy(float) for name in ("trials", "generalized"))
    count = design.shape[1]
    start = np.zeros(2 * count)
    near = np.argsort(np.abs(generalized / trials - 0.5))[:3]
    start[0], start[count] = x[near].mean(), np.log(0.2)

    def look(theta: Reals) -> Look:
        stretch = np.exp(-np.clip(design @ theta[count:], -20, 20))
        eta = (x - design @ theta[:count]) * stretch

        def slopes() -> tuple[Reals, Reals]:
            share = expit(eta)
            by_theta = np.column_stack([-design * stretch[:, None], -design * eta[:, None]])
            information = by_theta.T @ ((trials * share * (1 - share))[:, None] * by_theta)
            return by_theta.T @ (generalized - trials * share), information

        return Look(float(np.sum(generalized * eta - trials * np.logaddexp(0, eta))), slopes)

    top = climb(look, start, tolerance=_CLOSE, longest=1.0)
    covariance = np.asarray(np.linalg.pinv(top.curvature, hermitian=True), np.float64)
    return _Fitted(top.theta, covariance, top.value, top.converged)


def _saturated(part: pd.DataFrame) -> float:
    """The log-likelihood where each cell has the share that was observed."""
    trials, generalized = (part[name].to_numpy(float) for name in ("trials", "generalized"))
    share = generalized / trials
    return float(np.sum(xlogy(generalized, share) + xlogy(trials - generalized, 1 - share)))


def _estimate(middle: float, error: float, unit: Callable[[float], float] = float) -> Estimate:
    """A number with its 95% interval, each end carried to the unit of the report."""
    ends = (middle, middle - Z_95 * error, middle + Z_95 * error)
    return Estimate(*(float(unit(end)) for end in ends))
