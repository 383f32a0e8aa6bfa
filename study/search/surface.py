"""A smooth surface for the chance of an event: a Gaussian process behind a logistic function.

From k events in m tries at points of a cube to a posterior over surfaces, by Laplace's method. The
process lives on M fixed features, so a fit to N points costs N M^2. The evidence decides how smooth
the process is. The search asks a surface where to look next; `analysis.phases.boundary` asks where
the surface is one half.

Axis letters: N points, d axes, M features, C candidates.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, special
from scipy.stats import qmc

from study.search.newton import Look, climb

FloatArray = NDArray[np.float64]

# Centers of the features. With so many a surface over two axes can bend within a quarter of the
# cube.
CENTERS = 64
# What the evidence of a search chooses from: SCALES in log odds, LENGTHS in half sides of the cube.
SCALES = (3.0, 6.0)
LENGTHS = (0.6, 1.2)
TREND = 5.0  # prior deviation of level and slopes, in log odds
EVIDENCE_POINTS = 600  # more points cost time and tell no more about smoothness
# A feature whose eigenvalue is below this share of the largest is rounding, and is left out.
_NEGLIGIBLE = 1e-5
_NEWTON_STEPS = 50
_TOLERANCE = 1e-9  # in log posterior


@dataclass(frozen=True, slots=True)
class Features:
    """M functions on the cube [-1, 1]^d whose weights have unit normal priors."""

    lengths: tuple[float, ...]  # [d]
    scale: float
    projection: FloatArray  # [CENTERS, M - d - 1]

    @classmethod
    def make(cls, lengths: tuple[float, ...], scale: float) -> "Features":
        """Features of a squared exponential kernel, and of a linear trend.

        Args:
            lengths: on which the kernel falls along each axis, in half sides of the cube, [d].
            scale: prior deviation of the kernel's part, in log odds.
        """
        values, vectors = linalg.eigh(_kernel(_centers(len(lengths)), lengths))
        large = values > _NEGLIGIBLE * values[-1]
        return cls(lengths, scale, vectors[:, large] / np.sqrt(values[large]))

    def at(self, points: FloatArray) -> FloatArray:
        """The features [C, M] of points [C, d]."""
        bends = _kernel(points, self.lengths) @ self.projection
        level = np.full((len(points), 1), TREND)
        return np.hstack([level, TREND * points, self.scale * bends])


@dataclass(frozen=True, slots=True)
class Surface:
    """A posterior over log odds."""

    features: Features
    weights: FloatArray  # [M] the most probable
    covariance: FloatArray  # [M, M] of the weights
    log_evidence: float

    def log_odds(self, points: FloatArray) -> FloatArray:
        """The most probable log odds [C] at points [C, d]; 0 is a chance of one half."""
        return self.features.at(points) @ self.weights

    def deviations(self, phi: FloatArray) -> FloatArray:
        """The posterior deviations [C] of the log odds where the features are phi [C, M]."""
        deviations: FloatArray = np.sqrt(np.einsum("cm,cm->c", phi @ self.covariance, phi))
        return deviations


@cache
def smoothness_of_a_search(axes: int) -> tuple[Features, ...]:
    """What the evidence of a search chooses from: each of its lengths is the same on all d axes."""
    return tuple(Features.make((ln,) * axes, scale) for ln in LENGTHS for scale in SCALES)


def fit_surface(
    points: FloatArray,
    events: FloatArray,
    tries: FloatArray,
    kinds: Iterable[Features] | None = None,
) -> Surface:
    """The surface behind k events in m tries at each point, as smooth as the evidence says.

    Args:
        points: in the cube [-1, 1]^d, [N, d], N at least 1.
        events: k of each point, [N].
        tries: m of each point, [N].
        kinds: what the evidence chooses from; None is `smoothness_of_a_search`.
    """
    step = -(-len(points) // EVIDENCE_POINTS)
    some = events[::step], tries[::step]
    kinds = smoothness_of_a_search(points.shape[1]) if kinds is None else kinds
    fits = (fit_weights(kind, kind.at(points[::step]), *some) for kind in kinds)
    best = max(fits, key=lambda fit: fit.log_evidence)
    if step == 1:
        return best
    return fit_weights(best.features, best.features.at(points), events, tries)


def fit_weights(
    features: Features,
    phi: FloatArray,
    events: FloatArray,
    tries: FloatArray,
    *,
    start: FloatArray | None = None,
    tolerance: float = _TOLERANCE,
) -> Surface:
    """The surface of given smoothness: Newton's method on the log posterior, which is concave.

    Args:
        features: whose lengths and scale are the smoothness.
        phi: the features of the points, [N, M].
        events: k of each point, [N].
        tries: m of each point, [N].
        start: weights that the climb starts from, [M]; None starts at 0.
        tolerance: the climb ends where a step would gain less log posterior than this.
    """

    def look(weights: FloatArray) -> Look:
        odds = phi @ weights

        def slopes() -> tuple[FloatArray, FloatArray]:
            chance = special.expit(odds)
            gradient = phi.T @ (events - tries * chance) - weights
            return gradient, _precision(phi, tries * chance * (1 - chance))

        log_posterior = events @ odds - tries @ np.logaddexp(0, odds) - weights @ weights / 2
        return Look(float(log_posterior), slopes)

    first = np.zeros(phi.shape[1]) if start is None else start
    top = climb(look, first, tolerance=tolerance, most_steps=_NEWTON_STEPS)
    factor = linalg.cho_factor(top.curvature, lower=True)
    covariance = linalg.cho_solve(factor, np.eye(len(first)))
    log_evidence = top.value - float(np.log(np.diag(factor[0])).sum())
    return Surface(features, top.theta, covariance, log_evidence)


def _precision(phi: FloatArray, information: FloatArray) -> FloatArray:
    """The precision [M, M] of the posterior.

    Args:
        phi: features of the points, [N, M].
        information: that each point gives about its log odds, [N].
    """
    matrix: FloatArray = phi.T @ (information[:, None] * phi)
    matrix[np.diag_indices_from(matrix)] += 1
    return matrix


@cache
def _centers(axes: int) -> FloatArray:
    """Points [CENTERS, d] that fill the cube evenly, the same for every study."""
    spread: FloatArray = qmc.Sobol(axes, scramble=False).random(CENTERS)
    return 2.2 * spread - 1.1  # a little beyond the cube, or its edges would have none


def _kernel(points: FloatArray, lengths: tuple[float, ...]) -> FloatArray:
    """The squared exponential kernel [C, CENTERS] between points and the centers.

    Args:
        points: of the cube, [C, d].
        lengths: on which the kernel falls along each axis, in half sides of the cube, [d].
    """
    axes = len(lengths)
    centers = _centers(axes) / lengths
    scaled = points / lengths
    square = (scaled**2).sum(1)[:, None] + (centers**2).sum(1) - 2 * scaled @ centers.T
    near: FloatArray = np.exp(-np.maximum(square, 0) / (2 * axes))
    return near
