"""packs/<pack>.json: how each pack is, checked."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import Field

from study.errors import SpecError, StoreError
from study.store.record import Count, Moment, Record, checked_record
from study.store.store import PACK_REMEDY, Store
from study.trials.pack import Pack

STALE_SECONDS = 120.0  # a pack says how it is every 30 s; silent for longer, it is not running
PackState = Mapping[str, Any]


class PackRecord(Record):
    """packs/<pack>.json, of which these keys are read; a pack not yet noted has none of them."""

    state: str = "pending"
    members: dict[str, Any] = Field(default_factory=dict)
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


def read_pack(store: Store, pack_id: str) -> dict[str, Any]:
    """packs/<pack>.json of a store as it is, once it obeys the rules of PackRecord.

    A file that is not there is empty, which obeys them. Raises StoreError.
    """
    content = store.pack(pack_id)
    checked_record(PackRecord, content, _place(store, pack_id), PACK_REMEDY)
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


def members_of(store: Store, pack_id: str, pack: PackState) -> frozenset[str]:
    """The ids of a pack's trials."""
    return frozenset(trial.trial_id for trial in stored_pack(store, pack_id, pack).trials)


def state_of(pack: PackState) -> str:
    """A pack's state; one that has gone silent is pending again."""
    state = str(pack.get("state", "pending"))
    if state != "running" or not pack.get("heartbeat"):
        return "pending" if state == "running" else state
    age = datetime.now(UTC) - datetime.fromisoformat(pack["heartbeat"])
    return "running" if age.total_seconds() < STALE_SECONDS else "pending"
