"""Trials: one network each, a point and a seed under a setting, with ids made of their content.

`trial_id` hashes what determines a trajectory (task, net, axes, seed, the tables [data] and
[train]), so another grid of a study neither renames nor reseeds a trial.
"""

import math
from dataclasses import Field, dataclass, field, make_dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, cast

from study.spec.models import Setting
from study.trials.identity import digest, digest_of_text, point_text, stream_axes, trial_text
from study.vocabulary.axes import AXES, SHAPE_AXES, YOUNGER_AXES, AxisValue, AxisValues, whole
from study.vocabulary.outcomes import Ended
from study.vocabulary.tasks import MIN_TEST_ROWS, TASKS, own_axes

ONLINE_STEPS_PER_EPOCH = 32  # fresh rows have no pass to end; about 1,000 rows at the usual batch

_values_of_point = attrgetter(*AXES)
_values_of_shape = attrgetter(*SHAPE_AXES)


class _AxesOfAPoint:
    """One value for every axis: one field for each row of `study.vocabulary.axes.AXES`.

    None is the value of an axis that the task and the net do not have. `train_size` is None for
    fresh rows every step. `train_size` follows from `train_fraction` where there is one.
    """

    __slots__ = ()

    if TYPE_CHECKING:  # mypy cannot see fields that are made from a table
        __dataclass_fields__: ClassVar[dict[str, Field[AxisValue]]]

        def __init__(self, *values: AxisValue, **axes: AxisValue) -> None: ...

        def __getattr__(self, axis: str) -> Any: ...

    def values(self) -> dict[str, AxisValue]:
        """The axes by name: what dataclasses.asdict gives, without its recursion."""
        return dict(zip(AXES, _values_of_point(self), strict=True))

    def whole(self, axis: str) -> int:
        """The value of an axis that is a whole number.

        Raises: LookupError where the task and the net of the point do not have the axis.
        """
        return whole({axis: getattr(self, axis)}, axis)

    @property
    def bits(self) -> int:
        """Input bits n; a task without bits does not ask."""
        return self.whole("n")


if TYPE_CHECKING:
    Point = _AxesOfAPoint
else:
    Point = make_dataclass(
        "Point",
        [(name, AxisValue, None) for name in AXES],
        bases=(_AxesOfAPoint,),
        namespace={"__module__": __name__, "__doc__": _AxesOfAPoint.__doc__},
        frozen=True,
        slots=True,
    )


def recorded_point(setting: Setting, values: AxisValues) -> Point:
    """The point of a record of a trial; axes that are younger than the record have their default.

    Args:
        setting: of the trial.
        values: by name; an axis may be missing.
    """
    own = own_axes(setting.task, setting.net)
    return Point(
        **{
            name: YOUNGER_AXES.get(name) if values.get(name) is None and name in own else value
            for name, value in ((name, values.get(name)) for name in AXES)
        }
    )


class PackShape(tuple[AxisValue, ...]):
    """What the trials of one pack share, so that their tensors stack: values of SHAPE_AXES."""

    __slots__ = ()

    def by_axis(self) -> dict[str, AxisValue]:
        """The values by the name of their axis."""
        return dict(zip(SHAPE_AXES, self, strict=True))


@dataclass(frozen=True, slots=True)
class Trial:
    """A point and a seed under a setting: one network, trained once.

    A driver holds all trials of a study, so a trial has slots, and an id from its beginning.

    Attributes:
        study: the name of the study.
        setting: how the network is trained and watched.
        point: one value for every axis.
        seed: tells the trials of one point apart.
        trial_id: hash of everything that determines the trajectory.
    """

    study: str
    setting: Setting = field(repr=False)
    point: Point
    seed: int
    trial_id: str = field(init=False, repr=False, compare=False)
    _stream_key: tuple[int, int] | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        text = trial_text(self.setting, self.point, self.seed)
        object.__setattr__(self, "trial_id", digest_of_text(text))

    @property
    def point_id(self) -> str:
        """Hash of everything but the seed that determines the trajectory."""
        return digest_of_text(point_text(self.setting, self.point))

    @property
    def stream_key(self) -> tuple[int, int]:
        """The trial's 64-bit key, of task, axes and seed, as two 32-bit words.

        With `[data] shared` the key leaves out weight_decay and learning_rate: trials that differ
        only there draw the same numbers.
        """
        if self._stream_key is None:
            axes = stream_axes(self.setting, self.point)
            key = digest({"task": self.setting.task, "axes": axes, "seed": self.seed})
            object.__setattr__(self, "_stream_key", (int(key[:8], 16), int(key[8:16], 16)))
        return cast("tuple[int, int]", self._stream_key)

    @property
    def shape(self) -> PackShape:
        """What must agree within a pack."""
        return PackShape(_values_of_shape(self.point))

    @property
    def train_size(self) -> int:
        """Rows in one epoch; for online trials, the fresh rows of one epoch."""
        rows = self.point.train_size or ONLINE_STEPS_PER_EPOCH * self.point.batch_size
        return int(rows)

    @property
    def test_size(self) -> int:
        """Test rows: what [data] test_rows asks for, or all rows that are left."""
        asked = self.setting.data.test_rows
        rows = MIN_TEST_ROWS if asked == "fixed" else asked
        everything = available_rows(self.setting, self.point.values())
        if everything is None:
            return rows
        # Fresh rows avoid the test rows. In a small world, test rows are therefore at most half.
        left = everything // 2 if self.point.train_size is None else everything - self.train_size
        return min(rows, left)

    @property
    def batch_rows(self) -> int:
        """Rows of one update: the batch, or all rows where there are fewer."""
        return min(int(self.point.batch_size), self.train_size)

    @property
    def steps_per_epoch(self) -> int:
        """Updates in one pass; the last, smaller batch counts."""
        return -(-self.train_size // int(self.point.batch_size))

    @property
    def decay_time_epochs(self) -> float:
        """One decay time, 1 / (learning_rate * weight_decay) steps, in epochs.

        Infinite without weight decay.
        """
        rate = float(self.point.learning_rate * self.point.weight_decay)
        return 1 / (rate * self.steps_per_epoch) if rate > 0 else math.inf

    @property
    def budget_epochs(self) -> int:
        """Passes at most: the setting's steps or epochs, or its minimum of decay times if more."""
        budget = self.setting.budget
        epochs = budget.epochs or math.ceil((budget.steps or 1) / self.steps_per_epoch)
        if budget.decay_times and math.isfinite(self.decay_time_epochs):
            epochs = max(epochs, math.ceil(budget.decay_times * self.decay_time_epochs))
        return epochs

    def answered_by(self, ended: str, budget_epochs: int | None) -> bool:
        """Whether a stored row of the trial is final under this trial's budget.

        A row is final where training ended by itself, or the trial was watched for this budget.

        Args:
            ended: of the row.
            budget_epochs: of the row.
        """
        if ended != Ended.BUDGET:
            return True
        return budget_epochs is not None and budget_epochs >= self.budget_epochs


def available_rows(setting: Setting, values: AxisValues) -> int | None:
    """How many rows there are to train and test on at a point; None if endless.

    Args:
        setting: names the task, and how many of its equations are used.
        values: of the point's axes, by name.
    """
    rows, asked = TASKS[setting.task].world(values), setting.data.equations
    return rows if asked == "all" else asked
