"""Files of analysis/web, and HTML pages whose `{{slots}}` are filled.

The report, the live page and the page of figures are made of the same few files.
"""

import base64
import gzip
import re
from collections.abc import Mapping
from importlib import resources

_SLOT = re.compile(r"\{\{(\w+)\}\}")


def web_file(name: str) -> str:
    """The text of a file of analysis/web."""
    return (resources.files("analysis") / "web" / name).read_text("utf-8")


def packed_text(text: str) -> str:
    """A text as base64 of its gzip, the same every time; packed.js unpacks it."""
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def filled(name: str, slots: Mapping[str, str]) -> str:
    """An HTML file of analysis/web with its slots filled.

    All slots are filled in one pass: `{{...}}` within a value is not read as a slot.

    Args:
        name: of the file, such as "page.html".
        slots: the HTML for each slot. Values are inserted as they are: text must be escaped.

    Raises: KeyError for a slot of the file that has no value.
    """
    return _SLOT.sub(lambda slot: slots[slot[1]], web_file(name))
