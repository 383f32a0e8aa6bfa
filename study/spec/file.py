"""A study file: TOML with its overrides, resolved to a `StudySpec` or refused in one sentence.

A file without `[[settings]]` is one setting with an empty label. With `[[settings]]`, each setting
is the file's tables with the setting's own keys laid over.
"""

import codecs
import difflib
import json
import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from study.errors import SpecError
from study.spec.models import Setting, StudySpec
from study.spec.overrides import overlay, overridden, with_digits
from study.spec.validated import STUDY_KEYS, validated


def resolve(written: Mapping[str, object]) -> StudySpec:
    """The study that a parsed TOML file stands for.

    Raises: SpecError, in one sentence, for the first key that breaks a rule.
    """
    rest = {key: value for key, value in written.items() if key not in {"name", "settings"}}
    overrides = written.get("settings", [{}])
    if not isinstance(overrides, list) or not overrides:
        raise SpecError(
            f"settings: {overrides!r}; settings are a list of tables. Write [[settings]]."
        )
    settings: list[Setting] = []
    for index, override in enumerate(overrides):
        where = ""
        if "settings" in written:
            where = f"settings.{index}."
            if not isinstance(override, dict) or not override.get("label"):
                raise SpecError(f"{where}label: missing; each setting has one. Name it.")
        settings.append(validated(Setting, overlay(rest, override), where))
    labels = [setting.label for setting in settings]
    for label in labels:
        if labels.count(label) > 1:
            raise SpecError(f"settings: {label!r} twice; labels are distinct. Rename one.")
    return validated(StudySpec, {"name": written.get("name"), "settings": tuple(settings)})


def bundled_names() -> list[str]:
    """Names of the studies that come with the program."""
    folder = resources.files("study.spec") / "bundled"
    return sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name[-5:] == ".toml")


def load_spec(source: str, sets: tuple[str, ...] = ()) -> StudySpec:
    """The study of a file, or a bundled study by its name.

    Args:
        source: a TOML file, a bundled name, or a file that ends in .json: a resolved study with
            every key in force, as a submitted job has it.
        sets: `key=value` overrides, laid over the file in their order.
    Raises: SpecError where there is no such file, the file is not TOML, or a key breaks a rule.
    """
    resolved = source.endswith(".json")
    written = _read_resolved(source) if resolved else _read_toml(source)
    for override in sets:
        written = overridden(written, override)
    if not resolved:
        return resolve(written)
    # An override lays its key beside the settings and over each setting. A resolved study has
    # nothing beside its settings.
    whole = {key: value for key, value in written.items() if not sets or key in STUDY_KEYS}
    return validated(StudySpec, whole, f"{source}: ")


def _read_resolved(source: str) -> dict[str, object]:
    """A resolved study, alone or as a store keeps it in its study.json."""
    text = study_text(source)
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


def _read_toml(source: str) -> dict[str, object]:
    text = study_text(source)
    try:
        return tomllib.loads(text)
    except ValueError as error:  # not only TOMLDecodeError: a number may have too many digits
        raise SpecError(f"{source}: {_not_toml(source, text, str(error))}") from None


def study_text(source: str) -> str:
    """The text of a study file, or of a bundled study, without a byte order mark.

    Args:
        source: as of `load_spec`.
    Raises: SpecError where there is no such file, or it is not text.
    """
    if source in bundled_names():
        return (resources.files("study.spec") / "bundled" / f"{source}.toml").read_text("utf-8")
    path = Path(source)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        names = bundled_names()
        files = [str(found) for found in path.parent.glob("*.toml")]
        near = [f"{source}.toml"] if f"{source}.toml" in files else []
        near = near or difflib.get_close_matches(source, [*files, *names], n=1)
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
    """What a text is instead of TOML, and what to do about that.

    Args:
        source: the name of the file.
        text: the file's content.
        error: the parser's message.
    """
    numbered = re.search(r"line (\d+)", error)
    lines = text.splitlines()
    number = int(numbered[1]) if numbered else 0
    line = lines[number - 1].strip() if 0 < number <= len(lines) else ""
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
