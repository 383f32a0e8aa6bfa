"""The one likelihood of censored times, for every law and every error family.

What is observed of a trial is an interval that holds its log time. The interval lies

- between two readings (interval-censored),
- after the last reading (right-censored: `high` is inf),
- before the first reading (left-censored: `low` is -inf), or
- is one number, an exact time (`low` equals `high`).

A trial contributes the probability of its interval, and the density where its time is exact. With
a cure fraction, a share of the trials never has the event; only right-censored trials can belong
to that share. All derivatives are analytic.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.laws.families import Family, Reals

# In standard deviations from the median. It stands for infinity where a law says "never" or "at
# once".
FAR = 1e6


@dataclass(frozen=True, slots=True)
class Observed:
    """What was observed of T log times: the interval that each lies in, and how often it counts."""

    low: Reals  # [T]
    high: Reals  # [T]
    weight: Reals  # [T]

    @classmethod
    def between(cls, low: Reals, high: Reals) -> "Observed":
        """Observations that count once each.

        Args:
            low: lower ends of the intervals, in log time, [T].
            high: upper ends, [T].
        """
        return cls(low, high, np.ones(len(low)))

    @property
    def censored(self) -> NDArray[np.bool_]:
        """Trials without the event, [T]."""
        return np.isposinf(self.high)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> "Observed":
        """The observations of some of the trials."""
        return Observed(self.low[rows], self.high[rows], self.weight[rows])


@dataclass(frozen=True, slots=True)
class RowScores:
    """The log-likelihood of each trial and its derivatives by a few arguments, in this order.

    The arguments that `row_scores` gives are three: the log median mu, log sigma, and the logit of
    the cure fraction. `Clocks.chained` gives derivatives by others.
    """

    value: Reals  # [T]
    slopes: Reals  # first derivatives, [T, arguments]
    bends: Reals  # second derivatives, [T, arguments, arguments]


def row_scores(
    observed: Observed,
    family: Family,
    mu: Reals,
    log_sigma: Reals,
    cure_logit: Reals | None = None,
) -> RowScores:
    """The log-likelihood of each trial and its derivatives; weights are left out.

    Args:
        observed: the intervals of T trials.
        family: the distribution of the errors.
        mu: log medians, inf where the law says never, [T].
        log_sigma: log of the scale of the errors, [T], or one for all trials.
        cure_logit: logit of the chance to never have the event, [T]; None without a cure fraction.
    """
    sigma, mu = np.exp(log_sigma), np.clip(mu, -FAR, FAR)
    low = np.clip((observed.low - mu) / sigma, -FAR, FAR)
    high = np.clip((observed.high - mu) / sigma, -FAR, FAR)
    exact = observed.low == observed.high
    with np.errstate(over="ignore", invalid="ignore"):  # a law may make the observed impossible
        value, by_low, by_high, bend_low, bend_high = _ends(observed, family, low, high)
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
    return scores if cure_logit is None else _with_cured(scores, observed.censored, cure_logit)


def _ends(
    observed: Observed, family: Family, low: Reals, high: Reals
) -> tuple[Reals, Reals, Reals, Reals, Reals]:
    """Log probabilities of the intervals, and what their derivatives are made of, [T] each.

    For each standardized end, `by_` is the density there, divided by the probability and signed,
    and `bend_` is the slope of the density, divided likewise. Both are 0 for an infinite end. An
    exact time has its density for a probability, and its derivatives in `by_low` and `bend_low`.
    """
    value, by_low, by_high, bend_low, bend_high = (np.zeros(len(low)) for _ in range(5))
    exact = observed.low == observed.high
    never_read = np.isneginf(observed.low) & observed.censored  # its probability is 1
    right = observed.censored & ~never_read
    left = np.isneginf(observed.low) & ~observed.censored
    between = ~(exact | right | left | never_read)
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
    """The scores where a share of the trials never has the event; censored and logit are [T]."""
    log_cured, log_at_risk = -np.logaddexp(0, -logit), -np.logaddexp(0, logit)
    value = scores.value + log_at_risk
    value[censored] = np.logaddexp(log_cured, value)[censored]
    chance = np.exp(log_cured)
    cured = np.zeros(len(value))  # the chance that a trial is cured, given what was observed
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
    """Log probabilities of intervals, [T].

    The difference of two probabilities is taken in the tail where they are small, so that it does
    not cancel.
    """
    upper = low > 0
    near = np.where(upper, family.log_survival(low), family.log_cdf(high))
    far = np.where(upper, family.log_survival(high), family.log_cdf(low))
    gap = np.where(np.isneginf(far), -np.inf, far - near)
    # The probabilities at the ends of a very narrow interval are equal: density times width.
    narrow = gap > -1e-13
    with np.errstate(divide="ignore"):
        density = family.log_density(low) + np.log(np.maximum(high - low, 1e-300))
        apart = near + np.log(-np.expm1(np.where(narrow, -1.0, gap)))
    return np.asarray(np.where(narrow, density, apart))
