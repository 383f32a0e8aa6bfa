"""What a study prints while it waits and when it loses workers, and when it gives up."""

import os
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from commands import finish, study
from ray.tune import PlacementGroupFactory
from small import spec_of

from study import cli
from study.driver import study_watch as watching
from study.driver.pack_resources import waiting_text
from study.driver.study_watch import StudyWatch, reason_in
from study.plan.plan import start_study
from study.plan.status import others_at_work
from study.store.store import Store
from study.training.runner import run_pack
from study.vocabulary.outcomes import PackStatus

MEMORY = """1 worker(s) were killed due to the node running low on memory. Memory was 10.48GB
OOM kill reason: Memory usage 11064418304B exceeded threshold of 505530208B
Refer to the documentation on how to address the out of memory issue"""
IMPORT = """The actor died because of an error in its creation task, \x1b[36mray::X.__init__()
  File "/somewhere/study/plan/plan.py", line 14, in <module>
ImportError: cannot import name '__version__' from 'study'"""
STORE = """\x1b[36mray::X.train()\x1b[39m (pid=1)
  File "/somewhere/study/store/store.py", line 338, in _put
study.errors.StoreError: runs/x/part: [Errno 28] No space left on device; a study writes here"""
OF_ITS_OWN = "\x1b[36mray::X.train()\x1b[39m (pid=1)\nZeroDivisionError: of its own"


class Watched:
    """A StudyWatch over a store of one pack, and the lines that it has printed."""

    def __init__(self, folder, url):
        self.store, self.said, self._file = Store(url), [], folder / "error.txt"
        self.pack = start_study(spec_of(), self.store, ["test"]).packs[0].pack_id
        self.watch = StudyWatch(self.store, self.said.append)

    def trial(self, status="PENDING"):
        asks = PlacementGroupFactory([{"CPU": 4}])
        return SimpleNamespace(
            config={"pack_id": self.pack}, error_file=self._file, status=status,
            placement_group_factory=asks,
        )  # fmt: skip

    def lose(self, text):
        earlier = "Failure # 1 (occurred at dawn)\nan earlier one\n"
        self._file.write_text(f"{earlier}Failure # 2 (occurred at noon)\n{text}\n")
        self.watch.on_trial_recover(0, [], self.trial())

    def start(self):
        self.watch.on_trial_start(0, [], self.trial())

    def report(self, waiting="", members_open=3):
        result = {"members_open": members_open, "waiting": waiting}
        self.watch.on_trial_result(0, [], self.trial(), result)


@pytest.fixture
def watched(tmp_path):
    return Watched(tmp_path, tmp_path / "store")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (MEMORY, MEMORY.splitlines()[0]),
        (IMPORT, "ImportError: cannot import name '__version__' from 'study'"),
        ("", "no reason is known"),
    ],
)
def test_the_reason_of_a_loss_is_the_line_that_says_why(text, reason):
    assert reason_in(text) == reason


def test_workers_that_all_die_before_they_begin_end_the_study(watched, monkeypatch):
    monkeypatch.setattr(watching, "DEATH_SECONDS", 0.0)
    for _ in range(2):
        watched.lose(IMPORT)
    assert not watched.watch.stop_all()
    watched.start()  # one has begun
    watched.lose(MEMORY)
    assert watched.said == [
        f"a worker has died before it began a pack: {reason_in(IMPORT)}",
        f"a pack has lost its worker and is begun again: {MEMORY.splitlines()[0]}",
    ], "once a reason"
    for _ in range(watching.DEATHS):
        assert not watched.watch.stop_all()
        watched.lose(IMPORT)
    assert watched.watch.stop_all()
    assert watched.watch.fatal.startswith("ImportError: cannot import name '__version__'")


def test_a_few_quick_deaths_beside_workers_that_begin_end_nothing(watched):
    for _ in range(20):
        watched.lose(MEMORY)  # as many were started at once
    assert not watched.watch.stop_all()
    watched.start()
    watched.lose(OF_ITS_OWN)
    assert watched.said[-1] == (
        "a pack has failed and is begun again: ZeroDivisionError: of its own"
    )


def test_a_full_disk_is_no_early_death_and_ends_the_study(watched):
    record = watched.store.packs.read(watched.pack)
    died_early = record.changed(status=PackStatus.RUNNING, saved=False)
    watched.store.packs.write(watched.pack, died_early)
    watched.start()
    watched.lose(STORE)
    assert watched.watch.fatal == (
        "runs/x/part: [Errno 28] No space left on device; a study writes here. "
        "What is stored is safe, and the same command continues."
    )
    assert watched.store.packs.read(watched.pack).status == "pending"


