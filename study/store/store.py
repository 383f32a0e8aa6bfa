"""A study on disk or in a bucket: `study.json`, two Parquet tables and one small file a pack.

The store is the only memory of a study. Files appear whole or not at all, nothing is overwritten
that cannot be trained again, and readers keep one row a trial, so that a retry or a second writer
never counts twice. A trial's readings are written before its row: the row is what says it is done.
"""

import contextlib
import errno
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from study.errors import DamagedError, StoreError
from study.store import schema
from study.store import winners as tables
from study.store.address import Address
from study.store.atomic import replace_file
from study.store.retry import is_full, passes, patiently
from study.vocabulary.columns import SCHEMA_VERSION

_FILE = "__filename"  # pyarrow's name for the file that a row is from
T = TypeVar("T")

READS = 5  # of a small file, until it is read whole
PACK_REMEDY = "Delete the file: what its pack has not stored is trained from its start."
_REMEDIES = {  # for a small file that is damaged, by how its name begins
    "study": "Restore the file, or choose another --out.",
    "searc": "Delete the file: the search asks for its trials again.",
    "packs": PACK_REMEDY,
}
TABLES = {"trials": schema.TRIALS, "readings": schema.READINGS}


class Store:
    """The store of one study, at a local path or a URL such as s3://bucket/runs/quick.

    `patience_seconds`: how long an operation is tried again that a full disk or an object store out
    of order has failed; `say` is told for what it waits.
    """

    def __init__(
        self,
        url: str | Path,
        patience_seconds: float = 0.0,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self._address = Address.of(url)
        self.url = self._address.url
        self._patience, self._say = patience_seconds, say
        try:
            if self._address.local:
                self._fs: Any = pafs.LocalFileSystem()
                self._root = str(Path(self.url).absolute())
            else:
                self._fs, self._root = self._patiently(
                    lambda: pafs.FileSystem.from_uri(self._address.uri)
                )
        except (pa.ArrowException, OSError, ValueError) as error:
            raise StoreError(
                f"{self._address.shown}: {_line(error)}; a store is a folder or an s3:// or gs:// "
                "URL. Check the address.",
                passing=passes(error),
            ) from None

    @classmethod
    def open(cls, url: str | Path, patience_seconds: float = 0.0) -> "Store":
        """A store that exists; raises StoreError where there is no study, or a newer one."""
        store = cls(url, patience_seconds)
        if store.exists():
            with contextlib.suppress(DamagedError):  # rows can be read without it
                store.manifest()
        else:
            raise StoreError(
                f"{store._address.shown}: no study here; a store is a folder with study.json. "
                "Check the path, or make one with `study run`."
            )
        return store

    def exists(self) -> bool:
        """Whether a study has been started here.

        Raises StoreError where there is no such bucket: a study could not be started there.
        """
        found = self._get("study.json") is not None
        if not found:
            self._refuse_no_bucket()
        return found

    def _refuse_no_bucket(self) -> None:
        scheme, _, _ = self.url.partition("://")
        if scheme not in {"s3", "gs"}:
            return
        bucket = self._root.split("/")[0]
        try:
            missing = self._fs.get_file_info(bucket).type == pafs.FileType.NotFound
        except (pa.ArrowException, OSError):
            return  # a key may be allowed to write in a bucket and not to ask for it
        if missing:
            raise StoreError(
                f"{scheme}://{bucket}: no such bucket; a study writes into one that is there. "
                "Make the bucket, or check its name."
            )

    # study.json and packs/: small files, written whole

    def place(self, name: str) -> str:
        """Where a file of the store is, for messages."""
        return f"{self._address.shown}/{name}"

    def manifest(self) -> dict[str, Any]:
        """What study.json says: spec, versions, command, start.

        Raises StoreError where a newer program wrote it: its rows may mean something else.
        """
        found = self._get_json("study.json") or {}
        version = found.get("schema_version", SCHEMA_VERSION)
        if not isinstance(version, int) or version > SCHEMA_VERSION:
            raise StoreError(
                f"{self.place('study.json')}: schema_version {version!r}; this program reads up to "
                f"{SCHEMA_VERSION}. Use the newer program that wrote the store."
            )
        return found

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Replace study.json."""
        self._put("study.json", json.dumps(manifest, indent=1).encode())

    def proposed(self) -> dict[str, list[list[Any]]]:
        """What searches have proposed so far, as search.json has it: rows by setting.

        Raises DamagedError where the file is cut short; see `study.search.proposals.recorded`.
        """
        return self._get_json("search.json") or {}

    def write_proposed(self, proposed: Mapping[str, Sequence[Sequence[Any]]]) -> None:
        """Replace search.json."""
        self._put("search.json", json.dumps(proposed).encode())

    def set_proposed_aside(self) -> None:
        """Keep a search.json that is damaged under another name, before it is written anew."""
        if (content := self._get("search.json")) is not None:
            self._put("search.json.damaged", content)

    def write_journal(self, name: str, content: bytes) -> None:
        """Replace what optuna-dashboard reads of a search."""
        self._put(f"{name}.log", content)

    def pack(self, pack_id: str) -> dict[str, Any]:
        """What packs/<pack>.json says: state, attempts, error, heartbeat, node and members."""
        return self._get_json(f"packs/{pack_id}.json") or {}

    def write_pack(self, pack_id: str, state: Mapping[str, Any]) -> None:
        """Replace packs/<pack>.json."""
        self._put(f"packs/{pack_id}.json", json.dumps(state).encode())

    def pack_ids(self) -> list[str]:
        """Packs that this store has heard of."""
        return [name.removesuffix(".json") for name in self._list("packs", ".json")]

    def pack_stamps(self) -> dict[str, tuple[int, int]]:
        """Size and time of each pack's file: who remembers them reads only what has changed."""
        found = self._find("packs", ".json")
        return {i.base_name.removesuffix(".json"): (i.size, i.mtime_ns) for i in found}

    def checkpoint_ids(self) -> list[str]:
        """Packs that left a checkpoint."""
        return [name.removesuffix(".npz") for name in self._list("packs", ".npz")]

    def checkpoint(self, pack_id: str) -> bytes | None:
        """The latest checkpoint of a pack, if it left one."""
        return self._get(f"packs/{pack_id}.npz")

    def write_checkpoint(self, pack_id: str, content: bytes) -> None:
        """Replace the checkpoint of a pack."""
        self._put(f"packs/{pack_id}.npz", content)

    def drop_checkpoint(self, pack_id: str) -> None:
        """Forget the checkpoint of a pack that is done."""
        self._delete(f"packs/{pack_id}.npz")

    # the tables

    def write_rows(
        self,
        pack_id: str,
        trials: Sequence[Mapping[str, Any]],
        readings: Mapping[str, Sequence[Any]],
        stamp: int | None = None,
    ) -> None:
        """Add finished trials, one mapping a row, and their readings, one sequence a column.

        `stamp`, by default the time in nanoseconds, tells a pack's parts apart: rows that are
        written again under one stamp replace what a failed write has left.
        """
        part = f"part-{pack_id}-{stamp or time.time_ns():x}.parquet"
        lacking = [name for name in schema.READINGS.names if name not in readings]
        rows = len(readings["trial_id"])
        columns = {**readings, **{name: [None] * rows for name in lacking}}
        self.write_part("readings", part, pa.Table.from_pydict(columns, schema.READINGS))
        self.write_part("trials", part, pa.Table.from_pylist(list(trials), schema.TRIALS))

    def trials(
        self,
        where: pc.Expression | None = None,
        columns: Sequence[str] | None = None,
        *,
        parts: bool = False,
    ) -> pa.Table:
        """The trials, one row each; of a trial trained twice, the row with the larger budget.

        With `parts`, a last column says which part each row is from.
        """
        ids = self.scan("trials", None, ["trial_id"])
        if ids.num_rows == pc.count_distinct(ids["trial_id"]).as_py():
            return self.scan("trials", where, columns, parts=parts)
        # A filter may hide the row that replaces another: choose rows first, then filter.
        table = tables.winners(self.scan("trials", parts=True))
        if where is not None:
            table = table.filter(where)
        return table.select([*(columns or schema.TRIALS.names), *[tables.PART] * parts])

    def unread_parts(self) -> list[str]:
        """Parts of the table `trials` whose readings are gone: no part of readings has their name.

        Readings are written under the name of their rows, also where a trial has none, so that the
        two lists of names say it without opening a file.
        """
        rows = self.part_names("trials")
        lacking = set(rows) - set(self.part_names("readings"))
        # Compaction deletes rows before their readings: rows that have gone meanwhile lack nothing.
        return sorted(lacking & set(self.part_names("trials"))) if lacking else []

    def trial(self, trial_id: str) -> dict[str, Any] | None:
        """The row of one trial, if it has one."""
        rows: list[dict[str, Any]] = self.trials(pc.field("trial_id") == trial_id).to_pylist()
        return rows[0] if rows else None

    def readings(
        self, trial_ids: Iterable[str] | None = None, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """The readings of some trials, or of all, one row a trial and epoch, in that order.

        They are those written with the trial's row: a trial trained again, to a larger budget or
        after a kill, has left others.
        """
        where = None if trial_ids is None else _one_of(trial_ids)
        rows = self.scan("trials", where, ["trial_id", "budget_epochs"], parts=True)
        return self._readings(tables.winners(rows), where, columns)

    def readings_beside(self, rows: pa.Table, columns: Sequence[str] | None = None) -> pa.Table:
        """`readings` of trials whose winning rows are at hand, with their part.

        Only these parts are opened, so that a few trials of a million take a moment.
        """
        only = pc.unique(rows[tables.PART]).to_pylist()
        return self._readings(rows, _one_of(rows["trial_id"].to_pylist()), columns, only)

    def _readings(
        self,
        rows: pa.Table,
        where: pc.Expression | None,
        columns: Sequence[str] | None,
        only: Sequence[str] | None = None,
    ) -> pa.Table:
        wanted = list(columns or schema.READINGS.names)
        needed = list(dict.fromkeys(["trial_id", "epoch", *wanted]))
        table = self.scan("readings", where, needed, parts=True, only=only)
        written_with = pc.is_in(tables.sources(table), value_set=tables.sources(rows))
        table = table.filter(written_with).select(needed)
        table = table.sort_by([("trial_id", "ascending"), ("epoch", "ascending")])
        return tables.first_of_each(table, ["trial_id", "epoch"]).select(wanted)

    def scan(
        self,
        name: str,
        where: pc.Expression | None = None,
        columns: Sequence[str] | None = None,
        *,
        parts: bool = False,
        only: Sequence[str] | None = None,
    ) -> pa.Table:
        """A table, or some parts of it, as it lies: a trial may be there twice.

        With `parts`, a last column says which part each row is from.
        """
        found = self.part_names(name) if only is None else only
        paths = [f"{self._root}/{name}/{part}" for part in found]
        names = list(columns or TABLES[name].names)
        if not paths:
            table = TABLES[name].empty_table().select(names)
            return table.append_column(tables.PART, pa.array([], pa.string())) if parts else table
        asked = [*names, _FILE] if parts else names

        def read() -> pa.Table:
            # The declared schema, not the first file's: older parts may lack newer columns.
            dataset = ds.dataset(paths, TABLES[name], format="parquet", filesystem=self._fs)
            return dataset.to_table(filter=where, columns=asked)

        try:
            table = self._patiently(read)
        except (pa.ArrowException, OSError) as error:
            if passes(error):
                raise self._error(name, error, "Try again.") from None
            raise self._damage(paths, error) from None
        if parts:
            file_name = pc.replace_substring_regex(table[_FILE], ".*/", "")
            table = table.set_column(len(names), tables.PART, file_name)
        return table

    def _damage(self, paths: Iterable[str], error: Exception) -> StoreError:
        """Which part cannot be read, and what to do about it."""
        for path in paths:
            try:
                pq.read_table(path, filesystem=self._fs)
            except (pa.ArrowException, OSError):
                place = self.place(path.removeprefix(f"{self._root}/"))
                return StoreError(
                    f"{place}: damaged; a part is a whole Parquet file. Move it out of the store "
                    "and run the study again: only its trials are trained anew."
                )
        return StoreError(f"{self._address.shown}: {_line(error)}. Try again.")

    # parts: whole files, for those who merge or remember them

    def part_names(self, table: str) -> list[str]:
        """The files that a table lies in. A part never changes; compacting puts others there."""
        return self._list(table, ".parquet")

    def write_part(self, table: str, part: str, rows: pa.Table) -> None:
        """Write a part whole."""
        sink = pa.BufferOutputStream()
        pq.write_table(rows, sink, compression="zstd")
        self._put(f"{table}/{part}", sink.getvalue().to_pybytes())

    def delete_part(self, table: str, part: str) -> None:
        """Delete a part whose rows lie in another."""
        self._delete(f"{table}/{part}")

    # files

    def _list(self, folder: str, ending: str) -> list[str]:
        return sorted(info.base_name for info in self._find(folder, ending))

    def _find(self, folder: str, ending: str) -> list[Any]:
        """The files of a folder, without those still being written."""
        selector = pafs.FileSelector(f"{self._root}/{folder}", allow_not_found=True)
        try:
            found = self._patiently(lambda: self._fs.get_file_info(selector))
        except (pa.ArrowException, OSError) as error:
            raise self._error(folder, error, "Check access.") from None
        files = (info for info in found if info.type == pafs.FileType.File)
        return [
            info
            for info in files
            if info.base_name.endswith(ending) and not info.base_name.startswith(".")
        ]

    def _get(self, name: str) -> bytes | None:
        def get() -> bytes:
            with self._fs.open_input_stream(f"{self._root}/{name}") as stream:
                return bytes(stream.read())

        try:
            return self._patiently(get)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (pa.ArrowException, OSError) as error:
            raise self._error(name, error, "Check access.") from None

    def _get_json(self, name: str) -> dict[str, Any] | None:
        for _ in range(READS):
            found = self._get(name)
            if found is None:
                return None
            with contextlib.suppress(ValueError):
                content = json.loads(found)
                if isinstance(content, dict):
                    return content
            # An object is read to the size it had: one replaced meanwhile is cut off.
            time.sleep(0.05)
        raise DamagedError(
            f"{self.place(name)}: not JSON; the store keeps its state there. {_REMEDIES[name[:5]]}"
        )

    def _put(self, name: str, content: bytes) -> None:
        """Write a file whole: renamed into place on a disk, one PUT on an object store."""

        def put() -> None:
            if self._address.local:
                path = Path(self._root) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                replace_file(path, content)
            else:
                with self._fs.open_output_stream(f"{self._root}/{name}") as stream:
                    stream.write(content)

        try:
            self._patiently(put)
        except (pa.ArrowException, OSError) as error:
            raise self._error(name, error, _put_remedy(error), "a study writes here") from None

    def _delete(self, name: str) -> None:
        """Delete a file, if it is there: another writer may have been first."""
        try:
            with contextlib.suppress(FileNotFoundError):
                self._patiently(lambda: self._fs.delete_file(f"{self._root}/{name}"))
        except (pa.ArrowException, OSError) as error:
            raise self._error(name, error, "Check access.") from None

    def _error(self, name: str, error: Exception, remedy: str, rule: str = "") -> StoreError:
        where = f"{self.place(name)}: {_line(error)}"
        return StoreError(
            f"{where}; {rule}. {remedy}" if rule else f"{where}. {remedy}", passing=passes(error)
        )

    def _patiently(self, act: Callable[[], T]) -> T:
        return patiently(act, self._patience, say=self._say)


def _one_of(trial_ids: Iterable[str]) -> pc.Expression:
    return pc.field("trial_id").isin(pa.array(list(trial_ids), pa.string()))


def _put_remedy(error: Exception) -> str:
    """What to do where a file cannot be written."""
    if is_full(error):
        return "Make room there, or choose another place with --out."
    if passes(error):
        return "See that it answers."
    if getattr(error, "errno", None) == errno.ENAMETOOLONG:
        return "Use a shorter name, or a shorter --out."
    return "Make the place writable, or choose another with --out."


def _line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
