"""Shared by all tests: hypothesis profiles, one thread, places for stores."""

import os
import signal
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from study.machine import use_one_blas_thread

use_one_blas_thread()  # before a test imports NumPy
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Who starts us in the background may ignore interrupts, and the commands under test inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

RAY = Path(tempfile.gettempdir(), "ray")
if "RAY_TMPDIR" not in os.environ and (
    len(str(RAY)) > 40 or (RAY.exists() and not os.access(RAY, os.W_OK))
):
    # A socket's path has at most 107 bytes, of which Ray's own part takes some 65; and /tmp/ray may
    # be another user's.
    os.environ["RAY_TMPDIR"] = f"/tmp/ray-tests-{os.getuid()}"
    Path(os.environ["RAY_TMPDIR"]).mkdir(mode=0o700, exist_ok=True)

settings.register_profile("dev", max_examples=20, deadline=None, derandomize=True)
settings.register_profile(
    "ci",
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line how many tests were skipped for want of a browser, and how to get one."""
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        from browsing import NO_BROWSER

        count = sum(NO_BROWSER in str(report.longrepr) for report in skipped)
        if count:
            terminalreporter.write_line(f"{count} tests of the page were skipped: {NO_BROWSER}")


@pytest.fixture(scope="session", autouse=True)
def _repeatable_arithmetic() -> None:
    from study.kernel.numerics import use_repeatable_arithmetic

    use_repeatable_arithmetic()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the browser of a module leaves what it downloads."""
    return tmp_path_factory.mktemp("chromium")


@pytest.fixture(scope="module")
def browser(folder):
    """A Chromium for the tests of a module."""
    from browsing import chromium

    with chromium(folder) as driver:
        yield driver


@pytest.fixture
def bucket(monkeypatch):
    """The URL of a store to be, in a bucket of a real S3 API on loopback."""
    from object_store import ObjectStore

    s3 = ObjectStore()
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    s3.make_bucket()
    yield "s3://bucket/runs/store"
    s3.close()


@pytest.fixture
def run_main(monkeypatch, capfdbinary):
    """Run a command line in this process: exit code, stdout as bytes, stderr as text."""

    for owner, hook in ((sys, "excepthook"), (threading, "excepthook"), (sys, "unraisablehook")):
        monkeypatch.setattr(owner, hook, getattr(owner, hook))  # put back when the test ends

    def run(main, *arguments):
        monkeypatch.setattr(sys, "argv", ["command", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfdbinary.readouterr()
        return ended.value.code, out, err.decode()

    return run


@pytest.fixture(params=["disk", "s3"])
def url(request, tmp_path):
    """A place for a store: a folder, or a bucket."""
    if request.param == "disk":
        return str(tmp_path / "store")
    return request.getfixturevalue("bucket")
