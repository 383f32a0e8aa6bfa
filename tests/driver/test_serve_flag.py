"""`study run --serve` with a real Ray: its page lives as long as the run, or until Ctrl-C."""

import json
import os
import pty
import re
import signal
import subprocess
from pathlib import Path
from urllib.request import urlopen

import pytest
from commands import BIN, STUDY, TINY, finish, parts_of, study, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def pages():
    """The processes that serve pages of runs."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if b"analysis.live.run_page" in path.read_bytes():
                found.add(int(path.parent.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def test_on_a_terminal_the_page_stays_until_ctrl_c(tmp_path):
    before = pages()
    (tmp_path / "tiny.toml").write_text(TINY)
    terminal, far_end = pty.openpty()
    command = [BIN / "study", "run", tmp_path / "tiny.toml", "--out", tmp_path, "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=far_end) as process:
        os.close(far_end)
        said = ""
        while "until Ctrl-C" not in said:
            said += os.read(terminal, 65_536).decode()
        address = re.search(r"tiny: live page at (http\S+) until Ctrl-C", said)[1]
        assert said.count(address) == 2, "once when it answers, once at the end"
        with urlopen(f"{address}api/state", timeout=60) as answer:
            status = json.load(answer)["status"]
        assert status["done"] == status["planned"] == 2
        answer = process.stdout.readline()
        assert answer.startswith(b"phase"), "it is written before the page is waited for"
        assert len(pages() - before) == 1
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    os.close(terminal)
    assert process.returncode == 0
    assert pages() == before


def test_elsewhere_it_ends_with_the_run(tmp_path):
    before = pages()
    (tmp_path / "tiny.toml").write_text(TINY)
    finish(study("run", tmp_path / "tiny.toml", "--out", tmp_path, "--serve"), 0)
    assert pages() == before


def test_ctrl_c_ends_run_and_page(tmp_path):
    before = pages()
    (tmp_path / "small.toml").write_text(STUDY)
    process = study("run", tmp_path / "small.toml", "--out", tmp_path, "--serve")
    wait_for(lambda: parts_of(tmp_path / "small") and pages() > before, process)
    process.send_signal(signal.SIGINT)
    _, err = finish(process, 130)
    assert re.search(r"^small: live page at http://127\.0\.0\.1:\d+/$", err, re.MULTILINE)
    assert pages() == before
