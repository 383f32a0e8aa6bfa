"""A model of the spec made from data, or one sentence that says which key breaks which rule."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from study.errors import SpecError, choices
from study.spec.models import Setting, StudySpec
from study.spec.toml_tables import Table

STUDY_KEYS = frozenset(StudySpec.model_fields)  # keys of the study that no setting has

_Model = TypeVar("_Model", bound=BaseModel)


def validated(model: type[_Model], data: object, where: str = "") -> _Model:
    """A model of the data.

    Args:
        model: the model, such as Setting.
        data: what a user wrote, or JSON.
        where: what the message puts before the key, such as "settings.0.".
    Raises: SpecError for the first broken rule: `key: value; rule. remedy.`, one sentence.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise SpecError(_sentence(model, error, where)) from None


def _sentence(model: type[BaseModel], error: ValidationError, where: str) -> str:
    """The first broken rule as one sentence."""
    broken = error.errors(include_url=False)
    # A missing key is often only misspelled. An unknown key is therefore reported first.
    first = next((rule for rule in broken if rule["type"] == "extra_forbidden"), broken[0])
    steps = [str(step) for step in first["loc"]]
    keys = _keys_on_the_way(model, steps)
    kind, given = first["type"], first["input"]
    known_steps = [step for step in steps if step in keys or step == steps[0]]
    key = where + ".".join(steps if kind == "extra_forbidden" else known_steps)
    prefix = f"{key}: " if steps else where  # a rule across keys names the keys itself
    if kind == "extra_forbidden":
        return f"{prefix}unknown key; {_whereabouts(steps, keys)}"
    if kind == "missing":
        return f"{prefix}missing; a study file says it. Add it."
    if kind in {"model_type", "model_attributes_type"}:
        return f"{prefix}{given!r}; a table of keys is wanted. Write {{{next(iter(keys))} = ...}}."
    if kind == "value_error":
        return prefix + str(first["ctx"]["error"])
    rule = first["msg"][0].lower() + first["msg"][1:]
    return f"{prefix}{given!r}; {rule.replace('input ', 'the value ')}. Change it."


def _whereabouts(steps: Sequence[str], keys: Collection[str]) -> str:
    """Rule and remedy for a key that its table does not have, but another table may.

    Args:
        steps: the path to the key.
        keys: the keys that the table has.
    """
    key, inside = steps[-1], len(steps) > 1
    tables = [name for name, others in _keys_of_tables().items() if key in others]
    if inside and key in STUDY_KEYS | set(Setting.model_fields):
        return f"{key} is a key of the whole study. Write it above [{steps[0]}]."
    if tables:
        written = " or ".join(f"{name}.{key}" for name in tables)
        of = " and ".join(f"[{name}]" for name in tables)
        return f"{key} is a key of {of}. Write {written}."
    return choices("a key here", key, keys)


def _keys_of_tables() -> dict[str, Iterable[str]]:
    """The keys of every table of a study file, by the name of the table."""
    tables = {name: _table_of(field) for name, field in Setting.model_fields.items()}
    return {name: table.model_fields for name, table in tables.items() if table is not None}


def _keys_on_the_way(model: type[BaseModel], steps: Sequence[str]) -> Mapping[str, FieldInfo]:
    """The fields of the deepest table on the path to a value."""
    fields = model.model_fields
    for step in steps:
        table = _table_of(fields[step]) if step in fields else None
        if table is not None:
            fields = table.model_fields
    return fields


def _table_of(field: FieldInfo) -> type[Table] | None:
    """The table that a field is, None for a field that is a value."""
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, Table) else None
