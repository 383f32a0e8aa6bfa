"""Profile likelihood: what a parameter may be when all others do their best.

Near a critical point the information matrix misleads: the critical value and its exponent trade
against each other, and the likelihood may stay flat for ever on one side. An end of an interval
that is not found within reason is None, and its parameter is not identified.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import brentq

from analysis.estimates import Z_95
from analysis.laws.families import Reals
from analysis.laws.model import Model, Top, climb

REACH = 8.0  # of a logarithm, from the estimate: a factor of 3,000
STEEPEST = 30.0  # an exponent beyond it is an exponential
_GROWTH = 1.7  # of the steps outward


@dataclass
class Profile:
    """The profile of one parameter: theta at the best of the others for each value tried.

    `higher` is a top above the one it started from, if the walk found one.
    """

    model: Model
    top: Top
    place: int
    higher: Top | None = None
    _known: dict[float, Top] = field(default_factory=dict)

    def at(self, value: float) -> Top:
        """The maximum with the parameter held at a value, begun from the nearest one known."""
        if value in self._known:
            return self._known[value]
        near = min(
            [self.top, *self._known.values()], key=lambda t: abs(t.theta[self.place] - value)
        )
        start = near.theta.copy()
        start[self.place] = value
        free = np.arange(self.model.size) != self.place
        found = climb(self.model, start, free)
        if found.value > self.top.value + 1e-3 and (
            self.higher is None or found.value > self.higher.value
        ):
            self.higher = found
        if np.isfinite(found.value):
            self._known[value] = found
        return found

    def distance(self, value: float) -> float:
        """Signed root of twice the loss of log-likelihood, less 1.96: 0 at the end of interval."""
        loss = 2 * (self.top.value - self.at(value).value)
        return min(float(np.sqrt(max(loss, 0.0))), 1e3) - Z_95

    def end(self, direction: int, step: float, limit: float) -> float | None:
        """One end of the 95% interval; None where it is not within `limit` of the estimate."""
        inner, outer = float(self.top.theta[self.place]), 0.0
        while outer < limit:
            outer = min(outer + step, limit)
            value = float(self.top.theta[self.place]) + direction * outer
            if self.distance(value) > 0:
                tolerance = 1e-3 * max(abs(value - inner), 1e-6)
                return float(brentq(self.distance, inner, value, xtol=tolerance, rtol=1e-8))
            inner, step = value, step * _GROWTH
        return None

    def curve(self, values: Iterable[float]) -> Reals:
        """The log-likelihood lost at each value."""
        return np.array([self.top.value - self.at(float(value)).value for value in values])


def profile_interval(
    model: Model, top: Top, place: int, error: float, limit: float = REACH
) -> tuple[float | None, float | None, Top | None]:
    """The 95% profile interval of a parameter, and a higher top if the walk found one.

    Args: place, of the parameter in theta; error, its standard error if known (it sets the first
    step); limit, how far to look on each side.
    """
    profile = Profile(model, top, place)
    step = error if np.isfinite(error) and 1e-6 < error < 1 else 0.3
    low, high = (profile.end(direction, step, limit) for direction in (-1, 1))
    return low, high, profile.higher
