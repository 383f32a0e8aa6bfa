"""What a study is: frozen models, checked at birth, so that nothing downstream checks again.

A study is the union of its settings, and each setting has every key in force; `study_file` reads
TOML into this resolved form, which is also what is kept, compared and stored.
"""

import math
import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)

from study.errors import choices
from study.spec.checks import check_axes, check_choices
from study.spec.fields import REAL, WHOLE, Flag, Positive, whole_or
from study.vocabulary.axes import AXES, ONLINE, Axis, read_axis, varying_axes
from study.vocabulary.columns import EVENTS, OBJECTIVES
from study.vocabulary.measures import MEASURES
from study.vocabulary.nets import NETS
from study.vocabulary.tasks import COMMON, MIN_TEST_ROWS, TASKS

DEFAULT_STEPS = 20_000
MAX_SEEDS = 1_000_000
MAX_TRIALS = 2_000_000  # of a study: a plan of a million takes half a minute and a gigabyte
MAX_SHAPES = 10_000  # of a study: each is a pack of its own at least
MAX_NAME = 100  # characters: a file system takes 255 bytes for a name


class Table(BaseModel):
    """A frozen table of a study file that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Axes(Table):
    """What a study varies. The defaults are the paper's standard setting (2303.11873, section 2).

    Units: n, k, width and batch_size count bits, bits, neurons and rows; train_size counts rows, or
    is "online" for fresh rows every step; init_scale multiplies the initial weights. What only
    some tasks and nets have is null for the others (`study.vocabulary.tasks`): the modulus, the
    share of all equations that is for training, layers, and attention heads of each.
    """

    n: Axis = read_axis("n", 40)
    k: Axis = read_axis("k", 3)
    width: Axis = read_axis("width", 1000)
    train_size: Axis = read_axis("train_size", 1000)
    weight_decay: Axis = read_axis("weight_decay", 0.01)
    learning_rate: Axis = read_axis("learning_rate", 0.1)
    batch_size: Axis = read_axis("batch_size", 32)
    init_scale: Axis = read_axis("init_scale", 1.0)
    modulus: Axis = read_axis("modulus", None)
    train_fraction: Axis = read_axis("train_fraction", None)
    layers: Axis = read_axis("layers", None)
    heads: Axis = read_axis("heads", None)

    @field_validator("*", mode="plain")
    @classmethod
    def _read(cls, written: object, info: ValidationInfo) -> Axis:
        return read_axis(str(info.field_name), written)

    @field_serializer("*")
    def _write(self, axis: Axis) -> Any:
        return axis.written


class Data(Table):
    """Where rows and labels come from.

    `labels = "random"` is the control that nothing can generalise; `shared` leaves weight decay and
    learning rate out of the randomness, so that trials which differ only there are paired.
    `equations` takes so many of those modulo a number. Hidden bits, labels and fixed test rows are
    of parity.
    """

    hidden_bits: Literal["random", "first"] = "random"
    labels: Literal["parity", "random"] = "parity"
    test_rows: Annotated[
        Annotated[int, Field(ge=MIN_TEST_ROWS)] | Literal["fixed"], whole_or("fixed")
    ] = 2048
    shared: Flag = False
    equations: Annotated[Annotated[int, Field(ge=1)] | Literal["all"], whole_or("all")] = "all"


Beta = Annotated[float, Field(ge=0, lt=1), REAL]


def _read_betas(written: Any) -> Any:
    if not isinstance(written, list | tuple) or len(written) != 2:
        raise ValueError(f"{written!r}; betas are two numbers. Write [0.9, 0.999].")
    return tuple(written)


class Train(Table):
    """How a network is trained. Coupled decay adds to the gradient, as `torch.optim.SGD` does.

    `betas` are AdamW's. The default loss is the task's first (`study.vocabulary.tasks`).
    """

    loss: Literal["hinge", "logistic", "square", "cross_entropy"] = "hinge"
    optimizer: Literal["sgd", "adamw"] = "sgd"
    decay: Literal["coupled", "decoupled"] = "coupled"
    dtype: Literal["float32", "float64"] = "float32"
    betas: Annotated[tuple[Beta, Beta], BeforeValidator(_read_betas)] = (0.9, 0.999)


class Budget(Table):
    """How long a trial is watched, in steps or in epochs, and at least `decay_times`.

    A decay time is 1 / (learning_rate * weight_decay) steps. `wall_hours` and `trials` end the
    whole study.
    """

    steps: Positive | None = None
    epochs: Positive | None = None
    decay_times: Annotated[float, Field(ge=0), REAL] = 0.0
    wall_hours: Annotated[float, Field(gt=0), REAL] | None = None
    trials: Positive | None = None

    @model_validator(mode="before")
    @classmethod
    def _patience(cls, data: Any) -> Any:
        if isinstance(data, dict):
            steps, epochs = data.get("steps"), data.get("epochs")
            if steps is not None and epochs is not None:
                raise ValueError(
                    f"steps = {steps} and epochs = {epochs}; a budget is in one of them. Keep one."
                )
            if steps is None and epochs is None:
                return {**data, "steps": DEFAULT_STEPS}
        return data


class Detect(Table):
    """When a trial has memorised and generalised; `hold` counts consecutive readings.

    With `stop`, a trial that is decided leaves its pack after `linger` more decay times.
    """

    memorized: Annotated[float, Field(gt=0, lt=1), REAL] = 0.98
    generalized: Annotated[float, Field(gt=0, lt=1), REAL] = 0.98
    hold: Positive = 3
    stop: Flag = True
    linger: Annotated[float, Field(ge=0), REAL] = 0.0


class PerDecade(Table):
    """Readings at log-spaced epochs, so many a decade."""

    per_decade: Positive


def _known_measures(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in MEASURES:
            raise ValueError(f"{name!r}; {choices('a measure', name, MEASURES)}")
    return names


class Readings(Table):
    """Which epochs are read for detection (`every`), and which readings are stored."""

    every: Annotated[Annotated[int, Field(ge=1)] | PerDecade, WHOLE] = 1
    keep_per_decade: Annotated[Annotated[int, Field(ge=1)] | Literal["all"], whole_or("all")] = 10
    measures: Annotated[tuple[str, ...], AfterValidator(_known_measures)] = ()

    @model_validator(mode="before")
    @classmethod
    def _lift_per_decade(cls, data: Any) -> Any:
        if isinstance(data, dict) and "per_decade" in data:
            if "every" in data:
                raise ValueError(
                    f"every = {data['every']} and per_decade = {data['per_decade']}; "
                    "readings follow one schedule. Keep one."
                )
            rest = {key: value for key, value in data.items() if key != "per_decade"}
            return {**rest, "every": {"per_decade": data["per_decade"]}}
        return data


def _read_objective(written: object) -> tuple[str, ...]:
    names = [written] if isinstance(written, str) else written
    if not isinstance(names, list | tuple) or not names:
        raise ValueError(f"{written!r}; an objective is a column of trials. Write one, or a list.")
    for name in names:
        if str(name).removeprefix("-") not in OBJECTIVES:
            raise ValueError(f"{name!r}; {choices('an objective', str(name), OBJECTIVES)}")
    return tuple(dict.fromkeys(names))


class Search(Table):
    """How points are chosen: all of the grid, or `trials` trials that a search asks for.

    `random` draws points, `tpe` and `gp` are Optuna's samplers, all after the least `objective`, a
    column of trials or several; `-` before a column asks for the largest. `boundary` looks for the
    points where half of the seeds have the event that `objective` names. `batch` trials are chosen
    at a time.
    """

    kind: Literal["grid", "random", "tpe", "gp", "boundary"] = "grid"
    trials: Annotated[int, Field(ge=1, le=10_000_000), WHOLE] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63), WHOLE] = 0
    batch: Annotated[int, Field(ge=1, le=10_000), WHOLE] = 64
    objective: Annotated[tuple[str, ...], BeforeValidator(_read_objective)] = ("generalized_epoch",)

    @property
    def adaptive(self) -> bool:
        """Whether what is tried next depends on what was found before."""
        return self.kind in {"tpe", "gp", "boundary"}


class Resources(Table):
    """What one pack asks of Ray: cores, a share of a GPU when there are any, and its size."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    cpu: Annotated[float, Field(gt=0), REAL] = 1.0
    gpu: Annotated[float, Field(ge=0), REAL] = 0.25
    trials_per_pack: Annotated[Annotated[int, Field(ge=1)] | Literal["auto"], whole_or("auto")] = (
        "auto"
    )


