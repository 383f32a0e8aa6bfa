"""What the small files of a store say, checked: study.json and packs/*.json.

A user can edit both, and another program can damage them. A record that breaks a rule is a
StoreError of one sentence, which names the file and the key.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from study.errors import SpecError, StoreError
from study.store.store import PACK_REMEDY, Store
from study.trials.trial import Pack


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


class Start(Record):
    """A command that trained something: when, with what, and how many trials were stored then.

    `node` and `process` are of its driver; the first stores did not name them.
    """

    started: Moment
    node: str = "an unnamed machine"
    process: Count = 0
    command: str = ""
    done_before: Count = 0
    versions: dict[str, str] = {}


class Manifest(Start):
    """study.json. Its own start is the study's; `starts` are all that trained, the latest last.

    `command` and `versions` are those of the latest start; `settings` has every setting that was
    ever run, by label.
    """

    spec: dict[str, Any]
    settings: dict[str, dict[str, Any]] = {}
    starts: tuple[Start, ...] = ()

    @property
    def latest(self) -> Start:
        """The command that trained last."""
        return self.starts[-1] if self.starts else self


class PackRecord(Record):
    """packs/<pack>.json, of which these keys are read; a pack not yet noted has none of them."""

    state: str = "pending"
    members: dict[str, Any] = {}
    heartbeat: Moment | None = None
    error: str | None = None
    open: Count = 0
    attempts: Count = 0
    failures: Count = 0
    early_deaths: Count = 0
    node: str = ""
    process: Count = 0
    fresh: bool = False
    halved: bool = False
    saved: bool = True


def read_manifest(store: Store) -> Manifest:
    """study.json of a store; raises StoreError where it breaks a rule."""
    return manifest_of(store.manifest(), store.place("study.json"))


def manifest_of(content: Mapping[str, Any], place: str) -> Manifest:
    """The same of a file that was read already from `place`."""
    remedy = "Restore the file, or choose another --out."
    found: Manifest = _checked(Manifest, content, place, remedy)
    return found


def read_pack(store: Store, pack_id: str) -> dict[str, Any]:
    """packs/<pack>.json of a store as it is, once it obeys the rules of PackRecord.

    A file that is not there is empty, which obeys them. Raises StoreError.
    """
    content = store.pack(pack_id)
    _checked(PackRecord, content, _place(store, pack_id), PACK_REMEDY)
    return content


def stored_pack(store: Store, pack_id: str, content: Mapping[str, Any]) -> Pack:
    """The pack that packs/<pack>.json describes, given what `read_pack` says of it.

    Raises StoreError where its members are no trials.
    """
    try:
        return Pack.from_json(content["members"])
    except (SpecError, KeyError, TypeError, ValueError, AttributeError) as error:
        rule = str(error).rstrip(".") if isinstance(error, SpecError) else "a pack lists its trials"
        raise StoreError(f"{_place(store, pack_id)}: members: {rule}. {PACK_REMEDY}") from None


def _place(store: Store, pack_id: str) -> str:
    return store.place(f"packs/{pack_id}.json")


def _checked(model: type[Any], content: Any, place: str, remedy: str) -> Any:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(step) for step in first["loc"])
        given = "missing" if first["type"] == "missing" else repr(first["input"])[:40]
        rule = first["msg"][0].lower() + first["msg"][1:]
        rule = rule.replace("input ", "the value ").replace("value error, ", "")
        raise StoreError(f"{place}: {key}: {given}; {rule}. {remedy}") from None
