"""Tasks and nets of one's own: how they enter the tables, in every process that needs them.

`register_task` and `register_net` add a row for the process that calls them. A script that trains
with `run_pack` needs no more. The commands `study` and `analysis`, and the workers that Ray starts,
are other processes. They register rows by an entry point of an installed package: a function
without arguments, which calls `register_net` and `register_task`:

    [project.entry-points."study.registrations"]
    majority = "majority:register"

The functions are called, once in each process, when a study names a task or net that the tables do
not have. A script of such a package does not register the same rows again. On a cluster the package
is installed on every machine.
"""

import functools
import importlib
import re
from collections.abc import Collection, Iterable

from study.errors import UsageError, choices
from study.vocabulary.axes import AXES

ENTRY_POINTS = "study.registrations"


def check_new_row(kind: str, name: str, taken: Collection[str], axes: Iterable[str]) -> None:
    """Refuse a row that the table of tasks or nets cannot take.

    Args:
        kind: "task" or "net", for messages.
        name: of the new row.
        taken: the names of the table.
        axes: the axes of the new row.
    Raises: UsageError of one sentence.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise UsageError(
            f"{name!r}; the name of a {kind} is small letters, digits and _, a letter first. "
            "Rename it."
        )
    if name in taken:
        raise UsageError(f"{name!r}; a {kind} of this name is there already. Choose another name.")
    for axis in axes:
        if axis not in AXES:
            raise UsageError(f"{name}.axes: {axis!r}; {choices('an axis', axis, AXES)}")


@functools.cache
def load_registrations() -> None:
    """Call every function that an installed package names for registration, once in each process.

    Raises: UsageError where a function cannot be imported, or registers a name that is taken.
    """
    from importlib import metadata  # noqa: PLC0415  takes 20 ms, and few studies need it

    for entry_point in metadata.entry_points(group=ENTRY_POINTS):
        try:
            register = entry_point.load()
        except (ImportError, AttributeError) as error:
            raise UsageError(
                f"{entry_point.name} = {entry_point.value!r} of {ENTRY_POINTS}: {error}; an entry "
                "point names a function that can be imported. Mend its package, or remove it."
            ) from error
        register()


def load_class(address: str | None) -> type[object]:
    """The class that a row of the tables names, imported when it is first needed.

    Args:
        address: "package.module:Class"; None of a row that names no class.
    Raises: UsageError where there is no such class.
    """
    module, _, name = (address or "").partition(":")
    try:
        loaded: object = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(
            f"{address!r}: {error}; code is a class that can be imported. "
            'Write "package.module:Class".'
        ) from error
    if not isinstance(loaded, type):
        raise UsageError(f'{address!r}; code is a class. Write "package.module:Class".')
    return loaded


def not_derived(address: str | None, base: type[object]) -> UsageError:
    """The error for a class that is not derived from the base that its row of the tables needs.

    Args:
        address: of the class, as the row names it.
        base: TaskCode or ModuleNet.
    """
    return UsageError(
        f"{address!r}; its class is derived from {base.__module__}.{base.__name__}. Derive it."
    )
