"""What a study is: frozen models, checked when they are made, so that nothing checks again later.

A study is the union of its settings, and each setting has every key in force. `study.spec.file`
reads TOML into this form, which is also what is stored and compared.
"""

import math
from typing import TYPE_CHECKING, Annotated

from pydantic import (
    Field,
    ValidationInfo,
    create_model,
    field_serializer,
    field_validator,
    model_validator,
)

from study.spec.checks import (
    check_axes,
    check_data,
    check_fewer_rows,
    check_grid,
    check_loss,
    check_measures,
    check_search,
    check_trials,
)
from study.spec.defaults import with_defaults
from study.spec.fields import NetName, Seeds, StudyName, TaskName
from study.spec.toml_tables import Budget, Data, Detect, Readings, Resources, Search, Table, Train
from study.vocabulary.axes import AXES
from study.vocabulary.axis_values import Axis, read_axis
from study.vocabulary.nets import NETS
from study.vocabulary.tasks import TASKS

MAX_STUDY_TRIALS = 2_000_000  # a plan of a million trials takes half a minute and a gigabyte
MAX_STUDY_SHAPES = 10_000  # each shape is at least one pack


class _AxesTable(Table):
    """What a study varies: one field for each row of `study.vocabulary.axes.AXES`."""

    def by_name(self) -> dict[str, Axis]:
        """All axes, in the order of `AXES`."""
        return {name: getattr(self, name) for name in AXES}

    @field_validator("*", mode="plain")
    @classmethod
    def _read(cls, written: object, info: ValidationInfo) -> Axis:
        return read_axis(str(info.field_name), written)

    @field_serializer("*")
    def _write(self, axis: Axis) -> object:
        return axis.written


if TYPE_CHECKING:
    Axes = _AxesTable  # mypy cannot see fields that are made from a table
else:
    Axes = create_model(
        "Axes",
        __base__=_AxesTable,
        __module__=__name__,
        __doc__=_AxesTable.__doc__,
        **{name: (Axis, read_axis(name, rule.default)) for name, rule in AXES.items()},
    )


class Setting(Table):
    """The cross of some axes and seeds, trained in one way; every key is in force.

    Attributes:
        label: tells the settings of a study apart; empty in a study of one setting.
        task: name of a row of `study.vocabulary.tasks.TASKS`.
        net: name of a row of `study.vocabulary.nets.NETS`.
        seeds: with which every point is trained.
        axes: the values of every axis.
        data: where rows and labels come from.
        train: how a network is trained.
        budget: how long a trial is watched.
        detect: when a trial has memorized and generalized.
        readings: which epochs are read and stored.
        search: how points are chosen.
        resources: what one pack asks of Ray.
    """

    label: str = ""
    task: TaskName = "parity"
    net: NetName = "relu"
    seeds: Seeds = (0, 1, 2, 3, 4)
    axes: Axes
    data: Data = Data()
    train: Train = Train()
    budget: Budget = Budget()
    detect: Detect = Detect()
    readings: Readings = Readings()
    search: Search = Search()
    resources: Resources = Resources()

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, written: object) -> object:
        return with_defaults(written) if isinstance(written, dict) else written

    @model_validator(mode="after")
    def _consistent(self) -> "Setting":
        axes = self.axes.by_name()
        check_trials(self.search)
        check_axes(self.task, self.net, axes)
        check_loss(self.task, self.train.loss)
        check_data(self.task, self.data.changed())
        check_fewer_rows(self.data, self.budget, self.detect, axes)
        check_measures(self.net, self.readings.measures)
        if self.search.kind == "grid":
            check_grid(axes)
        equations = None if self.data.equations == "all" else self.data.equations
        TASKS[self.task].check(axes, equations)
        NETS[self.net].check(axes)
        if self.search.adaptive:
            check_search(self.search, axes)
        return self

    @property
    def size(self) -> int:
        """How many trials the setting has, counted without making them."""
        if self.search.kind != "grid":
            return self.search.trials or 0
        counts = (len(axis.values) for axis in self.axes.by_name().values())
        return math.prod(counts) * len(self.seeds)

    @property
    def shapes(self) -> int:
        """How many shapes the trials of the setting can have, at most."""
        most = (len(axis.lattice) for axis in self.axes.by_name().values() if axis.rule.shape)
        return min(self.size, math.prod(most))

    @property
    def counted(self) -> str:
        """What multiplies to the number of trials, for messages: values of axes, and seeds."""
        if self.search.kind != "grid":
            return f"search.trials = {self.search.trials:,}"
        counts = {name: len(axis.values) for name, axis in self.axes.by_name().items()}
        several = [f"{count:,} of {name}" for name, count in counts.items() if count > 1]
        return " x ".join([*several, f"{len(self.seeds):,} seeds"])


class StudySpec(Table):
    """A study: its name, and the settings whose union it is. Frozen once it is read."""

    name: StudyName
    settings: Annotated[tuple[Setting, ...], Field(min_length=1)]

    @property
    def size(self) -> int:
        """How many trials the study has, or a few more: settings may share some."""
        return sum(setting.size for setting in self.settings)

    @model_validator(mode="after")
    def _plannable(self) -> "StudySpec":
        """Refuse a study that is too large to plan, by counting: nothing is expanded."""
        if self.size > MAX_STUDY_TRIALS:
            largest = max(self.settings, key=lambda setting: setting.size)
            raise ValueError(
                f"{largest.counted}: {self.size:,} trials; a study has at most "
                f"{MAX_STUDY_TRIALS:,}. "
                "Use fewer seeds or values, or a search for some of the points."
            )
        shapes = sum(setting.shapes for setting in self.settings)
        if shapes > MAX_STUDY_SHAPES:
            largest = max(self.settings, key=lambda setting: setting.shapes)
            raise ValueError(
                f"{largest.counted}: {shapes:,} shapes; a pack holds trials of one shape, and a "
                f"study has at most {MAX_STUDY_SHAPES:,}. Use fewer values of axes that change "
                "shapes."
            )
        return self