def _read_seeds(written: object) -> tuple[int, ...]:
    rule = (
        "seeds is a count from 1 to a million, or a list of whole numbers from 0, below 2^63. "
        "Write 5 or [0, 7]."
    )
    if isinstance(written, int) and written > MAX_SEEDS:
        raise ValueError(f"{written!r}; {rule}")
    if isinstance(written, float) and written.is_integer():
        written = int(written)
    listed = range(written) if isinstance(written, int) else written
    if isinstance(written, bool) or not isinstance(listed, range | list | tuple) or not len(listed):
        raise ValueError(f"{written!r}; {rule}")
    if not all(_is_int(seed) and 0 <= seed < 2**63 for seed in listed):
        raise ValueError(f"{written!r}; {rule}")
    return tuple(dict.fromkeys(listed))


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _known_task(name: str) -> str:
    if name not in TASKS:
        raise ValueError(f"{name!r}; {choices('a task', name, TASKS)}")
    return name


def _known_net(name: str) -> str:
    if name not in NETS:
        raise ValueError(f"{name!r}; {choices('a net', name, NETS)}")
    return name


class Setting(Table):
    """One setting with every key in force: the cross of its axes and seeds, trained one way."""

    label: str = ""
    task: Annotated[str, AfterValidator(_known_task)] = "parity"
    net: Annotated[str, AfterValidator(_known_net)] = "relu"
    seeds: Annotated[tuple[int, ...], BeforeValidator(_read_seeds)] = (0, 1, 2, 3, 4)
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
    def _defaults(cls, data: Any) -> Any:
        """Lay the defaults of the task and the net under what is written."""
        if not isinstance(data, dict):
            return data
        task = TASKS.get(data.get("task", "parity"))
        net = None if task is None else NETS.get(data.get("net", task.nets[0]))
        if task is None or net is None:
            return data
        tables = {name: dict(values) for name, values in task.defaults.items()}
        tables["train"] = {"loss": task.losses[0], **tables.get("train", {})}
        own = {**task.axes, **net.axes}
        absent = {name: None for name in AXES if name not in {*COMMON, *own}}
        tables["axes"] = {**absent, **own, **tables.get("axes", {})}
        laid = {
            name: {**table, **data[name]}
            for name, table in tables.items()
            if isinstance(data.get(name), dict)
        }
        missing = {"train": tables["train"]} if "train" not in data else {}
        return {"net": task.nets[0], **data, **missing, **laid}

    @model_validator(mode="after")
    def _consistent(self) -> "Setting":
        search = self.search
        if search.kind != "grid" and search.trials is None:
            article = "an" if search.adaptive else "a"
            raise ValueError(
                f"search.trials: missing; {article} {search.kind} search says how many. Write one."
            )
        check_axes(self.task, self.net, self._axes)
        changed = {
            name: getattr(self.data, name)
            for name, field in Data.model_fields.items()
            if getattr(self.data, name) != field.default
        }
        check_choices(self.task, self.net, self.train.loss, changed, self.readings.measures)
        if search.kind == "grid":
            for name, axis in self._axes.items():
                if not axis.values:
                    raise ValueError(
                        f"axes.{name}: {axis.written}; a range on a grid has points. "
                        'Add points = 9, or use search.kind = "random".'
                    )
        equations = None if self.data.equations == "all" else self.data.equations
        TASKS[self.task].check(self._axes, equations)
        NETS[self.net].check(self._axes, equations)
        if search.adaptive:
            self._check_search()
        return self

    @property
    def size(self) -> int:
        """How many trials it has, counted without making them."""
        if self.search.kind != "grid":
            return self.search.trials or 0
        return math.prod(len(axis.values) for axis in self._axes.values()) * len(self.seeds)

    @property
    def shapes(self) -> int:
        """How many shapes its trials can have, at most."""
        most = (len(axis.lattice) for axis in self._axes.values() if axis.rule.shape)
        return min(self.size, math.prod(most))

    @property
    def counted(self) -> str:
        """What its trials are made of, for messages: the axes with several values, and seeds."""
        if self.search.kind != "grid":
            return f"search.trials = {self.search.trials:,}"
        several = {n: len(axis.values) for n, axis in self._axes.items() if len(axis.values) > 1}
        parts = [*(f"{count:,} of {name}" for name, count in several.items())]
        return " x ".join([*parts, f"{len(self.seeds):,} seeds"])

    @property
    def _axes(self) -> dict[str, Axis]:
        return {name: getattr(self.axes, name) for name in AXES}

    def _check_search(self) -> None:
        axes = self._axes
        varying = varying_axes({name: len(axis.searched()) for name, axis in axes.items()})
        if not varying:
            raise ValueError(
                f"search.kind: {self.search.kind} with every axis at one value; a search varies at "
                "least one. Give an axis a range, such as {log = [1e-3, 1e-1]}."
            )
        if self.search.kind != "boundary":
            return
        [name, *more] = self.search.objective
        if more or name not in EVENTS:
            raise ValueError(
                f"search.objective: {', '.join(self.search.objective)}; a boundary is of one "
                f"event. Use one of {', '.join(EVENTS)}."
            )
        for name in varying:
            axis = axes[name]
            online = ONLINE in axis.values
            if online or (axis.extreme(min) == 0 and axis.scale != "linear"):
                value = "online" if online else "0"
                raise ValueError(
                    f"axes.{name}: {value} among others; a boundary is sought on log axes, where "
                    "it has no place. Leave it out, or give it a setting of its own."
                )


