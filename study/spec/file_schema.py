"""The JSON schema of a study file, with which editors complete and check one while it is written.

The tables are pydantic's schemas of their models, described by the docstrings. What a model reads
in a form of its own (axes, seeds, an objective) is described here. The schema accepts every study
file that `study.spec.file` accepts; rules across keys are left to that module.
"""

import inspect
import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from study.spec.models import Setting
from study.spec.toml_tables import Readings, Search, Table
from study.vocabulary.axes import AXES, HIGHEST, AxisRule
from study.vocabulary.axis_values import MAX_POINTS
from study.vocabulary.columns import OBJECTIVES
from study.vocabulary.measures import MEASURES
from study.vocabulary.nets import NETS
from study.vocabulary.tasks import TASKS

Schema = dict[str, Any]

SCHEMA_FILE = "study.schema.json"
SCHEMA_LINE = f"#:schema ./{SCHEMA_FILE}"  # as a file's first line: taplo, Even Better TOML, tombi


def file_schema() -> Schema:
    """The JSON schema of a study file, draft 2020-12."""
    keys = _setting_keys()
    label = {"label": {"type": "string", "minLength": 1, "description": _says(Setting)["label"]}}
    setting = {**_closed({**label, **keys}), "required": ["label"]}
    name = {"type": "string", "description": "The folder of the results has this name."}
    settings = {
        "type": "array",
        "minItems": 1,
        "items": setting,
        "description": "Each overrides any of the keys above; the study is the union of them.",
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A study file",
        **_closed({"name": name, **keys, "settings": settings}),
        "required": ["name"],
    }


def _setting_keys() -> Schema:
    """The keys of one setting but its label."""
    says = _says(Setting)
    seeds = {"anyOf": [{"type": "integer", "minimum": 1}, _listed({"type": "integer"})]}
    keys: Schema = {
        "task": {**_open_names(list(TASKS)), "default": "parity"},
        "net": _open_names(list(NETS)),
        "seeds": {**seeds, "default": 5},
    }
    for name, field in Setting.model_fields.items():
        kind = field.annotation
        if name == "axes":
            keys[name] = _closed({axis: _axis(rule) for axis, rule in AXES.items()})
        elif isinstance(kind, type) and issubclass(kind, Table):
            keys[name] = _table(kind)
    keys["readings"]["properties"] |= {
        "per_decade": {"type": "integer", "minimum": 1, "description": "Instead of every."},
        "measures": {
            **_listed({"enum": list(MEASURES)}, least=0),
            "description": _says(Readings)["measures"],
        },
    }
    objective = {"enum": [sign + name for name in OBJECTIVES for sign in ("", "-")]}
    keys["search"]["properties"]["objective"] = {
        "anyOf": [objective, _listed(objective)],
        "description": _says(Search)["objective"],
    }
    for name, key in keys.items():
        key["description"] = says[name]
    return keys


def _table(kind: type[Table]) -> Schema:
    """The schema by pydantic of a table, its keys described by the docstring; TOML has no null."""
    schema = kind.model_json_schema()
    shared = schema.pop("$defs", {})
    says, properties = _says(kind), {}
    for name, key in schema["properties"].items():
        options = [shared.get(_reference(o), o) for o in key.get("anyOf", [])]
        options = [option for option in options if option.get("type") != "null"]
        rest = {word: value for word, value in key.items() if word not in {"title", "anyOf"}}
        if rest.get("default", 0) is None:
            del rest["default"]
        properties[name] = {**rest, **({"anyOf": options} if options else {})}
        properties[name]["description"] = says[name]
    return _closed(properties)


def _reference(schema: Schema) -> str:
    """The name of the shared schema that a schema refers to, "" for none."""
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _says(kind: type[BaseModel]) -> dict[str, str]:
    """The sentence of each key, from the section "Attributes" of its table's docstring."""
    section = inspect.getdoc(kind) or ""
    pairs = re.findall(r"^    (\w+): (.*(?:\n        .*)*)", section, re.MULTILINE)
    return {name: " ".join(sentence.split()) for name, sentence in pairs}


def _axis(rule: AxisRule) -> Schema:
    """One value, a list of values, or a range."""
    number: Schema = {"type": "integer" if rule.integer else "number"}
    number["minimum" if rule.low_allowed else "exclusiveMinimum"] = rule.low
    if rule.below < HIGHEST:
        number["exclusiveMaximum"] = rule.below
    value = {"anyOf": [number, {"enum": list(rule.words)}]} if rule.words else number
    points = {"type": "integer", "minimum": 2, "maximum": MAX_POINTS}
    ends = {"type": "array", "items": number, "minItems": 2, "maxItems": 2}
    ranges = [
        {**_closed({scale: ends, "points": points}), "required": [scale]}
        for scale in ("log", "linear")
    ]
    axis: Schema = {"anyOf": [value, _listed(value), *ranges]}
    return axis if rule.default is None else {**axis, "default": rule.default}


def _open_names(names: Sequence[str]) -> Schema:
    """Names to complete; others may be registered by a package."""
    return {"anyOf": [{"enum": list(names)}, {"type": "string"}]}


def _listed(value: Schema, least: int = 1) -> Schema:
    return {"type": "array", "items": value, "minItems": least}


def _closed(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "additionalProperties": False}
