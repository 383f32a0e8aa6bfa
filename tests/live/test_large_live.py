"""The live page of a million trials, in a process of its own and in a real browser."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from asking import Answer, api, ended, state_of
from browsing import CLICK_A_CELL, chromium, needs_chromium, opened
from million import write_million

CLICKS = 40


def resident(process_id, name):
    """Memory of a process in MB: VmRSS, now, or VmHWM, at its most."""
    text = Path(f"/proc/{process_id}/status").read_text()
    return int(re.search(rf"{name}:\s+(\d+)", text)[1]) / 1000


def spent(process_id):
    """CPU seconds of a process: on a shared machine they say more than a clock."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def timed_clicks(process_id, served, state, chance):
    """Ask for cells as clicks do, and check what they hold: times of a click, as a sentence."""
    seconds, before = [], spent(process_id)
    for _ in range(CLICKS):
        place = chance.randrange(len(state["cells"]["trials"]))
        labels = {a["name"]: a["labels"][state["cells"][a["name"]][place]] for a in state["axes"]}
        began = time.monotonic()
        cell = api(served, "cell", **labels)
        seconds.append(time.monotonic() - began)
        assert cell["total"] == state["cells"]["trials"][place]
        assert len(set(cell["readings"]["trial"])) == min(24, cell["total"])
    seconds.sort()
    cpu = (spent(process_id) - before) / CLICKS
    median, slowest = seconds[CLICKS // 2], seconds[-1]
    return f"median {median * 1000:.0f} ms, slowest {slowest * 1000:.0f}, CPU {cpu * 1000:.0f}"


@pytest.mark.slow
@needs_chromium
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_million_trials(tmp_path):
    """A click within 0.5 s and less than 1.5 GB: printed, with the time to the first state.

    Memory is asserted. Times are the machine's: run with -s -n 0 to see them.
    """
    trials = write_million(tmp_path / "million")
    program = "from analysis.cli import main; main()"
    command = [sys.executable, "-c", program, "serve", str(tmp_path / "million")]
    chance = random.Random(24)
    began = time.monotonic()
    with ended(subprocess.Popen(command, stderr=subprocess.PIPE)) as process:
        place = urlsplit(process.stderr.readline().decode().split()[1])
        served = type("Served", (), {"url": place.geturl()})
        print(f"\nlistening after {time.monotonic() - began:.1f} s")
        while (answer := Answer(served, "/api/state")).status == 503:
            pass
        state = answer.json
        print(f"first state after {time.monotonic() - began:.1f} s, {len(answer.body):,} bytes")
        assert state["trials"] == trials
        assert state["aggregated"]
        assert state["status"] is None
        clicks = timed_clicks(process.pid, served, state, chance)
        print(f"clicks while the plan is expanded: {clicks}")
        status = state_of(served, lambda state: state["status"], 1800)["status"]
        print(f"status after {time.monotonic() - began:.1f} s")
        assert status["planned"] == status["done"] == trials
        print(f"clicks: {timed_clicks(process.pid, served, state, chance)}")
        with chromium(tmp_path) as browser:
            opened(browser, served.url)
            took = sorted(browser.execute_async_script(CLICK_A_CELL) for _ in range(11))
        print(f"clicks in a browser: median {took[5]:.0f} ms, slowest {took[-1]:.0f} ms")
        api(served, "trials", where="weight_decay > 0.01", sort="generalized_epoch")
        began = time.monotonic()
        at = api(served, "state", patience=10)
        print(f"the state at another patience: {time.monotonic() - began:.1f} s")
        assert sum(at["cells"]["trials"]) == trials
        size = len(Answer(served, "/api/download?format=parquet").body)
        print(f"all trials as Parquet: {size:,} bytes")
        now, most = (resident(process.pid, name) for name in ("VmRSS", "VmHWM"))
        print(f"memory: {now:.0f} MB, at its most {most:.0f} MB")
        process.send_signal(signal.SIGINT)
        process.wait(60)
    assert process.returncode == 130
    assert most < 2_000  # as for every command of a million trials; 1,507 and 1,642 were seen
