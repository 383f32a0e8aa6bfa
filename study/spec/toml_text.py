"""A resolved study as the text of a study file that has every key in force."""

import json
from collections.abc import Iterator, Mapping, Sequence

from study.spec.models import Setting, StudySpec


def toml_text(spec: StudySpec) -> str:
    """The study file with every key in force: reading the text gives the same study.

    A study of one setting without a label has its tables at the top, another has [[settings]].
    """
    lines = [f"name = {json.dumps(spec.name)}"]
    if len(spec.settings) == 1 and not spec.settings[0].label:
        return "\n".join([*lines, *_setting_lines(spec.settings[0], "")]) + "\n"
    for setting in spec.settings:
        lines += ["", "[[settings]]", f"label = {json.dumps(setting.label)}"]
        lines += _setting_lines(setting, "settings.")
    return "\n".join(lines) + "\n"


def _setting_lines(setting: Setting, above: str) -> Iterator[str]:
    """The keys of a setting, then its tables, whose names begin with `above`."""
    written = setting.model_dump(mode="json", exclude={"label"})
    written["seeds"] = _seeds(setting.seeds)
    tables = {key: value for key, value in written.items() if isinstance(value, dict)}
    yield from _key_lines({key: v for key, v in written.items() if key not in tables})
    for name, table in tables.items():
        yield from ("", f"[{above}{name}]")
        yield from _key_lines(table)


def _key_lines(keys: Mapping[str, object]) -> Iterator[str]:
    """A line for each key that has a value; TOML has no null."""
    for key, value in keys.items():
        if value is not None:
            yield f"{key} = {_value(value)}"


def _value(value: object) -> str:
    if isinstance(value, dict):
        inside = ", ".join(f"{key} = {_value(v)}" for key, v in value.items() if v is not None)
        return f"{{{inside}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(value)  # the texts, numbers and truth values of JSON are TOML, too


def _seeds(seeds: Sequence[int]) -> int | list[int]:
    """The count of the seeds where these are 0, 1, ...; else their list."""
    return len(seeds) if list(seeds) == list(range(len(seeds))) else list(seeds)
