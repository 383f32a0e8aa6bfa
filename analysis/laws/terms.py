"""The terms that laws are sums of; each states its equation and its derivatives once.

Slopes     log a + sum of slope times feature: a product of powers
Wall       -g log(x / x_c - 1) and its relatives: a divergence at a critical point
Levelling  log(1 + (x_0 / x)^g): a power that levels off
"""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from analysis.laws.families import Reals

Side = Literal["above", "below", "log"]
CRITICAL, EXPONENT, LEVEL = "critical_", "exponent_", "level_"
FACTOR = "log_a"
# A critical value closer than this to a trial with the event would speak of that trial alone.
_MARGIN = 1e-3
_WIDEST = 500.0  # of a log ratio, beyond which exp(u) is no number


class Term(Protocol):
    """A part of g: `value` gives it for each trial, [T], and its derivatives, [T, q]."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the q parameters."""

    @property
    def features(self) -> tuple[str, ...]:
        """Features that the term reads, in the order of the columns of x."""

    def value(self, x: Reals, theta: Reals) -> tuple[Reals, Reals]:
        """The term and its derivatives; x [T, features], theta [q]."""

    def starts(self, x: Reals, happened: NDArray[np.bool_]) -> list[Reals]:
        """Where to begin a fit; happened [T] is True for trials with the event."""


@dataclass(frozen=True, slots=True)
class Slopes:
    """The log of a product of powers: log_a + sum of slope times feature."""

    features: tuple[str, ...]

    @property
    def parameters(self) -> tuple[str, ...]:
        """The log of the factor, and a slope a feature."""
        return (FACTOR, *(f"slope_{name}" for name in self.features))

    def value(self, x: Reals, theta: Reals) -> tuple[Reals, Reals]:
        """Linear in its parameters."""
        slopes = np.column_stack([np.ones(len(x)), x])
        return slopes @ theta, slopes

    def starts(self, x: Reals, happened: NDArray[np.bool_]) -> list[Reals]:  # noqa: ARG002  any start will do
        """All zero: the likelihood has one maximum."""
        return [np.zeros(1 + x.shape[1])]


@dataclass(frozen=True, slots=True)
class Wall:
    """A time that diverges at a critical value of an axis, and is never beyond it.

    `above`: -g log(x / x_c - 1), the event happens for x above x_c; `below`: -g log(1 - x / x_c),
    for x below it; `log`: g log log(x / x_c), a time that grows with a logarithm and is 0 at x_c.
    log x_c may be linear in the features `by`, measured from their means `centre`.
    """

    axis: str
    side: Side
    by: tuple[str, ...] = ()
    centre: tuple[float, ...] = ()

    @property
    def features(self) -> tuple[str, ...]:
        """The axis itself, and what its critical value depends on."""
        return (self.axis, *self.by)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The log of the critical value, its slopes, and the exponent."""
        tail = "" if self.side != "below" else "_high"
        slopes = (f"slope_of_{CRITICAL}{self.axis}{tail}_{name}" for name in self.by)
        return (f"{CRITICAL}{self.axis}{tail}", *slopes, f"{EXPONENT}{self.axis}{tail}")

    def value(self, x: Reals, theta: Reals) -> tuple[Reals, Reals]:
        """The term; inf where the law says never (for `log`, -inf: before the start)."""
        offsets = x[:, 1:] - np.array(self.centre)
        distance = x[:, 0] - theta[0] - offsets @ theta[1:-1]
        outward = -1.0 if self.side == "below" else 1.0
        inside = outward * distance > _MARGIN
        u = np.where(inside, np.minimum(outward * distance, _WIDEST), 1.0)
        if self.side == "above":
            log_gap, slope = u + np.log(-np.expm1(-u)), -1 / np.expm1(-u)
        elif self.side == "below":
            log_gap, slope = np.log(-np.expm1(-u)), 1 / np.expm1(u)
        else:
            log_gap, slope = np.log(u), 1 / u
        sign = 1.0 if self.side == "log" else -1.0
        exponent = theta[-1]
        by_distance = np.where(inside, sign * exponent * slope * outward, 0.0)[:, None]
        derivatives = np.column_stack(
            [-by_distance, -by_distance * offsets, np.where(inside, sign * log_gap, 0.0)]
        )
        return np.where(inside, sign * exponent * log_gap, -sign * np.inf), derivatives

    def starts(self, x: Reals, happened: NDArray[np.bool_]) -> list[Reals]:
        """From just outside the events to far from them: the likelihood may have several tops."""
        known = x[happened, 0]
        slopes = np.zeros(len(self.by))
        if self.side == "below":
            edges = [known.max() + gap for gap in (0.05, 0.3, 1.0)]
        elif self.side == "log":
            edges = [x[:, 0].min() - gap for gap in (0.3, 1.0, 3.0)]
        else:
            edges = [known.min() - gap for gap in (0.05, 0.3, 1.0)]
        return [np.r_[edge, slopes, 1.0] for edge in edges]


@dataclass(frozen=True, slots=True)
class Levelling:
    """A power of x that levels off: log(1 + (x_0 / x)^g)."""

    axis: str

    @property
    def features(self) -> tuple[str, ...]:
        """The axis."""
        return (self.axis,)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The log of the value at which it levels off, and the exponent."""
        return (f"{LEVEL}{self.axis}", f"{EXPONENT}{self.axis}")

    def value(self, x: Reals, theta: Reals) -> tuple[Reals, Reals]:
        """The term, 0 for large x."""
        u = theta[0] - x[:, 0]
        share = 0.5 * (1 + np.tanh(0.5 * theta[1] * u))
        return np.logaddexp(0, theta[1] * u), np.column_stack([share * theta[1], share * u])

    def starts(self, x: Reals, happened: NDArray[np.bool_]) -> list[Reals]:  # noqa: ARG002  likewise
        """Levelling off at the small end, in the middle, and at the large end."""
        return [np.r_[np.quantile(x[:, 0], share), 1.0] for share in (0.1, 0.5, 0.9)]
