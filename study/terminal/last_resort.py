"""What a command line prints for an error that no code expected: one line, and a file.

The line names the kind of the error and its message. The file holds the traceback. For an error
that the machine causes (memory, disks, a broken installation) the line says what helps. Any other
error is a fault of the program, and the line says how to report it.
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
from pathlib import Path
from typing import NamedTuple

from study import __version__
from study.errors import one_line

MESSAGE_LETTERS = 300  # a longer message is cut in the sentence, and whole in the file
REPORT = "Please report it as an issue of this project, with"


class _Cause(NamedTuple):
    """A cause that lies in the machine: which errors it makes, the rule, the remedy."""

    applies: Callable[[BaseException], bool]
    rule: str
    remedy: str


def _has_number(*numbers: int) -> Callable[[BaseException], bool]:
    return lambda error: isinstance(error, OSError) and error.errno in numbers


def _is_short_of_memory(error: BaseException) -> bool:
    # By name, so that torch is not imported here. On a CPU, torch raises a RuntimeError with one of
    # these phrases.
    kinds = {kind.__name__ for kind in type(error).__mro__}
    phrases = ("can't allocate memory", "Cannot allocate memory", "out of memory")
    return bool(kinds & {"MemoryError", "OutOfMemoryError"}) or any(
        phrase in _message(error) for phrase in phrases
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
    """One line about an error, whose traceback is written to a file. Never raises.

    If the file cannot be written, the line says why.
    """
    path, reason = "", ""
    try:
        path = _write_trace(error)
    except Exception as failure:  # noqa: BLE001  the line must come whatever fails
        reason = f"no traceback: {_name(failure)}: {_message(failure)}"
    error = _only_leaf(error)
    what = f"{_name(error)}: {_message(error)}"
    for cause in CAUSES:
        if cause.applies(error):
            trace = f"The traceback is in {path}." if path else f"There is {reason}."
            return f"{what}; {cause.rule}. {cause.remedy} {trace}"
    with_what = f"the traceback in {path}" if path else f"this line (there is {reason})"
    return f"{what}; this is a fault of the program. {REPORT} {with_what}."


def _only_leaf(error: BaseException) -> BaseException:
    """The error inside groups of one, in which servers and async libraries wrap their errors."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _name(error: BaseException) -> str:
    kind = type(error)
    module = "" if kind.__module__ in {"builtins", "__main__"} else f"{kind.__module__}."
    return f"{module}{kind.__qualname__}"


def _message(error: BaseException) -> str:
    """The error's message in one line; the message of an unknown error is unknown code."""
    message = "its message cannot be shown"
    with contextlib.suppress(Exception):
        message = one_line(str(error)).rstrip(".")
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
    descriptor, path = tempfile.mkstemp(prefix="study-error-", suffix=".txt")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(path).unlink()
        raise
    return path
