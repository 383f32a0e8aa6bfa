"""The tables of a study file, each a frozen model that is checked when it is made.

What only some tasks and nets take is checked with the whole setting: see `study.spec.checks`.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from study.spec.fields import (
    REAL,
    WHOLE,
    Betas,
    Flag,
    MeasureNames,
    Objective,
    Positive,
    whole_or,
)
from study.vocabulary.tasks import MIN_TEST_ROWS, LossName

DEFAULT_STEPS = 20_000


class Table(BaseModel):
    """A frozen table of a study file. A key that the table does not have is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Data(Table):
    """Where rows and labels come from.

    Attributes:
        hidden_bits: of parity: which bits decide the label, a trial's own or the first k.
        labels: of parity: "random" is the control, in which nothing can generalize.
        test_rows: how many rows are for testing. "fixed", of parity: one set for all trials.
        shared: leaves weight_decay and learning_rate out of a trial's randomness. Trials that
            differ only there are paired.
        equations: of arithmetic modulo a number: how many of all equations are used.
        fewer_rows: of parity: how many of the training rows are left from epoch `fewer_from` on.
            An epoch keeps its number of updates: the rows that are left are passed more often.
        fewer_from: the epoch whose pass is the first over fewer rows.
    """

    hidden_bits: Literal["random", "first"] = "random"
    labels: Literal["parity", "random"] = "parity"
    test_rows: Annotated[
        Annotated[int, Field(ge=MIN_TEST_ROWS)] | Literal["fixed"], whole_or("fixed")
    ] = 2048
    shared: Flag = False
    equations: Annotated[Annotated[int, Field(ge=1)] | Literal["all"], whole_or("all")] = "all"
    fewer_rows: Positive | None = None
    fewer_from: Positive | None = None

    def changed(self) -> dict[str, object]:
        """The keys that are not at their defaults, with their values."""
        fields = type(self).model_fields
        values = {name: getattr(self, name) for name in fields}
        return {name: value for name, value in values.items() if value != fields[name].default}


class Train(Table):
    """How a network is trained.

    Attributes:
        loss: the default is the task's first loss (`study.vocabulary.tasks`).
        optimizer: the update rule (`study.nets.optimizers`).
        decay: "coupled" weight decay adds to the gradient, as `torch.optim.SGD` does; "decoupled"
            shrinks the weights beside the step, as `torch.optim.AdamW` does.
        dtype: the type of all weights and rows.
        betas: of AdamW.
    """

    loss: LossName = "hinge"
    optimizer: Literal["sgd", "adamw"] = "sgd"
    decay: Literal["coupled", "decoupled"] = "coupled"
    dtype: Literal["float32", "float64"] = "float32"
    betas: Betas = (0.9, 0.999)


class Budget(Table):
    """How long a trial is watched, in steps or in epochs, and when the whole study ends.

    Attributes:
        steps: updates of a trial at most. The default where `epochs` is not written, either.
        epochs: passes of a trial at most, instead of steps.
        decay_times: a minimum of the budget. A decay time is 1 / (learning_rate * weight_decay)
            steps.
        wall_hours: ends the whole study.
        trials: ends the whole study, after so many trials.
    """

    steps: Positive | None = None
    epochs: Positive | None = None
    decay_times: Annotated[float, Field(ge=0), REAL] = 0.0
    wall_hours: Annotated[float, Field(gt=0), REAL] | None = None
    trials: Positive | None = None

    @model_validator(mode="before")
    @classmethod
    def _steps_or_epochs(cls, written: object) -> object:
        if isinstance(written, dict):
            steps, epochs = written.get("steps"), written.get("epochs")
            if steps is not None and epochs is not None:
                raise ValueError(
                    f"steps = {steps} and epochs = {epochs}; a budget is in one of them. Keep one."
                )
            if steps is None and epochs is None:
                return {**written, "steps": DEFAULT_STEPS}
        return written


class Detect(Table):
    """When a trial has memorized and generalized.

    Attributes:
        memorized: training accuracy above which a trial has memorized.
        generalized: test accuracy above which a trial has generalized.
        hold: consecutive readings for which an accuracy has to stay above its threshold.
        stop: whether a trial leaves its pack when it is decided.
        linger: decay times that a decided trial is trained further.
    """

    memorized: Annotated[float, Field(gt=0, lt=1), REAL] = 0.98
    generalized: Annotated[float, Field(gt=0, lt=1), REAL] = 0.98
    hold: Positive = 3
    stop: Flag = True
    linger: Annotated[float, Field(ge=0), REAL] = 0.0


class PerDecade(Table):
    """Readings at log-spaced epochs, `per_decade` of them in a factor of 10."""

    per_decade: Positive


class Readings(Table):
    """Which epochs are read for detection, and which readings are stored.

    Attributes:
        every: epochs from one reading to the next, or log-spaced epochs. A study file writes
            `per_decade` beside this key, not inside it.
        keep_per_decade: stored readings in a factor of 10, or all that are taken.
        measures: names of the progress measures that a reading takes.
    """

    every: Annotated[Annotated[int, Field(ge=1)] | PerDecade, WHOLE] = 1
    keep_per_decade: Annotated[Annotated[int, Field(ge=1)] | Literal["all"], whole_or("all")] = 10
    measures: MeasureNames = ()

    @model_validator(mode="before")
    @classmethod
    def _lift_per_decade(cls, written: object) -> object:
        if isinstance(written, dict) and "per_decade" in written:
            if "every" in written:
                raise ValueError(
                    f"every = {written['every']} and per_decade = {written['per_decade']}; "
                    "readings follow one schedule. Keep one."
                )
            rest = {key: value for key, value in written.items() if key != "per_decade"}
            return {**rest, "every": {"per_decade": written["per_decade"]}}
        return written


class Search(Table):
    """How points are chosen.

    Attributes:
        kind: "grid" takes every point and "random" draws points. "tpe" and "gp" are Optuna's
            samplers. "boundary" looks for the points where half of the seeds have an event.
        trials: how many trials the search asks for; a grid needs no number.
        seed: of the search's own randomness.
        batch: how many trials are chosen at a time.
        objective: columns of `trials` to make small, or to make large where "-" stands before the
            name. Of a boundary: the column of the event.
    """

    kind: Literal["grid", "random", "tpe", "gp", "boundary"] = "grid"
    trials: Annotated[int, Field(ge=1, le=10_000_000), WHOLE] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63), WHOLE] = 0
    batch: Annotated[int, Field(ge=1, le=10_000), WHOLE] = 64
    objective: Objective = ("generalized_epoch",)

    @property
    def adaptive(self) -> bool:
        """Whether the results of earlier trials decide which trials come next."""
        return self.kind in {"tpe", "gp", "boundary"}


class Resources(Table):
    """What one pack asks of Ray, and how large a pack is.

    Attributes:
        device: "auto" is a GPU where there is one.
        cpu: cores.
        gpu: share of a GPU, where there are GPUs.
        trials_per_pack: "auto" makes packs that fit a stated memory (`study.trials.packing`).
    """

    device: Literal["auto", "cpu", "cuda"] = "auto"
    cpu: Annotated[float, Field(gt=0), REAL] = 1.0
    gpu: Annotated[float, Field(ge=0), REAL] = 0.25
    trials_per_pack: Annotated[Annotated[int, Field(ge=1)] | Literal["auto"], whole_or("auto")] = (
        "auto"
    )
