"""`study run` with a real Ray: kills, interrupts and extensions end with the undisturbed table."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from commands import STUDY, TRIALS, altered, finish, parts_of, running_process, study, wait_for
from small import spec_of
from trained import fill, table

from study.spec.file import load_spec
from study.store.manifest import stored_spec
from study.store.store import Store

pytestmark = pytest.mark.timeout(300)  # each starts a Ray or several, on machines that may be slow


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The study's table, trained serially without Ray."""
    path = tmp_path_factory.mktemp("spec") / "small.toml"
    path.write_text(STUDY)
    return path, table(fill(load_spec(str(path)), tmp_path_factory.mktemp("store")))


def start_until_new_rows(path, out):
    """Start the study and wait until this start has stored trials of its own."""
    store = out / "small"
    before = parts_of(store)
    process = study("run", path, "--out", out)
    wait_for(lambda: parts_of(store) > before, process)
    return process


@pytest.mark.slow
def test_a_study_runs_says_what_it_found_and_runs_only_what_is_missing(tmp_path, undisturbed):
    path, expected = undisturbed
    beside = tmp_path / "beside"
    (beside / "study").mkdir(parents=True)
    for name in ("torch.py", "analysis.py"):
        (beside / name).write_text("raise RuntimeError('not what is to be imported')")
    out, err = finish(study("run", path, "--out", tmp_path, cwd=beside), 0)
    assert table(Store.open(tmp_path / "small")) == expected
    assert "grokking" in out
    assert f"report: {tmp_path}/small/report.html" in out
    assert (tmp_path / "small" / "report.html").stat().st_size > 100_000
    assert "analysis phases" in out
    assert f"{TRIALS}/{TRIALS} trials done" in err

    out, err = finish(study("run", path, "--out", tmp_path, "--json"), 0)
    assert json.loads(out)["done"] == TRIALS
    assert "starting Ray" not in err, "nothing is missing, so no Ray"

    out, _ = finish(study("status", tmp_path / "small", "--json"), 0)
    status = json.loads(out)
    counts = [status[name] for name in ("planned", "done", "failed", "running")]
    assert counts == [TRIALS, TRIALS, 0, 0]


@pytest.mark.slow
def test_a_run_ends_with_few_files(tmp_path, undisturbed):
    path, expected = undisturbed
    few = "from study.plan import compact; compact.MOST_PARTS = 1"
    out, err = finish(altered(few, "run", str(path), "--out", str(tmp_path)), 0)
    assert parts_of(tmp_path / "small") == 1
    assert re.search(r"^small: \d+ files of trials and readings merged into 2$", err, re.MULTILINE)
    assert table(Store.open(tmp_path / "small")) == expected
    assert f"report: {tmp_path}/small/report.html" in out


@pytest.mark.slow
def test_interrupts_and_kills_end_with_the_undisturbed_table(tmp_path, undisturbed):
    path, expected = undisturbed
    store = Store(tmp_path / "small")

    process = start_until_new_rows(path, tmp_path)
    process.send_signal(signal.SIGINT)
    out, err = finish(process, 130)
    stored = store.trials().num_rows
    assert 0 < stored < TRIALS
    assert f"stopped: {stored} of {TRIALS} finished, {TRIALS - stored} to go; the same" in out
    assert_one_count(out, err, store)
    states = {store.packs.read(pack_id).status for pack_id in store.packs.ids()}
    assert states <= {"pending", "done"}, "a pack that was running has left its checkpoint"

    process = study("run", path, "--out", tmp_path)  # what is left may be one pack: no new rows
    wait_for(lambda: running_process(store), process)
    process.kill()
    process.communicate()
    assert store.trials().num_rows < TRIALS

    fill(load_spec(str(path)), store.url)  # what is left, without Ray
    assert table(store) == expected
    assert not store.packs.checkpoint_ids()


@pytest.mark.slow
def test_a_killed_worker_is_replaced(tmp_path, undisturbed):
    path, expected = undisturbed
    store = Store(tmp_path / "small")
    process = study("run", path, "--out", tmp_path)
    wait_for(lambda: running_process(store), process)
    time.sleep(0.5)  # into its training
    os.kill(running_process(store), signal.SIGKILL)
    finish(process, 0)
    assert table(store) == expected
    assert any(store.packs.read(pack).attempts > 1 for pack in store.packs.ids())


@pytest.mark.slow
def test_the_signal_that_stops_a_job_is_an_interrupt(tmp_path, undisturbed):
    path, expected = undisturbed
    process = start_until_new_rows(path, tmp_path)
    process.send_signal(signal.SIGTERM)
    finish(process, 130)
    # What is left, without Ray: a start of Ray costs more than these trials.
    store = fill(load_spec(str(path)), str(tmp_path / "small"))
    assert table(store) == expected


