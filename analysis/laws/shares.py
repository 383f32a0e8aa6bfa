"""How many rows half of the networks need, and how that moves with another axis.

Transition times say little of a net that never generalizes; who generalized says more. In each
cell, the logit of the share that has the event is linear in log rows and in the log of another
axis, with a level of its own for each n. The rows at which half have the event then go as a power
of the other axis: minus the ratio of the two slopes.

T trials.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit

from analysis.laws.design import points_of
from analysis.laws.families import Reals
from analysis.laws.features import feature, reals_of
from analysis.laws.strata import LEAST_STRATA, Bounded, random_effects
from analysis.phases.drawn_axes import axes_that_vary
from study.errors import UsageError
from study.search.newton import Look, climb

_CLOSE = 1e-9
_LEAST_FREEDOM = 3  # points of a cell beyond one a coefficient
_STEEPEST = 100.0  # a logit that is steeper in log rows separates those with the event


@dataclass(frozen=True, slots=True)
class RowsAtHalf:
    """The exponent of an axis in the number of rows at which half have the event.

    Attributes:
        exponent: the mean over the cells, whose exponents may differ.
        cells: a row for each cell: its axes, `exponent`, `low`, `high` and `error`, `trials`.
        trials: how many the cells have together.
    """

    exponent: Bounded
    cells: pd.DataFrame
    trials: int


def rows_at_half(trials: pd.DataFrame, axis: str, event: str) -> RowsAtHalf:
    """How the rows that half of the trials need go with an axis, from who had the event.

    A cell is alike in all axes but n, dataset size and the axis. Trials whose budget is less than
    a decay time are left out: there, half have the event if they are quick.

    Args:
        trials: as `load_trials` gives them, of several passes.
        axis: the other axis.
        event: "memorized" or "generalized".
    Raises: UsageError where fewer than `LEAST_STRATA` cells tell.
    """
    steps = reals_of(trials, "budget_epochs") * reals_of(trials, "steps_per_epoch")
    product = reals_of(trials, "learning_rate") * reals_of(trials, "weight_decay")
    patient = trials[steps * product >= 1]
    axes = [name for name in axes_that_vary(trials) if name not in {axis, "train_size", "n"}]
    groups = patient.groupby(axes, dropna=False) if axes else [((), patient)]
    rows = []
    for _, cell in groups:
        found = _exponent_of(cell, axis, event)
        if found is not None:
            reach = found.reach * found.error
            rows.append(
                {
                    **cell.iloc[0][axes],
                    "exponent": found.exponent,
                    "low": found.exponent - reach,
                    "high": found.exponent + reach,
                    "error": found.error,
                    "trials": found.trials,
                }
            )
    if len(rows) < LEAST_STRATA:
        raise UsageError(
            f"{axis}: {len(rows)} cells in which some trials {event} and others did not, at two of "
            f"its values; a mean needs {LEAST_STRATA}. Vary it, and dataset size, near where half "
            "do."
        )
    cells = pd.DataFrame(rows)
    mean, _, _ = random_effects(cells["exponent"].to_numpy(float), cells["error"].to_numpy(float))
    return RowsAtHalf(mean, cells, int(cells["trials"].sum()))


@dataclass(frozen=True, slots=True)
class _Exponent:
    """The exponent of one cell; its 95% interval reaches `reach` errors."""

    exponent: float
    error: float
    reach: float
    trials: int


def _exponent_of(cell: pd.DataFrame, axis: str, event: str) -> _Exponent | None:
    """The exponent of one cell, None where its trials do not tell."""
    happened = cell[f"{event}_epoch"].notna()
    mixed = happened.groupby(cell["n"]).transform("nunique") > 1
    part, had_it = cell[mixed], happened[mixed].to_numpy().astype(np.float64)
    if part.empty or part[axis].nunique() < 2 or part["train_size"].nunique() < 2:
        return None
    levels = pd.get_dummies(part["n"]).to_numpy(float)
    slopes = np.column_stack([feature(part, "train_size"), feature(part, axis)])
    design = np.column_stack([slopes - slopes.mean(axis=0), levels])
    fitted = fit_outcomes(design, had_it, points_of(part))
    if fitted is None:
        return None
    theta, covariance, freedom = fitted
    exponent, error = moved_half(theta, covariance, 1)
    return _Exponent(exponent, error, float(stats.t.ppf(0.975, freedom)), len(part))


def moved_half(theta: Reals, covariance: Reals, index: int) -> tuple[float, float]:
    """How the log rows at half move with a feature, and the standard error of that.

    Args:
        theta: coefficients of a logit, the first of log rows, [c].
        covariance: of theta, [c, c].
        index: of the feature's coefficient.
    """
    by_theta = np.zeros(len(theta))
    by_theta[0], by_theta[index] = theta[index] / theta[0] ** 2, -1 / theta[0]
    # Rounding of a pseudo-inverse may leave a small negative number.
    error = float(np.sqrt(max(float(by_theta @ covariance @ by_theta), 0.0)))
    return float(-theta[index] / theta[0]), error


def fit_outcomes(
    design: Reals, outcome: Reals, points: NDArray[np.intp]
) -> tuple[Reals, Reals, int] | None:
    """A logistic regression: its coefficients, their robust covariance, and degrees of freedom.

    Args:
        design: [T, c].
        outcome: 1 where the event happened, else 0, [T].
        points: the number of each trial's point, [T]; errors are robust to scatter between points.
    Returns: None for too few points, and for outcomes that the design separates.
    """
    count, size = int(points.max()) + 1, design.shape[1]
    if count - size < _LEAST_FREEDOM:
        return None

    def look(theta: Reals) -> Look:
        logit = design @ theta

        def slopes() -> tuple[Reals, Reals]:
            chance = expit(logit)
            information = (chance * (1 - chance))[:, None] * design
            return design.T @ (outcome - chance), design.T @ information

        return Look(float(outcome @ logit - np.logaddexp(0, logit).sum()), slopes)

    top = climb(look, np.zeros(size), tolerance=_CLOSE)
    if not top.converged or abs(top.theta[0]) > _STEEPEST:
        return None
    scores = design * (outcome - expit(design @ top.theta))[:, None]
    sums = np.zeros((count, size))
    np.add.at(sums, points, scores)
    inverse = np.linalg.pinv(top.curvature, hermitian=True)
    freedom = count - size
    return top.theta, inverse @ (sums.T @ sums * count / freedom) @ inverse, freedom
