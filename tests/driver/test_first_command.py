"""`study run quick`: how long until trials are shown, and what each of its processes costs."""

import os
import re
import subprocess
import threading
import time
from pathlib import Path

import pytest
from commands import BIN


def processes():
    """The parent, the name and the CPU seconds of every process here, by its id."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = path.read_text().partition("(")[2].rpartition(") ")
        except (FileNotFoundError, ProcessLookupError):
            continue
        fields = rest.split()
        spent = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        found[int(path.parent.name)] = (int(fields[1]), name, spent)
    return found


class Meter(threading.Thread):
    """Follows the descendants of a process; `seconds` has their names and their CPU seconds."""

    def __init__(self, process):
        super().__init__(daemon=True)
        self._process, self._family = process, {process.pid}
        self.seconds = {}

    def run(self):
        while self._process.poll() is None:
            now = processes()
            for pid, (parent, _, _) in sorted(now.items()):
                if parent in self._family:
                    self._family.add(pid)
            self.seconds |= {pid: now[pid][1:] for pid in self._family & now.keys()}
            time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_first_command_says_how_far_it_is(tmp_path, capsys):
    began, shown = time.monotonic(), {}
    with subprocess.Popen(
        [BIN / "study", "run", "quick", "--out", tmp_path],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        meter = Meter(process)
        meter.start()
        for line in process.stderr:
            if done := re.search(r": ([1-9]\d*)/350 trials done", line):
                shown.setdefault("first trials", time.monotonic() - began)
                if done[1] == "350":
                    shown.setdefault("all trials", time.monotonic() - began)
    shown["end"] = time.monotonic() - began
    meter.join()
    costs = sorted(meter.seconds.values(), key=lambda cost: -cost[1])
    with capsys.disabled():
        print("\n" + ", ".join(f"{name} after {seconds:.1f} s" for name, seconds in shown.items()))
        print(f"{sum(cost for _, cost in costs):.1f} CPU seconds: ", end="")
        print(", ".join(f"{name} {cost:.1f}" for name, cost in costs if cost >= 0.05))
    assert process.returncode == 0
    assert list(shown) == ["first trials", "all trials", "end"]
