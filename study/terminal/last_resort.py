"""What a command line says of an error that nothing below it expected: one line and a file.

The line names the kind and the message; the file holds the traceback. Errors that a machine causes
(memory, disks, a broken installation) get the remedy that helps; all others are faults of the
program, and the line says how to report them.
"""

import contextlib
import errno
import os
import platform
import re
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from typing import NamedTuple

from study import __version__
from study.errors import one_line

MESSAGE_LETTERS = 300
REPORT = "Please report it as an issue of this project, with"


class _Cause(NamedTuple):
    """An error that a machine causes: how it is known, the rule it breaks, what helps."""

    applies: Callable[[BaseException], bool]
    rule: str
    remedy: str


def _has_number(*numbers: int) -> Callable[[BaseException], bool]:
    return lambda error: isinstance(error, OSError) and error.errno in numbers


def _is_short_of_memory(error: BaseException) -> bool:
    # torch is not imported for its class; on a CPU it raises a RuntimeError of these words.
    kinds = {kind.__name__ for kind in type(error).__mro__}
    words = ("can't allocate memory", "Cannot allocate memory", "out of memory")
    return bool(kinds & {"MemoryError", "OutOfMemoryError"}) or any(
        word in _message(error) for word in words
    )


CAUSES = (
    _Cause(
        _is_short_of_memory,
        "this needs more memory than is free here",
        "Ask for less at a time, or use a machine with more.",
    ),
    _Cause(_has_number(errno.ENOSPC, errno.EDQUOT), "a disk is full", "Free some space."),
    _Cause(_has_number(errno.EIO), "a disk or a terminal fails", "Look at the system's log."),
    _Cause(
        _has_number(errno.EMFILE, errno.ENFILE),
        "too many files are open",
        "Raise the limit: ulimit -n 4096.",
    ),
    _Cause(
        _has_number(errno.EACCES, errno.EPERM, errno.EROFS),
        "this user may not do that there",
        "Use a place that you may write to.",
    ),
    _Cause(
        lambda error: isinstance(error, ImportError),
        "a library is missing or broken here",
        "Install this project again.",
    ),
)


def tell(error: BaseException) -> str:
    """One line about an error, of which the traceback is written to a file; never raises.

    Where no file can be written, the line says why.
    """
    path, reason = "", ""
    try:
        path = _write_trace(error)
    except Exception as failure:  # noqa: BLE001  a full disk, no memory: the line still comes
        reason = f"no traceback: {_name(failure)}: {_message(failure)}"
    error = _only_leaf(error)
    what = f"{_name(error)}: {_message(error)}"
    for cause in CAUSES:
        if cause.applies(error):
            kept = f"The traceback is in {path}." if path else f"There is {reason}."
            return f"{what}; {cause.rule}. {cause.remedy} {kept}"
    with_what = f"the traceback in {path}" if path else f"this line (there is {reason})"
    return f"{what}; this is a fault of the program. {REPORT} {with_what}."


def _only_leaf(error: BaseException) -> BaseException:
    """The error inside groups that hold one alone, as servers and async libraries wrap it."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _name(error: BaseException) -> str:
    kind = type(error)
    module = "" if kind.__module__ in {"builtins", "__main__"} else f"{kind.__module__}."
    return f"{module}{kind.__qualname__}"


def _message(error: BaseException) -> str:
    try:
        message = one_line(str(error)).rstrip(".")
    except Exception:  # noqa: BLE001  the message of an unknown error is unknown code
        return "its message cannot be shown"
    if len(message) > MESSAGE_LETTERS:
        message = f"{message[:MESSAGE_LETTERS]}..."
    return message or "it has no message"


def _write_trace(error: BaseException) -> str:
    """Write what a report needs to a new file that its owner alone can read; returns its path."""
    versions = f"study {__version__}, Python {platform.python_version()}, {platform.platform()}"
    lines = [
        f"{' '.join(sys.argv)}\n",
        f"{time.strftime('%Y-%m-%d %H:%M:%S %z')}, {versions}\n\n",
        *traceback.format_exception(error),
    ]
    # A store's URL may hold a password.
    text = re.sub(r"://[^/@\s]*@", "://***@", "".join(lines))
    file, path = tempfile.mkstemp(prefix="study-error-", suffix=".txt")
    try:
        with open(file, "w", encoding="utf-8", errors="backslashreplace") as written:  # noqa: PTH123
            written.write(text)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(path)  # noqa: PTH108  pathlib is one more thing that could fail here
        raise
    return path
