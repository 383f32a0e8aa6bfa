"""The table of axes: what a study can vary, in the order of the columns of the table `trials`.

`AXES` is the only list of axes. The fields of `study.spec.models.Axes` and of
`study.trials.trial.Point`, the columns and the help are made from it. A task or a net uses some of
the axes; each other axis has the single value None.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from study.vocabulary.numbers import plain_number, whole_number

Number = int | float | str  # an axis's value as a user writes it; "online" stands for a number
AxisValue = Number | None  # None: the task and the net do not have the axis
AxisValues = Mapping[str, AxisValue]  # the values of one point, by the name of the axis

ONLINE = "online"
HIGHEST = 10**9  # the largest value of any axis, beyond every net that could be trained


@dataclass(frozen=True, slots=True)
class AxisRule:
    """A row of the table of axes: which values the axis takes.

    Attributes:
        integer: whether values are whole numbers.
        low: the lower bound of all values.
        low_allowed: whether `low` is itself a value.
        shape: whether the axis changes tensor shapes. Trials that differ there cannot share a pack.
        words: words that may stand for a number.
        below: what every value is smaller than.
        default: the value where a study file does not name the axis. None for an axis that only
            some tasks or nets have: their rows of `TASKS` and `NETS` name the default.
        decides: the axis whose value follows from this one.
    """

    integer: bool
    low: float
    low_allowed: bool
    shape: bool
    words: tuple[str, ...] = ()
    below: float = math.inf
    default: Number | None = None
    decides: str = ""

    def check(self, value: object) -> Number:
        """The value in the axis's own type.

        Raises: ValueError, whose message is `value; rule. remedy.`
        """
        if isinstance(value, str) and value in self.words:
            return value
        number = plain_number(value, "a finite number", self.words)
        if abs(number) > HIGHEST:
            raise ValueError(f"{str(number)[:20]}; a value here is at most {HIGHEST:g}. Lower it.")
        if self.integer:
            number = whole_number(number)
        if number < self.low or (number == self.low and not self.low_allowed):
            bound = "at least" if self.low_allowed else "above"
            raise ValueError(f"{number!r}; a value here is {bound} {self.low:g}. Raise it.")
        if number >= self.below:
            raise ValueError(f"{number!r}; a value here is below {self.below:g}. Lower it.")
        return number if self.integer else float(number)


# Units: n and k count bits, width counts neurons, train_size and batch_size count rows. init_scale
# multiplies the initial weights. train_fraction is the share of all equations that is for training.
# label_noise is the share of training labels that are flipped.
AXES: dict[str, AxisRule] = {
    "n": AxisRule(integer=True, low=1, low_allowed=True, shape=True),
    "k": AxisRule(integer=True, low=1, low_allowed=True, shape=False),
    "width": AxisRule(integer=True, low=1, low_allowed=True, shape=True),
    "weight_decay": AxisRule(integer=False, low=0, low_allowed=True, shape=False, default=0.01),
    "train_size": AxisRule(integer=True, low=1, low_allowed=True, shape=True, words=(ONLINE,)),
    "learning_rate": AxisRule(integer=False, low=0, low_allowed=False, shape=False, default=0.1),
    "batch_size": AxisRule(integer=True, low=1, low_allowed=True, shape=True, default=32),
    "init_scale": AxisRule(integer=False, low=0, low_allowed=False, shape=False, default=1.0),
    "modulus": AxisRule(integer=True, low=2, low_allowed=True, shape=True),
    "train_fraction": AxisRule(
        integer=False, low=0, low_allowed=False, shape=True, below=1, decides="train_size"
    ),
    "layers": AxisRule(integer=True, low=1, low_allowed=True, shape=True),
    "heads": AxisRule(integer=True, low=1, low_allowed=True, shape=True),
    "label_noise": AxisRule(integer=False, low=0, low_allowed=True, shape=False, below=1),
}

# Axes that are younger than the first trials of a task, with the value that all earlier trials
# have. At this value an axis is left out of a trial's identity and streams: ids and bits stay.
YOUNGER_AXES: dict[str, Number] = {"label_noise": 0.0}

# The axes that every task and net has.
COMMON = tuple(name for name, rule in AXES.items() if rule.default is not None)

# The axes whose values decide the shape of a pack's tensors.
SHAPE_AXES = tuple(name for name, rule in AXES.items() if rule.shape and not rule.decides)


def varying_axes(counts: Mapping[str, int]) -> tuple[str, ...]:
    """Names of the axes that have more than one value, in the order of `AXES`.

    Args:
        counts: how many distinct values each axis has, by its name; an axis may be missing.
    """
    return tuple(name for name in AXES if counts.get(name, 0) > 1)


def whole(values: AxisValues, axis: str) -> int:
    """The value of an axis that is a whole number.

    Args:
        values: of a point, by the name of the axis.
        axis: name of the axis.
    Raises: LookupError where the axis is absent or is a word: the caller is of another task or net.
    """
    value = values.get(axis)
    if not isinstance(value, int):
        raise LookupError(f"{axis}: {value!r}; this task or net has no number there.")
    return value
