"""The three standard streams of a command line, made safe to write to.

A stream can be closed (`>&-`), stand on a full disk (`> /dev/full`) or lead to a reader that has
left (`| head`). On stdout each of these raises OutputError or ReaderGoneError, whether a command, a
help page or a library writes. On stderr, a line that cannot be written is dropped and the command
goes on: stderr holds nothing that is needed later.
"""

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

from study.errors import StudyError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class OutputError(StudyError):
    """The answer cannot be written to stdout."""


class ReaderGoneError(Exception):
    """The process that read stdout has left: no fault, and the command ends quietly."""


# Both classes override the buffer, not the raw stream below it. An interrupt in a Python method
# between the raw stream and the buffer would leave bytes in the buffer that are written already,
# and these would be written twice.


class _Stdout(io.BufferedWriter):
    """The buffer of stdout; raises OutputError or ReaderGoneError instead of OSError."""

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write some bytes; returns how many."""
        with _output_errors():
            return super().write(data)

    def flush(self) -> None:
        """Write what is left."""
        with _output_errors():
            super().flush()


class _Stderr(io.BufferedWriter):
    """The buffer of stderr; drops what cannot be written."""

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write some bytes, or drop them; returns how many."""
        with contextlib.suppress(OSError):
            return super().write(data)
        return memoryview(data).nbytes

    def flush(self) -> None:
        """Write what is left."""
        with contextlib.suppress(OSError):
            super().flush()


@contextlib.contextmanager
def _output_errors() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise ReaderGoneError from None
    except OSError as error:
        reason, remedy = str(error.strerror or error), "Send it to a disk with space"
        if error.errno == errno.EBADF:
            reason, remedy = "closed", "Leave >&- out"
        raise OutputError(
            f"stdout: {reason}; the answer cannot be written there. {remedy}."
        ) from None


def make_safe() -> None:
    """Replace the interpreter's own streams by safe ones; streams that a test has set stay.

    A closed stream gets a descriptor as well. Without one, the next file that is opened gets the
    number of the closed stream, and a library that prints writes into that file: a table of a
    store, perhaps.
    """
    # In this order, because each `os.open` takes the lowest number that is free.
    closed = {
        name: os.open(os.devnull, flags)
        for name, flags in (
            ("stdin", os.O_RDONLY),
            ("stdout", os.O_RDONLY),  # not for writing: a write to a closed stdout has to fail
            ("stderr", os.O_WRONLY),
        )
        if getattr(sys, name) is None
    }
    if sys.stdout is sys.__stdout__:
        sys.stdout = _stream(_Stdout, closed.get("stdout", 1), sys.stdout)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _stream(_Stderr, closed.get("stderr", 2), sys.stderr)


def _stream(
    kind: type[io.BufferedWriter], descriptor: int, before: TextIO | None
) -> io.TextIOWrapper:
    raw = io.FileIO(descriptor, "w", closefd=False)
    return io.TextIOWrapper(
        kind(raw),
        encoding=before.encoding if before else "utf-8",
        errors=before.errors if before else "backslashreplace",
        line_buffering=raw.isatty() or kind is _Stderr,
    )


def give_stdout_up() -> None:
    """Drop what is buffered for stdout: the interpreter would try to write it once more."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
