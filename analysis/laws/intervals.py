"""Intervals of the parameters of a fit.

Regular parameters have information intervals. Critical points, the parameters that trade against
them, and cure fractions have profile intervals. Beside each interval stands one that is robust to
what trials of a cluster have in common (the sandwich). With many trials a law that is a little
wrong has narrow information intervals, and only the robust interval shows it. Clusters are the
strata of the decay time, since a law that errs at one weight decay errs alike at the next; where
there are few strata, they are points.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit

from analysis.laws.clocks import SIGMA
from analysis.laws.families import Reals
from analysis.laws.model import WIDEST_SIGMA, Model, maximum_from
from analysis.laws.profiles import REACH, STEEPEST, profile_interval
from analysis.laws.terms import CRITICAL, EXPONENT, FACTOR, LEVEL, Wall
from analysis.statistics import Z_95
from study.search.newton import Top

LEAST_CLUSTERS = 10  # fewer are too few to estimate a variance between clusters
_LEAST_FREEDOM = 5  # clusters beyond one a parameter
CURED = "cured_share"  # the parameter that is the share of a cure fraction
_FLAT = 1e-10  # the likelihood is flat, or a saddle, where an eigenvalue is not above this


@dataclass(frozen=True, slots=True)
class Parameter:
    """An estimate and its 95% interval; None for what the trials do not determine.

    Critical points and sigma are in their own units, not logarithms.

    Attributes:
        estimate: at the maximum.
        low, high: the ends of the interval.
        interval: "information", "profile", or "none" where the fit has no maximum.
        identified: whether the interval has both ends.
        robust_low, robust_high: the interval that allows for scatter between clusters; None with
            fewer than `LEAST_CLUSTERS` of them, for a parameter that is not identified, and for a
            cured share that may be 0.
        bootstrap_low, bootstrap_high: None without a bootstrap.
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

    @property
    def ends(self) -> tuple[float, float] | None:
        """Both ends of the interval; None where an end is not determined."""
        return None if self.low is None or self.high is None else (self.low, self.high)


def parameter_names(model: Model, cure: tuple[str, ...] | None) -> list[str]:
    """The names of the parameters in theta, in order.

    Args:
        model: the likelihood.
        cure: features of its cure fraction; None without a cure fraction.
    """
    tail = [] if cure is None else [CURED, *(f"cure_slope_{name}" for name in cure)]
    return [*model.equation.parameters, *model.equation.sigmas, *tail]


def in_units(name: str, value: float) -> float:
    """A parameter as it is reported: a value for its logarithm, a share for its logit.

    Args:
        name: of the parameter.
        value: of the parameter in theta.
    """
    if name == CURED:
        return float(expit(value))
    if name.startswith((SIGMA, CRITICAL, LEVEL)):
        with np.errstate(over="ignore"):  # an end that is far out becomes inf
            return float(np.exp(value))
    return value


def profiled(name: str) -> bool:
    """Whether a parameter is of a critical point, a level or a share; its profile is drawn."""
    return name == CURED or name.startswith((CRITICAL, EXPONENT, LEVEL))


def _curved(model: Model, name: str) -> bool:
    """Whether a parameter gets a profile interval, since its likelihood need not be a parabola.

    The factor of a law with a wall is the time at twice the critical value, and moves with that
    value. So it gets a profile, too. So does every parameter of several clocks: trials may be
    explained without one of the clocks.
    """
    walled = any(isinstance(term, Wall) for term in model.equation.terms)
    several = len(model.equation.sigmas) > 1
    return several or profiled(name) or (walled and name == FACTOR)


def _reach(name: str, theta: float) -> float:
    """The greatest distance from an estimate theta at which a profile looks for an end."""
    if name == CURED:
        return STEEPEST + abs(theta)  # the logit of a share near 0 is far from all others
    if name.startswith(SIGMA):
        return max(min(REACH, WIDEST_SIGMA - abs(theta) - 1), 0)
    return REACH if name == FACTOR or name.startswith((CRITICAL, LEVEL)) else STEEPEST


