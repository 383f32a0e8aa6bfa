"""Commands of `analysis` on a million trials, each in a process of its own."""

import os
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
from million import write_million

from study.plan.compact import compact
from study.store.store import Store

ONE_PERCENT = "seed == 0 and k == 3 and weight_decay > 0.0009 and weight_decay < 0.0028"
COMMANDS = {
    "query of 1%": ["query", "--where", ONE_PERCENT],
    "query of 1% as JSON": ["query", "--json", "--where", ONE_PERCENT],
    "phases": ["phases"],
    "laws": ["laws", "--law", "power"],
    "report": ["report", "--output", "report.html"],
}


def compacted(store):
    """Write the million and merge its parts: how many trials, and seconds of the merging."""
    trials = write_million(store)
    began = time.monotonic()
    assert compact(Store(store))["trials"] == trials
    return trials, time.monotonic() - began


def measured(arguments, folder):
    """Run `analysis`: seconds on the clock and of processors, and MB at its most."""
    program = "from analysis.cli import main; main()"
    with (folder / "answer").open("wb") as answer:
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments], stdout=answer, cwd=folder
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    seconds = time.monotonic() - began
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ru_maxrss is in KB on Linux")
def test_a_million_trials_are_analyzed_in_two_gigabytes(tmp_path):
    """Memory is asserted. Times are the machine's: run with -s -n 0 to see them."""
    store = tmp_path / "million"
    # In a process of its own: the peak of a command counts the process that starts it.
    with ProcessPoolExecutor(1, get_context("spawn")) as apart:
        trials, seconds = apart.submit(compacted, store).result()
    print(f"\n{trials:,} trials, compacted in {seconds:.0f} s")
    for name, (command, *options) in COMMANDS.items():
        seconds, used, most = measured([command, str(store), *options], tmp_path)
        print(f"{name}: {seconds:.1f} s, {used:.1f} s of processors, {most:,.0f} MB")
        assert most < 2_000
