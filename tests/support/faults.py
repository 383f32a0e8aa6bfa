"""The fault matrix: which fault happens to a study at which moment, and how a test makes it happen.

A cell of the matrix is one fault at one moment of a real `study run`. If the fault ends the driver,
the same command runs again. Then the store is compared with that of an undisturbed study. All
faults but a full disk happen on a cluster of two workers, with a store behind `ObjectStore`.
"""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from commands import BIN
from object_store import BUCKET, Watch
from trained import table

from study.store.store import Store

OUTAGE_SECONDS = {"early": 10, "in the middle": 60, "while writing": 10}
FULL_SECONDS = 6
MOMENTS = ("early", "in the middle", "while writing")

SPEC = """
name = "faults"
seeds = 4
[axes]
n = 20
k = 2
width = 100
train_size = [60, 120, 200]
weight_decay = [0.001, 0.01]
[budget]
epochs = 2000
[resources]
device = "cpu"
trials_per_pack = 4
"""
TRIALS, PACKS = 24, 6


@dataclass(frozen=True)
class Cell:
    """One fault at one moment."""

    fault: str
    moment: str


@dataclass(frozen=True)
class Played:
    """What a study left: its rows, how often packs were begun, whether the table is right."""

    rows: int
    distinct: int
    same: bool
    attempts: int
    halved: int
    runs: list[int]
    seconds: float

    @property
    def good(self):
        return self.same and self.rows == self.distinct == TRIALS and self.runs[-1] == 0


class Rig:
    """A cluster of a head that trains nothing and two workers, a bucket, and a study file."""

    def __init__(self, cluster, s3, folder):
        self.cluster, self.s3, self.folder = cluster, s3, folder
        self.spec = folder / "faults.toml"
        self.spec.write_text(SPEC)
        self.workers = [cluster.add_node(num_cpus=1) for _ in range(2)]

    def start(self, out, address=None, program=(BIN / "study",)):
        where = address or self.cluster.address
        return subprocess.Popen(
            [*program, "run", self.spec, "--out", out, "--address", where],
            cwd=self.folder,  # where the report of a store on S3 goes
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def remove_node_of(self, process):
        """Remove the worker node that a process runs on, and bring another."""
        status = Path(f"/proc/{process}/status").read_text()
        raylet = int(re.search(r"PPid:\s*(\d+)", status)[1])
        [node] = [n for n in self.workers if n.all_processes["raylet"][0].process.pid == raylet]
        self.cluster.remove_node(node, allow_graceful=False)
        self.workers.remove(node)
        self.workers.append(self.cluster.add_node(num_cpus=1))


def watch_for(moment, *, lie=False):
    if moment == "early":
        return Watch(r"/packs/\w+\.json", skip=PACKS)  # each is noted once before it runs
    if moment == "in the middle":
        return Watch(r"/trials/part-")
    return Watch(r"/readings/part-", hold=not lie, lie=lie)


def play(cell, rig, expected):
    """Play a cell; returns what the study left."""
    began = time.monotonic()
    if cell.fault == "disk full":
        store, runs = _fill_the_disk(cell, rig)
    elif cell.fault == "out of memory":
        store, runs = _run_short_of_memory(cell, rig)
    else:
        store, runs = _on_the_cluster(cell, rig)
    trials = store.trials()
    packs = [store.packs.read(pack_id) for pack_id in store.packs.ids()]
    return Played(
        rows=trials.num_rows,
        distinct=len(set(trials["trial_id"].to_pylist())),
        same=table(store) == expected,
        attempts=sum(pack.attempts for pack in packs),
        halved=sum(pack.halved for pack in packs),
        runs=runs,
        seconds=time.monotonic() - began,
    )


def _on_the_cluster(cell, rig):
    out = f"s3://{BUCKET}/{cell.fault}-{cell.moment}".replace(" ", "-")
    store = Store(f"{out}/faults")
    outage = cell.fault == "object store fails"
    watch = rig.s3.watch = watch_for(cell.moment, lie=outage and cell.moment == "while writing")
    driver = rig.start(out)
    if not watch.seen.wait(timeout=180):
        driver.kill()
        raise AssertionError(f"the study never came so far: {driver.communicate()[1]}")
    pack = re.search(r"([0-9a-f]{20})", watch.path)[1]
    process = store.packs.read(pack).process
    FAULTS[cell.fault](rig, driver, process, OUTAGE_SECONDS[cell.moment])
    watch.go.set()
    runs = [_end(driver, ENDS.get(cell.fault, 0))]
    if cell.fault in ENDS:
        runs.append(_end(rig.start(out)))
    return store, runs


ENDS = {"driver terminated": 130, "driver interrupted": 130, "driver killed": -9}


def _end(driver, code=0):
    _, said = driver.communicate(timeout=600)
    assert "Traceback" not in said, said
    assert driver.returncode == code, f"exit code {driver.returncode}: {said}"
    return code


def _fail_for(s3, seconds):
    s3.failing_until = time.monotonic() + seconds


FAULTS = {
    "object store fails": lambda rig, driver, process, seconds: _fail_for(rig.s3, seconds),
    "out of memory": None,  # in the process itself: _run_short_of_memory
    "disk full": None,  # on a disk: _fill_the_disk
    "driver terminated": lambda rig, driver, *_: driver.send_signal(signal.SIGTERM),
    "driver interrupted": lambda rig, driver, *_: driver.send_signal(signal.SIGINT),
    "driver killed": lambda rig, driver, *_: driver.kill(),
    "worker killed": lambda rig, driver, process, _: os.kill(process, signal.SIGKILL),
    "node removed": lambda rig, driver, process, _: rig.remove_node_of(process),
}


def _run_short_of_memory(cell, rig):
    out = f"s3://{BUCKET}/{cell.fault}-{cell.moment}".replace(" ", "-")
    program = sys.executable, Path(__file__).with_name("short_of_memory.py"), cell.moment
    driver = rig.start(out, program=program)
    store, runs = Store(f"{out}/faults"), [_end(driver)]
    assert any(store.packs.read(pack_id).halved for pack_id in store.packs.ids())
    return store, runs


def can_mount(folder):
    """Whether this user may mount a small disk here: not every container allows it."""
    (folder / "tried").mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder / "tried"]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        return False
    subprocess.run(["umount", folder / "tried"], check=True)
    return True


def _fill_the_disk(cell, rig):
    """A store on a disk of 16 MB that is full for some seconds; Ray's own files are elsewhere."""
    disk = rig.folder / f"disk-{MOMENTS.index(cell.moment)}"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "none", disk], check=True)
    try:
        driver = rig.start(disk, "local")
        until = time.monotonic() + 120
        while not _came_to(cell.moment, disk / "faults"):
            assert driver.poll() is None, driver.communicate()[1]
            assert time.monotonic() < until, "the study never came so far"
            time.sleep(0.01)
        # While writing: room for a part's first page.
        _fill(disk / "other", left=4096 if cell.moment == "while writing" else 0)
        time.sleep(FULL_SECONDS)
        assert driver.poll() is None, "it waits"
        (disk / "other").unlink()
        runs = [_end(driver)]
        kept = Store(rig.folder / f"kept-{disk.name}")
        subprocess.run(["cp", "-r", disk / "faults", kept.url], check=True)
        return kept, runs
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def _came_to(moment, store):
    if moment == "in the middle":
        return any((store / "trials").glob("part-*"))
    return any('"running"' in path.read_text() for path in (store / "packs").glob("*.json"))


def _fill(path, left):
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            file.truncate(file.tell() - left)
