"""What both command lines share: running a command, its answer, its errors, its exit code.

A command returns its answer as bytes, or bytes and an exit code, and `main_of` writes the answer.
stdout is data; everything else goes to stderr. Whatever goes wrong is one line and an exit code.
"""

import atexit
import contextlib
import json
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NoReturn, cast

import typer

from study import __version__
from study.errors import StudyError, one_line
from study.machine import ensure_home, use_one_blas_thread
from study.terminal import last_resort, stdio
from study.terminal.usage import program_typed, usage_sentence

if TYPE_CHECKING:
    from typer.models import OptionInfo

INTERRUPTED = 130  # an exit code: 128 and the number of SIGINT, as shells have it

# The class of all errors in options and arguments. Releases of typer have it in different modules,
# but each has BadParameter, which adds no attribute that is used here.
OptionError = cast("type[typer.BadParameter]", typer.BadParameter.__base__)


def version_option(command: str) -> "OptionInfo":
    """The option --version of a command line: it prints, for instance, "study 0.1.0" and ends."""

    def show(*, wanted: bool) -> None:
        if wanted:
            print(command, __version__)
            raise typer.Exit

    option: OptionInfo = typer.Option(
        "--version", help="Print the version.", callback=show, is_eager=True
    )
    return option


def main_of(app: typer.Typer) -> NoReturn:
    """Run a command line and exit with its code; an error is one line on stderr."""
    code = 1
    end_despite_threads(lambda: code)
    stdio.make_safe()
    ensure_home()
    use_one_blas_thread()
    _report_escaped_errors()
    code = _run(app)
    sys.exit(code)


def end_despite_threads(code: Callable[[], int]) -> None:
    """Let this process end at once where a daemon thread is still at work by then.

    The exit handlers of a native library may wait for what such a thread has begun, and Python has
    stopped the thread by then: Arrow's wait forever. To be called before other exit handlers are
    registered: they are then called first.

    Args:
        code: gives the exit code at that moment.
    """

    def leave() -> None:
        if any(thread.daemon for thread in threading.enumerate()):
            os._exit(code())

    atexit.register(leave)  # the first to be registered is the last to be called


def _run(app: typer.Typer) -> int:
    """Run the command that was typed and write its answer; returns the exit code."""
    code = 0
    try:
        content, code = _answer_of(app)
        write_answer(content)
    except BaseException as error:  # noqa: BLE001  the last frame: nothing may be raised beyond it
        sentence, error_code = _verdict_on(error)
        if isinstance(error, (stdio.ReaderGoneError, stdio.OutputError)):
            stdio.give_stdout_up()
            # The command itself succeeded or failed before its answer could not be written.
            error_code = code or error_code
        if sentence:
            _print_line("error", sentence)
        return error_code
    return code


def _answer_of(app: typer.Typer) -> tuple[bytes, int]:
    """The answer of the command that was typed, and its exit code.

    Whatever the command raises passes through. typer's own `main` would end the process at an
    interrupt and at a closed pipe.
    """
    name = program_typed()
    # The program's name alone shows the help, and is a usage error.
    arguments = sys.argv[1:] or ["--help"]
    command = typer.main.get_command(app)
    if f"_{name.upper()}_COMPLETE" in os.environ:  # a shell asks how a line may go on
        command.main(prog_name=name)
    try:
        with command.make_context(name, arguments) as context:
            answer = command.invoke(context)
    except typer.Exit as end:
        answer = b"", end.exit_code if sys.argv[1:] else 2
    content, code = answer if isinstance(answer, tuple) else (answer, 0)
    return content or b"", code


def _verdict_on(error: BaseException) -> tuple[str, int]:
    """The sentence that is printed for an error, "" for none, and the exit code."""
    if isinstance(error, stdio.ReaderGoneError):
        return "", 0  # a reader such as `head` needs no more, and nobody is left to read a sentence
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


def _report_escaped_errors() -> None:
    """Print one line, too, for an error that `_run` cannot catch, and for a warning.

    Such an error is raised in a thread, in a destructor, at the end of the interpreter, or is only
    logged by a library.
    """

    def report(kind: type[BaseException], error: BaseException | None, where: str) -> None:
        if error and not issubclass(kind, (KeyboardInterrupt, SystemExit)):
            _print_line("warning", f"{where}: {last_resort.tell(error)}")

    def at_the_end(kind: type[BaseException], error: BaseException, _: object) -> None:
        report(kind, error, "at the end")

    def in_a_thread(event: threading.ExceptHookArgs) -> None:
        thread = event.thread.name if event.thread else "a thread"
        report(event.exc_type, event.exc_value, f"in {thread}")

    def while_cleaning_up(event: "sys.UnraisableHookArgs") -> None:
        report(event.exc_type, event.exc_value, "while cleaning up")

    def of_a_library(message: Warning | str, *_: object, **__: object) -> None:
        _print_line("warning", str(message))

    sys.excepthook, threading.excepthook = at_the_end, in_a_thread
    sys.unraisablehook, warnings.showwarning = while_cleaning_up, of_a_library
    logging.raiseExceptions = False  # a log line that cannot be written is dropped silently
    if logging.lastResort:  # for loggers without a handler, such as those of asyncio and urllib3
        logging.lastResort.setFormatter(_OneLine())


class _OneLine(logging.Formatter):
    """Formats a log record as one line, without the traceback that the record may carry."""

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        why = f": {last_resort.tell(error)}" if error else ""
        return one_line(f"warning: {record.name}: {record.getMessage()}{why}")


@contextlib.contextmanager
def tolerated(what: str) -> Iterator[None]:
    """Turn an error into the warning `what: sentence`, where the command can go on without."""
    try:
        yield
    except (stdio.ReaderGoneError, stdio.OutputError):
        raise
    except Exception as error:  # noqa: BLE001  no error here may hide the answer of the command
        _print_line("warning", f"{what}: {_verdict_on(error)[0]}")


def note(words: str) -> None:
    """Print a line on stderr: what happens, or what the command waits for."""
    print(one_line(words), file=sys.stderr, flush=True)


def _print_line(kind: str, message: str) -> None:
    print(f"{kind}:", one_line(message), file=sys.stderr, flush=True)


@contextlib.contextmanager
def ended_like_ctrl_c() -> Iterator[None]:
    """Let SIGTERM and SIGHUP do what Ctrl-C does while a `with` block runs.

    A signal that is ignored stays ignored.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def write_answer(content: bytes) -> None:
    """Write the answer of a command; for `main_of`, and for a command that goes on after it."""
    sys.stdout.buffer.write(content)
    sys.stdout.flush()


def json_answer(answer: object) -> bytes:
    """An answer for programs."""
    return f"{json.dumps(answer, indent=1)}\n".encode()


def text_answer(*lines: str) -> bytes:
    """An answer for people."""
    return ("\n".join(lines) + "\n").encode()
