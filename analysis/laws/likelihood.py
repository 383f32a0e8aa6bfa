"""One likelihood for times of which only an interval is known, whatever the law and the family.

A trial says that its log time lies between `low` and `high`: between two readings (interval),
after the last one (right-censored, high is inf), before the first (left-censored, low is -inf), or
exactly (low equals high). It contributes the probability of that, an exact time its density. With
a cure fraction, a share of trials is never to have the event, and only censored trials can be
among them. All derivatives are analytic.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.laws.families import Family, Reals

FAR = 1e6  # standard deviations: where a law says never or at once, as a number to compute with


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
    """Log-likelihood of each row, [T], its first derivatives, [T, 3], and second, [T, 3, 3].

    They are by the location mu, by log sigma, and by the logit of the cure fraction.
    """

    value: Reals
    slopes: Reals
    bends: Reals


def row_scores(
    known: Known, family: Family, mu: Reals, log_sigma: float, cure_logit: Reals | None = None
) -> RowScores:
    """Log-likelihood of each trial (weights left out) and its derivatives.

    Args: mu [T], log medians, inf where the law says never; cure_logit [T], None without a cure
    fraction.
    """
    sigma, mu = np.exp(log_sigma), np.clip(mu, -FAR, FAR)
    low = np.clip((known.low - mu) / sigma, -FAR, FAR)
    high = np.clip((known.high - mu) / sigma, -FAR, FAR)
    exact = known.low == known.high
    with np.errstate(over="ignore", invalid="ignore"):  # where a law makes what was seen impossible
        value, by_low, by_high, bend_low, bend_high = _ends(known, family, low, high)
        value = value - log_sigma * exact
        shift, stretch = by_low + by_high, low * by_low + high * by_high
        slopes = np.zeros((len(mu), 3))
        slopes[:, 0], slopes[:, 1] = -shift / sigma, -stretch - exact
        bends = np.zeros((len(mu), 3, 3))
        bends[:, 0, 0] = (bend_low + bend_high - shift**2) / sigma**2
        mixed = (low * bend_low + high * bend_high - shift * stretch + shift) / sigma
        bends[:, 0, 1] = bends[:, 1, 0] = mixed
        bends[:, 1, 1] = low**2 * bend_low + high**2 * bend_high - stretch**2 + stretch
    scores = RowScores(value, slopes, bends)
    return scores if cure_logit is None else _with_cured(scores, known.censored, cure_logit)


def _ends(
    known: Known, family: Family, low: Reals, high: Reals
) -> tuple[Reals, Reals, Reals, Reals, Reals]:
    """Log probabilities, and of each standardised end the density and its slope over it, [T] each.

    An end that is not there has neither; an exact time has a density for its probability.
    """
    value, by_low, by_high, bend_low, bend_high = (np.zeros(len(low)) for _ in range(5))
    exact = known.low == known.high
    nothing = np.isneginf(known.low) & known.censored  # never read: it says nothing
    right = known.censored & ~nothing
    left = np.isneginf(known.low) & ~known.censored
    between = ~(exact | right | left | nothing)
    value[right] = family.log_survival(low[right])
    value[left] = family.log_cdf(high[left])
    value[between] = _log_between(family, low[between], high[between])
    for sign, z, rows, by, bend in (
        (-1, low, right | between, by_low, bend_low),
        (1, high, left | between, by_high, bend_high),
    ):
        at = z[rows]
        by[rows] = sign * np.exp(np.minimum(family.log_density(at) - value[rows], FAR))
        bend[rows] = by[rows] * family.log_density_slope(at)
    at = low[exact]
    value[exact] = family.log_density(at)
    by_low[exact] = family.log_density_slope(at)
    bend_low[exact] = family.log_density_bend(at) + by_low[exact] ** 2
    return value, by_low, by_high, bend_low, bend_high


def _with_cured(scores: RowScores, censored: NDArray[np.bool_], logit: Reals) -> RowScores:
    """The scores where a share of the trials never has the event."""
    log_cured, log_at_risk = -np.logaddexp(0, -logit), -np.logaddexp(0, logit)
    value = scores.value + log_at_risk
    value[censored] = np.logaddexp(log_cured, value)[censored]
    chance = np.exp(log_cured)
    cured = np.zeros(len(value))  # the chance that a row is cured, given what is known of it
    cured[censored] = np.exp((log_cured - value)[censored])
    spread = cured * (1 - cured)
    plain = scores.slopes
    slopes = plain * (1 - cured)[:, None]
    slopes[:, 2] = cured - chance
    bends = scores.bends * (1 - cured)[:, None, None]
    bends += spread[:, None, None] * plain[:, :, None] * plain[:, None, :]
    bends[:, 2, :] = bends[:, :, 2] = -spread[:, None] * plain
    bends[:, 2, 2] = spread - chance * (1 - chance)
    return RowScores(value, slopes, bends)


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
