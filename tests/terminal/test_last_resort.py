"""An error that no code expected is one line, an exit code and a file with the traceback."""

import errno
import functools
import os
import re
import subprocess
import sys

import pytest
import typer
from escapes import ESCAPES, builtin
from small import spec_of
from trained import fill

from analysis import cli as analysis_cli
from study import cli as study_cli
from study.errors import StoreError
from study.terminal import last_resort

CLIS = {"study": study_cli, "analysis": analysis_cli}
COMMANDS = [
    (program, name)
    for program, module in CLIS.items()
    for name in typer.main.get_command(module.app).commands
]


@pytest.fixture
def traces(tmp_path, monkeypatch):
    """Let traces be written to a folder; gives a function that lists them."""
    monkeypatch.setattr(last_resort.tempfile, "tempdir", str(tmp_path))
    return lambda: sorted(tmp_path.glob("study-error-*.txt"))


def replace_command(monkeypatch, program, name, body):
    """Let a command do something else; returns a command line that runs it."""
    app = CLIS[program].app
    for info in app.registered_commands:
        if name == (info.name or info.callback.__name__.replace("_", "-")):
            wrapped = functools.wraps(info.callback)(lambda **_: body())
            monkeypatch.setattr(info, "callback", wrapped)
    parameters = typer.main.get_command(app).commands[name].params
    wanted = [p for p in parameters if p.required and p.param_type_name == "argument"]
    return [name, *("x" for _ in wanted)]


@pytest.mark.parametrize(("program", "name"), COMMANDS)
def test_whatever_a_command_raises_is_one_line_and_a_file(
    run_main, monkeypatch, traces, program, name
):
    assert len(ESCAPES) > 30
    for kind, (throw, says) in ESCAPES.items():
        with monkeypatch.context() as patch:
            typed = replace_command(patch, program, name, throw)
            code, out, err = run_main(CLIS[program].main, *typed)
        assert (code, out) == (1, b""), kind
        assert err.startswith("error: ")
        assert err.count("\n") == 1, kind
        assert err.endswith(".\n"), kind
        assert says in err, (kind, err)
        assert len(err) < 800
        [trace] = traces()
        assert str(trace) in err
        assert "Traceback (most recent call last)" in trace.read_text()
        assert trace.stat().st_mode & 0o777 == 0o600
        assert f"command {name}" in trace.read_text()
        trace.unlink()


@pytest.mark.parametrize(("program", "name"), COMMANDS)
def test_an_end_that_was_asked_for_leaves_no_file(run_main, monkeypatch, traces, program, name):
    interrupted = BaseExceptionGroup("", [ValueError(), KeyboardInterrupt()])
    for error, code, said in (
        (KeyboardInterrupt(), 130, "error: interrupted.\n"),
        (typer.Abort(), 130, "error: interrupted.\n"),
        (interrupted, 130, "error: interrupted.\n"),
        (StoreError("a; b. C."), 1, "error: a; b. C.\n"),
        (typer.Exit(3), 3, ""),
        (SystemExit(4), 4, ""),
    ):
        with monkeypatch.context() as patch:
            typed = replace_command(patch, program, name, builtin(error))
            assert run_main(CLIS[program].main, *typed) == (code, b"", said)
    assert traces() == []


def test_a_trace_that_cannot_be_written_is_said(run_main, monkeypatch):
    full = builtin(OSError(errno.ENOSPC, "No space left on device"))
    monkeypatch.setattr(last_resort.tempfile, "mkstemp", lambda **_: full())
    typed = replace_command(monkeypatch, "study", "plan", builtin(ValueError("odd")))
    code, _, err = run_main(study_cli.main, *typed)
    assert code == 1
    assert "ValueError: odd; this is a fault of the program" in err
    assert "no traceback: OSError: [Errno 28] No space" in err
    assert err.count("\n") == 1


def test_a_trace_holds_no_password(monkeypatch, traces):
    monkeypatch.setattr(sys, "argv", ["study", "status", "s3://me:secret@bucket/runs"])
    last_resort.tell(ValueError("s3://me:secret@bucket/runs"))
    [trace] = traces()
    assert "secret" not in trace.read_text()
    assert "s3://***@bucket/runs" in trace.read_text()


