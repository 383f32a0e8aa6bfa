"""The defaults that a task and a net lay under what a study file says."""

from collections.abc import Mapping
from typing import TypeVar

from study.vocabulary.nets import NETS
from study.vocabulary.registration import load_registrations
from study.vocabulary.tasks import TASKS, default_axes


def with_defaults(written: Mapping[str, object]) -> dict[str, object]:
    """The keys of one setting with those that its task and net have defaults for.

    A setting of an unknown task or net is returned as it is: its field says what is wrong.
    """
    task_name = written.get("task", "parity")
    task = _row(TASKS, task_name)
    if task is None:
        return dict(written)
    net_name = written.get("net", task.nets[0])
    if _row(NETS, net_name) is None:
        return dict(written)
    tables: dict[str, dict[str, object]] = {
        name: dict(keys) for name, keys in task.defaults.items()
    }
    tables["axes"] = default_axes(str(task_name), str(net_name))
    tables["train"] = {"loss": task.losses[0], **tables.get("train", {})}
    laid: dict[str, object] = {}
    for name, table in tables.items():
        over = written.get(name)
        if isinstance(over, dict):
            laid[name] = {**table, **over}
    if "train" not in written:
        laid["train"] = tables["train"]
    return {"net": task.nets[0], **written, **laid}


_Row = TypeVar("_Row")


def _row(table: Mapping[str, _Row], name: object) -> _Row | None:
    """The row of a task or net; installed packages are asked for a name the table does not have."""
    if not isinstance(name, str):
        return None
    if name not in table:
        load_registrations()
    return table.get(name)
