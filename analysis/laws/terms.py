"""The terms that laws are sums of. Each term states its equation and its derivatives once.

Slopes        log a + sum of slope times feature: a product of powers
Wall          -g log(x / x_c - 1) and its relatives: a divergence at a critical point
Leveling      log(1 + (x_0 / x)^g): a power that levels off
OverCritical  -g log(x / x_c): a power of x over a critical value that depends on other features
"""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from analysis.laws.families import Reals

Side = Literal["above", "below", "log"]
# Beginnings of the names of parameters, by which other modules tell their kinds apart.
CRITICAL, EXPONENT, LEVEL = "critical_", "exponent_", "level_"
FACTOR, SLOPE = "log_a", "slope_"
# The least distance in log x of a trial with the event from the critical value. A wall that is
# closer would be fitted to that trial alone.
_MARGIN = 1e-3
_WIDEST = 500.0  # the largest distance in log x that exp can take


class Term(Protocol):
    """A part of g, the log median time, with q parameters theta.

    A term takes the log features x of T trials, in the order of `features`.
    """

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the q parameters, in the order of theta."""

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features that the term reads, in the order of the columns of x."""

    def value(self, x: Reals, theta: Reals) -> tuple[Reals, Reals]:
        """The term of each trial and its derivatives by theta.

        Args:
            x: log features, [T, features].
            theta: the parameters, [q].
        Returns: the term, [T], and its derivatives, [T, q].
        """

    def starts(self, x: Reals, happened: NDArray[np.bool_], /) -> list[Reals]:
        """Values of theta from which a fit begins, [q] each.

        Args:
            x: log features, [T, features].
            happened: True for trials with the event, [T].
        """


def _of_clock(name: str, clock: str) -> str:
    """The name of a parameter that is of one of several clocks."""
    return f"{name}_{clock}" if clock else name


@dataclass(frozen=True, slots=True)
class Slopes:
    """The log of a product of powers: log_a + sum of slope times feature.

    The names of the parameters end with the clock, if the term is one of several.
    """

    features: tuple[str, ...]
    clock: str = ""

    @property
    def parameters(self) -> tuple[str, ...]:
        """The factor, and a slope for each feature."""
        names = (FACTOR, *(f"{SLOPE}{name}" for name in self.features))
        return tuple(_of_clock(name, self.clock) for name in names)

    def value(self, x: Reals, theta: Reals) -> tuple[Reals, Reals]:
        """See `Term.value`. The term is linear in theta."""
        slopes = np.column_stack([np.ones(len(x)), x])
        return slopes @ theta, slopes

    def starts(self, _x: Reals, _happened: NDArray[np.bool_], /) -> list[Reals]:
        """All zero, but 1 for the decay time, as most theories have it.

        As the term is linear, a law of this one term has one maximum, and any start will do.
        """
        return [np.r_[0.0, [float(name == "decay_time") for name in self.features]]]