# Errors outside the command itself: in a thread, in a log record, at the interpreter's end.
BESIDE = """if True:
    import atexit, logging, signal, sys, threading, typer
    from study.terminal.console import main_of
    app = typer.Typer()
    def fail(): raise ValueError("beside")
    @app.command()
    def command():
        if {how!r} == "thread":
            thread = threading.Thread(target=fail, name="helper")
            thread.start()
            thread.join()
        elif {how!r} == "exit":
            atexit.register(fail)
        elif {how!r} == "deleted":
            type("Fragile", (), {{"__del__": lambda self: fail()}})()
        else:
            try:
                fail()
            except ValueError:
                logging.getLogger("library").exception("lost a task\\nand its words")
        return b"answer"
    sys.argv[1:] = ["--"]
    main_of(app)
"""


@pytest.mark.parametrize("how", ["thread", "exit", "deleted", "log"])
def test_errors_beside_the_command_are_one_line_too(tmp_path, how):
    done = subprocess.run(
        [sys.executable, "-c", BESIDE.format(how=how)], check=False,
        capture_output=True, text=True, env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "answer")
    assert done.stderr.startswith("warning: ")
    assert "ValueError: beside" in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    [trace] = tmp_path.glob("study-error-*.txt")
    assert 'raise ValueError("beside")' in trace.read_text() or "in fail" in trace.read_text()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A small store, with the study file that made it beside it."""
    folder = tmp_path_factory.mktemp("streams")
    fill(spec_of(seeds=1, budget={"epochs": 2}), folder / "small")
    (folder / "small.toml").write_text('name = "small"\n[axes]\nn = 20\nk = 2\nwidth = 8\n'
                                       "train_size = 80\nbatch_size = 32\n")  # fmt: skip
    return folder


FULL, CLOSED = "stdout: No space left on device; ", "stdout: closed; "
STREAMS = [
    ("analysis.cli query small --format csv > /dev/full", 1, FULL),
    ("analysis.cli query small --format parquet >&-", 1, CLOSED),
    ("study.cli plan small.toml >&-", 1, CLOSED),
    ("study.cli --help > /dev/full", 1, FULL),
    ("analysis.cli --help >&-", 1, CLOSED),
    ("study.cli --help | true", 0, ""),
    ("study.cli --help > help.txt 2>&-", 0, ""),
    ("study.cli pln 2>&- > help.txt", 2, ""),
    ("study.cli pln > /dev/full 2>/dev/full", 2, ""),
    ("study.cli --help <&- >&- 2>&-", 1, ""),
]


@pytest.mark.parametrize(("typed", "code", "said"), STREAMS)
def test_streams_that_fail_are_a_sentence_and_a_code(store, typed, code, said):
    command = f"set -o pipefail; {sys.executable} -c 'from {{}} import main; main()' {{}}"
    module, rest = typed.split(" ", 1)
    done = subprocess.run(
        ["bash", "-c", command.format(module, rest)], check=False,
        cwd=store, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert done.stderr.startswith(f"error: {said}" if said else "")
    assert done.stderr.count("\n") == bool(said), done.stderr


def test_a_file_opened_later_is_never_taken_for_stdout(tmp_path):
    code = """if True:
        import os
        from study.terminal import stdio
        stdio.make_safe()
        with open("table", "w") as file:
            try:
                os.write(1, b"chatter of a library")
            except OSError:
                pass
            file.write("rows")
    """
    script = f"{sys.executable} -c '{code}' <&- >&- 2>&-"
    assert subprocess.run(["bash", "-c", script], cwd=tmp_path, check=False).returncode == 0
    assert (tmp_path / "table").read_text() == "rows"


def test_progress_on_a_full_disk_does_not_end_the_command():
    code = """if True:
        import sys, typer
        from study.terminal.console import main_of, note
        from study.terminal.display import Display
        app = typer.Typer()
        @app.command()
        def command():
            with Display("quick"):
                note("so far")
            return b"answer"
        sys.argv[1:] = ["--"]
        main_of(app)
    """
    script = f"{sys.executable} -c '{code}' 2> /dev/full"
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"answer")


def test_ctrl_c_is_130():
    code = """if True:
        import os, signal, sys, time, typer
        from study.terminal.console import main_of
        signal.signal(signal.SIGINT, signal.default_int_handler)
        app = typer.Typer()
        @app.command()
        def command():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(60)
        sys.argv[1:] = ["--"]
        main_of(app)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "error: interrupted.\n")


