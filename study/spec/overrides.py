"""`--set KEY=VALUE`: one key of a study file, laid over what the file says.

An override holds for the file and for every setting; `name` and `settings` are keys of the file
alone. An override is refused if its key decides what is trained (`LABELED_KEYS`) and the settings
have different values of that key. Such an override would make the settings alike and their labels
untrue.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence

from study.errors import SpecError
from study.spec.models import Setting
from study.spec.toml_tables import DEFAULT_STEPS, Table
from study.vocabulary.axes import AXES
from study.vocabulary.nets import NETS
from study.vocabulary.tasks import TASKS

# Pairs of keys of one table that exclude each other: an override of one removes the other.
EXCLUSIVE: dict[str, tuple[str, str]] = {
    "budget": ("steps", "epochs"),
    "readings": ("every", "per_decade"),
}
# Keys and tables that decide what is trained: the label of a setting may describe them.
LABELED_KEYS = ("task", "net", "axes", "data", "train")
# Values of keys that have no default, for messages.
_EXAMPLES: dict[str, object] = {
    "budget.steps": DEFAULT_STEPS,
    "budget.epochs": 600,
    "budget.wall_hours": 2,
    "budget.trials": 5000,
    "search.trials": 1000,
    "seeds": 5,
}
_POINT_FIRST = re.compile(r"(?<![\w.])\.(?=\d)")
_POINT_LAST = re.compile(r"(?<![\w.])(\d+)\.(?!\d)")


def overlay(base: Mapping[str, object], over: Mapping[str, object]) -> dict[str, object]:
    """The keys of one study file with those of another laid over, table by table.

    Args:
        base: the keys below.
        over: the keys above; a table's keys are laid over the same table below.
    """
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(value, dict) and isinstance(below, dict) and key != "settings":
            pair = EXCLUSIVE.get(key, ())
            removed = set(pair) if any(name in value for name in pair) else set()
            rest = {name: v for name, v in below.items() if name not in removed}
            merged[key] = {**rest, **value}
        else:
            merged[key] = value
    return merged


def overridden(written: Mapping[str, object], override: str) -> dict[str, object]:
    """A study file with one override laid over.

    Args:
        written: the keys of the file.
        override: `key=value`, as typed.
    Raises: SpecError where the override has no value or would make labels untrue.
    """
    path, equals, text = override.partition("=")
    steps = path.strip().split(".")
    if not equals or not text.strip() or not all(steps):
        raise SpecError(
            f"--set {override}: no value; an override is key=value. Write {_example(path.strip())}."
        )
    patch: Mapping[str, object] = {steps[-1]: read_value(text, override)}
    for step in reversed(steps[:-1]):
        patch = {step: patch}
    patched = overlay(written, patch)
    settings = patched.get("settings")
    if isinstance(settings, list) and steps[0] not in {"name", "settings"}:
        tables = [setting for setting in settings if isinstance(setting, dict)]
        if steps[0] in LABELED_KEYS:
            _refuse_untrue_labels(written, tables, patch, override)
        patched["settings"] = [overlay(s, patch) if isinstance(s, dict) else s for s in settings]
    return patched


def read_value(text: str, override: str) -> object:
    """The value of an override: TOML, or as people type values in a shell.

    A bare word stands for itself (random). Numbers may begin or end with their point (.1, 1.e-3). A
    list may lack its brackets (100,200).

    Args:
        text: the value as typed.
        override: the whole override, for messages.
    Raises: SpecError for brackets or quotes that do not close.
    """
    text = text.strip()
    dotted = with_digits(text)
    for candidate in (text, dotted, f"[{dotted}]" if "," in text else dotted):
        try:
            value: object = tomllib.loads(f"value = {candidate}")["value"]
        except ValueError:
            continue
        return value
    if text[0] in "[{\"'":
        raise SpecError(
            f"--set {override}: not TOML; a list, a table or a text ends as it begins. "
            "Write [100, 200], {log = [1e-3, 1e-1], points = 9} or a word."
        )
    words = [word.strip() for word in text.split(",")]
    return words if len(words) > 1 and all(words) else text


def with_digits(text: str) -> str:
    """The text with numbers as TOML has them, digits on both sides of the point: 0.1 for .1."""
    return _POINT_LAST.sub(r"\1.0", _POINT_FIRST.sub("0.", text))


def _refuse_untrue_labels(
    written: Mapping[str, object],
    settings: Sequence[Mapping[str, object]],
    patch: Mapping[str, object],
    override: str,
) -> None:
    """Refuse an override of a key that has different values in the settings.

    Args:
        written: the file's keys, which hold where a setting does not write its own.
        settings: the keys of each setting.
        patch: the override as nested keys.
        override: as typed, for messages.
    """
    for path in _leaves(patch):
        of_file = _at(written, path, None)
        values = {json.dumps(_at(setting, path, of_file), default=str) for setting in settings}
        if len(values) > 1:
            labels = ", ".join(repr(setting.get("label")) for setting in settings)
            raise SpecError(
                f"--set {override}: the settings {labels} differ in {'.'.join(path)}; an override "
                "would make them alike and their labels untrue. Write a study file with the "
                "settings that you want."
            )


def _leaves(table: Mapping[str, object], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of the keys that a patch sets, at most two levels deep: an axis is one value."""
    for key, value in table.items():
        if isinstance(value, dict) and not above:
            yield from _leaves(value, (key,))
        else:
            yield (*above, key)


def _at(table: Mapping[str, object], path: Sequence[str], otherwise: object) -> object:
    """The value at a path of nested tables, or `otherwise` where there is none."""
    below: object = table
    for step in path:
        if not isinstance(below, Mapping) or step not in below:
            return otherwise
        below = below[step]
    return below


def _example(path: str) -> str:
    """An override that is right for a key; for another key where there is no such key."""
    table, _, key = path.partition(".")
    value = _EXAMPLES.get(path)
    if table == "axes" and key in AXES:
        value = AXES[key].default or _usual(key)
    elif key and value is None and table in Setting.model_fields:
        kind = Setting.model_fields[table].annotation
        if isinstance(kind, type) and issubclass(kind, Table) and key in kind.model_fields:
            value = kind.model_fields[key].default
    elif value is None and table in {"task", "net"} and not key:
        value = Setting.model_fields[table].default
    if value is None:
        return "name=test"
    return f"{path}={value if isinstance(value, str) else json.dumps(value)}"


def _usual(axis: str) -> object:
    """The default of an axis in the first task or net that has the axis."""
    tables = [*(task.axes for task in TASKS.values()), *(net.axes for net in NETS.values())]
    return next(axes[axis] for axes in tables if axis in axes)
