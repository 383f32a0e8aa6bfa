"""The library compiled at installation where there was a C compiler: fused kernel and streams."""

import ctypes
from functools import cache
from importlib.util import find_spec
from pathlib import Path


@cache
def path() -> Path | None:
    """Where the library is, or None where it was not compiled."""
    found = find_spec("study.kernel._relu_step")
    return None if found is None or found.origin is None else Path(found.origin)


@cache
def library() -> ctypes.CDLL | None:
    """The library; CDLL, not PyDLL: its calls release the GIL."""
    found = path()
    return None if found is None else ctypes.CDLL(str(found))
