"""A study file: TOML with its overrides, resolved to a `StudySpec` or refused in one sentence.

A file without `[[settings]]` is one setting with an empty label; with them, each setting is the
file's tables with its own keys laid over.
"""

import json
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from study.errors import SpecError, choices
from study.spec import Setting, StudySpec, Table

# Keys of one table of which only one can hold: writing one puts the other out of force.
EXCLUSIVE: dict[str, tuple[str, str]] = {
    "budget": ("steps", "epochs"),
    "readings": ("every", "per_decade"),
}


def resolve(written: dict[str, Any]) -> StudySpec:
    """The study that a parsed TOML file stands for.

    Raises SpecError, in one sentence, for the first key that breaks a rule.
    """
    rest = {key: value for key, value in written.items() if key not in {"name", "settings"}}
    overrides = written.get("settings", [{}])
    if not isinstance(overrides, list) or not overrides:
        raise SpecError(
            f"settings: {overrides!r}; settings are a list of tables. Write [[settings]]."
        )
    settings = []
    for index, override in enumerate(overrides):
        where = ""
        if "settings" in written:
            where = f"settings.{index}."
            if not isinstance(override, dict) or not override.get("label"):
                raise SpecError(f"{where}label: missing; each setting has one. Name it.")
        settings.append(checked(Setting, overlay(rest, override), where))
    labels = [setting.label for setting in settings]
    for label in labels:
        if labels.count(label) > 1:
            raise SpecError(f"settings: {label!r} twice; labels are distinct. Rename one.")
    spec: StudySpec = checked(StudySpec, {"name": written.get("name"), "settings": tuple(settings)})
    return spec


def overlay(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
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


def checked(model: type[Any], data: Any, where: str = "") -> Any:
    """A model of the data, or a SpecError of one sentence; `where` is put before its key."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise SpecError(_sentence(model, error, where)) from None


def _sentence(model: type[Table], error: ValidationError, where: str) -> str:
    """The first broken rule, in the form `key: value; rule. remedy.`, as one sentence."""
    first = error.errors(include_url=False)[0]
    steps = [str(step) for step in first["loc"]]
    table = _table_at(model, steps)
    kind, given = first["type"], first["input"]
    known_path = [step for step in steps if step in table or step == steps[0]]
    key = where + ".".join(steps if kind == "extra_forbidden" else known_path)
    prefix = f"{key}: " if steps else where  # a rule across keys names them itself
    if kind == "extra_forbidden":
        return f"{prefix}unknown key; {choices('a key here', steps[-1], table)}"
    if kind == "missing":
        return f"{prefix}missing; a study file says it. Add it."
    if kind in {"model_type", "model_attributes_type"}:
        return f"{prefix}{given!r}; a table of keys is wanted. Write {{{next(iter(table))} = ...}}."
    if kind == "value_error":
        return prefix + str(first["ctx"]["error"])
    rule = first["msg"][0].lower() + first["msg"][1:]
    return f"{prefix}{given!r}; {rule.replace('input ', 'the value ')}. Change it."


def _table_at(model: type[Table], steps: list[str]) -> dict[str, Any]:
    """Known keys on the way to a value: those of the deepest table, and of the path to it."""
    fields: dict[str, Any] = dict(model.model_fields)
    for step in steps:
        field = fields.get(step)
        below = None if field is None else field.annotation
        if isinstance(below, type) and issubclass(below, Table):
            fields = dict(below.model_fields)
    return fields


def bundled_names() -> list[str]:
    """Names of the studies that come with the program."""
    folder = resources.files("study") / "specs"
    return sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name[-5:] == ".toml")


def load_spec(source: str, sets: tuple[str, ...] = ()) -> StudySpec:
    """Read a study file, or a bundled study by its name, with `key=value` overrides laid over.

    A file that ends in .json holds a resolved study, every key in force, as a submitted job does.
    Raises SpecError when there is no such file, it is not TOML, or a key breaks a rule.
    """
    if source.endswith(".json") and not sets:
        return _read_resolved(source)
    written = _read_toml(source)
    for override in sets:
        written = _set(written, override)
    return resolve(written)


def _read_resolved(source: str) -> StudySpec:
    try:
        written = json.loads(Path(source).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SpecError(f"{source}: {error}; a resolved study is JSON. Submit it again.") from None
    spec: StudySpec = checked(StudySpec, written, f"{source}: ")
    return spec


def _read_toml(source: str) -> dict[str, Any]:
    if source in bundled_names():
        text = (resources.files("study") / "specs" / f"{source}.toml").read_text("utf-8")
    else:
        try:
            text = Path(source).read_text("utf-8")
        except FileNotFoundError:
            raise SpecError(
                f"{source}: no such file; a study is a TOML file or a bundled name. "
                f"Use one of {', '.join(bundled_names())}."
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise SpecError(f"{source}: {error}; a study file is readable TOML text.") from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{source}: {error}; a study file is TOML. Mend that line.") from None


def _set(written: dict[str, Any], override: str) -> dict[str, Any]:
    path, equals, text = override.partition("=")
    steps = path.strip().split(".")
    if not equals or not all(steps):
        raise SpecError(f"--set {override}: no value; an override is key=value. Write name=test.")
    try:
        value: Any = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()  # a bare word stands for itself: --set search.kind=random
    for step in reversed(steps[1:]):
        value = {step: value}
    patch = {steps[0]: value}
    patched = overlay(written, patch)
    settings = patched.get("settings")
    if isinstance(settings, list) and steps[0] not in {"name", "settings"}:
        # An override is the last word, over what a setting says as well.
        patched["settings"] = [overlay(s, patch) if isinstance(s, dict) else s for s in settings]
    return patched
