"""One likelihood for times of which only an interval is known, whatever the law and the family.

A trial says that its log time lies between `low` and `high`: between two readings (interval),
after the last one (right-censored, high is inf), before the first (left-censored, low is -inf), or
exactly (low equals high). It contributes the probability of that, an exact time its density. With
a cure fraction, a share of trials is never to have the event, and only censored trials can be
among them. Scores are analytic; the curvature of a row is differenced from them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.laws.families import Family, Reals

FAR = 1e6  # standard deviations: where a law says never or at once, as a number to compute with
_STEP = 1e-5  # of a difference of scores, which are accurate to 1e-11


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of T log times: each lies in low..high, and counts `weight` times."""

    low: Reals
    high: Reals
    weight: Reals

    @classmethod
    def between(cls, low: Reals, high: Reals) -> "Known":
        """Intervals that count once each."""
        return cls(low, high, np.ones(len(low)))

    @property
    def censored(self) -> NDArray[np.bool_]:
        """Trials without the event, [T]."""
        return np.isposinf(self.high)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> "Known":
        """Only some of the trials."""
        return Known(self.low[rows], self.high[rows], self.weight[rows])


@dataclass(frozen=True, slots=True)
class RowScores:
    """Log-likelihood of each row, [T], and its derivatives, [T, 3].

    The derivatives are by the location mu, by log sigma, and by the logit of the cure fraction.
    """

    value: Reals
    slopes: Reals


def row_scores(
    known: Known, family: Family, mu: Reals, log_sigma: float, cure_logit: Reals | None = None
) -> RowScores:
    """Log-likelihood of each trial (weights left out) and its score.

    Args: mu [T], log medians, inf where the law says never; cure_logit [T], None without a cure
    fraction.
    """
    sigma, mu = np.exp(log_sigma), np.clip(mu, -FAR, FAR)
    low = np.clip((known.low - mu) / sigma, -FAR, FAR)
    high = np.clip((known.high - mu) / sigma, -FAR, FAR)
    value = np.empty(len(mu))
    # Derivatives by the two ends; an end that is not there moves nothing.
    by_low, by_high = np.zeros(len(mu)), np.zeros(len(mu))
    exact = known.low == known.high
    right = np.isposinf(known.high)
    left = np.isneginf(known.low) & ~right
    between = ~(exact | right | left)

    z = low[right]
    value[right] = family.log_survival(z)
    by_low[right] = -np.exp(family.log_density(z) - value[right])
    nothing = right & np.isneginf(known.low)  # never read: it says nothing
    value[nothing], by_low[nothing] = 0.0, 0.0

    z = high[left]
    value[left] = family.log_cdf(z)
    by_high[left] = np.exp(family.log_density(z) - value[left])

    z, end = low[between], high[between]
    value[between] = _log_between(family, z, end)
    with np.errstate(over="ignore"):  # at FAR an interval may be too narrow to hold a number
        by_low[between] = -np.exp(np.minimum(family.log_density(z) - value[between], FAR))
        by_high[between] = np.exp(np.minimum(family.log_density(end) - value[between], FAR))

    z = low[exact]
    value[exact] = family.log_density(z) - log_sigma
    by_low[exact] = family.log_density_slope(z)

    with np.errstate(over="ignore", invalid="ignore"):
        by_mu = -(by_low + by_high) / sigma
        by_log_sigma = -(low * by_low + high * by_high) - exact
    by_cure = np.zeros(len(mu))
    if cure_logit is not None:
        log_cured = -np.logaddexp(0, -cure_logit)
        log_at_risk = -np.logaddexp(0, cure_logit)
        unsaid = value[right]
        value = value + log_at_risk
        value[right] = np.logaddexp(log_cured[right], log_at_risk[right] + unsaid)
        cured = np.zeros(len(mu))  # the chance that a row is cured, given what is known of it
        cured[right] = np.exp(log_cured[right] - value[right])
        by_mu, by_log_sigma = by_mu * (1 - cured), by_log_sigma * (1 - cured)
        by_cure = cured - np.exp(log_cured)
    return RowScores(value, np.column_stack([by_mu, by_log_sigma, by_cure]))


def row_curvatures(
    known: Known,
    family: Family,
    mu: Reals,
    log_sigma: float,
    cure_logit: Reals | None,
    scores: RowScores,
) -> Reals:
    """Second derivatives of each row by mu, log sigma and the cure logit, [T, 3, 3]."""
    curvature = np.zeros((len(mu), 3, 3))
    moved = [row_scores(known, family, mu + _STEP, log_sigma, cure_logit)]
    moved.append(row_scores(known, family, mu, log_sigma + _STEP, cure_logit))
    if cure_logit is not None:
        moved.append(row_scores(known, family, mu, log_sigma, cure_logit + _STEP))
    with np.errstate(over="ignore", invalid="ignore"):
        for place, there in enumerate(moved):
            curvature[:, place] = (there.slopes - scores.slopes) / _STEP
    return curvature


def _log_between(family: Family, low: Reals, high: Reals) -> Reals:
    """Log probability of an interval, from the tail in which it does not cancel."""
    upper = low > 0
    near = np.where(upper, family.log_survival(low), family.log_cdf(high))
    far = np.where(upper, family.log_survival(high), family.log_cdf(low))
    gap = np.where(np.isneginf(far), -np.inf, far - near)
    # An interval too narrow to tell its ends apart is a density times a width.
    narrow = gap > -1e-13
    with np.errstate(divide="ignore"):
        density = family.log_density(low) + np.log(np.maximum(high - low, 1e-300))
        apart = near + np.log(-np.expm1(np.where(narrow, -1.0, gap)))
    return np.asarray(np.where(narrow, density, apart))
