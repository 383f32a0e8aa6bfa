"""Addresses of stores: a user types a folder, or the URI of a folder in a bucket.

A URI may end in a query, as in s3://bucket/runs?endpoint_override=10.0.0.5:9000&scheme=http. The
query says how the bucket is reached. Other machines need the query as well, so the URI of every
store in that bucket ends in the query.
"""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from study.errors import UsageError

_SAFE = ":/%@~!$&'()*+,;=-._"  # characters that are not escaped in the path of a URI


def inside(out: str, name: str) -> str:
    """The address of the store of one study.

    Args:
        out: what was typed for --out.
        name: of the study.
    Raises: UsageError for an empty `out`, which would be the root of the disk, and for a URI
        without a bucket.
    """
    base, mark, query = _split(out.strip())
    base = base.rstrip("/")
    if not out.strip() or base.endswith(":"):
        raise UsageError(
            f"--out {out!r}: no folder and no bucket; stores are in one of them. "
            "Use --out runs, or --out s3://BUCKET/runs."
        )
    if "://" not in base:
        base = Address.of(base).url
    return f"{base}/{name}{mark}{query}"


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a store."""

    url: str  # with the query
    shown: str  # without the query, for messages
    local: bool  # whether the store is a folder on this machine

    @classmethod
    def of(cls, typed: str | Path) -> "Address":
        """The address that a user has typed; ~ is the user's home, if there is one."""
        text = str(typed).removeprefix("file://")
        if "://" not in text:
            if text.startswith("~"):
                with contextlib.suppress(RuntimeError):  # without a home, ~ is the name of a folder
                    text = str(Path(text).expanduser())
            text = text.rstrip("/")
            return cls(text, text, local=True)
        base, mark, query = _split(text)
        base = base.rstrip("/")
        return cls(f"{base}{mark}{query}", base, local=False)

    @property
    def uri(self) -> str:
        """The URI as pyarrow takes it: escaped, with the options that every store sets."""
        _, _, query = _split(self.url)
        # With this option a small file is written by one PUT, without it by several requests.
        options = ["allow_delayed_open=true"] if self.url.startswith("s3://") else []
        asked = "&".join([*filter(None, [query]), *options])
        return f"{quote(self.shown, _SAFE)}{'?' * bool(asked)}{asked}"


def _split(url: str) -> tuple[str, str, str]:
    """A URI's part before the question mark, the mark, and the query; a folder has no query."""
    return url.partition("?") if "://" in url else (url, "", "")
