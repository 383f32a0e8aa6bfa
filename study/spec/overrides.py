"""`--set KEY=VALUE`: one key of a study file, laid over what the file says.

An override is the last word: it holds for the file and for every setting. The exception is a key
in which settings differ and that decides what is trained. Laid over all of them, it would make them
the same and their labels untrue, so it is refused.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from study.errors import SpecError
from study.spec.models import Setting
from study.spec.tables import DEFAULT_STEPS, Table
from study.vocabulary.axes import AXES
from study.vocabulary.nets import NETS
from study.vocabulary.tasks import TASKS

# Keys of one table of which only one can hold: writing one puts the other out of force.
EXCLUSIVE: dict[str, tuple[str, str]] = {
    "budget": ("steps", "epochs"),
    "readings": ("every", "per_decade"),
}
# Keys and tables that decide what is trained: what the label of a setting may tell of.
TOLD_BY_LABELS = ("task", "net", "axes", "data", "train")
_EXAMPLES = {  # of keys that have no default
    "budget.steps": DEFAULT_STEPS,
    "budget.epochs": 600,
    "budget.wall_hours": 2,
    "budget.trials": 5000,
    "search.trials": 1000,
    "seeds": 5,
}
_POINT_FIRST = re.compile(r"(?<![\w.])\.(?=\d)")
_POINT_LAST = re.compile(r"(?<![\w.])(\d+)\.(?!\d)")


def overlay(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay the keys of one study file over another, table by table."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(value, dict) and isinstance(below, dict) and key != "settings":
            kept = dict(below)
            pair = EXCLUSIVE.get(key, ())
            if any(name in value for name in pair):
                kept = {name: v for name, v in kept.items() if name not in pair}
            merged[key] = {**kept, **value}
        else:
            merged[key] = value
    return merged


def overridden(written: dict[str, Any], override: str) -> dict[str, Any]:
    """A study file with one `key=value` laid over it; raises SpecError where that cannot be."""
    path, equals, text = override.partition("=")
    steps = path.strip().split(".")
    if not equals or not text.strip() or not all(steps):
        raise SpecError(
            f"--set {override}: no value; an override is key=value. Write {_example(path.strip())}."
        )
    value = read_value(text, override)
    for step in reversed(steps[1:]):
        value = {step: value}
    patch = {steps[0]: value}
    patched = overlay(written, patch)
    settings = patched.get("settings")
    if isinstance(settings, list) and steps[0] not in {"name", "settings"}:
        tables = [setting for setting in settings if isinstance(setting, dict)]
        if steps[0] in TOLD_BY_LABELS:
            _refuse_untrue_labels(written, tables, patch, override)
        patched["settings"] = [overlay(s, patch) if isinstance(s, dict) else s for s in settings]
    return patched


def read_value(text: str, override: str) -> Any:
    """The value of an override: TOML, or as people type it in a shell.

    A bare word stands for itself (random), numbers may begin or end with their point (.1, 1.e-3),
    and a list may lack its brackets (100,200). Raises SpecError for brackets that do not close.
    """
    text = text.strip()
    dotted = with_digits(text)
    for candidate in (text, dotted, f"[{dotted}]" if "," in text else dotted):
        try:
            return tomllib.loads(f"value = {candidate}")["value"]
        except ValueError:
            continue
    if text[0] in "[{\"'":
        raise SpecError(
            f"--set {override}: not TOML; a list, a table or a text ends as it begins. "
            "Write [100, 200], {log = [1e-3, 1e-1], points = 9} or a word."
        )
    words = [word.strip() for word in text.split(",")]
    return words if len(words) > 1 and all(words) else text


def with_digits(text: str) -> str:
    """Numbers with digits on both sides of their point, as TOML wants them: 0.1 for .1."""
    return _POINT_LAST.sub(r"\1.0", _POINT_FIRST.sub("0.", text))


def _refuse_untrue_labels(
    written: Mapping[str, Any],
    settings: Sequence[Mapping[str, Any]],
    patch: Mapping[str, Any],
    override: str,
) -> None:
    for path in _leaves(patch):
        said = [json.dumps(_at(s, path, _at(written, path, None)), default=str) for s in settings]
        if len(set(said)) > 1:
            labels = ", ".join(repr(setting.get("label")) for setting in settings)
            raise SpecError(
                f"--set {override}: the settings {labels} differ in {'.'.join(path)}; an override "
                "would make them alike and their labels untrue. Write a study file with the "
                "settings that you want."
            )


def _leaves(table: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of the keys that a patch sets: two levels at most, since an axis is one value."""
    for key, value in table.items():
        if isinstance(value, dict) and not above:
            yield from _leaves(value, (key,))
        else:
            yield (*above, key)


def _at(table: Mapping[str, Any], path: Sequence[str], otherwise: Any) -> Any:
    below: Any = table
    for step in path:
        if not isinstance(below, Mapping) or step not in below:
            return otherwise
        below = below[step]
    return below


def _example(path: str) -> str:
    """A line that would be right for a key, or for another where it is none."""
    table, _, key = path.partition(".")
    value: Any = _EXAMPLES.get(path)
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


def _usual(axis: str) -> Any:
    """The usual value of an axis that only some tasks and nets have."""
    tables = [*(task.axes for task in TASKS.values()), *(net.axes for net in NETS.values())]
    return next(axes[axis] for axes in tables if axis in axes)
