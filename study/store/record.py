"""What the small files of a store have in common: study.json and packs/*.json are checked records.

A user can edit both, and another program can damage them. A record that breaks a rule is a
StoreError of one sentence, which names the file and the key.
"""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from study.errors import StoreError


def _is_moment(text: str) -> str:
    """Refuse a text that is not a moment with its time zone, as 2026-11-20T10:00:00+00:00."""
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("no time zone")
    return text


Moment = Annotated[str, AfterValidator(_is_moment)]
Count = Annotated[int, Field(ge=0, strict=True)]


class Record(BaseModel):
    """A record of a store. Keys that it does not know are left alone: newer versions add some."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def checked_record(model: type[Any], content: Any, place: str, remedy: str) -> Any:
    """A record of this model from what a file says.

    Args:
        model: a subclass of `Record`.
        content: the file's JSON.
        place: the file, for messages.
        remedy: the last sentence of a message.
    Raises: StoreError where the content breaks a rule of the model.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(step) for step in first["loc"])
        given = "missing" if first["type"] == "missing" else repr(first["input"])[:40]
        rule = first["msg"][0].lower() + first["msg"][1:]
        rule = rule.replace("input ", "the value ").replace("value error, ", "")
        raise StoreError(f"{place}: {key}: {given}; {rule}. {remedy}") from None
