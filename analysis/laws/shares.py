"""How many rows half of the networks need, and how that moves with another axis.

Transition times say little of a net that never generalizes; who generalized says more. The logit of
the share that has the event is linear in log rows and in the log of another axis, with a level of
its own for each stratum of the two. The rows at which half have the event then go as a power of the
other axis: minus the ratio of the two slopes.

T trials, G strata.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit

from analysis.laws.families import Reals
from analysis.laws.features import feature
from analysis.laws.intervals import LEAST_CLUSTERS
from analysis.laws.strata import Bounded
from analysis.phases.drawn_axes import axes_that_vary
from study.errors import UsageError
from study.search.newton import Look, climb

_CLOSE = 1e-9


@dataclass(frozen=True, slots=True)
class RowsAtHalf:
    """The exponent of an axis in the number of rows at which half have the event.

    Attributes:
        exponent: with an interval robust to scatter between clusters.
        trials: in strata with both outcomes.
        events: of these trials.
    """

    exponent: Bounded
    trials: int
    events: int


def rows_at_half(trials: pd.DataFrame, axis: str, event: str) -> RowsAtHalf:
    """How the rows that half of the trials need go with an axis, from who had the event.

    Args:
        trials: as `load_trials` gives them, of several passes.
        axis: the other axis.
        event: "memorized" or "generalized".
    Raises: UsageError where too few strata have both outcomes at several values of the axis.
    """
    others = [name for name in axes_that_vary(trials) if name not in {axis, "train_size"}]
    happened = trials[f"{event}_epoch"].notna()
    group = trials.groupby(others, dropna=False).ngroup() if others else 0 * happened.astype(int)
    mixed = happened.groupby(group).transform("nunique") > 1
    part, had_it = trials[mixed], happened[mixed].to_numpy().astype(np.float64)
    if part.empty or part[axis].nunique() < 2:
        raise UsageError(
            f"{axis}: no stratum in which some trials {event} and others did not, at two of its "
            "values. Vary it, and dataset size, near where half do."
        )
    level = pd.get_dummies(group[mixed]).to_numpy(float)
    slopes = np.column_stack([feature(part, "train_size"), feature(part, axis)])
    design = np.column_stack([slopes - slopes.mean(axis=0), level])
    theta, covariance, freedom = _fit_outcomes(design, had_it, _clusters(part))
    exponent = -theta[1] / theta[0]
    by_slopes = np.array([theta[1] / theta[0] ** 2, -1 / theta[0]])
    error = float(np.sqrt(by_slopes @ covariance[:2, :2] @ by_slopes))
    reach = float(stats.t.ppf(0.975, freedom)) * error
    return RowsAtHalf(
        Bounded(float(exponent), float(exponent - reach), float(exponent + reach)),
        len(part),
        int(had_it.sum()),
    )


def _clusters(part: pd.DataFrame) -> NDArray[np.intp]:
    """The number of each trial's cluster: trials alike in all but learning rate and decay, [T]."""
    names = [name for name in axes_that_vary(part) if name not in {"weight_decay", "learning_rate"}]
    return part.groupby(names, dropna=False).ngroup().to_numpy().astype(np.intp)


def _fit_outcomes(
    design: Reals, outcome: Reals, clusters: NDArray[np.intp]
) -> tuple[Reals, Reals, int]:
    """A logistic regression: its coefficients, their robust covariance, and degrees of freedom.

    Args:
        design: [T, c].
        outcome: 1 where the event happened, else 0, [T].
        clusters: the number of each trial's cluster, [T].
    Raises: UsageError for too few clusters, and for outcomes that the design separates.
    """
    count = int(clusters.max()) + 1
    if count < LEAST_CLUSTERS:
        raise UsageError(
            f"{count} points of several weight decays; scatter between them shows in "
            f"{LEAST_CLUSTERS}. Vary dataset size more finely."
        )

    def look(theta: Reals) -> Look:
        logit = design @ theta

        def slopes() -> tuple[Reals, Reals]:
            chance = expit(logit)
            information = (chance * (1 - chance))[:, None] * design
            return design.T @ (outcome - chance), design.T @ information

        return Look(float(outcome @ logit - np.logaddexp(0, logit).sum()), slopes)

    top = climb(look, np.zeros(design.shape[1]), tolerance=_CLOSE)
    if not top.converged:
        raise UsageError(
            "dataset size separates who had the event from who had not; a slope needs an overlap. "
            "Train more seeds."
        )
    scores = design * (outcome - expit(design @ top.theta))[:, None]
    sums = np.zeros((count, design.shape[1]))
    np.add.at(sums, clusters, scores)
    inverse = np.linalg.pinv(top.curvature, hermitian=True)
    freedom = count - 3  # level and both slopes; levels of other strata are within clusters
    return top.theta, inverse @ (sums.T @ sums * count / freedom) @ inverse, freedom
