"""What can be learned: the table of tasks.

A task is one row here and one class, its `code`. The row says what is needed before anything is
trained, without torch: the axes and their defaults, how many rows there are, which rules a study
keeps. The class draws the rows; it is imported when a pack is drawn.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from study.errors import UsageError, choices
from study.vocabulary.axes import AXES, COMMON, ONLINE, AxisValues, Number, whole
from study.vocabulary.axis_values import AxesByName
from study.vocabulary.nets import NETS
from study.vocabulary.registration import check_new_row

LossName = Literal["hinge", "logistic", "square", "cross_entropy"]
Defaults = Mapping[str, Mapping[str, object]]  # defaults of keys of a study file, by table and key

MIN_TEST_ROWS = 100  # how many rows a trial has for testing, at least


def _any_setting(_: AxesByName, __: int | None) -> None:
    """Any values of the axes will do."""


@dataclass(frozen=True, slots=True)
class Task:
    """A row of the table of tasks.

    Attributes:
        axes: the task's own axes with their defaults.
        nets: names of the nets that can learn the task, the usual net first.
        losses: names of the losses that the task can be trained with, the usual loss first.
        code: "package.module:Class" of the task's `study.tasks.task_code.TaskCode`.
        world: how many rows there are to train and test on at a point; None if endless.
        data: the keys and words of the table [data] that this task takes and not every task has.
        check: takes all axes of a setting, by name, and `data.equations` (None for all of them),
            and raises ValueError where they break a rule of the task. The message is
            `key: value; rule. remedy.`
        defaults: keys of a study file that this task has other defaults for, by table.
    """

    axes: Mapping[str, Number]
    nets: tuple[str, ...]
    losses: tuple[LossName, ...]
    code: str
    world: Callable[[AxisValues], int | None]
    data: tuple[str, ...] = ()
    check: Callable[[AxesByName, int | None], None] = _any_setting
    defaults: Defaults = field(default_factory=dict)


def _parity_rules(axes: AxesByName, _: int | None) -> None:
    n_low, k_high = axes["n"].extreme(min), axes["k"].extreme(max)
    if k_high > n_low:
        raise ValueError(
            f"axes.k: {k_high:g} with n = {n_low:g}; parity is over k of the n bits, so k is "
            "at most n. Lower k, raise n, or pair them in [[settings]]."
        )
    rows = axes["train_size"].extreme(max)
    if ONLINE in axes["train_size"].values and n_low < 8:
        raise ValueError(
            f"axes.train_size: online with n = {n_low:g}; half of its 2^{n_low:g} rows are "
            f"kept for testing, at least {MIN_TEST_ROWS}. Raise n to at least 8."
        )
    if n_low < 64 and rows > 2**n_low - MIN_TEST_ROWS:
        room = int(2**n_low) - MIN_TEST_ROWS
        remedy = f"Use at most {room}, or raise n." if room > 0 else "Raise n to at least 7."
        raise ValueError(
            f"axes.train_size: {rows:g} with n = {n_low:g}; of its 2^{n_low:g} = "
            f"{2**n_low:g} rows at least {MIN_TEST_ROWS} are kept for testing. {remedy}"
        )


def _signs(values: AxisValues) -> int | None:
    n = whole(values, "n")
    return 2**n if n < 64 else None


def _additions(values: AxisValues) -> int:
    return whole(values, "modulus") ** 2


def _divisions(values: AxisValues) -> int:
    return whole(values, "modulus") * (whole(values, "modulus") - 1)


def _enough_equations(
    world: Callable[[AxisValues], int],
) -> Callable[[AxesByName, int | None], None]:
    """The rule that some equations are left for testing."""

    def check(axes: AxesByName, asked: int | None) -> None:
        modulus, fraction = axes["modulus"].extreme(min), axes["train_fraction"].extreme(max)
        all_equations = world({"modulus": int(modulus)})
        if asked is not None and asked > all_equations:
            raise ValueError(
                f"data.equations: {asked} with modulus = {modulus:g}; there are {all_equations}. "
                'Use fewer, or "all".'
            )
        count = asked or all_equations
        if count - round(fraction * count) < MIN_TEST_ROWS:
            raise ValueError(
                f"axes.train_fraction: {fraction:g} of {count} equations; at least "
                f"{MIN_TEST_ROWS} are kept for testing. Lower it, or raise the modulus."
            )

    return check


def is_prime(number: int) -> bool:
    """Whether a number from 2 on has no divisor but 1 and itself."""
    return all(number % divisor for divisor in range(2, math.isqrt(number) + 1))


def _division_rules(axes: AxesByName, asked: int | None) -> None:
    for modulus in axes["modulus"].lattice:
        if isinstance(modulus, int) and not is_prime(modulus):
            raise ValueError(
                f"axes.modulus: {modulus}; division needs a prime, or some numbers have no "
                "inverse. List primes, such as [23, 31, 97]."
            )
    _enough_equations(_divisions)(axes, asked)


_PARITY = Task(
    axes={"n": 40, "k": 3, "train_size": 1000, "label_noise": 0.0},
    nets=("relu",),
    losses=("hinge", "logistic", "square"),
    code="study.tasks.parity:ParityTask",
    world=_signs,
    data=("hidden_bits", "labels", "fixed", "fewer_rows", "fewer_from", ONLINE),
    check=_parity_rules,
)

# The setting of arXiv 2303.11873, appendix A, which does not state the share for training.
_ADDITION = Task(
    axes={"modulus": 97, "train_fraction": 0.5},
    nets=("transformer", "mlp"),
    losses=("cross_entropy",),
    code="study.tasks.modular:AdditionTask",
    world=_additions,
    data=("equations",),
    check=_enough_equations(_additions),
    defaults={
        "axes": {"weight_decay": 1.0, "learning_rate": 1e-3, "batch_size": 512},
        "train": {"optimizer": "adamw", "decay": "decoupled", "betas": (0.9, 0.98)},
    },
)

_DIVISION = replace(
    _ADDITION,
    code="study.tasks.modular:DivisionTask",
    world=_divisions,
    check=_division_rules,
)

TASKS: dict[str, Task] = {"parity": _PARITY, "addition": _ADDITION, "division": _DIVISION}


def own_axes(task: str, net: str) -> set[str]:
    """Names of the axes that a task learned by a net has."""
    return {*COMMON, *TASKS[task].axes, *NETS[net].axes}


def default_axes(task: str, net: str) -> dict[str, object]:
    """What a study file says of every axis that it does not name; None for an absent axis."""
    common = {name: rule.default for name, rule in AXES.items()}
    row = TASKS[task]
    return {**common, **row.axes, **NETS[net].axes, **row.defaults.get("axes", {})}


def register_task(name: str, task: Task) -> None:
    """Add a task of one's own to the table of tasks, for this process.

    The nets of the task are registered first. Registration is per process. `study run` trains in
    processes of its own: see `study.vocabulary.registration` for how each registers the task.

    Args:
        name: what a study file writes as `task = "name"`.
        task: the row.
    Raises: UsageError where the name is taken or no name, an axis is not in `AXES`, there is no
        net or no loss, or a net is not registered.
    """
    check_new_row("task", name, TASKS, task.axes)
    if not task.nets or not task.losses:
        raise UsageError(
            f"{name}: nets = {task.nets} and losses = {task.losses}; a task has a net that learns "
            "it and a loss. Name one of each."
        )
    for net in task.nets:
        if net not in NETS:
            rule = choices("a net", net, NETS)
            raise UsageError(f"{name}.nets: {net!r}; {rule} Register the net before the task.")
    TASKS[name] = task
