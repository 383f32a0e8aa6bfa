"""A study on disk or in a bucket: `study.json`, two Parquet tables, two small files for each pack.

The store is the only memory of a study. Files appear whole or not at all. Nothing is overwritten
that cannot be trained again. Readers keep one row for each trial, so the row of a retry or of a
second writer never counts twice.
"""

import contextlib
import difflib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from study.errors import DamagedError, StoreError
from study.store.address import Address
from study.store.files import Files
from study.store.packs import Packs
from study.store.parquet import Tables
from study.store.searches import Searches
from study.vocabulary.columns import SCHEMA_VERSION

MANIFEST = "study.json"
MOST_NAMED = 5  # stores in a sentence
MANIFEST_REMEDY = "Restore the file, or choose another --out."


class Store:
    """The store of one study, at a local path or a URL such as s3://bucket/runs/quick.

    Attributes:
        url: the address.
        tables: the parts of both tables.
        packs: records and checkpoints of packs.
        searches: proposals of adaptive searches.
    """

    def __init__(
        self,
        url: str | Path,
        retry_seconds: float = 0.0,
        say: Callable[[str], None] | None = None,
    ) -> None:
        """Connect to a store, which need not exist yet.

        Args:
            url: a local path, or the URL of a folder in a bucket.
            retry_seconds: how long an operation is tried again while its error is transient: the
                disk is full, or the bucket is out of order.
            say: is called with a sentence about what the store waits for.
        Raises: StoreError where the address cannot be that of a store.
        """
        address = Address.of(url)
        self.url = address.url
        self._files = Files(address, retry_seconds, say)
        self.tables = Tables(self._files)
        self.packs = Packs(self._files)
        self.searches = Searches(self._files)

    @classmethod
    def open(cls, url: str | Path, retry_seconds: float = 0.0) -> "Store":
        """A store that exists.

        Args:
            url: a local path, or the URL of a folder in a bucket.
            retry_seconds: how long an operation is tried again while its error is transient.
        Raises: StoreError where there is no study, or a study that a newer program wrote.
        """
        store = cls(url, retry_seconds)
        if not store.exists():
            raise StoreError(
                f"{Address.of(url).shown}: no study here; a store is a folder with study.json. "
                f"{_remedy_for(url)}"
            )
        with contextlib.suppress(DamagedError):  # rows can be read without study.json
            store.manifest()
        return store

    def exists(self) -> bool:
        """Whether a study has been started here.

        Raises: StoreError where there is no such bucket: a study could not be started there.
        """
        exists = self._files.get(MANIFEST) is not None
        if not exists:
            self._files.refuse_no_bucket()
        return exists

    def address_of(self, name: str) -> str:
        """The address of a file of the store, for messages."""
        return self._files.address_of(name)

    def manifest(self) -> dict[str, object]:
        """The JSON of study.json, empty without a file; `study.store.manifest` makes it a record.

        Raises: StoreError where a newer program wrote it: its rows may mean something else.
        """
        content = self._files.get_json(MANIFEST, MANIFEST_REMEDY) or {}
        version = content.get("schema_version", SCHEMA_VERSION)
        if not isinstance(version, int) or version > SCHEMA_VERSION:
            raise StoreError(
                f"{self.address_of(MANIFEST)}: schema_version {version!r}; this program reads up "
                f"to {SCHEMA_VERSION}. Use the newer program that wrote the store."
            )
        return content

    def write_manifest(self, manifest: Mapping[str, object]) -> None:
        """Replace study.json."""
        self._files.put(MANIFEST, json.dumps(manifest, indent=1).encode())

    def trials(
        self,
        where: pc.Expression | None = None,
        columns: Sequence[str] | None = None,
        *,
        parts: bool = False,
    ) -> pa.Table:
        """The trials, one row for each; arguments as of `Tables.trials`."""
        return self.tables.trials(where, columns, parts=parts)

    def trial(self, trial_id: str) -> dict[str, Any] | None:
        """The row of one trial; None where the trial has none."""
        rows: list[dict[str, Any]] = self.trials(pc.field("trial_id") == trial_id).to_pylist()
        return rows[0] if rows else None

    def readings(
        self, trial_ids: Iterable[str] | None = None, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """The readings of some trials, or of all, by trial and epoch; see `Tables.readings`."""
        return self.tables.readings(trial_ids, columns)


def _remedy_for(url: str | Path) -> str:
    """What to type where there is no store: one that lies in the folder, or has a similar name."""
    inside = [] if "://" in str(url) else sorted(Path(url).expanduser().glob(f"*/{MANIFEST}"))
    if inside:
        more = ", ..." if len(inside) > MOST_NAMED else ""
        named = ", ".join(str(path.parent) for path in inside[:MOST_NAMED])
        return f"Name one of those in it: {named}{more}."
    if near := similar_store(url):
        return f"Did you mean {near}?"
    return "Check the path, or make one with `study run`."


def similar_store(url: str | Path) -> str:
    """A store with a similar name, beside a path or below runs; "" for none."""
    path = Path(str(url).rstrip("/"))
    stores = [*path.parent.glob(f"*/{MANIFEST}"), *Path("runs").glob(f"*/{MANIFEST}")]
    by_name = {store.parent.name: store.parent for store in reversed(stores)}
    near = difflib.get_close_matches(path.name, by_name, n=1)
    return str(by_name[near[0]]) if near and "://" not in str(url) else ""
