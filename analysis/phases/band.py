"""The bands of a boundary: how far off the line the posterior of the surface lets the truth be.

At a position of the window, the surface's log odds differ from 0 by so many posterior deviations:
the sureness. A band is where the sureness is below a level, along a line through a vertex of the
contour. There are two levels. Of the pointwise band, each vertex has a level of its own chance to
cover the truth, 95%. Of the simultaneous band, the whole boundary is inside with a chance of 95%:
its level is the 95% quantile, over draws of the posterior, of the largest deviation on the contour.

Axis letters: V vertices, P positions of an axis.
Sources: D. Nychka, Bayesian confidence intervals for smoothing splines, JASA 1988, on why such a
band covers the truth in a share of studies; D. Ruppert, M. Wand and R. Carroll, Semiparametric
regression, 2003, section 6.5, on the simultaneous level.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from study.search.surface import Surface

_Floats = NDArray[np.float64]

COVERAGE = 0.95  # of both bands
POINTWISE_LEVEL = float(norm.ppf((1 + COVERAGE) / 2))  # in posterior deviations


def simultaneous_level(surface: Surface, points: _Floats, draws: int, seed: int) -> float:
    """The deviations within which 95% of posterior surfaces stay at all points at once.

    Args:
        surface: a posterior.
        points: of the contour, in the cube, [V, 2].
        draws: of the posterior.
        seed: of the draws.

    Returns: at least `POINTWISE_LEVEL`.
    """
    rng = np.random.default_rng(seed)
    weights = rng.multivariate_normal(
        np.zeros(len(surface.weights)), surface.covariance, size=draws, method="cholesky"
    )
    phi = surface.features.at(points)
    deviations = np.sqrt(np.einsum("vm,vm->v", phi @ surface.covariance, phi))
    largest = np.abs(weights @ phi.T / deviations).max(axis=1)
    return max(POINTWISE_LEVEL, float(np.quantile(largest, COVERAGE)))


def band_ends(
    sureness: _Floats, rows: _Floats, columns: _Floats, level: float
) -> tuple[_Floats, _Floats]:
    """The ends of a band along the rows of a grid, in grid steps.

    Between two positions of the grid the sureness is taken as a straight line, in both directions;
    at a vertex the sureness is 0. A band that reaches the end of the grid ends there.

    Args:
        sureness: at the positions of the grid, [rows, P].
        rows: of the vertices, in fractions of grid steps, [V].
        columns: of the vertices, likewise, [V].
        level: the sureness at the ends.

    Returns: the lower end of each vertex and its upper end, [V] and [V].
    """
    last = sureness.shape[1] - 1
    below = np.minimum(rows.astype(int), len(sureness) - 2)
    share = (rows - below)[:, None]
    through = np.abs((1 - share) * sureness[below] + share * sureness[below + 1])
    return last - _end(through[:, ::-1], last - columns, level), _end(through, columns, level)


def _end(sureness: _Floats, columns: _Floats, level: float) -> _Floats:
    """Where the sureness first reaches a level beyond a vertex; the last position if nowhere.

    Args:
        sureness: absolute, along a line through each vertex, [V, P].
        columns: of the vertices, in fractions of grid steps, [V].
        level: to be reached.
    """
    vertices, positions = np.arange(len(sureness)), np.arange(sureness.shape[1])
    reached = (sureness >= level) & (positions > columns[:, None])
    first = reached.argmax(axis=1)
    # The last position before the level is reached, or the vertex where no position is between.
    before = np.maximum(first - 1, columns)
    at_before = np.where(before == columns, 0.0, sureness[vertices, first - 1])
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (level - at_before) / (sureness[vertices, first] - at_before)
    ends: _Floats = np.where(reached.any(axis=1), before + share * (first - before), positions[-1])
    return ends
