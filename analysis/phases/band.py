"""The two bands of a boundary: how far from the line the posterior lets the truth be.

At a position of the window the log odds of a surface differ from 0 by so many posterior deviations:
their sureness. A band is where the sureness is below a level, along a line through a vertex of the
contour. The pointwise band has the level at which 95% of the true line is inside. The simultaneous
band has the level at which, in 95% of studies, the whole true line is inside.

Both levels come from simulated studies at the points of the real one. The truth of each is drawn
from the posterior, so that the levels know of the surface's bias and of points with few trials,
where errors are not normal.

Axis letters: C points of a study, V vertices, P positions of an axis, D draws.
Sources: D. Nychka, Bayesian confidence intervals for smoothing splines, JASA 1988, on why a band
from a posterior covers the truth in a share of studies; D. Rubin, Bayesianly justifiable and
relevant frequency calculations, Annals of Statistics 1984, on levels from studies simulated so.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from study.search.surface import Surface, fit_weights

_Floats = NDArray[np.float64]

COVERAGE = 0.95  # of both bands
# Of the fit to a simulated study, in log posterior: it is then off by 0.05 posterior deviations at
# most.
_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class BandLevels:
    """The sureness at the ends of the two bands."""

    pointwise: float
    simultaneous: float

    @classmethod
    def of_errors(cls, errors: _Floats) -> "BandLevels":
        """The levels that would have covered in 95% of simulated studies.

        Args:
            errors: of the log odds in posterior deviations, [D, V].
        """
        absolute = np.abs(errors)
        pointwise = float(np.quantile(absolute, COVERAGE))
        return cls(pointwise, float(np.quantile(absolute.max(axis=1), COVERAGE)))


def simulated_errors(
    surface: Surface,
    points: _Floats,
    trials: _Floats,
    vertices: _Floats,
    *,
    draws: int,
    seed: int,
) -> _Floats:
    """The errors of the log odds in simulated studies, in posterior deviations, [D, V].

    Args:
        surface: fitted to the study.
        points: of the study, in the cube, [C, 2].
        trials: at each point, [C].
        vertices: where the errors are wanted, in the cube, [V, 2].
        draws: simulated studies, D.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    truths = rng.multivariate_normal(
        surface.weights, surface.covariance, size=draws, method="cholesky"
    )
    of_points, of_vertices = surface.features.at(points), surface.features.at(vertices)
    events = rng.binomial(trials.astype(int), special.expit(truths @ of_points.T))
    errors = np.empty((draws, len(vertices)))
    for i, truth in enumerate(truths):
        refit = fit_weights(
            surface.features, of_points, events[i], trials, start=truth, tolerance=_TOLERANCE
        )
        errors[i] = of_vertices @ (refit.weights - truth) / refit.deviations(of_vertices)
    return errors


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
