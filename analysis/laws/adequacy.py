"""Does a law fit at all? Its likelihood against that of a free location for every point.

The *deviance* is twice the log-likelihood that a law lacks beside the saturated model, in which
every point has a location of its own and all share one sigma, the *pure error* between seeds. (For
a law of several sigmas the scales of the errors are those of the law, times one factor.) A law
whose deviance is larger than chance allows is rejected: its parameters describe no network.

The chi-square distribution of a deviance holds for many seeds a point. With few, deviances are
larger: points without the event, and a sigma that the saturated model makes too small. Then trials
are drawn from the fitted law, and their deviances are compared with that of the trials.

`calibration` compares points, one by one, with the law.

T trials.
"""

from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit

from analysis.laws.families import Reals
from analysis.laws.grouped import Grouped, fit_groups
from analysis.laws.likelihood import Observed
from analysis.laws.model import Model, maximum_from
from analysis.laws.times import Watched
from analysis.laws.turnbull import turnbull
from study.search.newton import Top

REJECTED_BELOW = 0.05  # a true law is rejected once in 20 times
LEAST_SPARE = 10  # events beyond one a point; fewer do not tell sigma from misfit
SAMPLES = 49  # samples from the law
# A deviance so unlikely under the F distribution is rejected without samples. The F distribution
# makes rejections at 5% up to three times too frequent, which does not matter so far out.
_CERTAIN = 1e-9
_FARTHEST = 700.0  # log steps that stand for never
NEAR_HALF = (0.25, 0.75)  # shares that are near one half


@dataclass(frozen=True, slots=True)
class Adequacy:
    """Whether a law fits, beside a free location for every point.

    Attributes:
        deviance: twice the log-likelihood that the law lacks.
        freedom: points with the event, less the parameters of the law other than sigmas.
        sigma: of the law; of a law with several, their mean over the trials.
        pure_sigma: of the saturated model, the scatter between seeds.
        chance: of a deviance at least so large if the law is true: a p value.
        near_half: the share of points of which between a quarter and three quarters of the trials
            have the event by the median that the law states.
        one_sided: the share of points of which none or all do.
    """

    deviance: float
    freedom: int
    sigma: float
    pure_sigma: float
    chance: float
    near_half: float | None
    one_sided: float | None

    @property
    def rejected(self) -> bool:
        """Whether the trials reject the law."""
        return self.chance < REJECTED_BELOW

    def to_json(self) -> dict[str, object]:
        """The record as data, with the verdict."""
        return {**asdict(self), "rejected": self.rejected}


def adequacy_of(
    model: Model, top: Top, points: NDArray[np.intp], watched: Watched
) -> Adequacy | None:
    """Whether a law fits; None where seeds are too few to tell.

    Args:
        model: the law, and the trials.
        top: the maximum of its likelihood.
        points: the number of each trial's point, [T].
        watched: how the trials were watched.
    """
    free = _saturated(model, top.theta, points)
    events = int((~model.observed.censored).sum())
    freedom = free.with_event + len(model.equation.sigmas) - model.size
    spare = events - free.with_event
    if freedom < 1 or spare < LEAST_SPARE:
        return None
    deviance = max(2 * (free.value - top.value), 0.0)
    chance = float(stats.chi2.sf(deviance, freedom))
    if chance < REJECTED_BELOW:
        ratio = np.expm1(min(deviance / events, 700)) * spare / freedom
        chance = float(stats.f.sf(ratio, freedom, spare))
        if chance > _CERTAIN:
            chance = _chance_among_samples(model, top, points, watched, deviance)
    shares = calibration(model, top, points)["before_median"].dropna()
    return Adequacy(
        deviance,
        freedom,
        float(np.mean(np.exp(model.errors(top.theta)[1]))),
        free.sigma,
        chance,
        float(shares.between(*NEAR_HALF).mean()) if len(shares) else None,
        float(shares.round(6).isin([0.0, 1.0]).mean()) if len(shares) else None,
    )


def _saturated(model: Model, theta: Reals, points: NDArray[np.intp]) -> Grouped:
    """The model of a free location for every point, all with one sigma.

    Where a law has several sigmas, the scales of the errors are one multiple of those of the law.
    Log times divided by the law's scales have one sigma; their intervals keep their probabilities.

    Args:
        model: the law, and the trials.
        theta: its parameters, [size].
        points: the number of each trial's point, [T].
    """
    observed, sigma = model.observed, np.exp(model.errors(theta)[1])
    scale = sigma / sigma.mean()
    scaled = replace(observed, low=observed.low / scale, high=observed.high / scale)
    return fit_groups(scaled, model.family, points)


