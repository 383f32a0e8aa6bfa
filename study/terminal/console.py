"""What both command lines share: answers, errors, exit codes, --version, progress.

A command returns its answer as bytes, or bytes and an exit code, and `main_of` writes it: stdout is
data, everything else goes to stderr. An error is one line and an exit code, whatever it is.
"""

import contextlib
import json
import logging
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn, cast

import typer

from study import __version__
from study.errors import StudyError, one_line
from study.machine import ensure_home
from study.terminal import last_resort, stdio
from study.terminal.usage import usage_sentence

INTERRUPTED = 130  # an exit code: 128 and the number of SIGINT, as shells have it


# The class of errors in options and arguments, wherever this release of typer keeps it.
OptionError = cast("type[Exception]", typer.BadParameter.__base__)


def version_option(command: str) -> Any:
    """The option --version of a command line: it prints "study 0.1.0" and ends."""

    def say(wanted: bool) -> None:  # noqa: FBT001  as typer calls it
        if wanted:
            print(command, __version__)
            raise typer.Exit

    return typer.Option("--version", help="Print the version.", callback=say, is_eager=True)


def main_of(app: typer.Typer) -> NoReturn:
    """Run a command line and exit with its code; whatever goes wrong is said in one line."""
    stdio.make_safe()
    ensure_home()
    _hear_what_escapes()
    sys.exit(_run(app))


def _run(app: typer.Typer) -> int:
    code = 0
    try:
        content, code = _answer_of(app)
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001  the last place: nothing is raised beyond it
        said, verdict = _verdict_on(error)
        if isinstance(error, (stdio.ReaderGoneError, stdio.OutputError)):
            stdio.give_stdout_up()
            verdict = code or verdict  # what the command did counts before where it was told
        if said:
            _say("error", said)
        return verdict
    return code


def _answer_of(app: typer.Typer) -> tuple[bytes, int]:
    """What a command answers, and its exit code; whatever it raises passes through.

    typer's own `main` would take an interrupt and a closed pipe for ends of its own.
    """
    name = Path(sys.argv[0]).name
    if name == "__main__.py":
        name = f"python -m {Path(sys.argv[0]).parent.name}"
    # Who types the name alone is shown what there is.
    arguments = sys.argv[1:] or ["--help"]
    command = typer.main.get_command(app)
    try:
        with command.make_context(name, arguments) as context:
            answer = command.invoke(context)
    except typer.Exit as end:
        answer = b"", end.exit_code if sys.argv[1:] else 2
    content, code = answer if isinstance(answer, tuple) else (answer, 0)
    return content or b"", code


def _verdict_on(error: BaseException) -> tuple[str, int]:
    """What is said of an error, "" for nothing, and the exit code."""
    if isinstance(error, stdio.ReaderGoneError):
        return "", 0  # the reader has had enough, as `head` has; nobody is left to be told
    if isinstance(error, StudyError):
        return str(error), error.exit_code
    if isinstance(error, OptionError):
        return usage_sentence(error), 2
    if isinstance(error, SystemExit) and (error.code is None or isinstance(error.code, int)):
        return "", error.code or 0
    if _is_interrupt(error):
        return "interrupted.", INTERRUPTED
    return last_resort.tell(error), 1


def _is_interrupt(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return error.subgroup(KeyboardInterrupt) is not None
    return isinstance(error, (KeyboardInterrupt, typer.Abort))


def _hear_what_escapes() -> None:
    """One line, too, for errors that never reach `_run`: of threads, at the interpreter's end."""

    def hear(kind: type[BaseException], error: BaseException | None, where: str) -> None:
        if error and not issubclass(kind, (KeyboardInterrupt, SystemExit)):
            _say("warning", f"{where}: {last_resort.tell(error)}")

    def hear_main(kind: type[BaseException], error: BaseException, _: object) -> None:
        hear(kind, error, "at the end")

    def hear_thread(said: threading.ExceptHookArgs) -> None:
        hear(said.exc_type, said.exc_value, f"in {said.thread.name if said.thread else 'a thread'}")

    def hear_cleaning(said: Any) -> None:
        hear(said.exc_type, said.exc_value, "while cleaning up")

    sys.excepthook, threading.excepthook = hear_main, hear_thread
    sys.unraisablehook = hear_cleaning
    logging.raiseExceptions = False  # a log line that cannot be written is dropped without a trace
    if logging.lastResort:  # for libraries whose loggers nobody has set up: asyncio, urllib3
        logging.lastResort.setFormatter(_OneLine())


class _OneLine(logging.Formatter):
    """A log record as one line, without the traceback that it may carry."""

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        why = f": {last_resort.tell(error)}" if error else ""
        return one_line(f"warning: {record.name}: {record.getMessage()}{why}")


@contextlib.contextmanager
def tolerated(what: str) -> Iterator[None]:
    """Turn an error into a warning: what is lost by it is less than what the command has done."""
    try:
        yield
    except (stdio.ReaderGoneError, stdio.OutputError):
        raise
    except Exception as error:  # noqa: BLE001  nothing may hide the answer that follows
        _say("warning", f"{what}: {_verdict_on(error)[0]}")


def note(words: str) -> None:
    """Say on stderr what goes on or what is waited for."""
    print(one_line(words), file=sys.stderr, flush=True)


def _say(kind: str, message: str) -> None:
    print(f"{kind}:", one_line(message), file=sys.stderr, flush=True)


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


def json_answer(answer: Any) -> bytes:
    """An answer for programs."""
    return f"{json.dumps(answer, indent=1)}\n".encode()


def text_answer(*lines: str) -> bytes:
    """An answer for people."""
    return ("\n".join(lines) + "\n").encode()