@dataclass(frozen=True, slots=True)
class Wall:
    """A time that diverges at a critical value of an axis. Beyond it the event never happens.

    The three sides, with g the exponent and x_c the critical value:
    - `above`: -g log(x / x_c - 1); the event happens for x above x_c.
    - `below`: -g log(1 - x / x_c); the event happens for x below x_c.
    - `log`: g log log(x / x_c); the time grows with a logarithm, and is 0 at x_c.

    log x_c may be linear in the features `by`, which are measured from their means `center`.
    """

    axis: str
    side: Side
    by: tuple[str, ...] = ()
    center: tuple[float, ...] = ()

    @property
    def features(self) -> tuple[str, ...]:
        """The axis itself, and the features that its critical value depends on."""
        return (self.axis, *self.by)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The log of the critical value, its slopes, and the exponent."""
        tail = "" if self.side != "below" else "_high"
        slopes = (f"slope_of_{CRITICAL}{self.axis}{tail}_{name}" for name in self.by)
        return (f"{CRITICAL}{self.axis}{tail}", *slopes, f"{EXPONENT}{self.axis}{tail}")

    def value(self, x: Reals, theta: Reals) -> tuple[Reals, Reals]:
        """See `Term.value`. It is inf where the law says never; there a `log` wall is -inf."""
        offsets = x[:, 1:] - np.array(self.center)
        distance = x[:, 0] - theta[0] - offsets @ theta[1:-1]
        # The sign of log x on the way from the wall to the trials.
        direction = -1.0 if self.side == "below" else 1.0
        inside = direction * distance > _MARGIN
        u = np.where(inside, np.minimum(direction * distance, _WIDEST), 1.0)
        if self.side == "above":
            log_gap, slope = u + np.log(-np.expm1(-u)), -1 / np.expm1(-u)
        elif self.side == "below":
            log_gap, slope = np.log(-np.expm1(-u)), 1 / np.expm1(u)
        else:
            log_gap, slope = np.log(u), 1 / u
        sign = 1.0 if self.side == "log" else -1.0
        exponent = theta[-1]
        by_distance = np.where(inside, sign * exponent * slope * direction, 0.0)[:, None]
        derivatives = np.column_stack(
            [-by_distance, -by_distance * offsets, np.where(inside, sign * log_gap, 0.0)]
        )
        return np.where(inside, sign * exponent * log_gap, -sign * np.inf), derivatives

    def starts(self, x: Reals, happened: NDArray[np.bool_], /) -> list[Reals]:
        """Walls near the events and further out: the likelihood may have several maxima."""
        with_event = x[happened, 0]
        slopes = np.zeros(len(self.by))
        if self.side == "below":
            edges = [with_event.max() + gap for gap in (0.05, 0.3, 1.0)]
        elif self.side == "log":
            edges = [x[:, 0].min() - gap for gap in (0.3, 1.0, 3.0)]
        else:
            edges = [with_event.min() - gap for gap in (0.05, 0.3, 1.0)]
        return [np.r_[edge, slopes, 1.0] for edge in edges]


@dataclass(frozen=True, slots=True)
class Leveling:
    """A power of x that levels off: log(1 + (x_0 / x)^g)."""

    axis: str

    @property
    def features(self) -> tuple[str, ...]:
        """The axis alone."""
        return (self.axis,)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The log of the value x_0 at which the power levels off, and the exponent g."""
        return (f"{LEVEL}{self.axis}", f"{EXPONENT}{self.axis}")

    def value(self, x: Reals, theta: Reals) -> tuple[Reals, Reals]:
        """See `Term.value`. The term is 0 for large x."""
        u = theta[0] - x[:, 0]
        share = 0.5 * (1 + np.tanh(0.5 * theta[1] * u))
        return np.logaddexp(0, theta[1] * u), np.column_stack([share * theta[1], share * u])

    def starts(self, x: Reals, _happened: NDArray[np.bool_], /) -> list[Reals]:
        """Leveling off at the small end of the axis, in the middle, and at the large end."""
        return [np.r_[np.quantile(x[:, 0], share), 1.0] for share in (0.1, 0.5, 0.9)]


@dataclass(frozen=True, slots=True)
class OverCritical:
    """A power of x over its critical value, times powers of others: log_a - g log(x / x_c) + ...

    The critical value x_c is a product of powers of the features `by`; its factor is part of a. The
    time does not diverge there.
    """

    axis: str
    by: tuple[str, ...]
    others: tuple[str, ...]
    clock: str = ""

    @property
    def features(self) -> tuple[str, ...]:
        """The other features, the axis, and the features that its critical value depends on."""
        return (*self.others, self.axis, *self.by)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The factor and the slopes of the others, the exponent g, and the slopes of log x_c."""
        slopes = (f"{SLOPE}of_{CRITICAL}{self.axis}_{name}" for name in self.by)
        return (*self._powers.parameters, f"{EXPONENT}{self.axis}", *slopes)

    @property
    def _powers(self) -> Slopes:
        return Slopes(self.others, self.clock)

    def value(self, x: Reals, theta: Reals) -> tuple[Reals, Reals]:
        """See `Term.value`."""
        count = len(self.others)
        exponent, by = theta[count + 1], x[:, count + 1 :]
        distance = x[:, count] - by @ theta[count + 2 :]
        powers, slopes = self._powers.value(x[:, :count], theta[: count + 1])
        return powers - exponent * distance, np.column_stack([slopes, -distance, exponent * by])

    def starts(self, x: Reals, happened: NDArray[np.bool_], /) -> list[Reals]:
        """The exponent is 1, and the critical value is the same everywhere."""
        [powers] = self._powers.starts(x, happened)
        return [np.r_[powers, 1.0, np.zeros(len(self.by))]]
