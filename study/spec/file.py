"""A study file: TOML with its overrides, resolved to a `StudySpec` or refused in one sentence.

A file without `[[settings]]` is one setting with an empty label; with them, each setting is the
file's tables with its own keys laid over.
"""

import codecs
import difflib
import json
import re
import tomllib
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from study.errors import SpecError, choices
from study.spec.models import Setting, StudySpec
from study.spec.overrides import overlay, overridden, with_digits
from study.spec.tables import Table

_OF_A_STUDY = frozenset(StudySpec.model_fields)


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


def checked(model: type[Any], data: Any, where: str = "") -> Any:
    """A model of the data, or a SpecError of one sentence; `where` is put before its key."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise SpecError(_sentence(model, error, where)) from None


def _sentence(model: type[Table], error: ValidationError, where: str) -> str:
    """The first broken rule, in the form `key: value; rule. remedy.`, as one sentence."""
    found = error.errors(include_url=False)
    # A key that is missing is often there under another name, which says more.
    first = next((e for e in found if e["type"] == "extra_forbidden"), found[0])
    steps = [str(step) for step in first["loc"]]
    table = _table_at(model, steps)
    kind, given = first["type"], first["input"]
    known_path = [step for step in steps if step in table or step == steps[0]]
    key = where + ".".join(steps if kind == "extra_forbidden" else known_path)
    prefix = f"{key}: " if steps else where  # a rule across keys names them itself
    if kind == "extra_forbidden":
        return f"{prefix}unknown key; {_whereabouts(steps, table)}"
    if kind == "missing":
        return f"{prefix}missing; a study file says it. Add it."
    if kind in {"model_type", "model_attributes_type"}:
        return f"{prefix}{given!r}; a table of keys is wanted. Write {{{next(iter(table))} = ...}}."
    if kind == "value_error":
        return prefix + str(first["ctx"]["error"])
    rule = first["msg"][0].lower() + first["msg"][1:]
    return f"{prefix}{given!r}; {rule.replace('input ', 'the value ')}. Change it."


def _whereabouts(steps: list[str], table: dict[str, Any]) -> str:
    """Rule and remedy for a key that its table does not know: it may be of another table."""
    key, inside = steps[-1], len(steps) > 1
    homes = [name for name, known in _keys_of_tables().items() if key in known]
    if inside and key in _OF_A_STUDY | set(Setting.model_fields):
        return f"{key} is a key of the whole study. Write it above [{steps[0]}]."
    if homes:
        written = " or ".join(f"{name}.{key}" for name in homes)
        return f"{key} is a key of {' and '.join(f'[{name}]' for name in homes)}. Write {written}."
    return choices("a key here", key, table)


def _keys_of_tables() -> dict[str, Iterable[str]]:
    """The keys of every table of a study file, by its name."""
    kinds = {name: field.annotation for name, field in Setting.model_fields.items()}
    return {
        name: kind.model_fields
        for name, kind in kinds.items()
        if isinstance(kind, type) and issubclass(kind, Table)
    }


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
    folder = resources.files("study.spec") / "bundled"
    return sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name[-5:] == ".toml")


def load_spec(source: str, sets: tuple[str, ...] = ()) -> StudySpec:
    """Read a study file, or a bundled study by its name, with `key=value` overrides laid over.

    A file that ends in .json holds a resolved study, every key in force, as a submitted job does.
    Raises SpecError when there is no such file, it is not TOML, or a key breaks a rule.
    """
    resolved = source.endswith(".json")
    written = _read_resolved(source) if resolved else _read_toml(source)
    for override in sets:
        written = overridden(written, override)
    if not resolved:
        return resolve(written)
    # What an override lays beside the settings of a resolved study is laid over each of them, too.
    whole = {key: value for key, value in written.items() if not sets or key in _OF_A_STUDY}
    spec: StudySpec = checked(StudySpec, whole, f"{source}: ")
    return spec


def _read_resolved(source: str) -> dict[str, Any]:
    """A resolved study, alone or as a store keeps it in its study.json."""
    text = _read_text(source)
    try:
        written = json.loads(text)
    except ValueError as error:
        raise SpecError(f"{source}: {error}; a resolved study is JSON. Submit it again.") from None
    if (
        isinstance(written, dict)
        and "settings" in written
        and isinstance(written.get("spec"), dict)
    ):
        written = written["spec"]
    if not isinstance(written, dict):
        raise SpecError(f"{source}: no table of keys; a resolved study is one. Submit it again.")
    return written


def _read_toml(source: str) -> dict[str, Any]:
    text = _read_text(source)
    try:
        return tomllib.loads(text)
    except ValueError as error:  # a number of thousands of digits is no TOMLDecodeError
        raise SpecError(f"{source}: {_not_toml(source, text, str(error))}") from None


def _read_text(source: str) -> str:
    """The text of a study file, or of a bundled study, without a byte order mark."""
    if source in bundled_names():
        return (resources.files("study.spec") / "bundled" / f"{source}.toml").read_text("utf-8")
    path = Path(source)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        names = bundled_names()
        near = [f"{source}.toml"] if Path(f"{source}.toml").is_file() else []
        near = near or difflib.get_close_matches(source, names, n=1)
        remedy = f"Did you mean {near[0]}?" if near else f"Use one of {', '.join(names)}."
        raise SpecError(
            f"{source}: no such file; a study is a TOML file or a bundled name. {remedy}"
        ) from None
    except IsADirectoryError:
        if (path / "study.json").is_file():
            raise SpecError(
                f"{source}: a store; a study is a TOML file or a bundled name. To go on with the "
                f"study of this store, use {path / 'study.json'}."
            ) from None
        raise SpecError(f"{source}: a folder; a study is a TOML file. Name the file.") from None
    except OSError as error:
        raise SpecError(f"{source}: {error}; a study file is readable TOML text.") from None
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in content[:100]:
        raise SpecError(f"{source}: not UTF-8; a study file is UTF-8 text. Save it as UTF-8.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise SpecError(
            f"{source}: line {line} is not UTF-8; a study file is UTF-8 text. Save it as UTF-8."
        ) from None


def _not_toml(source: str, text: str, error: str) -> str:
    """What a text is instead of TOML, and what to do about it."""
    found = re.search(r"line (\d+)", error)
    lines = text.splitlines()
    line = lines[int(found[1]) - 1].strip() if found and int(found[1]) <= len(lines) else ""
    if text.lstrip().startswith(("{", "[{")):
        return 'JSON; a study file is TOML. Write name = "test", then [axes] and n = 40.'
    if source.endswith((".yaml", ".yml")) or re.match(r"[\w-]+:(\s|$)", line):
        return (
            'YAML; a study file is TOML. Write name = "test" for name: test, and [axes] for axes:.'
        )
    if with_digits(line) != line:
        return (
            f"{error}: {line[:60]}; a number in TOML has digits on both sides of its point. "
            f"Write {with_digits(line)[:60]}"
        )
    return f"{error}: {line[:60]}; a study file is TOML. Mend that line."