def test_a_machine_that_cannot_use_the_store_is_not_the_end_of_the_others(tmp_path, bucket):
    watched = Watched(tmp_path, bucket)
    for _ in range(watching.STORE_FAILURES - 1):
        watched.start()
        watched.lose(STORE)
    assert not watched.watch.stop_all()
    watched.start()
    watched.report()
    watched.report(members_open=2)  # a row was stored
    for number in range(watching.STORE_FAILURES):
        assert not watched.watch.stop_all(), number
        watched.lose(STORE)
    assert watched.watch.stop_all()


def test_it_says_for_what_it_waits_and_when_that_is_over(watched, monkeypatch):
    now = time.monotonic()
    clock = SimpleNamespace(monotonic=lambda: now, sleep=time.sleep)
    monkeypatch.setattr("study.store.retry.time", clock)
    monkeypatch.setattr("study.driver.study_watch.time", clock)
    watched.start()
    watched.report(waiting="a disk")
    assert not watched.said, "an outage of a moment"
    for seconds in (6, 10, 37):
        now = now + seconds
        watched.report(waiting="a disk")
    watched.report()
    assert watched.said == [
        "waiting for the store since 6 s: a disk",
        "waiting for the store since 53 s: a disk",
        "the store answers again",
    ]


def test_it_says_what_packs_ask_for_that_no_node_has(watched, monkeypatch):
    nodes = [{"Alive": True, "Resources": {"CPU": 2.0}}, {"Alive": False, "Resources": {"CPU": 9}}]
    monkeypatch.setattr("ray.nodes", lambda: nodes)
    monkeypatch.setattr(watching, "ROOM_SECONDS", 0.0)
    watched.watch._room_due = 0.0
    watched.watch.on_step_begin(0, [watched.trial("RUNNING")])
    assert not watched.said, "nothing is pending"
    watched.watch._room_due = 0.0
    for _ in range(2):
        watched.watch.on_step_begin(0, [watched.trial()])
    [said] = watched.said
    assert said == (
        "no pack is running: waiting for a node with room for it. "
        "One asks for 4 cores; nodes: 1 of 2 cores"
    )
    assert "waiting for a worker to start" in waiting_text({"CPU": 2, "GPU": 0}, nodes)
    assert "1 core and 0.5 GPUs; nodes: none" in waiting_text({"CPU": 1, "GPU": 0.5}, [])


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("resources.device=cuda", "resources.device: cuda; this machine has no CUDA device"),
        ("resources.cpu=1000", "resources.cpu: 1000; a pack runs on one machine, and this one has"),
    ],
)
def test_what_this_machine_has_no_room_for_is_refused(tiny, tmp_path, run_main, key, says):
    import torch

    if "cuda" in key and torch.cuda.is_available():
        pytest.skip("here is one")
    command = ["run", tiny, "--out", tmp_path, "--set", key]
    code, _, err = run_main(cli.main, *command)
    assert code == 2
    assert says in err.splitlines()[-1]


def test_another_run_on_the_store_is_seen(tmp_path):
    store = Store(tmp_path / "store")
    assert others_at_work(store) == ""
    [pack] = start_study(spec_of(), store, ["test"]).packs
    assert others_at_work(store) == "", "this process is no other"
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    here = {"node": socket.gethostname(), "process": other.pid}
    try:
        [start] = store.manifest()["starts"]
        store.write_manifest({**store.manifest(), "starts": [{**start, **here}]})
        assert f"process {other.pid} on {socket.gethostname()}" in others_at_work(store), "begins"
        long_ago = {**start, **here, "started": "2026-01-01T00:00:00+00:00"}
        store.write_manifest({**store.manifest(), "starts": [long_ago]})
        assert others_at_work(store) == ""
        running = run_pack(pack, store, report_seconds=0.0)
        next(running)
        record = store.packs.read(pack.pack_id).changed(**here)
        store.packs.write(pack.pack_id, record)
        assert "started 2026-01-01T00:00:00+00:00, 1 packs in training" in others_at_work(store)
    finally:
        other.kill()
        other.wait()
    assert others_at_work(store) == "", "it was killed"
    elsewhere = {"node": "elsewhere", "process": os.getpid()}
    store.packs.write(pack.pack_id, record.changed(**elsewhere))
    assert "(elsewhere)" in others_at_work(store)
    stale = time.time() - 300
    os.utime(tmp_path / f"store/packs/{pack.pack_id}.json", (stale, stale))
    assert others_at_work(store) == ""


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_study_whose_workers_are_all_killed_for_memory_ends_with_rays_reason(tiny, tmp_path):
    short = {"RAY_memory_usage_threshold": "0.001", "RAY_memory_monitor_refresh_ms": "100"}
    began = time.monotonic()
    process = study("run", tiny, "--out", tmp_path, env={**os.environ, **short})
    _, err = finish(process, 1)
    assert time.monotonic() - began < 180
    lines = err.splitlines()
    assert any("before it began a pack: 1 worker(s) were killed due to" in line for line in lines)
    assert lines[-1].startswith("error: ")
    assert "running low on memory" in lines[-1]
