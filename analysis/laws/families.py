"""The three error families: the distribution of eps in log T = g(point; theta) + sigma eps.

Each distribution is shifted so that its median is 0. So g is the logarithm of the *median* time in
every family, and estimates compare across families. A family is a row of `FAMILIES`. Its functions
take the standardized log time z, [T], and are finite for every finite z.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, logit, ndtri

from study.errors import unknown

Reals = NDArray[np.float64]

_LOG_2 = float(np.log(2))
_LOG_LOG_2 = float(np.log(np.log(2)))
_LOG_ROOT_2PI = 0.5 * float(np.log(2 * np.pi))
_TOP = 50.0  # log of the largest cumulative hazard; no trial survives e^50, whose square is finite


@dataclass(frozen=True, slots=True)
class Family:
    """An error distribution, as functions of the standardized log time z, [T] to [T].

    `log_density_slope` and `log_density_bend` are the first two derivatives of the log density.
    `quantile` takes shares, and gives the z below which they lie.
    """

    name: str
    log_cdf: Callable[[Reals], Reals]
    log_survival: Callable[[Reals], Reals]
    log_density: Callable[[Reals], Reals]
    log_density_slope: Callable[[Reals], Reals]
    log_density_bend: Callable[[Reals], Reals]
    quantile: Callable[[Reals], Reals]

    def __reduce__(self) -> "tuple[Callable[[str], Family], tuple[str]]":
        # A family is pickled by its name: its functions are lambdas, which cannot be pickled.
        return find_family, (self.name,)


def _weibull_rate(z: Reals) -> Reals:
    """Cumulative hazard of a Weibull time whose median is 1, at log time z."""
    return np.exp(_LOG_LOG_2 + np.minimum(z, _TOP))


def _weibull_log_cdf(z: Reals) -> Reals:
    rate = _weibull_rate(z)
    # Below e^-30 the probability is the rate itself, and exp may have rounded the rate to 0.
    return np.where(z < -30, _LOG_LOG_2 + z, np.log(-np.expm1(-np.maximum(rate, 1e-300))))


FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family(
            "lognormal",
            log_cdf=lambda z: np.asarray(log_ndtr(z)),
            log_survival=lambda z: np.asarray(log_ndtr(-z)),
            log_density=lambda z: -0.5 * z * z - _LOG_ROOT_2PI,
            log_density_slope=lambda z: -z,
            log_density_bend=lambda z: np.full(len(z), -1.0),
            quantile=lambda share: np.asarray(ndtri(share)),
        ),
        Family(
            "loglogistic",
            log_cdf=lambda z: -np.logaddexp(0, -z),
            log_survival=lambda z: -np.logaddexp(0, z),
            log_density=lambda z: -np.logaddexp(0, -z) - np.logaddexp(0, z),
            log_density_slope=lambda z: -np.tanh(z / 2),
            log_density_bend=lambda z: -0.5 * (1 - np.tanh(z / 2) ** 2),
            quantile=lambda share: np.asarray(logit(share)),
        ),
        Family(
            "weibull",
            log_cdf=_weibull_log_cdf,
            log_survival=lambda z: -_weibull_rate(z),
            log_density=lambda z: _LOG_LOG_2 + np.minimum(z, _TOP) - _weibull_rate(z),
            log_density_slope=lambda z: 1 - _weibull_rate(z),
            log_density_bend=lambda z: -_weibull_rate(z),
            quantile=lambda share: np.log(-np.log1p(-share)) - _LOG_LOG_2,
        ),
    )
}


def find_family(name: str) -> Family:
    """The family of this name; raises UsageError for a name that is not in `FAMILIES`."""
    if name not in FAMILIES:
        raise unknown("an error family", name, FAMILIES)
    return FAMILIES[name]