def _fit_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name) or len(name) > MAX_NAME:
        shown = name if len(name) <= MAX_NAME else f"{name[:20]}... of {len(name)} characters"
        raise ValueError(
            f"{shown!r}; a name has letters, digits, _, - and ., at most {MAX_NAME} of them: it "
            "names a folder. Rename the study."
        )
    return name


class StudySpec(Table):
    """A named plan: settings whose union is the study. Frozen once read."""

    name: Annotated[str, AfterValidator(_fit_name)]
    settings: Annotated[tuple[Setting, ...], Field(min_length=1)]

    @property
    def size(self) -> int:
        """How many trials the study has, or a few more: settings may share some."""
        return sum(setting.size for setting in self.settings)

    @model_validator(mode="after")
    def _plannable(self) -> "StudySpec":
        """Refuse what nobody could plan, by counting: nothing is expanded."""
        if self.size > MAX_TRIALS:
            largest = max(self.settings, key=lambda setting: setting.size)
            raise ValueError(
                f"{largest.counted}: {self.size:,} trials; a study has at most {MAX_TRIALS:,}. "
                "Use fewer seeds or values, or a search for some of the points."
            )
        shapes = sum(setting.shapes for setting in self.settings)
        if shapes > MAX_SHAPES:
            largest = max(self.settings, key=lambda setting: setting.shapes)
            raise ValueError(
                f"{largest.counted}: {shapes:,} shapes; a pack holds trials of one shape, and a "
                f"study has at most {MAX_SHAPES:,}. Use fewer values of axes that change shapes."
            )
        return self
