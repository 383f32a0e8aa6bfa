"""The `study` command in processes of its own, and a study for it."""

import signal
import subprocess
import sys
import time
from pathlib import Path

BIN = Path(sys.executable).parent
STUDY = """
name = "small"
seeds = 4
[axes]
n = 20
k = 2
width = 100
train_size = [60, 120, 200]
weight_decay = [0.001, 0.01]
[budget]
epochs = 6000
[[settings]]
label = "several"
[[settings]]
label = "long"    # packs of one trial: after two interrupts one of them is still to train
seeds = 1
axes = {train_size = [30, 31, 32], weight_decay = 0.001}
budget = {epochs = 20000}
"""
TRIALS = 27


def study(*arguments, **options):
    """Start the `study` command."""
    return subprocess.Popen(
        [BIN / "study", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def finish(process, code):
    """Wait for a command and check its exit code; returns its stdout and its stderr."""
    out, err = process.communicate(timeout=200)
    assert process.returncode == code, err
    assert "Traceback" not in err
    return out, err


def wait_for(condition, process, seconds=150):
    """Wait until a condition holds of a running study; interrupt the study after `seconds`."""
    until = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        if time.monotonic() > until:
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=100)[1]
            raise AssertionError(f"the study never came so far: {said}")
        time.sleep(0.05)


def parts_of(store):
    """How many parts of the trials table there are."""
    return len(list((Path(store) / "trials").glob("part-*")))


def running_process(store):
    """The process that trains a pack at this moment, or None between packs."""
    packs = [store.packs.read(pack_id) for pack_id in store.packs.ids()]
    running = [pack.process for pack in packs if pack.status == "running"]
    return running[0] if running else None


def altered(words, *arguments):
    """Start the `study` command after some lines of Python that change the driver."""
    program = f"{words}\nfrom study.cli import main\nmain()"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", program, *arguments], **pipes)


TINY = 'name = "tiny"\nseeds = 2\n[axes]\nn = 20\nk = 2\nwidth = 10\ntrain_size = 40\n'
NOBODY = """
import os, pwd
def getpwuid(uid):
    raise KeyError(f"getpwuid(): uid not found: {uid}")
pwd.getpwuid = getpwuid
"""
