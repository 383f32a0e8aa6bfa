"""What both command lines share: answers, errors, exit codes, --version, durations, progress.

A command returns its answer as bytes, or bytes and an exit code, and `main_of` writes it: stdout is
data, everything else goes to stderr. An error is one line and an exit code.
"""

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self, cast

import typer

from study import __version__
from study.errors import StudyError
from study.machine import ensure_home

INTERRUPTED = 130  # an exit code: 128 and the number of SIGINT, as shells have it
PLAIN_SECONDS = 5.0  # between progress lines where there is no terminal


# The class of errors in options and arguments, wherever this release of typer keeps it.
OptionError = cast("type[Exception]", typer.BadParameter.__base__)


def version_option(command: str) -> Any:
    """The option --version of a command line: it prints "study 0.1.0" and ends."""

    def say(wanted: bool) -> None:  # noqa: FBT001  as typer calls it
        if wanted:
            print(command, __version__)
            raise typer.Exit

    return typer.Option("--version", help="Print the version.", callback=say, is_eager=True)


def main_of(app: typer.Typer) -> None:
    """Run a command line and exit with its code; whatever goes wrong is said in one line."""
    ensure_home()
    sys.exit(_run(app))


def _run(app: typer.Typer) -> int:
    try:
        answer = cast("Any", app)(standalone_mode=False)
        content, code = answer if isinstance(answer, tuple) else (answer, 0)
        if isinstance(content, bytes):
            sys.stdout.buffer.write(content)
            sys.stdout.flush()
    except StudyError as error:
        return _say(str(error), error.exit_code)
    except OptionError as error:
        message = cast("Any", error).format_message()
        return _say(f"{message.rstrip('.')}. See --help.", 2)
    except (KeyboardInterrupt, typer.Abort):
        return _say("interrupted.", INTERRUPTED)
    except BrokenPipeError:
        # The reader has had enough, as `head` has; nobody is left to be told.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if content == INTERRUPTED:  # what typer makes of Ctrl-C, without a word
        return _say("interrupted.", INTERRUPTED)
    return content if isinstance(content, int) else code


def _say(message: str, code: int) -> int:
    print("error:", " ".join(message.split()), file=sys.stderr)
    return code


@contextlib.contextmanager
def ended_like_ctrl_c() -> Iterator[None]:
    """Meanwhile let SIGTERM and SIGHUP do what Ctrl-C does; one that is ignored stays so."""
    heeded = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, handler in heeded.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in heeded.items():
            signal.signal(number, handler)


def as_json(answer: Any) -> bytes:
    """An answer for programs."""
    return f"{json.dumps(answer, indent=1)}\n".encode()


def as_text(*lines: str) -> bytes:
    """An answer for people."""
    return ("\n".join(lines) + "\n").encode()


def seconds_text(seconds: float) -> str:
    """A duration to read: 48 s, 12 min, 3.1 h."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


class Display:
    """Progress of a study on stderr: a live bar on a terminal, plain lines otherwise."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._live: Any = None
        self._last = 0.0

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console  # noqa: PLC0415  slow to load, and only for a terminal
            from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415  likewise

            self._live = Progress(
                TextColumn("[bold]{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[words]}"),
                console=Console(file=sys.stderr),
            )
            self._task = self._live.add_task(self._name, total=None, words="starting Ray")
            self._live.start()
        else:
            self._line("starting Ray")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, now: Any) -> None:
        """Show a StudyProgress."""
        left = "?" if now.seconds_left is None else seconds_text(now.seconds_left)
        words = (
            f"{now.done}/{now.planned} trials done, "
            f"{now.running} running, {now.generalized} generalized, {now.failed} failed, "
            f"{now.rate:.1f}/s, {left} left"
        )
        if self._live is not None:
            self._live.update(self._task, completed=now.done, total=now.planned, words=words)
        elif now.over or time.monotonic() - self._last >= PLAIN_SECONDS:
            self._last = time.monotonic()
            self._line(words)

    def say(self, words: str) -> None:
        """Say something beside the progress: for what the study waits, what it has lost."""
        if self._live is not None:
            line = f"{self._name}: {words}"
            self._live.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            self._line(words)

    def _line(self, words: str) -> None:
        print(f"{self._name}: {words}", file=sys.stderr, flush=True)