def parameters_of(
    model: Model, top: Top, cure: tuple[str, ...] | None, clusters: NDArray[np.intp]
) -> tuple[dict[str, Parameter], Top]:
    """All parameters with their intervals, by name, and the top of the fit.

    A profile may reach a higher top than the one it began at. Then all intervals are made again
    from the higher top, and that top is returned.

    Args:
        model: the likelihood.
        top: its maximum.
        cure: features of the cure fraction; None without a cure fraction.
        clusters: the number of each trial's cluster, [T].
    """
    names = parameter_names(model, cure)
    if not top.converged:
        return dict.fromkeys(names, Parameter(None, None, None, "none", identified=False)), top
    for _ in range(4):
        errors, robust = standard_errors(model, top.theta, clusters)
        parameters = {}
        higher: Top | None = None
        for index, name in enumerate(names):
            error, robust_error = float(errors[index]), float(robust[index])
            reach = robust_error * float(stats.t.ppf(0.975, freedom_of(clusters, model.size)))
            parameters[name], reached = _parameter(model, top, index, name, error, reach)
            higher = reached or higher
        if higher is None:
            break
        top = maximum_from(model, higher.theta)
    return parameters, top


def _parameter(
    model: Model, top: Top, index: int, name: str, error: float, robust_reach: float
) -> tuple[Parameter, Top | None]:
    """One parameter of theta with its intervals, and a higher top if its profile reached one."""
    theta = float(top.theta[index])
    low: float | None
    high: float | None
    higher = None
    if _curved(model, name):
        kind, limit = "profile", _reach(name, theta)
        low, high, higher = profile_interval(model, top, index, error, limit)
    else:
        kind = "information"
        low, high = theta - Z_95 * error, theta + Z_95 * error
        if not np.isfinite(error):
            low, high = None, None
    reaches_border = name == CURED and low is None  # a share of 0, whose logit is -inf, is possible
    if reaches_border:
        low = -np.inf
    ends = [None if end is None else in_units(name, end) for end in (low, high)]
    identified = None not in ends
    # No error around an estimate at a border, or at none, makes an interval.
    robust: list[float | None] = [None, None]
    if identified and not reaches_border:
        robust = [_finite(in_units(name, theta + sign * robust_reach)) for sign in (-1, 1)]
    return Parameter(in_units(name, theta), ends[0], ends[1], kind, identified, *robust), higher


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def covariance_of(model: Model, theta: Reals) -> tuple[Reals, NDArray[np.bool_]]:
    """The covariance of theta from the information, and the parameters that are not determined.

    Directions in which the likelihood is flat, or has a saddle, contribute 0 to the covariance.

    Args:
        model: the likelihood.
        theta: its maximum, [size].
    Returns: the covariance, [size, size], and True for parameters with a part in such a direction,
        [size].
    """
    information = model.information(theta)
    if not np.isfinite(information).all():
        return np.zeros_like(information), np.ones(len(theta), bool)
    scale = np.sqrt(np.maximum(np.abs(np.diag(information)), 1e-300))
    values, vectors = np.linalg.eigh(information / np.outer(scale, scale))
    curved = values > _FLAT
    inverse = vectors[:, curved] / values[curved] @ vectors[:, curved].T
    flat = (np.abs(vectors[:, ~curved]) > 1e-3).any(axis=1)
    return np.asarray(inverse / np.outer(scale, scale)), flat


def freedom_of(clusters: NDArray[np.intp], size: int) -> int:
    """Degrees of freedom of robust errors: clusters, less the parameters; at least 1.

    Args:
        clusters: the number of each trial's cluster, [T].
        size: the number of parameters.
    """
    return max(int(clusters.max()) + 1 - size, 1)


def standard_errors(model: Model, theta: Reals, clusters: NDArray[np.intp]) -> tuple[Reals, Reals]:
    """Standard errors of theta from the information, and from the scatter between clusters.

    Args:
        model: the likelihood.
        theta: its maximum, [size].
        clusters: the number of each trial's cluster, [T].
    Returns: both errors, [size] each; NaN where the likelihood is flat. The second is NaN
        everywhere if clusters are too few.
    Source: P. J. Huber, Proc. Fifth Berkeley Symp. 1 (1967) 221, for the second, times
        G / (G - size) for G clusters, as of J. G. MacKinnon and H. White, J. Econometrics 29 (1985)
        305.
    """
    covariance, flat = covariance_of(model, theta)
    errors = np.where(flat, np.nan, np.sqrt(np.maximum(np.diag(covariance), 0)))
    count, freedom = int(clusters.max()) + 1, freedom_of(clusters, len(theta))
    if count < LEAST_CLUSTERS or freedom < _LEAST_FREEDOM:
        return errors, np.full(len(theta), np.nan)
    scores = model.row_gradients(theta) * model.observed.weight[:, None]
    sums = np.zeros((count, len(theta)))
    np.add.at(sums, clusters, scores)
    sandwich = covariance @ (sums.T @ sums * count / freedom) @ covariance
    return errors, np.where(flat, np.nan, np.sqrt(np.maximum(np.diag(sandwich), 0)))
