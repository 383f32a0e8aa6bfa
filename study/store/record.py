"""What the small files of a store have in common: study.json and packs/*.json are checked records.

A user can edit a record, and another program can damage it. A record that breaks a rule is a
StoreError of one sentence, which names the file and the key.
"""

from datetime import datetime
from typing import Annotated, Self

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
    """A record of a store. Keys that a newer version has added are read and written again."""

    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True)

    @classmethod
    def checked(cls, content: object, shown: str, remedy: str) -> Self:
        """The record that a file holds.

        Args:
            content: the file's JSON.
            shown: the address of the file, for messages.
            remedy: what a user can do about a broken rule: the last sentence of the error.
        Raises: StoreError where the content breaks a rule of the model.
        """
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            key = ".".join(str(step) for step in first["loc"])
            given = "missing" if first["type"] == "missing" else repr(first["input"])[:40]
            rule = first["msg"][0].lower() + first["msg"][1:]
            rule = rule.replace("input ", "the value ").replace("value error, ", "")
            raise StoreError(f"{shown}: {key}: {given}; {rule}. {remedy}") from None

    def to_json(self) -> dict[str, object]:
        """The keys of the file: those that were read or set, under the names they have there."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    def changed(self, **changes: object) -> Self:
        """The record with some fields changed, by name. The values are not checked again."""
        if unknown := changes.keys() - type(self).model_fields.keys():
            raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(unknown))}")
        return self.model_copy(update=changes)
