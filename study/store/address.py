"""Where stores are: what a user types for one, as a folder or as the URI of an object store.

A URI may end in a query, as in s3://bucket/runs?endpoint_override=10.0.0.5:9000&scheme=http. It
says how the object store is reached, so it stays at the end of the URI of every store there, which
is what other machines are told.
"""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from study.errors import UsageError

_SAFE = ":/%@~!$&'()*+,;=-._"  # in the path of a URI; all else is escaped


def inside(out: str, name: str) -> str:
    """The address of the store of a study under what was typed for --out.

    Raises UsageError for an empty one, which would be the root of the disk, and a URI of no bucket.
    """
    place, mark, query = _split(out.strip())
    place = place.rstrip("/")
    if not out.strip() or place.endswith(":"):
        raise UsageError(
            f"--out {out!r}: no folder and no bucket; stores are in one of them. "
            "Use --out runs, or --out s3://BUCKET/runs."
        )
    if "://" not in place:
        place = Address.of(place).url
    return f"{place}/{name}{mark}{query}"


@dataclass(frozen=True, slots=True)
class Address:
    """The place of a store. `shown` is for messages; `local` says whether it is a folder."""

    url: str
    shown: str
    local: bool

    @classmethod
    def of(cls, typed: str | Path) -> "Address":
        """The address that was typed; ~ is the home of the user, who may lack one."""
        text = str(typed).removeprefix("file://")
        if "://" not in text:
            if text.startswith("~"):
                with contextlib.suppress(RuntimeError):  # no home: a folder of that name
                    text = str(Path(text).expanduser())
            text = text.rstrip("/")
            return cls(text, text, local=True)
        place, mark, query = _split(text)
        place = place.rstrip("/")
        return cls(f"{place}{mark}{query}", place, local=False)

    @property
    def uri(self) -> str:
        """The URI as pyarrow takes it: escaped, with the options of ours."""
        _, _, query = _split(self.url)
        # A small file is one PUT, where pyarrow would make an upload of several requests.
        options = ["allow_delayed_open=true"] if self.url.startswith("s3://") else []
        asked = "&".join([*filter(None, [query]), *options])
        return f"{quote(self.shown, _SAFE)}{'?' * bool(asked)}{asked}"


def _split(url: str) -> tuple[str, str, str]:
    """A URI, and its query with the mark before it; a folder has none."""
    return url.partition("?") if "://" in url else (url, "", "")
