"""The values of one axis, read from what a user wrote for it.

A user writes one value, a list, or a range: `{log = [1e-3, 1e-1], points = 9}` or
`{linear = ...}`.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from study.vocabulary.axes import AXES, ONLINE, AxisRule, AxisValue, Number
from study.vocabulary.numbers import whole_number

Scale = Literal["log", "linear"]

MAX_POINTS = 100_000  # points of one range
# How many values an adaptive search tries on a shape axis. They are few, so that packs stay full.
LATTICE_POINTS = 12
# How many values an adaptive search tries of any other range. With finitely many values, trials of
# several batches share points, which become cells.
FINE_POINTS = 48
_EXAMPLE = "{log = [1e-3, 1e-1], points = 9}"


@dataclass(frozen=True, slots=True)
class Axis:
    """The values of one axis.

    Attributes:
        rule: which values the axis takes.
        values: the values in the order written; empty for a range without points, which only a
            search can use; (None,) where the task and the net have no such axis.
        written: what the user wrote, for messages and for study.json.
        scale: of a range, whether its points are evenly spaced in the logarithm or in the number.
        low: the smaller end of a range, else NaN.
        high: the larger end of a range, else NaN.
    """

    rule: AxisRule
    values: tuple[AxisValue, ...]
    written: object
    scale: Scale | None = None
    # Not compared: both ends follow from `written`, and the NaN of no range equals nothing.
    low: float = field(default=math.nan, compare=False)
    high: float = field(default=math.nan, compare=False)

    @property
    def absent(self) -> bool:
        """Whether the task and the net have no such axis."""
        return self.values == (None,)

    def extreme(self, pick: Callable[..., float]) -> float:
        """The largest or the smallest number of the axis; 1 where the axis has no number.

        A range without points counts by its ends.

        Args:
            pick: `max` or `min`.
        """
        values = self.values or (self.low, self.high)
        numbers = [value for value in values if isinstance(value, int | float)]
        return float(pick(numbers, default=1))

    def at(self, uniform: float) -> AxisValue:
        """The value that a random search takes for a uniform number in [0, 1)."""
        if not self.values and not self.rule.shape:
            return self._between(uniform)
        return self.lattice[int(uniform * len(self.lattice))]

    @property
    def lattice(self) -> tuple[AxisValue, ...]:
        """Every value that a trial can have, of a shape axis or an axis with points."""
        return self.values or self.searched()

    def searched(self) -> tuple[AxisValue, ...]:
        """The values that an adaptive search tries; at most LATTICE_POINTS on a shape axis."""
        most = LATTICE_POINTS if self.rule.shape else FINE_POINTS
        shares = [i / (most - 1) for i in range(most)]
        if not self.values:
            return _distinct(self._between(share) for share in shares)
        if not self.rule.shape or len(self.values) <= most:
            return self.values
        # Evenly by rank among the values written: a long list is an order, not a scale.
        numbers = sorted(value for value in self.values if isinstance(value, int | float))
        words = [value for value in self.values if isinstance(value, str)]
        thinned = (numbers[round(share * (len(numbers) - 1))] for share in shares)
        return _distinct([*thinned, *words])

    def numbers(self) -> list[float]:
        """The numbers among the values that an adaptive search tries."""
        return [float(value) for value in self.searched() if isinstance(value, int | float)]

    def holds(self, value: AxisValue) -> bool:
        """Whether a trial of this axis can have the value; rounding of the ends is allowed for."""
        if not isinstance(value, int | float) or value in self.values:
            return value in self.values
        within = self.low * (1 - 1e-9) <= value <= self.high * (1 + 1e-9)
        return within and not self.values

    def _between(self, share: float) -> Number:
        return _interpolate(self.rule, self.scale, self.low, self.high, share)


AxesByName = Mapping[str, Axis]


def read_axis(name: str, written: object) -> Axis:
    """The axis that a user's text stands for.

    Args:
        name: of a row of `AXES`.
        written: one value, a list or a range; None for an axis that a task does not have.
    Raises: ValueError, whose message is `value; rule. remedy.`
    """
    rule = AXES[name]
    if written is None:
        return Axis(rule, (None,), None)
    if isinstance(written, dict):
        return _read_range(rule, written)
    listed = list(written) if isinstance(written, list | tuple) else [written]
    if not listed:
        raise ValueError("[]; an axis has at least one value. Give one, or leave the axis out.")
    return Axis(rule, _distinct(rule.check(value) for value in listed), written)


def _read_range(rule: AxisRule, written: Mapping[str, object]) -> Axis:
    scale = _scale(written)
    low, high = _ends(rule, scale, written[scale])
    if "points" not in written or written["points"] is None:
        return Axis(rule, (), written, scale, low, high)
    points = _points(written["points"])
    shares = (i / (points - 1) for i in range(points))
    values = _distinct(_interpolate(rule, scale, low, high, share) for share in shares)
    return Axis(rule, values, written, scale, low, high)


def _scale(written: Mapping[str, object]) -> Scale:
    scales: list[Scale] = [scale for scale in ("log", "linear") if scale in written]
    if len(scales) != 1 or set(written) - {"log", "linear", "points"}:
        raise ValueError(f"{written}; a range is log or linear, with points. Write {_EXAMPLE}.")
    return scales[0]


def _ends(rule: AxisRule, scale: Scale, written: object) -> tuple[float, float]:
    """The smaller and the larger end of a range."""
    if not isinstance(written, list | tuple) or len(written) != 2:
        raise ValueError(f"{written!r}; a range has two ends. Write {_EXAMPLE}.")
    ends = [rule.check(end) for end in written]
    if ONLINE in ends:
        raise ValueError(f"{written!r}; the ends of a range are numbers. Write {_EXAMPLE}.")
    low, high = (float(end) for end in ends)
    if not low < high:
        raise ValueError(f"{written!r}; a range rises. Write the smaller end first.")
    if scale == "log" and low <= 0:
        raise ValueError(
            f"{low!r} on a log range; a log range starts above 0. "
            f"Start at {high / 100:g}, or use {{linear = [...]}}."
        )
    return low, high


def _points(written: object) -> int:
    try:
        points = whole_number(written)
    except ValueError:
        points = 0
    if not 2 <= points <= MAX_POINTS:
        raise ValueError(
            f"points = {written!r}; a range has 2 to {MAX_POINTS:,} points, a whole number. "
            "Write points = 9."
        )
    return points


def _interpolate(
    rule: AxisRule, scale: Scale | None, low: float, high: float, share: float
) -> Number:
    """The number at a share, 0 to 1, of the way from one end of a range to the other."""
    if scale == "log":
        value = math.exp(math.log(low) * (1 - share) + math.log(high) * share)
    else:
        value = low * (1 - share) + high * share
    # 12 digits: ids are hashes of values, and the last bits of exp differ between libraries.
    return round(value) if rule.integer else float(f"{value:.12g}")


def _distinct(values: Iterable[AxisValue]) -> tuple[AxisValue, ...]:
    """The values without repetitions, in order."""
    return tuple(dict.fromkeys(values))
