"""Intervals of the parameters of a fit.

Information intervals for what is regular, profile intervals for critical points, what trades
against them, and cure fractions. Beside each stands an interval robust to scatter between points
(the sandwich, clustered by point): with many trials a law that is a little wrong has narrow
intervals, and only that one says so.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from analysis.laws.families import Reals
from analysis.laws.model import Model, climb
from analysis.laws.profiles import REACH, STEEPEST, profile_interval
from analysis.laws.terms import CRITICAL, EXPONENT, FACTOR, LEVEL, Wall
from analysis.statistics import Z_95
from study.search.newton import Top

LEAST_POINTS = 10  # a variance between fewer points is a guess
CURED = "cured_share"


@dataclass(frozen=True, slots=True)
class Parameter:
    """An estimate and its 95% interval; None for what the trials do not determine.

    `interval` says how it was made: information, profile, or none where the fit has no maximum.
    Critical points and sigma are in their own units. `robust_low` and `robust_high` allow for
    scatter between points, None where there are fewer than 10 points; the bootstrap ends are None
    until it is asked for.
    """

    estimate: float | None
    low: float | None
    high: float | None
    interval: str
    identified: bool
    robust_low: float | None = None
    robust_high: float | None = None
    bootstrap_low: float | None = None
    bootstrap_high: float | None = None


def parameter_names(model: Model, cure: tuple[str, ...] | None) -> list[str]:
    """Names of theta, in order."""
    tail = [] if cure is None else [CURED, *(f"cure_slope_{name}" for name in cure)]
    return [*model.equation.parameters, "sigma", *tail]


def in_units(name: str, value: float) -> float:
    """A parameter as it is reported: exp of what is a logarithm, a share of what is a logit."""
    if name == CURED:
        return float(expit(value))
    if name == "sigma" or name.startswith((CRITICAL, LEVEL)):
        with np.errstate(over="ignore"):  # inf, for an end that is nowhere
            return float(np.exp(value))
    return value


def profiled(name: str) -> bool:
    """Whether a parameter speaks of a critical point, a level or a share: its profile is drawn."""
    return name == CURED or name.startswith((CRITICAL, EXPONENT, LEVEL))


def _curved(model: Model, name: str) -> bool:
    """Whether a parameter gets a profile interval: its likelihood need not be a parabola.

    The factor of a law with a wall is the time at twice the critical value, and moves with that.
    """
    walled = any(isinstance(term, Wall) for term in model.equation.terms)
    return profiled(name) or (walled and name == FACTOR)


def parameters_of(
    model: Model, top: Top, cure: tuple[str, ...] | None, points: NDArray[np.intp]
) -> tuple[dict[str, Parameter], Top]:
    """All parameters with their intervals; the top, too: a profile may find a higher one."""
    names = parameter_names(model, cure)
    if not top.converged:
        return dict.fromkeys(names, Parameter(None, None, None, "none", identified=False)), top
    for _ in range(4):
        errors, robust = standard_errors(model, top.theta, points)
        parameters = {}
        higher: Top | None = None
        for place, name in enumerate(names):
            parameters[name], found = _parameter(model, top, place, name, errors, robust)
            higher = found or higher
        if higher is None:
            break
        top = climb(model, higher.theta)
    return parameters, top


def _parameter(
    model: Model, top: Top, place: int, name: str, errors: Reals, robust: Reals
) -> tuple[Parameter, Top | None]:
    theta, error, wide = float(top.theta[place]), float(errors[place]), float(robust[place])
    low: float | None
    high: float | None
    higher = None
    if _curved(model, name):
        kind, limit = "profile", REACH
        if name.startswith(EXPONENT) or name == CURED:  # a share of 0 is a logit far below
            limit = STEEPEST
        low, high, higher = profile_interval(model, top, place, error, limit)
    else:
        kind = "information"
        low, high = theta - Z_95 * error, theta + Z_95 * error
        if not np.isfinite(error):
            low, high = None, None
    if name == CURED and high is not None and low is None:
        low = -np.inf  # a share of 0 is a share
    ends = [None if end is None else in_units(name, end) for end in (low, high)]
    spread = [_finite(in_units(name, theta + sign * Z_95 * wide)) for sign in (-1, 1)]
    identified = None not in ends
    return Parameter(in_units(name, theta), ends[0], ends[1], kind, identified, *spread), higher


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def covariance_of(model: Model, theta: Reals) -> tuple[Reals, NDArray[np.bool_]]:
    """The covariance of theta from the information, and which parameters it is flat in, [size].

    What lies in a flat direction, or a saddle, counts as 0 there.
    """
    information = model.information(theta)
    if not np.isfinite(information).all():
        return np.zeros_like(information), np.ones(len(theta), bool)
    scale = np.sqrt(np.maximum(np.abs(np.diag(information)), 1e-300))
    values, vectors = np.linalg.eigh(information / np.outer(scale, scale))
    kept = values > 1e-10
    inverse = vectors[:, kept] / values[kept] @ vectors[:, kept].T
    flat = (np.abs(vectors[:, ~kept]) > 1e-3).any(axis=1)
    return np.asarray(inverse / np.outer(scale, scale)), flat


def standard_errors(model: Model, theta: Reals, points: NDArray[np.intp]) -> tuple[Reals, Reals]:
    """Standard errors of theta from the information, and from the scatter between points.

    NaN where the likelihood is flat; the second NaN where there are too few points. Source of the
    second: P. J. Huber, Proc. Fifth Berkeley Symp. 1 (1967) 221; clustered, with G / (G - 1).
    """
    covariance, flat = covariance_of(model, theta)
    errors = np.where(flat, np.nan, np.sqrt(np.maximum(np.diag(covariance), 0)))
    count = int(points.max()) + 1
    if count < LEAST_POINTS:
        return errors, np.full(len(theta), np.nan)
    scores = model.row_gradients(theta) * model.known.weight[:, None]
    sums = np.zeros((count, len(theta)))
    np.add.at(sums, points, scores)
    sandwich = covariance @ (sums.T @ sums * count / (count - 1)) @ covariance
    return errors, np.where(flat, np.nan, np.sqrt(np.maximum(np.diag(sandwich), 0)))
