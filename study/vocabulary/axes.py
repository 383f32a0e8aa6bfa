"""One axis of a study: what a user may write for it, and the values that it stands for.

An axis is one value, a list, or a range: `{log = [1e-3, 1e-1], points = 9}` or `{linear = ...}`.
`AXES` is the one table of axes, in the order of the columns; spec, trials, store and help share it.
A task or a net has some of them: of another's, the one value is null.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from study.vocabulary.numbers import plain_number, whole_number

Number = int | float | str  # as written; a word stands for a number
AxisValue = Number | None
Values = Mapping[str, Any]  # of one point: the value of each axis by its name

ONLINE = "online"
MAX_POINTS = 100_000  # of a range
HIGHEST = 10**9  # of any axis: beyond every net that could be trained
LATTICE_POINTS = 12  # values that a search tries on a shape axis: packs stay full
FINE_POINTS = 48  # values that an adaptive search tries of any other range: points meet in cells


@dataclass(frozen=True, slots=True)
class AxisRule:
    """What values of an axis must obey.

    `shape` axes change tensor shapes, so trials that differ there cannot share a pack. `below` is
    what every value is smaller than.
    """

    integer: bool
    low: float
    low_allowed: bool
    shape: bool
    words: tuple[str, ...] = ()
    below: float = math.inf

    def check(self, value: Any) -> Number:
        """The value in the axis's own type; a ValueError says which rule it breaks."""
        if isinstance(value, str) and value in self.words:
            return value
        value = plain_number(value, "a finite number", self.words)
        if abs(value) > HIGHEST:
            raise ValueError(f"{str(value)[:20]}; a value here is at most {HIGHEST:g}. Lower it.")
        if self.integer:
            value = whole_number(value)
        if value < self.low or (value == self.low and not self.low_allowed):
            bound = "at least" if self.low_allowed else "above"
            raise ValueError(f"{value!r}; a value here is {bound} {self.low:g}. Raise it.")
        if value >= self.below:
            raise ValueError(f"{value!r}; a value here is below {self.below:g}. Lower it.")
        return value if self.integer else float(value)


AXES: dict[str, AxisRule] = {
    "n": AxisRule(integer=True, low=1, low_allowed=True, shape=True),
    "k": AxisRule(integer=True, low=1, low_allowed=True, shape=False),
    "width": AxisRule(integer=True, low=1, low_allowed=True, shape=True),
    "weight_decay": AxisRule(integer=False, low=0, low_allowed=True, shape=False),
    "train_size": AxisRule(integer=True, low=1, low_allowed=True, shape=True, words=(ONLINE,)),
    "learning_rate": AxisRule(integer=False, low=0, low_allowed=False, shape=False),
    "batch_size": AxisRule(integer=True, low=1, low_allowed=True, shape=True),
    "init_scale": AxisRule(integer=False, low=0, low_allowed=False, shape=False),
    "modulus": AxisRule(integer=True, low=2, low_allowed=True, shape=True),
    "train_fraction": AxisRule(integer=False, low=0, low_allowed=False, shape=True, below=1),
    "layers": AxisRule(integer=True, low=1, low_allowed=True, shape=True),
    "heads": AxisRule(integer=True, low=1, low_allowed=True, shape=True),
}


def varying_axes(counts: Mapping[str, int]) -> tuple[str, ...]:
    """Names of the axes that have more than one value, in the order of `AXES`.

    Args:
        counts: how many distinct values each axis has, by its name; an axis may be missing.
    """
    return tuple(name for name in AXES if counts.get(name, 0) > 1)


