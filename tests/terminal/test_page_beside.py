"""The live page beside a run tells its address, and ends with the command, however that ends."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from queue import Queue
from urllib.request import urlopen

import pytest
from asking import ended
from small import spec_of
from trained import fill

from study.terminal.page_beside import PageBeside

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")

STUB = """
import json, os, sys
print(json.loads(sys.stdin.readline()), os.getpid(), flush=True)
sys.stdin.read()
"""
OWNER = """
import sys, time
from study.terminal.page_beside import PageBeside
with PageBeside("stub_page") as page:
    page.start("runs/x", "x", lambda address: print(address, flush=True))
    {ending}
"""


@pytest.fixture
def stub(tmp_path, monkeypatch):
    """Writes a module that another process can import as stub_page."""

    def write(text):
        (tmp_path / "stub_page.py").write_text(text)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    return write


def gone(process_id):
    """Whether a process ends within some seconds; one that nobody has waited for has ended, too."""
    for _ in range(200):
        try:
            if Path(f"/proc/{process_id}/stat").read_text().rpartition(") ")[2][0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.05)
    return False


def test_it_tells_its_address_and_ends_with_its_block(stub, capsys):
    stub(STUB)
    told = Queue()
    with PageBeside("stub_page") as page:
        assert page.address() == "", "nothing was started"
        page.start("runs/a b", "a b", told.put)
        address = told.get(timeout=60)
        assert page.address() == address
    name, process_id = address.rsplit(" ", 1)
    assert name == "runs/a b"
    assert capsys.readouterr().err == f"a b: live page at {address}\n"
    assert gone(int(process_id))


@pytest.mark.parametrize(
    ("ending", "number"),
    [
        ("time.sleep(1000)", signal.SIGKILL),
        ("time.sleep(1000)", signal.SIGINT),
        ("time.sleep(1000)", signal.SIGTERM),
        ("page.stay()", signal.SIGINT),
        ("page.address()", None),
    ],
)
def test_no_process_is_left_over(stub, ending, number):
    stub(STUB)
    command = [sys.executable, "-c", OWNER.format(ending=ending)]
    piped = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with ended(subprocess.Popen(command, **piped)) as owner:
        process_id = int(owner.stdout.readline().split()[1])
        if number is not None:
            owner.send_signal(number)
        owner.wait(60)
    assert gone(process_id)


@pytest.mark.parametrize("text", ["raise SystemExit(3)", "1 / 0"])
def test_a_page_that_cannot_be_served_has_no_address(stub, text):
    stub(text)
    with PageBeside("stub_page") as page:
        page.start("runs/x", "x", pytest.fail)
        assert page.address() == ""
        page.stay()


@pytest.mark.slow
def test_the_page_of_a_run_answers_and_ends_when_its_command_is_killed(tmp_path):
    store = fill(spec_of(seeds=2), tmp_path / "small")
    code = OWNER.replace("stub_page", "analysis.live.run_page").replace("runs/x", store.url)
    command = [sys.executable, "-c", code.format(ending="time.sleep(1000)")]
    with ended(subprocess.Popen(command, stdout=subprocess.PIPE, text=True)) as owner:
        address = owner.stdout.readline().strip()
        with urlopen(f"{address}api/state", timeout=60) as answer:
            assert answer.status == 200
        children = Path(f"/proc/{owner.pid}/task/{owner.pid}/children").read_text()
        [process_id] = map(int, children.split())
        owner.kill()
        owner.wait(60)
    assert gone(process_id)
