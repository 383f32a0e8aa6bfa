"""How much of the variance of log time each axis explains: the first question of a sweep.

The model is additive: log T = a + the sum of one effect for each value of each axis + sigma eps,
with normal eps, fitted to all trials by censored likelihood. No form is assumed along an axis. The
share of an axis is the variance over the trials of the part of its effects that the other axes do
not predict, divided by the variance of log T under the model: what would be unexplained without the
axis, a squared semipartial correlation. Interactions and the scatter of seeds are the rest. In a
full grid the share is the first-order index of the axis, what fixing its value would take away, and
the shares and the rest sum to 1.

The variance of estimated effects is too large by their sampling variance, which is subtracted, so
that an axis without effect has a share of 0 on average, and may fall below it.

T trials, p coefficients.

Source: F. Hutter, H. Hoos and K. Leyton-Brown, An Efficient Approach for Assessing Hyperparameter
Importance, ICML 2014 (PMLR 32:754); the index is that of I. Sobol, Math. Comput. Simul. 55 (2001)
271.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.laws.design import NO_TRIALS, points_of
from analysis.laws.families import Reals, find_family
from analysis.laws.likelihood import Observed, row_scores
from analysis.laws.times import times_of
from analysis.phases.axis_scales import make_ruler
from analysis.phases.drawn_axes import axes_that_vary
from study.errors import UsageError
from study.search.newton import Look, climb

_CLOSE = 1e-8
_LONGEST_STEP = 3.0
_LEAST_FREEDOM = 3  # points beyond the coefficients that an interval takes
_DRAWS = 2_000  # of the coefficients from their normal distribution, for an interval
_ERRORS = "lognormal"


@dataclass(frozen=True, slots=True)
class Importance:
    """What each axis explains of the variance of log time.

    Attributes:
        frame: a row for each axis, the largest share first: `axis`, `share`, and the ends of its
            95% interval, `low` and `high`, NaN where points are too few.
        rest: the share of interactions and seeds.
        trials: how many were fitted.
        never: how many were left out, because no trial at their value of some axis had the event.
        tied: axes that move only together with others, which have no share of their own.
    """

    frame: pd.DataFrame
    rest: float
    trials: int
    never: int
    tied: tuple[str, ...]


def importance(trials: pd.DataFrame, event: str = "generalized") -> Importance:
    """The share of each axis in the variance of log time in steps.

    Intervals are of shares of the additive model. They allow for scatter between points: errors of
    coefficients are robust, clustered by point.

    Args:
        trials: as `load_trials` gives them, of one regime.
        event: "memorized", "generalized" or "delay".
    Raises: UsageError where no trial has the event, or no axis has two values with it.
    """
    times = times_of(trials, event)
    at_risk, observed = trials[times.rows], times.observed
    if not len(at_risk):
        raise UsageError(NO_TRIALS)
    levels = {
        axis: make_ruler(axis, at_risk[axis]).positions(at_risk[axis])
        for axis in axes_that_vary(at_risk)
    }
    kept = _with_events(levels, ~observed.censored)
    columns, tied = _effects({axis: level[kept] for axis, level in levels.items()})
    if not columns:
        raise UsageError(
            f"no axis has two values at which some trial has {event}; a share needs two. Train "
            "longer, or vary an axis."
        )
    design = np.column_stack([np.ones(int(kept.sum())), *columns.values()])
    fitted = _fit(design, observed.take(kept), points_of(at_risk[kept]))
    return Importance(*_shares(fitted, columns), int(kept.sum()), int((~kept).sum()), tied)


def _with_events(
    levels: dict[str, NDArray[np.intp]], happened: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """The trials at whose every level some trial that stays has the event, [T]."""
    kept = np.ones(len(happened), bool)
    while True:
        before = kept.copy()
        for level in levels.values():
            kept &= np.isin(level, np.unique(level[kept & happened]))
        if (kept == before).all():
            return kept


def _effects(levels: dict[str, NDArray[np.intp]]) -> tuple[dict[str, Reals], tuple[str, ...]]:
    """A column for each level of an axis but the first, [T, levels - 1]; and axes that are tied."""
    columns: dict[str, Reals] = {}
    tied = []
    every = np.unique(np.column_stack(list(levels.values())), axis=0) if levels else np.empty((0,))
    known = np.ones((len(every), 1))
    for number, (axis, level) in enumerate(levels.items()):
        values = np.unique(level)[1:]
        if not len(values):
            continue
        wider = np.column_stack([known, every[:, [number]] == values]).astype(np.float64)
        if np.linalg.matrix_rank(wider) < wider.shape[1]:
            tied.append(axis)
            continue
        known = wider
        columns[axis] = (level[:, None] == values).astype(np.float64)
    return columns, tuple(tied)


@dataclass(frozen=True, slots=True)
class _Fitted:
    """The coefficients and log sigma, [p + 1], and their covariance, [p + 1, p + 1].

    `freedom` counts the points beyond the coefficients.
    """

    theta: Reals
    covariance: Reals
    freedom: int


def _fit(design: Reals, observed: Observed, points: NDArray[np.intp]) -> _Fitted:
    """The additive model by censored likelihood, with robust errors clustered by point.

    Args:
        design: of the coefficients, [T, p].
        observed: the intervals of the log times.
        points: the number of each trial's point, [T].
    """
    family = find_family(_ERRORS)

    def look(theta: Reals) -> Look:
        scores = row_scores(observed, family, design @ theta[:-1], theta[-1])

        def slopes() -> tuple[Reals, Reals]:
            by_row = np.column_stack([design * scores.slopes[:, :1], scores.slopes[:, 1]])
            bends = scores.bends
            mixed = design.T @ bends[:, 0, 1]
            curvature = np.block(
                [
                    [design.T @ (bends[:, 0, :1] * design), mixed[:, None]],
                    [mixed[None, :], bends[:, 1, 1].sum()],
                ]
            )
            return by_row.sum(axis=0), -curvature

        return Look(float(scores.value.sum()), slopes)

    had_it = ~observed.censored
    middle = float(np.mean(np.where(had_it, observed.high, observed.low)[had_it]))
    start = np.r_[middle, np.zeros(design.shape[1] - 1), 0.0]
    top = climb(look, start, tolerance=_CLOSE, longest=_LONGEST_STEP)
    if not top.converged:
        raise UsageError(
            "the effects of the axes have no maximum; these trials do not determine them. Train "
            "longer, or more seeds."
        )
    scores = row_scores(observed, family, design @ top.theta[:-1], top.theta[-1])
    by_row = np.column_stack([design * scores.slopes[:, :1], scores.slopes[:, 1]])
    count = int(points.max()) + 1
    sums = np.zeros((count, len(top.theta)))
    np.add.at(sums, points, by_row)
    inverse = np.linalg.pinv(top.curvature, hermitian=True)
    freedom = count - len(top.theta)
    robust = inverse @ (sums.T @ sums) @ inverse * (count / max(freedom, 1))
    return _Fitted(top.theta, robust, freedom)


def _shares(fitted: _Fitted, columns: dict[str, Reals]) -> tuple[pd.DataFrame, float]:
    """The frame and the rest of `Importance`.

    Args:
        fitted: the coefficients, those of `columns` after the first.
        columns: of each axis, [T, levels - 1].
    """
    spread = np.atleast_2d(np.cov(np.column_stack(list(columns.values())), rowvar=False, ddof=0))
    effects, covariance = fitted.theta[1:-1], fitted.covariance[1:-1, 1:-1]
    rng = np.random.default_rng(0)
    drawn = rng.multivariate_normal(fitted.theta[1:], fitted.covariance[1:, 1:], _DRAWS)

    def variance(inside: slice) -> tuple[float, Reals]:
        """Of some effects: as estimated, and as drawn, both without their sampling variance."""
        block = _beyond_others(spread, inside)
        excess = float(np.trace(block @ covariance[inside, inside]))
        own, some = effects[inside], drawn[:, :-1][:, inside]
        return float(own @ block @ own) - excess, ((some @ block) * some).sum(axis=1) - 2 * excess

    explained, explained_drawn = variance(slice(0, len(effects)))
    noise, noise_drawn = float(np.exp(2 * fitted.theta[-1])), np.exp(2 * drawn[:, -1])
    total, total_drawn = max(explained, 0.0) + noise, np.maximum(explained_drawn, 0) + noise_drawn
    rows, first = [], 0
    for axis, own in columns.items():
        value, values = variance(slice(first, first + own.shape[1]))
        first += own.shape[1]
        ends = np.quantile(values / total_drawn, [0.025, 0.975])
        low, high = np.clip(ends, 0, 1) if fitted.freedom >= _LEAST_FREEDOM else (np.nan, np.nan)
        rows.append({"axis": axis, "share": value / total, "low": low, "high": high})
    frame = pd.DataFrame(rows).sort_values("share", ascending=False, kind="stable")
    return frame.reset_index(drop=True), noise / total


def _beyond_others(spread: Reals, inside: slice) -> Reals:
    """The covariance of some columns after the regression on all others (the Schur complement).

    Args:
        spread: the covariance of all columns, [c, c].
        inside: the columns, d of them.
    Returns: [d, d].
    """
    others = np.ones(len(spread), bool)
    others[inside] = False
    mixed = spread[inside][:, others]
    inverse = np.linalg.pinv(spread[np.ix_(others, others)], hermitian=True)
    return np.asarray(spread[inside, inside] - mixed @ inverse @ mixed.T)