def assert_one_count(out, err, store):
    """The last line of the progress, the phases and `study status` say how much is stored."""
    [*_, last] = [line for line in err.splitlines() if " trials done, " in line]
    done, generalized = re.search(r": (\d+)/\d+ trials done, 0 running, (\d+) gen", last).groups()
    rows = store.trials(columns=["generalized_epoch"])["generalized_epoch"]
    assert (int(done), int(generalized)) == (len(rows), len(rows) - rows.null_count)
    phases = {
        name: int(count) for name, count in re.findall(r"^ *(\w+) +(\d+) +\d+%", out, re.MULTILINE)
    }
    assert sum(phases.values()) == int(done)
    assert phases["comprehension"] + phases["grokking"] == int(generalized)
    said, _ = finish(study("status", store.url, "--json"), 0)
    assert json.loads(said)["done"] == int(done)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_progress_phases_and_status_agree_after_an_interrupt_and_a_resume(tmp_path, undisturbed):
    path, _ = undisturbed
    store = Store(tmp_path / "small")
    process = start_until_new_rows(path, tmp_path)
    process.send_signal(signal.SIGINT)
    out, err = finish(process, 130)
    assert_one_count(out, err, store)
    before = store.trials().num_rows
    process = start_until_new_rows(path, tmp_path)
    process.send_signal(signal.SIGINT)
    out, err = finish(process, 130)
    assert store.trials().num_rows > before
    assert_one_count(out, err, store)
    out, err = finish(study("run", path, "--out", tmp_path), 0)
    assert_one_count(out, err, store)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("budget", "next_"),
    [("trials=5", "budget.trials = 5 is used up, a larger one continues"),
     ("wall_hours=0.0001", "the same command continues")],
)  # fmt: skip
def test_a_study_ends_at_its_own_budget_and_goes_on_with_a_larger_one(
    tmp_path, undisturbed, budget, next_
):
    path, expected = undisturbed
    store = Store(tmp_path / "small")
    out, _ = finish(study("run", path, "--out", tmp_path, "--set", f"budget.{budget}"), 0)
    stored = store.trials().num_rows
    assert stored < TRIALS
    assert f"stopped: {stored} of {TRIALS} finished, {TRIALS - stored} to go; {next_}" in out
    states = {store.packs.read(pack_id).status for pack_id in store.packs.ids()}
    assert states <= {"pending", "done"}, "a pack that was running has left its checkpoint"
    fill(load_spec(str(path)), store.url)
    assert table(store) == expected


MIXED = """
name = "mixed"
seeds = 2
[axes]
n = 20
k = 2
width = 10
train_size = 40
[budget]
epochs = 5
[[settings]]
label = "here"
[[settings]]
label = "there"
axes = {train_size = 41}
"""
FAILS = """
import study.driver.round as driver
class Failing(driver.PackTrainable):
    def setup(self, config):
        from study.training import runner
        begin = getattr(runner, "begin", runner._begun)
        def fail(pack, *others):
            if pack.trials[0].train_size == 41:
                raise ZeroDivisionError("of its own")
            return begin(pack, *others)
        runner.begin, runner._begun = begin, fail
        super().setup(config)
driver.PackTrainable = Failing
from study.cli import main
main()
"""


@pytest.mark.slow
def test_packs_that_keep_failing_are_set_aside_and_the_rest_completes(tmp_path):
    (tmp_path / "mixed.toml").write_text(MIXED)
    command = ["run", str(tmp_path / "mixed.toml"), "--out", str(tmp_path), "--json"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", FAILS, *command], **pipes)
    out, err = finish(process, 3)
    assert all(line.startswith("mixed: ") for line in err.splitlines()), "no chatter of Ray's"
    assert "ZeroDivisionError: of its own" in err
    answer = json.loads(out)
    assert (answer["planned"], answer["done"], answer["failed"]) == (4, 2, 2)
    out, _ = finish(study("status", tmp_path / "mixed", "--json"), 0)
    status = json.loads(out)
    assert status["failed"] == 2
    assert "ZeroDivisionError: of its own" in next(iter(status["errors"].values()))


def test_more_seeds_extend_a_study_and_leave_its_rows_alone(tmp_path):
    store = fill(spec_of(seeds=2), tmp_path / "small")
    before = table(store)[0]
    fill(spec_of({"width": [24, 30]}, seeds=3), tmp_path / "small")
    after = table(store)[0]
    assert len(after) == 6
    assert [row for row in after if row["width"] == 24 and row["seed"] < 2] == before


def test_a_larger_budget_retrains_only_the_censored(tmp_path):
    spec = spec_of({"train_size": [30, 120]}, seeds=4, budget={"epochs": 90})
    store = fill(spec, tmp_path / "small")
    before = {row["trial_id"]: row for row in store.trials().to_pylist()}
    censored = {i for i, row in before.items() if row["ended"] == "budget"}
    assert censored
    assert len(censored) < 8
    larger = spec_of({"train_size": [30, 120]}, seeds=4, budget={"epochs": 120})
    fill(larger, tmp_path / "small")
    assert stored_spec(store).settings[0].budget.epochs == 120
    for row in store.trials().to_pylist():
        if row["trial_id"] in censored:
            assert row["budget_epochs"] == 120
        else:
            assert row == before[row["trial_id"]]
