"""packs/: for each pack a record of its status, and the checkpoint from which it goes on."""

import json
from datetime import UTC, datetime

from pydantic import Field

from study.errors import SpecError, StoreError
from study.store.files import Files
from study.store.record import Count, Moment, Record
from study.trials.pack import Pack
from study.vocabulary.outcomes import PackStatus

# A running pack writes its record every 30 s. A pack that was silent for longer than this does not
# run.
STALE_SECONDS = 120.0
PACK_REMEDY = "Delete the file: what its pack has not stored is trained from its start."


class PackRecord(Record):
    """packs/<pack>.json: the status of a pack, and the trials it holds.

    A pack without a file has the record `NO_RECORD`.

    Attributes:
        status: the key `state` of the file.
        members: the pack as `Pack.to_json` writes it.
        heartbeat: when the record was last written by the process that trains the pack.
        error: why the pack has failed.
        open: members that are still to train; None before the first attempt.
        attempts: how often training was begun.
        failures: attempts that ended in an error, since the plan that noted the pack.
        early_deaths: attempts in a row whose process died before it left a checkpoint.
        node: the machine that trains the pack.
        process: the id of the process that trains the pack.
        fresh: whether no member had a row when the pack was planned, and nobody has begun it since.
        halved: whether the pack is trained as two halves, because memory is short for the whole.
        saved: whether the latest attempt has left a checkpoint; records of old programs say nothing
            and count as saved.
        split: the ids of the packs that the pack was split into.
    """

    status: PackStatus = Field(default=PackStatus.PENDING, alias="state")
    members: dict[str, object] | None = None
    heartbeat: Moment | None = None
    error: str | None = None
    open: Count | None = None
    attempts: Count = 0
    failures: Count = 0
    early_deaths: Count = 0
    node: str = ""
    process: Count = 0
    fresh: bool = False
    halved: bool = False
    saved: bool = True
    split: tuple[str, ...] = ()

    @property
    def current_status(self) -> PackStatus:
        """The status; a running pack that has been silent for `STALE_SECONDS` is pending again."""
        if self.status is not PackStatus.RUNNING:
            return self.status
        if not self.heartbeat:
            return PackStatus.PENDING
        age = datetime.now(UTC) - datetime.fromisoformat(self.heartbeat)
        return PackStatus.RUNNING if age.total_seconds() < STALE_SECONDS else PackStatus.PENDING

    @property
    def members_open(self) -> int:
        """How many members are still to train: all of them before the first attempt."""
        if self.open is not None:
            return self.open
        members = (self.members or {}).get("members")
        return len(members) if isinstance(members, list) else 0


NO_RECORD = PackRecord()


class Packs:
    """Reads and writes the records and the checkpoints of packs."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def read(self, pack_id: str) -> PackRecord:
        """The record of a pack; `NO_RECORD` where there is no file.

        Raises: StoreError where the file breaks a rule of `PackRecord`.
        """
        name = _record_name(pack_id)
        content = self._files.get_json(name, PACK_REMEDY)
        if content is None:
            return NO_RECORD
        return PackRecord.checked(content, self._files.address_of(name), PACK_REMEDY)

    def write(self, pack_id: str, record: PackRecord) -> None:
        """Replace the record of a pack."""
        self._files.put(_record_name(pack_id), json.dumps(record.to_json()).encode())

    def pack(self, pack_id: str, record: PackRecord) -> Pack:
        """The pack that a record describes.

        Args:
            pack_id: names the file in an error.
            record: of that pack.
        Raises: StoreError where the record's members are no trials.
        """
        try:
            return Pack.from_json(record.members)
        except SpecError as error:
            shown, rule = self._files.address_of(_record_name(pack_id)), str(error).rstrip(".")
            raise StoreError(f"{shown}: members: {rule}. {PACK_REMEDY}") from None

    def trial_ids(self, pack_id: str, record: PackRecord) -> frozenset[str]:
        """The ids of a pack's trials; arguments and errors as of `pack`."""
        return frozenset(trial.trial_id for trial in self.pack(pack_id, record).trials)

    def ids(self) -> list[str]:
        """The packs that have a record."""
        return [name.removesuffix(".json") for name in self._files.names("packs", ".json")]

    def stamps(self) -> dict[str, tuple[int, int]]:
        """Size and time of each record's file: a reader that remembers both reads only changes."""
        infos = self._files.infos("packs", ".json")
        return {info.base_name.removesuffix(".json"): (info.size, info.mtime_ns) for info in infos}

    def checkpoint_ids(self) -> list[str]:
        """The packs that have left a checkpoint."""
        return [name.removesuffix(".npz") for name in self._files.names("packs", ".npz")]

    def checkpoint(self, pack_id: str) -> bytes | None:
        """The latest checkpoint of a pack; None where the pack has left none."""
        return self._files.get(_checkpoint_name(pack_id))

    def write_checkpoint(self, pack_id: str, content: bytes) -> None:
        """Replace the checkpoint of a pack."""
        self._files.put(_checkpoint_name(pack_id), content)

    def drop_checkpoint(self, pack_id: str) -> None:
        """Delete the checkpoint of a pack, if there is one."""
        self._files.delete(_checkpoint_name(pack_id))


def _record_name(pack_id: str) -> str:
    return f"packs/{pack_id}.json"


def _checkpoint_name(pack_id: str) -> str:
    return f"packs/{pack_id}.npz"
