"""Whether what a setting asks for fits together, and fits its task and net.

Each check raises ValueError, whose message is `key: value; rule. remedy.`
"""

from collections.abc import Iterable, Mapping

from study.errors import choices
from study.spec.toml_tables import Budget, Data, Detect, Search
from study.vocabulary.axes import ONLINE, varying_axes
from study.vocabulary.axis_values import AxesByName
from study.vocabulary.columns import EVENT_COLUMNS
from study.vocabulary.measures import MEASURES
from study.vocabulary.nets import NETS
from study.vocabulary.tasks import TASKS, own_axes


def check_axes(task: str, net: str, axes: AxesByName) -> None:
    """Refuse an axis that the task and net do not have, and the lack of an axis that they have.

    Args:
        task: name of the task.
        net: name of the net; a net that cannot learn the task is refused first.
        axes: all axes of the setting, by name.
    """
    row = TASKS[task]
    if net not in row.nets:
        raise ValueError(f"net: {net!r}; {choices('a net here', net, row.nets)}")
    own = own_axes(task, net)
    for name, axis in axes.items():
        if ONLINE in axis.values and ONLINE not in row.data:
            raise ValueError(
                f"axes.{name}: online; {task} has no fresh rows. Write a number of rows."
            )
        if ONLINE in axis.values and NETS[net].engine == "module":
            raise ValueError(
                f"axes.{name}: online; fresh rows are for the ReLU net only. Use a number of rows."
            )
        if name in own and axis.absent:
            raise ValueError(f"axes.{name}: missing; {task} has this axis. Add it.")
        if name not in own and not axis.absent:
            raise ValueError(
                f"axes.{name}: {axis.written}; {task} by a net {net!r} has no such axis. "
                "Leave it out."
            )


def check_loss(task: str, loss: str) -> None:
    """Refuse a loss that the task cannot be trained with."""
    losses = TASKS[task].losses
    if loss not in losses:
        raise ValueError(f"train.loss: {loss!r}; {choices(f'a loss of {task}', loss, losses)}")


def check_data(task: str, changed: Mapping[str, object]) -> None:
    """Refuse a choice of data that the task does not have.

    Args:
        task: name of the task.
        changed: the keys of the table [data] that are not at their defaults, with their values.
    """
    row = TASKS[task]
    for name, value in changed.items():
        choice = value if name == "test_rows" else name
        if choice not in row.data and not isinstance(choice, int) and name != "shared":
            raise ValueError(f"data.{name}: {value!r}; {task} has no such choice. Leave it out.")


def check_fewer_rows(data: Data, budget: Budget, detect: Detect, axes: AxesByName) -> None:
    """Refuse fewer rows that some trial could not be trained on.

    Args:
        data: the table [data].
        budget: the table [budget].
        detect: the table [detect].
        axes: all axes of the setting, by name.
    """
    left, since = data.fewer_rows, data.fewer_from
    if left is None and since is None:
        return
    if left is None or since is None:
        missing = "fewer_rows" if left is None else "fewer_from"
        raise ValueError(
            f"data.{missing}: missing; fewer rows are a number of rows and the epoch of the first "
            "pass over them. Write both keys, or none."
        )
    if ONLINE in axes["train_size"].values:
        raise ValueError(
            f"data.fewer_rows: {left} rows; online there are none to leave out. Leave it out."
        )
    if left > axes["train_size"].extreme(min):
        raise ValueError(
            f"data.fewer_rows: {left} of {axes['train_size'].extreme(min):g} rows; fewer rows are "
            "some of the training rows. Lower it."
        )
    if detect.stop:
        raise ValueError(
            "data.fewer_rows: detect.stop is true, so trials end before they meet fewer rows. "
            "Write stop = false under [detect]."
        )
    if budget.epochs is not None and not budget.decay_times and since >= budget.epochs:
        raise ValueError(
            f"data.fewer_from: {since} of {budget.epochs} epochs; some of the passes are over "
            "fewer rows. Lower it, or raise budget.epochs."
        )


def check_measures(net: str, measures: Iterable[str]) -> None:
    """Refuse a measure that cannot be taken of the net."""
    engine = NETS[net].engine
    for name in measures:
        if engine not in MEASURES[name].engines:
            possible = [other for other, row in MEASURES.items() if engine in row.engines]
            rule = choices(f"a measure of a net {net!r}", name, possible)
            raise ValueError(f"readings.measures: {name!r}; {rule}")


def check_grid(axes: AxesByName) -> None:
    """Refuse a range without points, which only a search can use."""
    for name, axis in axes.items():
        if not axis.values:
            raise ValueError(
                f"axes.{name}: {axis.written}; a range on a grid has points. "
                'Add points = 9, or use search.kind = "random".'
            )


def check_trials(search: Search) -> None:
    """Refuse a search that does not say how many trials it may ask for."""
    if search.kind != "grid" and search.trials is None:
        article = "an" if search.adaptive else "a"
        raise ValueError(
            f"search.trials: missing; {article} {search.kind} search says how many. Write one."
        )


def check_search(search: Search, axes: AxesByName) -> None:
    """Refuse an adaptive search that varies no axis, and a boundary that no search can locate.

    Args:
        search: the table [search].
        axes: all axes of the setting, by name.
    """
    varying = varying_axes({name: len(axis.searched()) for name, axis in axes.items()})
    if not varying:
        raise ValueError(
            f"search.kind: {search.kind} with every axis at one value; a search varies at "
            "least one. Give an axis a range, such as {log = [1e-3, 1e-1]}."
        )
    if search.kind != "boundary":
        return
    [column, *more] = search.objective
    if more or column not in EVENT_COLUMNS:
        raise ValueError(
            f"search.objective: {', '.join(search.objective)}; a boundary is of one "
            f"event. Use one of {', '.join(EVENT_COLUMNS)}."
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