def calibration(model: Model, top: Top, points: NDArray[np.intp]) -> pd.DataFrame:
    """Each point against a law.

    Args:
        model: the law, and the trials.
        top: the maximum of its likelihood.
        points: the number of each trial's point, [T].

    Returns: a row for each point, in the order of their numbers, with the columns
        stated: the median time that the law states, in steps; inf for never.
        median: that of the trials in steps, by Turnbull's estimate; null where fewer than half
            were seen to have the event.
        watched: the steps that half of the trials without the event were watched for; inf where all
            had it.
        before_median: the estimated share with the event by the stated median; null where the point
            was not watched for so long.
        trials, events: how many the point has.
    """
    stated = np.clip(model.errors(top.theta)[0], -_FARTHEST, _FARTHEST)
    order = np.argsort(points, kind="stable")
    rows = []
    for members in np.split(order, np.cumsum(np.bincount(points))[:-1]):
        part, at = model.observed.take(members), float(np.median(stated[members]))
        curve, censored = turnbull(part), part.censored
        watched = float(np.median(part.low[censored])) if censored.any() else np.inf
        rows.append(
            {
                "stated": float(np.exp(at)) if at < _FARTHEST else np.inf,
                "median": curve.median,
                "watched": float(np.exp(watched)),
                "before_median": curve.share_by(at) if at <= watched else np.nan,
                "trials": len(members),
                "events": int((~censored).sum()),
            }
        )
    return pd.DataFrame(rows)


def _chance_among_samples(
    model: Model,
    top: Top,
    points: NDArray[np.intp],
    watched: Watched,
    deviance: float,
) -> float:
    """The p value of a deviance among those of samples that are drawn from the law.

    The cube roots of deviances are nearly normal, so a t distribution with one degree of freedom
    less than there are samples gives the chance of the next one. Arguments are those of
    `adequacy_of`.
    Source: E. B. Wilson and M. M. Hilferty, Proc. Natl. Acad. Sci. 17 (1931) 684.
    """
    # The trials seed the samples: one seed for all would make the errors of all studies one error.
    rng = np.random.default_rng(np.frombuffer(np.float64(top.value).tobytes(), np.uint32))
    roots = []
    for _ in range(SAMPLES):
        observed = sample_of(model, top.theta, watched, rng)
        if observed.censored.all():
            continue
        sampled = replace(model, observed=observed)
        refitted = maximum_from(sampled, top.theta)
        free = _saturated(sampled, refitted.theta, points)
        roots.append(np.cbrt(max(2 * (free.value - refitted.value), 0.0)))
    spread = float(np.std(roots, ddof=1)) * np.sqrt(1 + 1 / len(roots))
    away = (np.cbrt(deviance) - float(np.mean(roots))) / max(spread, 1e-12)
    return float(stats.t.sf(away, len(roots) - 1))


def sample_of(model: Model, theta: Reals, watched: Watched, rng: np.random.Generator) -> Observed:
    """Times drawn from a law, observed as the trials of the model were.

    Args:
        model: the law, and the trials.
        theta: its parameters, [size].
        watched: how the trials were watched.
        rng: the source of randomness.
    """
    mu, log_sigma, cured = model.errors(theta)
    count = len(mu)
    times = mu + np.exp(log_sigma) * model.family.quantile(rng.random(count))
    if cured is not None:
        times = np.where(rng.random(count) < expit(cured), np.inf, times)
    log_epoch = np.log(watched.steps_per_epoch)
    epochs = np.exp(np.clip(times - log_epoch, -_FARTHEST, _FARTHEST))
    seen = model.observed.take(~model.observed.censored)
    shift = log_epoch[~model.observed.censored]
    low, high = _readings_around(
        np.minimum(epochs, watched.epochs), np.exp(seen.low - shift), np.exp(seen.high - shift)
    )
    happened = epochs <= watched.epochs
    with np.errstate(divide="ignore"):  # before the first reading
        low = np.log(np.where(happened, low, watched.epochs)) + log_epoch
    return Observed.between(low, np.where(happened, np.log(high) + log_epoch, np.inf))


def _readings_around(epochs: Reals, low: Reals, high: Reals) -> tuple[Reals, Reals]:
    """The readings before and after each epoch, [T] each, by the intervals of S events.

    Trials of a study are read at the same epochs. So the interval of an event that holds an epoch
    holds it again; an epoch that none holds is in one as wide as that of the next event.

    Args:
        epochs: not whole, [T].
        low: the last reading before each event, [S].
        high: the reading that showed it, [S].
    """
    order = np.argsort(high, kind="stable")
    low, high = low[order].round(6), high[order].round(6)
    place = np.minimum(np.searchsorted(high, epochs), len(high) - 1)
    width = np.maximum(high - low, 1e-6)[place]
    held = (low[place] < epochs) & (epochs <= high[place])
    upper = np.where(held, high[place], np.ceil(epochs / width) * width)
    return np.where(held, low[place], upper - width), upper
