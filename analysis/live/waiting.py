"""A store that is not there yet: the page opens at once, and fills when the study begins."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from study.spec.file import bundled_names
from study.store.store import Store


def store_to_come(url: str | Path) -> Store:
    """A store that exists, or one that a study may yet make at the same address.

    Args:
        url: a local path, or the URL of a folder in a bucket.

    Raises: StoreError as `Store.open` for a path where there is something other than a store;
        StoreError where there is no such bucket.
    """
    store = Store(url)
    if store.exists() or ("://" not in store.url and Path(store.url).exists()):
        return Store.open(url)
    return store


def begin_command(url: str) -> str:
    """The command that begins the study whose store is at an address, as one types it.

    A study file is expected to have the name of the study, unless it is a bundled one.

    Args:
        url: of the store, as `Store.url` has it.
    """
    path, mark, query = url.partition("?") if "://" in url else (url, "", "")
    folder, _, name = path.rpartition("/")
    spec = name if name in bundled_names() else f"{name}.toml"
    out = [] if folder == "runs" else ["--out", f"{folder or '.'}{mark}{query}"]
    return shlex.join(["study", "run", spec, *out])


def waiting_state(url: str) -> Mapping[str, object]:
    """The state of the page while there is no study: its name, and the command that begins it.

    Args:
        url: of the store, as `Store.url` has it.
    """
    name = url.partition("?")[0].rpartition("/")[2]
    return {"name": name, "trials": 0, "begin": begin_command(url)}