@dataclass(frozen=True, slots=True)
class Axis:
    """The values of one axis, and the range they came from if they came from one.

    `written` is what the user wrote, for messages and for study.json; `values` is empty for a
    range without points, which only a random search can use.
    """

    rule: AxisRule
    values: tuple[AxisValue, ...]
    written: object
    scale: Literal["log", "linear"] | None = None
    # Not compared: both follow from `written`, and where there is no range nan equals nothing.
    low: float = field(default=math.nan, compare=False)
    high: float = field(default=math.nan, compare=False)

    @property
    def absent(self) -> bool:
        """Whether the task and the net have no such axis."""
        return self.values == (None,)

    def extreme(self, pick: Callable[..., float]) -> float:
        """The largest or smallest number (`max`, `min`), of a bare range too; 1 if none is."""
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
        """Every value that a trial can have, of a shape axis or one with points."""
        return self.values or self.searched()

    def searched(self) -> tuple[AxisValue, ...]:
        """The values that an adaptive search tries: of a shape axis at most twelve."""
        most = LATTICE_POINTS if self.rule.shape else FINE_POINTS
        shares = [i / (most - 1) for i in range(most)]
        if not self.values:
            return _distinct(self._between(share) for share in shares)
        if not self.rule.shape or len(self.values) <= most:
            return self.values
        # As written, and evenly by rank: a list of many values is an order, not a scale.
        numbers = sorted(value for value in self.values if isinstance(value, int | float))
        words = [value for value in self.values if isinstance(value, str)]
        thinned = (numbers[round(share * (len(numbers) - 1))] for share in shares)
        return _distinct([*thinned, *words])

    def numbers(self) -> list[float]:
        """The numbers among those that an adaptive search tries."""
        return [float(value) for value in self.searched() if isinstance(value, int | float)]

    def holds(self, value: AxisValue) -> bool:
        """Whether a value is one of these, or within the range, but for rounding."""
        if not isinstance(value, int | float) or value in self.values:
            return value in self.values
        within = self.low * (1 - 1e-9) <= value <= self.high * (1 + 1e-9)
        return within and not self.values

    def _between(self, share: float) -> Number:
        return _interpolate(self.rule, self.scale, self.low, self.high, share)


def read_axis(name: str, written: object) -> Axis:
    """What a user wrote for an axis, checked; None is an axis that a task does not have.

    Raises ValueError whose message is `value; rule. remedy.`
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


def _read_range(rule: AxisRule, written: dict[str, Any]) -> Axis:
    example = "{log = [1e-3, 1e-1], points = 9}"
    scales = [key for key in ("log", "linear") if key in written]
    if len(scales) != 1 or set(written) - {"log", "linear", "points"}:
        raise ValueError(f"{written}; a range is log or linear, with points. Write {example}.")
    ends = written[scales[0]]
    if not isinstance(ends, list | tuple) or len(ends) != 2:
        raise ValueError(f"{ends!r}; a range has two ends. Write {example}.")
    low, high = (rule.check(end) for end in ends)
    if ONLINE in (low, high):
        raise ValueError(f"{ends!r}; the ends of a range are numbers. Write {example}.")
    low, high = float(low), float(high)
    if not low < high:
        raise ValueError(f"{ends!r}; a range rises. Write the smaller end first.")
    scale: Literal["log", "linear"] = "log" if scales[0] == "log" else "linear"
    if scale == "log" and low <= 0:
        raise ValueError(
            f"{low!r} on a log range; a log range starts above 0. "
            f"Start at {high / 100:g}, or use {{linear = [...]}}."
        )
    points = written.get("points")
    values: tuple[AxisValue, ...] = ()
    if points is not None:
        try:
            points = whole_number(points)
        except ValueError:
            points = 0
        if not 2 <= points <= MAX_POINTS:
            raise ValueError(
                f"points = {written['points']!r}; a range has 2 to {MAX_POINTS:,} points, a whole "
                "number. Write points = 9."
            )
        shares = (i / (points - 1) for i in range(points))
        values = _distinct(_interpolate(rule, scale, low, high, share) for share in shares)
    return Axis(rule, values, written, scale, low, high)


def _interpolate(
    rule: AxisRule, scale: str | None, low: float, high: float, share: float
) -> Number:
    if scale == "log":
        value = math.exp(math.log(low) * (1 - share) + math.log(high) * share)
    else:
        value = low * (1 - share) + high * share
    # 12 digits: ids are hashes of values, and the last bits of exp differ between libraries.
    return round(value) if rule.integer else float(f"{value:.12g}")


def _distinct(values: Any) -> tuple[AxisValue, ...]:
    return tuple(dict.fromkeys(values))
