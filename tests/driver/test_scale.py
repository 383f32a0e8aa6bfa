"""Large studies of toy nets: what the driver needs for 100,000 trials, and 20 kills in a row."""

import contextlib
import os
import random
import signal
import subprocess
import time
import tracemalloc
from pathlib import Path

import pytest
from commands import BIN
from trained import fill

from study.plan.plan import make_plan
from study.spec.file import load_spec
from study.store.store import Store
from study.vocabulary.columns import RESULT_COLUMNS

TOY = """
name = "toy"
seeds = {seeds}
[axes]
n = 20
k = 2
width = 8
train_size = 32
[data]
test_rows = 100
[budget]
epochs = {epochs}
[resources]
device = "cpu"
trials_per_pack = {pack}
"""


def toy(folder, **numbers):
    path = folder / "toy.toml"
    path.write_text(TOY.format(**numbers))
    return path


def run(path, said):
    return subprocess.Popen(
        [BIN / "study", "run", path, "--out", path.parent], stdout=said, stderr=said
    )


def driver_needs(process):
    """CPU seconds and peak memory of a process without its children; None once it has ended."""
    try:
        stat = Path(f"/proc/{process.pid}/stat").read_text().rpartition(") ")[2].split()
        status = Path(f"/proc/{process.pid}/status").read_text()
        peak = int(status.partition("VmHWM:")[2].split()[0]) << 10
    except (FileNotFoundError, IndexError, ProcessLookupError):
        return None
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK"), peak


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_driver_of_100_000_trials_stays_small(tmp_path, capsys):
    trials = int(os.environ.get("OVERHEAD_TRIALS", "100000"))
    path = toy(tmp_path, seeds=trials, epochs=1, pack='"auto"')
    with (tmp_path / "said").open("w") as said:
        process = run(path, said)
        needs = None
        while process.poll() is None:
            needs = driver_needs(process) or needs
            time.sleep(0.2)
    assert process.returncode == 0, (tmp_path / "said").read_text()
    seconds, peak = needs
    store = Store.open(tmp_path / "toy")
    assert store.trials(columns=["trial_id"]).num_rows == trials
    files = [path.stat().st_size for path in (tmp_path / "toy").rglob("part-*")]
    with capsys.disabled():
        print(
            f"\n{trials} trials in {len(store.packs.ids())} packs: {1e3 * seconds / trials:.3f} ms "
            f"of driver time a trial, {peak / 1e9:.2f} GB at most; "
            f"{sum(files) / trials:.0f} bytes a trial in {len(files)} parts"
        )
    assert peak < 0.6e9
    assert seconds / trials < 1e-3


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_plan_of_100_000_trials_keeps_few_bytes_a_trial(tmp_path, capsys):
    trials = 100_000
    spec = load_spec(str(toy(tmp_path, seeds=trials, epochs=1, pack='"auto"')))
    make_plan(spec)  # caches are not the plan's
    tracemalloc.start()
    plan = make_plan(spec)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    began = time.process_time()
    make_plan(spec)
    seconds = time.process_time() - began
    with capsys.disabled():
        print(
            f"\n{len(plan.trials)} trials: {kept / trials:.0f} bytes a trial, {peak / trials:.0f} "
            f"at most; {1e6 * seconds / trials:.1f} us of CPU time a trial"
        )
    assert peak / trials < 300


def kill_a_worker(store, seconds=20):
    """Kill a process that trains a pack; returns whether there was one within `seconds`."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        packs = [store.packs.read(pack_id) for pack_id in store.packs.ids()]
        for pack in packs:
            command = Path(f"/proc/{pack.process}/cmdline")
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                # The process may be gone, because its driver was killed.
                if pack.status == "running" and command.read_text().startswith("ray::"):
                    os.kill(pack.process, signal.SIGKILL)
                    return True
    return False


def tables(store):
    rows = store.trials().sort_by("trial_id").select(RESULT_COLUMNS).combine_chunks()
    return rows, store.readings().combine_chunks()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_twenty_kills_in_a_row_leave_the_table(tmp_path, capsys):
    trials = int(os.environ.get("SOAK_TRIALS", "20000"))
    chance = random.Random(int(os.environ.get("SOAK_SEED", "0")))
    path = toy(tmp_path, seeds=trials, epochs=60, pack=32)
    expected = tables(fill(load_spec(str(path)), tmp_path / "serial"))
    store = Store(tmp_path / "toy")
    packs, victims = trials // 32, []
    with (tmp_path / "said").open("w") as said:
        process = run(path, said)
        while len(victims) < 20:
            # Kills are spread over the study. Between two kills some rows are stored, or the
            # study would never end.
            wanted = len(store.tables.part_names("trials")) + chance.randint(1, packs // 25)
            while len(store.tables.part_names("trials")) < wanted:
                assert process.poll() is None, (tmp_path / "said").read_text()
                time.sleep(0.05)
            time.sleep(chance.uniform(0, 0.5))
            victims.append(chance.choice(["worker", "worker", "worker", "driver"]))
            if victims[-1] == "driver":
                process.kill()
                process.wait()
                process = run(path, said)
            else:
                assert kill_a_worker(store), (tmp_path / "said").read_text()
        assert process.poll() is None, "all kills while it ran"
        assert process.wait() == 0, (tmp_path / "said").read_text()
    rows, readings = tables(store)
    with capsys.disabled():
        print(
            f"\n{len(victims)} kills ({victims.count('driver')} of drivers): {rows.num_rows} rows, "
            f"{store.tables.scan('trials').num_rows - rows.num_rows} trained twice, "
            f"equal: {rows.equals(expected[0])}, {readings.equals(expected[1])}"
        )
    assert rows.num_rows == trials
    assert rows.equals(expected[0])
    assert readings.equals(expected[1])