def test_a_native_exit_handler_cannot_keep_a_command_whose_thread_is_still_at_work():
    # The handler waits forever, as Arrow's does for a table that a daemon thread was converting.
    code = """if True:
        import ctypes, sys, threading, typer
        from study.terminal.console import main_of
        app = typer.Typer()
        @app.command()
        def command():
            libc = ctypes.CDLL(None)
            libc.__cxa_atexit(libc.pause, None, None)
            threading.Thread(target=threading.Event().wait, daemon=True).start()
            return b"answer", 3
        sys.argv[1:] = ["--"]
        main_of(app)
    """
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, b"answer", b"")


# What is typed, and the sentence that replaces typer's own.
USAGE = [
    ("study", ["plan"], "Missing argument 'SPEC'. See command plan --help."),
    ("study", ["pln"], "No such command 'pln'. Did you mean 'plan'? See command --help."),
    ("study", ["xyz"], "No such command 'xyz'. See command --help."),
    ("study", ["plan", "quick", "--ou", "x"], "--ou. Did you mean --json or --out? See "),
    ("study", ["plan", "quick", "--out"], "requires an argument. See command plan --help."),
    ("study", ["plan", "quick", "--json=3"], "Option '--json' does not take a value. See "),
    ("study", ["bench", "--repeats", "x"], "--repeats 'x'; it should be a valid integer. See "),
    ("study", ["bench", "--repeats", "2"], "'2'; it should be greater than or equal to 5. See "),
    ("analysis", ["query"], "Missing argument 'STORE'. See command query --help."),
    ("analysis", ["query", "x", "y"], "unexpected extra argument(s) (y). See command query"),
    ("analysis", ["query", "x", "--format", "tabel"], "--format 'tabel'; it is one of 4 names. "),
    ("analysis", ["serve", "x", "--port", "99999"], "--port '99999'; it should be less than or"),
    ("analysis", ["laws", "x", "--bootstrap", "1.5"], "--bootstrap '1.5'; it should be a valid "),
    ("analysis", ["-x"], "No such option: -x. See command --help."),
]  # fmt: skip


@pytest.mark.parametrize(("program", "typed", "said"), USAGE)
def test_a_wrong_command_line_is_one_clean_sentence(run_main, program, typed, said):
    code, out, err = run_main(CLIS[program].main, *typed)
    assert (code, out) == (2, b"")
    assert said in err
    assert err.count("\n") == 1
    assert re.fullmatch(r"error: [^\n]*[^.?!]\. See command [a-z ]*--help\.\n|"
                        r"error: [^\n]*\w'?\? See command [a-z ]*--help\.\n|"
                        r"error: [^\n]*[^.?!]\. See --help\.\n", err), err  # fmt: skip


@pytest.mark.parametrize("program", CLIS)
def test_the_name_alone_shows_what_there_is(run_main, program):
    code, out, err = run_main(CLIS[program].main)
    assert (code, err) == (2, "")
    assert all(name in out.decode() for _, name in COMMANDS if _ == program)
    assert run_main(CLIS[program].main, "--help") == (0, out, "")


def test_a_study_file_typed_without_its_ending_is_named(run_main, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "Use one of atlas, boundary" in run_main(study_cli.main, "plan", "parity20")[2]
    assert "Did you mean quick?" in run_main(study_cli.main, "plan", "quik")[2]
    (tmp_path / "parity20.toml").write_text("")
    code, _, err = run_main(study_cli.main, "plan", "parity20")
    assert code == 2
    assert err.endswith("a bundled name. Did you mean parity20.toml?\n")
