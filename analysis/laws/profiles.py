"""Profile likelihood: what a parameter may be when all others do their best.

Near a critical point the information matrix misleads: the critical value and its exponent trade
against each other, and the likelihood may stay flat for ever on one side. An end of an interval
that is not found within reason is None, and its parameter is not identified.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from analysis.laws.families import Reals
from analysis.laws.model import Model, climb
from analysis.statistics import Z_95
from study.search.newton import Top

REACH = 8.0  # of a logarithm, from the estimate: a factor of 3,000
STEEPEST = 30.0  # an exponent beyond it is an exponential
_GROWTH = 1.7  # of the steps outward
_NEAR = 0.005  # of a distance, in standard errors
_MOST = 15  # steps to an end; where the other parameters find no maximum it wanders


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
        middle = float(self.top.theta[self.place])
        inside, lost, outer = middle, -Z_95, 0.0
        while outer < limit:
            outer = min(outer + step, limit)
            value = middle + direction * outer
            found = self.distance(value)
            if found > 0:
                return self._root((inside, lost), (value, found))
            inside, lost, step = value, found, step * _GROWTH
        return None

    def _root(self, inside: tuple[float, float], outside: tuple[float, float]) -> float:
        """Where the distance is 0 between two values: false position, which keeps its bracket.

        The distance of a parabola is a line, so two or three steps are enough; a side that stays
        twice has its distance halved (Illinois).
        """
        stayed = 0
        for _ in range(_MOST):
            (a, low), (b, high) = inside, outside
            value = a + (b - a) * -low / (high - low)
            found = self.distance(value)
            if abs(found) < _NEAR or abs(b - a) < 1e-9:
                break
            if found < 0:
                inside, outside = (value, found), (b, high / 2 if stayed < 0 else high)
            else:
                inside, outside = (a, low / 2 if stayed > 0 else low), (value, found)
            stayed = -1 if found < 0 else 1
        return value

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
    step = Z_95 * error if np.isfinite(error) and 1e-6 < error < 1 else 0.3
    low, high = (profile.end(direction, step, limit) for direction in (-1, 1))
    return low, high, profile.higher
