"""Whether a setting's axes, loss, data and measures are those of its task and net."""

from collections.abc import Iterable

from study.errors import choices
from study.vocabulary.axes import ONLINE
from study.vocabulary.measures import MEASURES
from study.vocabulary.nets import NETS
from study.vocabulary.tasks import COMMON, TASKS, Axes, Values


def check_axes(task: str, net: str, axes: Axes) -> None:
    """Raise ValueError where an axis is not one of the task or net, or one of theirs is missing."""
    row, by = TASKS[task], NETS[net]
    if net not in row.nets:
        raise ValueError(f"net: {net!r}; {choices('a net here', net, row.nets)}")
    for name, axis in axes.items():
        if ONLINE in axis.values and ONLINE not in row.data:
            raise ValueError(
                f"axes.{name}: online; {task} has no fresh rows. Write a number of rows."
            )
        has = name in {*COMMON, *row.axes, *by.axes}
        if has and axis.absent:
            raise ValueError(f"axes.{name}: missing; {task} has this axis. Add it.")
        if not has and not axis.absent:
            raise ValueError(
                f"axes.{name}: {axis.written}; {task} by a net {net!r} has no such axis. "
                "Leave it out."
            )


def check_choices(task: str, net: str, loss: str, data: Values, measures: Iterable[str]) -> None:
    """Raise ValueError where a task or net has no such loss, choice of data, or measure.

    Args: data, the keys of the table [data] that are not at their defaults.
    """
    row, kind = TASKS[task], NETS[net].kind
    if loss not in row.losses:
        raise ValueError(f"train.loss: {loss!r}; {choices(f'a loss of {task}', loss, row.losses)}")
    for name, value in data.items():
        choice = value if name == "test_rows" else name
        if choice not in row.data and not isinstance(choice, int) and name != "shared":
            raise ValueError(f"data.{name}: {value!r}; {task} has no such choice. Leave it out.")
    for name in measures:
        if kind not in MEASURES[name].kinds:
            some = [known for known, measure in MEASURES.items() if kind in measure.kinds]
            rule = choices(f"a measure of a net {net!r}", name, some)
            raise ValueError(f"readings.measures: {name!r}; {rule}")
