"""A study on disk or in a bucket: `study.json`, two Parquet tables and one small file a pack.

The store is the only memory of a study. Files appear whole or not at all, nothing is overwritten
that cannot be trained again, and readers keep one row a trial, so that a retry or a second writer
never counts twice. A trial's readings are written before its row: the row is what says it is done.
"""

import contextlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from study import schema
from study.errors import StoreError
from study.files import replace_file

_PART = "__filename"  # pyarrow's name for the file that a row is from

TABLES = {"trials": schema.TRIALS, "readings": schema.READINGS}


class Store:
    """The store of one study, at a local path or a URL such as s3://bucket/runs/quick."""

    def __init__(self, url: str | Path) -> None:
        self.url = str(url).removeprefix("file://").rstrip("/")
        self._local = "://" not in self.url
        try:
            if self._local:
                self._fs: Any = pafs.LocalFileSystem()
                self._root = str(Path(self.url).absolute())
            else:
                self._fs, self._root = pafs.FileSystem.from_uri(self.url)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise StoreError(
                f"{self.url}: {_line(error)}; a store is a folder or an s3:// or gs:// URL. "
                "Check the address."
            ) from None

    @classmethod
    def open(cls, url: str | Path) -> "Store":
        """A store that exists; raises StoreError where there is no study."""
        store = cls(url)
        if not store.exists():
            raise StoreError(
                f"{store.url}: no study here; a store is a folder with study.json. "
                "Check the path, or make one with `study run`."
            )
        return store

    def exists(self) -> bool:
        """Whether a study has been started here."""
        return self._get("study.json") is not None

    # study.json and packs/: small files, written whole

    def manifest(self) -> dict[str, Any]:
        """What study.json says: spec, versions, command, start."""
        return self._get_json("study.json") or {}

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Replace study.json."""
        self._put("study.json", _json(manifest))

    def proposed(self) -> dict[str, list[list[Any]]]:
        """What searches have proposed so far, as search.json has it: rows by setting."""
        return self._get_json("search.json") or {}

    def write_proposed(self, proposed: Mapping[str, Sequence[Sequence[Any]]]) -> None:
        """Replace search.json."""
        self._put("search.json", json.dumps(proposed).encode())

    def write_journal(self, name: str, content: bytes) -> None:
        """Replace what optuna-dashboard reads of a search."""
        self._put(f"{name}.log", content)

    def pack(self, pack_id: str) -> dict[str, Any]:
        """What packs/<pack>.json says: state, attempts, error, heartbeat, node and members."""
        return self._get_json(f"packs/{pack_id}.json") or {}

    def write_pack(self, pack_id: str, state: Mapping[str, Any]) -> None:
        """Replace packs/<pack>.json."""
        self._put(f"packs/{pack_id}.json", _json(state))

    def pack_ids(self) -> list[str]:
        """Packs that this store has heard of."""
        return [name.removesuffix(".json") for name in self._list("packs", ".json")]

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
        with contextlib.suppress(
            FileNotFoundError
        ):  # it never had one, or another writer was first
            self._fs.delete_file(f"{self._root}/packs/{pack_id}.npz")

    # the tables

    def write_rows(
        self,
        pack_id: str,
        trials: Sequence[Mapping[str, Any]],
        readings: Mapping[str, Sequence[Any]],
    ) -> None:
        """Add finished trials, one mapping a row, and their readings, one sequence a column."""
        part = f"part-{pack_id}-{time.time_ns():x}.parquet"
        lacking = [name for name in schema.READINGS.names if name not in readings]
        rows = len(readings["trial_id"])
        columns = {**readings, **{name: [None] * rows for name in lacking}}
        self._write_part("readings", part, pa.Table.from_pydict(columns, schema.READINGS))
        self._write_part("trials", part, pa.Table.from_pylist(list(trials), schema.TRIALS))

    def trials(
        self, where: pc.Expression | None = None, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """The trials, one row each; of a trial trained twice, the row with the larger budget."""
        ids = self._scan("trials", None, ["trial_id"])
        if ids.num_rows == pc.count_distinct(ids["trial_id"]).as_py():
            return self._scan("trials", where, columns)
        # A filter may hide the row that replaces another: choose rows first, then filter.
        table = _winners(self._scan("trials", None, None))
        if where is not None:
            table = table.filter(where)
        return table if columns is None else table.select(list(columns))

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
        where = None
        if trial_ids is not None:
            where = pc.field("trial_id").isin(pa.array(list(trial_ids), pa.string()))
        wanted = list(columns or schema.READINGS.names)
        needed = list(dict.fromkeys(["trial_id", "epoch", *wanted]))
        rows = self._scan("trials", where, ["trial_id", "budget_epochs"], parts=True)
        table = self._scan("readings", where, needed, parts=True)
        written_with = pc.is_in(_sources(table), value_set=_sources(_winners(rows)))
        table = table.filter(written_with).select(needed)
        table = table.sort_by([("trial_id", "ascending"), ("epoch", "ascending")])
        return _first_of_each(table, ["trial_id", "epoch"]).select(wanted)

    def _scan(
        self,
        name: str,
        where: pc.Expression | None,
        columns: Sequence[str] | None,
        *,
        parts: bool = False,
    ) -> pa.Table:
        """A table as it lies; with `parts`, a last column says which part each row is from."""
        paths = [f"{self._root}/{name}/{part}" for part in self._list(name, ".parquet")]
        names = list(columns or TABLES[name].names)
        if not paths:
            table = TABLES[name].empty_table().select(names)
            return table.append_column(_PART, pa.array([], pa.string())) if parts else table
        # The declared schema, not the first file's: older parts may lack newer columns.
        dataset = ds.dataset(paths, schema=TABLES[name], format="parquet", filesystem=self._fs)
        try:
            table = dataset.to_table(filter=where, columns=[*names, _PART] if parts else names)
        except (pa.ArrowException, OSError) as error:
            raise self._damage(paths, error) from None
        if parts:
            file_name = pc.replace_substring_regex(table[_PART], ".*/", "")
            table = table.set_column(len(names), _PART, file_name)
        return table

    def _damage(self, paths: Iterable[str], error: Exception) -> StoreError:
        """Which part cannot be read, and what to do about it."""
        for path in paths:
            try:
                pq.read_table(path, filesystem=self._fs)
            except (pa.ArrowException, OSError):
                place = f"{self.url}{path.removeprefix(self._root)}"
                return StoreError(
                    f"{place}: damaged; a part is a whole Parquet file. Move it out of the store "
                    "and run the study again: only its trials are trained anew."
                )
        return StoreError(f"{self.url}: {_line(error)}. Try again.")

    def _write_part(self, table: str, part: str, rows: pa.Table) -> None:
        sink = pa.BufferOutputStream()
        pq.write_table(rows, sink, compression="zstd")
        self._put(f"{table}/{part}", sink.getvalue().to_pybytes())

    # files

    def _list(self, folder: str, ending: str) -> list[str]:
        selector = pafs.FileSelector(f"{self._root}/{folder}", allow_not_found=True)
        try:
            found = self._fs.get_file_info(selector)
        except (pa.ArrowException, OSError) as error:
            raise StoreError(f"{self.url}/{folder}: {_line(error)}. Check access.") from None
        names = (info.base_name for info in found if info.type == pafs.FileType.File)
        return sorted(n for n in names if n.endswith(ending) and not n.startswith("."))

    def _get(self, name: str) -> bytes | None:
        try:
            with self._fs.open_input_stream(f"{self._root}/{name}") as stream:
                return bytes(stream.read())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (pa.ArrowException, OSError) as error:
            raise StoreError(f"{self.url}/{name}: {_line(error)}. Check access.") from None

    def _get_json(self, name: str) -> dict[str, Any] | None:
        found = self._get(name)
        try:
            return None if found is None else dict(json.loads(found))
        except (ValueError, TypeError):
            raise StoreError(
                f"{self.url}/{name}: not JSON; the store keeps its state there. Restore the file."
            ) from None

    def _put(self, name: str, content: bytes) -> None:
        """Write a file whole: renamed into place on a disk, one PUT on an object store."""
        try:
            if self._local:
                path = Path(self._root) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                replace_file(path, content)
            else:
                with self._fs.open_output_stream(f"{self._root}/{name}") as stream:
                    stream.write(content)
        except (pa.ArrowException, OSError) as error:
            raise StoreError(
                f"{self.url}/{name}: {_line(error)}; a study writes here. "
                "Make the place writable, or choose another with --out."
            ) from None


def _winners(trials: pa.Table) -> pa.Table:
    """One row a trial: of a trial trained twice, that with the larger budget."""
    order = [("trial_id", "ascending"), ("budget_epochs", "descending")]
    return _first_of_each(trials.sort_by(order), ["trial_id"])


def _sources(table: pa.Table) -> pa.Array:
    """Trial and part of each row, as one text."""
    return pc.binary_join_element_wise(table["trial_id"], table[_PART], " ")


def _first_of_each(table: pa.Table, keys: Sequence[str]) -> pa.Table:
    """Of rows sorted by some keys, the first of each."""
    if not table.num_rows:
        return table
    changes = None
    for key in keys:
        values = table[key].combine_chunks()
        change = pc.not_equal(values[1:], values[:-1])
        changes = change if changes is None else pc.or_(changes, change)
    return table.filter(pa.concat_arrays([pa.array([True]), changes]))


def _json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, indent=1).encode()


def _line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
