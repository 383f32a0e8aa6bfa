"""Profile likelihood: the likelihood along one parameter, all other parameters at their best.

Near a critical point the information matrix misleads: the critical value and its exponent trade
against each other, and the likelihood may stay flat for ever on one side. An end of an interval
that is not reached within a stated distance is None, and its parameter is not identified.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import brentq

from analysis.laws.families import Reals
from analysis.laws.model import Model, maximum_from
from analysis.statistics import Z_95
from study.search.newton import Top

REACH = 8.0  # distance of an end from the estimate, for a logarithm; a factor of 3,000
STEEPEST = 30.0  # the same for an exponent; a power that is steeper is an exponential
_FIRST_STEP = 0.3  # outward, where no standard error says how far away the end may be
_GROWTH = 1.7  # factor from one step outward to the next
_NEAR = 0.005  # in standard errors; an end is exact to this distance
_FARTHEST = 1e3  # in standard errors; beyond a wall the likelihood lost is infinite, or no number
# Steps to an end. Where the other parameters have no maximum, the search would not stop by itself.
_MOST_STEPS = 15


@dataclass
class Profile:
    """The profile of one parameter: a climb of the other parameters for each value asked for.

    A profile remembers its climbs, and each climb starts from the top of the nearest one. `higher`
    is the highest top above the one that the profile was made from, if a climb reached such a top.
    """

    model: Model
    top: Top
    index: int  # index of the parameter in theta
    higher: Top | None = None
    _tops: dict[float, Top] = field(default_factory=dict)  # maxima by the value of the parameter

    def __post_init__(self) -> None:
        self._tops[self.estimate] = self.top

    @property
    def estimate(self) -> float:
        """The parameter at the top."""
        return float(self.top.theta[self.index])

    def at(self, value: float) -> Top:
        """The maximum with the parameter held at a value."""
        if value in self._tops:
            return self._tops[value]
        nearest = min(self._tops.values(), key=lambda top: abs(top.theta[self.index] - value))
        start = nearest.theta.copy()
        start[self.index] = value
        free = np.arange(self.model.size) != self.index
        top = maximum_from(self.model, start, free)
        best = self.top if self.higher is None else self.higher
        if top.value > max(self.top.value + 1e-3, best.value):
            self.higher = top
        if np.isfinite(top.value):
            self._tops[value] = top
        return top

    def distance(self, value: float) -> float:
        """How far a value lies beyond the end of the 95% interval, in standard errors.

        The distance is the root of twice the log-likelihood lost, less 1.96: negative inside the
        interval, 0 at its ends. A distance below _NEAR is rounded to 0.
        """
        loss = 2 * (self.top.value - self.at(value).value)
        if not loss < _FARTHEST**2:  # true for NaN, too
            return _FARTHEST - Z_95
        distance = float(np.sqrt(max(loss, 0.0))) - Z_95
        return 0.0 if abs(distance) < _NEAR else distance

    def end(self, direction: int, step: float, limit: float) -> float | None:
        """One end of the 95% interval: growing steps to beyond it, then the root between two.

        Args:
            direction: -1 for the lower end, 1 for the upper end.
            step: the first step from the estimate outward.
            limit: the greatest distance from the estimate at which an end is looked for.
        Returns: None where the end is not within the limit.
        """
        inside, outward = self.estimate, 0.0
        while outward < limit:
            outward = min(outward + step, limit)
            value = self.estimate + direction * outward
            if self.distance(value) > 0:
                return float(
                    brentq(self.distance, inside, value, xtol=1e-9, maxiter=_MOST_STEPS, disp=False)
                )
            inside, step = value, step * _GROWTH
        return None

    def curve(self, values: Iterable[float]) -> Reals:
        """The log-likelihood lost at each value."""
        return np.array([self.top.value - self.at(float(value)).value for value in values])


def profile_interval(
    model: Model, top: Top, index: int, error: float, limit: float = REACH
) -> tuple[float | None, float | None, Top | None]:
    """The 95% profile interval of a parameter, and a higher top if a climb reached one.

    Args:
        model: the likelihood.
        top: its maximum.
        index: of the parameter in theta.
        error: standard error of the parameter, which sets the first step outward, or NaN.
        limit: how far from the estimate an end is looked for, on each side.
    Returns: the two ends, None where an end is not within the limit, and the higher top or None.
    """
    profile = Profile(model, top, index)
    step = Z_95 * error if np.isfinite(error) and 1e-6 < error < 1 else _FIRST_STEP
    low, high = (profile.end(direction, step, limit) for direction in (-1, 1))
    return low, high, profile.higher
