"""A store that is full, withdrawn or silent: what waits for it, how long, and what is printed."""

import contextlib
import subprocess
import time
from collections import Counter

import pytest
from commands import altered, finish, study, wait_for
from faults import can_mount
from object_store import BUCKET, ObjectStore
from small import spec_of
from trained import fill, table

from study.errors import StoreError
from study.plan.plan import start_study
from study.plan.status import study_status
from study.spec.file import load_spec
from study.store.retry import WaitNotices, retry
from study.store.store import Store
from study.training import runner
from study.training.runner import run_pack
from study.trials.expand import expand


class Failing(Store):
    """A store that fails the first attempts at each operation, as a full disk would."""

    def __init__(self, url):
        super().__init__(url)
        self.attempts = Counter()
        self._put_whole, self._files.put = self._files.put, self._put

    def _put(self, name, content):
        self.attempts[name] += 1
        if "trials" in name and self.attempts[name] < 3:
            raise StoreError(f"{name}: full", transient=True)
        self._put_whole(name, content)


def test_a_pack_reports_what_it_waits_for_and_writes_each_part_once(tmp_path, monkeypatch):
    monkeypatch.setattr("study.store.retry._FIRST_PAUSE_SECONDS", 0.01)
    expected = table(fill(spec_of(), tmp_path / "other"))
    store = Failing(tmp_path / "store")
    [pack] = start_study(spec_of(), store, ["test"]).packs
    reports = list(run_pack(pack, store, report_seconds=0.0))
    errors = [str(report) for report in reports if isinstance(report, StoreError)]
    assert errors
    assert table(store) == expected
    assert store.tables.part_names("readings") == store.tables.part_names("trials")


def test_a_pack_gives_up_a_store_that_stays_full_and_is_closed_while_it_waits(
    tmp_path, monkeypatch
):
    store = Store(tmp_path / "store")
    [pack] = start_study(spec_of(), store, ["test"]).packs

    def full(*_):
        raise StoreError("full", transient=True)

    monkeypatch.setattr(store.tables, "write_rows", full)
    monkeypatch.setattr(runner, "CLOSING_SECONDS", 0.0)
    running = run_pack(pack, store, report_seconds=0.0)
    while not isinstance(next(running), StoreError):
        pass
    with pytest.raises(StoreError, match="full"):
        running.close()
    monkeypatch.setattr(runner, "RETRY_SECONDS", 0.0)
    with pytest.raises(StoreError, match="full"):
        list(run_pack(pack, store, report_seconds=0.0))


def test_a_caller_that_waits_says_so_too(monkeypatch):
    monkeypatch.setattr("study.store.retry.SAY_AFTER_SECONDS", 0.0)
    monkeypatch.setattr("study.store.retry._FIRST_PAUSE_SECONDS", 0.01)
    said, errors = [], [OSError(28, "No space left on device")] * 2

    def act():
        if errors:
            raise errors.pop()
        return 5

    assert retry(act, 9.0, say=said.append) == 5
    assert [line.split(": ")[-1] for line in said] == [
        "[Errno 28] No space left on device",
        "the store answers again",
    ]
    WaitNotices(None).tell("nobody listens")


@contextlib.contextmanager
def small_disk(folder, size):
    """A disk of this size, mounted in a folder; skips the test where nothing can be mounted."""
    if not can_mount(folder):
        pytest.skip("no small disk can be mounted")
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", disk], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


@pytest.mark.slow
@pytest.mark.timeout(500)
def test_a_full_disk_is_said_waited_for_and_ends_the_study(tiny, tmp_path):
    with small_disk(tmp_path, "64k") as disk:
        (disk / "other").write_bytes(bytes(44 << 10))
        began = time.monotonic()
        process = study("run", tiny, "--out", disk)
        _, err = process.communicate(timeout=300)
        assert process.returncode == 1, err
        assert time.monotonic() - began < 240
        assert "tiny: waiting for the store since" in err
        [said] = [line for line in err.splitlines() if line.startswith("error: ")]
        assert "[Errno 28] No space left on device" in said
        assert said.endswith("What is stored is safe, and the same command continues.")
        assert "Traceback" not in err
        assert "ray::" not in err
        (disk / "other").unlink()
        subprocess.run(["mount", "-o", "remount,size=8m", disk], check=True)
        finish(study("run", tiny, "--out", disk), 0)
        store = Store(disk / "tiny")
        assert store.trials().num_rows == len(expand(load_spec(str(tiny))))
        assert study_status(store)["halved"] == 0


READ_ONLY = """
import subprocess, sys
import study.driver.tune as driver
class Withdrawn(driver.ProgressCallback):
    def on_trial_start(self, *given, **named):
        subprocess.run(["mount", "-o", "remount,ro", sys.argv[-1]], check=True)
        super().on_trial_start(*given, **named)
driver.ProgressCallback = Withdrawn
"""


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_store_that_may_no_longer_be_written_ends_the_study_at_once(tiny, tmp_path):
    with small_disk(tmp_path, "8m") as disk:
        _, err = finish(altered(READ_ONLY, "run", str(tiny), "--out", str(disk)), 1)
        assert "Read-only file system" in err.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.timeout(500)
def test_a_bucket_that_stops_answering_is_waited_for_and_ends_the_study(
    tiny, tmp_path, monkeypatch
):
    s3 = ObjectStore()
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    s3.make_bucket()
    long = ["--set", "budget.epochs=100000", "--set", "detect.stop=false"]
    process = study("run", tiny, "--out", f"s3://{BUCKET}/runs", *long, cwd=tmp_path)
    store = Store(f"s3://{BUCKET}/runs/tiny")
    wait_for(lambda: store.exists() and study_status(store)["running"], process, 200)
    began = time.monotonic()
    s3.failing_until = began + 10_000
    _, err = process.communicate(timeout=400)
    assert process.returncode == 1, err
    assert time.monotonic() - began < 300
    assert "tiny: waiting for the store since" in err
    assert "Traceback" not in err
    assert err.splitlines()[-1].startswith(f"error: s3://{BUCKET}/runs/tiny/")
    s3.failing_until = 0.0
    short = ["--set", "budget.epochs=60", *long[2:]]
    finish(study("run", tiny, "--out", f"s3://{BUCKET}/runs", *short, cwd=tmp_path), 0)
    assert study_status(store)["halved"] == 0
    s3.close()
