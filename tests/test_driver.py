"""`study run` with a real Ray: kills, interrupts and extensions end with the undisturbed table."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from conftest import spec_of
from ray import cloudpickle
from test_runner import fill, table

from study.driver.progress import ProgressCallback
from study.plan import make_plan, stored_spec
from study.store import Store
from study.study_file import load_spec

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
label = "long"    # still in training when others have stored their rows
seeds = 1
axes = {train_size = 30, weight_decay = 0.001}
budget = {epochs = 20000}
"""
TRIALS = 25


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The study's table, trained serially without Ray."""
    path = tmp_path_factory.mktemp("spec") / "small.toml"
    path.write_text(STUDY)
    return path, table(fill(load_spec(str(path)), tmp_path_factory.mktemp("store")))


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
    """Wait for a command; its stdout, once its exit code is the expected one."""
    out, err = process.communicate(timeout=110)
    assert process.returncode == code, err
    assert "Traceback" not in err
    return out, err


def wait_for(condition, process, seconds=60):
    """Wait until a running study has come so far."""
    until = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < until, "the study never came so far"
        time.sleep(0.05)


def parts_of(store):
    """How many parts of the trials table there are."""
    return len(list((Path(store) / "trials").glob("part-*")))


def start_until_new_rows(path, out):
    """Start the study and wait until this start has stored trials of its own."""
    store = out / "small"
    before = parts_of(store)
    process = study("run", path, "--out", out)
    wait_for(lambda: parts_of(store) > before, process)
    return process


def running_process(store):
    """The process that trains a pack at this moment, or None between packs."""
    packs = [store.pack(pack_id) for pack_id in store.pack_ids()]
    running = [pack["process"] for pack in packs if pack["state"] == "running"]
    return running[0] if running else None


def test_a_study_runs_says_what_it_found_and_runs_only_what_is_missing(tmp_path, undisturbed):
    path, expected = undisturbed
    out, err = finish(study("run", path, "--out", tmp_path), 0)
    assert table(Store.open(tmp_path / "small")) == expected
    assert "grokking" in out
    assert f"report: {tmp_path}/small/report.html" in out
    assert (tmp_path / "small" / "report.html").stat().st_size > 100_000
    assert "analysis query" in out
    assert f"{TRIALS}/{TRIALS} trials done" in err

    out, err = finish(study("run", path, "--out", tmp_path, "--json"), 0)
    assert json.loads(out)["done"] == TRIALS
    assert "starting Ray" not in err, "nothing is missing, so no Ray"

    out, _ = finish(study("status", tmp_path / "small", "--json"), 0)
    status = json.loads(out)
    counts = [status[name] for name in ("planned", "done", "failed", "running")]
    assert counts == [TRIALS, TRIALS, 0, 0]


@pytest.mark.slow
def test_interrupts_and_kills_end_with_the_undisturbed_table(tmp_path, undisturbed):
    path, expected = undisturbed
    store = Store(tmp_path / "small")

    process = start_until_new_rows(path, tmp_path)
    process.send_signal(signal.SIGINT)
    out, _ = finish(process, 130)
    assert "goes on from here" in out
    assert 0 < store.trials().num_rows < TRIALS
    states = {store.pack(pack_id)["state"] for pack_id in store.pack_ids()}
    assert states <= {"pending", "done"}, "whoever was running has put its affairs in order"

    process = start_until_new_rows(path, tmp_path)
    process.kill()
    process.communicate()
    assert store.trials().num_rows < TRIALS

    fill(load_spec(str(path)), store.url)  # what is left, without Ray
    assert table(store) == expected
    assert not store.checkpoint_ids()


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
    assert any(store.pack(pack)["attempts"] > 1 for pack in store.pack_ids())


@pytest.mark.slow
def test_the_signal_that_stops_a_job_is_an_interrupt(tmp_path, undisturbed):
    path, expected = undisturbed
    process = start_until_new_rows(path, tmp_path)
    process.send_signal(signal.SIGTERM)
    finish(process, 130)
    finish(study("run", path, "--out", tmp_path), 0)
    assert table(Store(tmp_path / "small")) == expected


@pytest.mark.slow
@pytest.mark.parametrize("budget", ["trials=5", "wall_hours=0.004"])
def test_a_study_ends_at_its_own_budget_and_goes_on_with_a_larger_one(
    tmp_path, undisturbed, budget
):
    path, expected = undisturbed
    store = Store(tmp_path / "small")
    out, _ = finish(study("run", path, "--out", tmp_path, "--set", f"budget.{budget}"), 0)
    assert "stopped early (budget); the same command goes on from here." in out
    assert store.trials().num_rows < TRIALS
    states = {store.pack(pack_id)["state"] for pack_id in store.pack_ids()}
    assert states <= {"pending", "done"}, "whoever was running has put its affairs in order"
    finish(study("run", path, "--out", tmp_path), 0)
    assert table(store) == expected


TAIL = """
name = "tail"
seeds = 6
[axes]
n = 20
k = 2
width = 100
[budget]
epochs = 25000
[[settings]]
label = "soon"
axes = {train_size = 200, weight_decay = 0.01}
[[settings]]
label = "never"
axes = {train_size = 20, weight_decay = 0.001}
"""
IMPATIENT = """
import os, signal, study.driver.tune as driver
driver.TAIL_SECONDS = 1
"""
ASKED_BETWEEN_ROUNDS = """
split = driver.split_packs
def asked(*given):
    os.kill(os.getpid(), signal.SIGINT)
    return split(*given)
driver.split_packs = asked
"""
DIES_IN_A_HANDOVER = """
import os, signal
from pathlib import Path
import study.driver.tune as driver
class Fragile(driver.PackTrainable):
    def reset_config(self, config):
        died = Path(config["store"]).with_name("died")
        if not died.exists():
            died.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().reset_config(config)
driver.PackTrainable = Fragile
"""
OF_OTHER_VERSIONS = """
import study.driver.tune as driver
now = driver.versions()
driver.versions = lambda: {**now, "torch": "1.0"}
"""


def altered(words, *arguments):
    """The command, with something of the driver altered first."""
    program = f"{words}\nfrom study.cli import main\nmain()"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", program, *arguments], **pipes)


@pytest.mark.slow
def test_what_is_left_is_split_over_idle_places(tmp_path):
    path = tmp_path / "tail.toml"
    path.write_text(TAIL)
    expected = table(fill(load_spec(str(path)), tmp_path / "serial"))
    command = "run", path, "--out", tmp_path
    out, err = finish(altered(IMPATIENT + ASKED_BETWEEN_ROUNDS, *command), 130)
    assert "goes on from here" in out
    assert "again to stop at once" in err
    store = Store(tmp_path / "tail")
    assert 0 < store.trials().num_rows < 12
    _, err = finish(altered(IMPATIENT, *command), 0)
    assert "12/12 trials done" in err
    assert table(store) == expected
    packs = [store.pack(pack_id) for pack_id in store.pack_ids()]
    assert any(len(pack.get("split", ())) == 2 for pack in packs)
    assert {pack["state"] for pack in packs} == {"done"}


HANDED_OVER = """
name = "handed"
seeds = 4
[axes]
n = 20
k = 2
width = 10
train_size = [20, 40, 80]
[budget]
epochs = 50
[resources]
trials_per_pack = 2
"""
SEARCH = """
[search]
kind = "boundary"
trials = 6
batch = 3
"""


@pytest.mark.slow
@pytest.mark.parametrize("search", ["", SEARCH], ids=["grid", "search"])
def test_a_pack_that_is_lost_in_a_handover_is_trained(tmp_path, search):
    path = tmp_path / "handed.toml"
    path.write_text(HANDED_OVER + search)
    expected = table(fill(load_spec(str(path)), tmp_path / "serial"))
    _, err = finish(altered(DIES_IN_A_HANDOVER, "run", path, "--out", tmp_path), 0)
    assert (tmp_path / "died").exists()
    assert " 0 failed" in err.splitlines()[-1]
    assert table(Store(tmp_path / "handed")) == expected


@pytest.mark.slow
def test_a_machine_of_other_versions_trains_nothing(tmp_path, undisturbed):
    path, _ = undisturbed
    _, err = finish(altered(OF_OTHER_VERSIONS, "run", path, "--out", tmp_path), 1)
    [said] = [line for line in err.splitlines() if line.startswith("error: ")]
    assert " there and 1.0 here; all machines of a study run the same versions" in said
    assert Store(tmp_path / "small").trials().num_rows == 0


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
resources = {device = "cuda"}
"""


def test_a_live_display_does_not_stop_tune_from_pickling_its_callbacks():
    lock = threading.RLock()
    shown = []

    def display(progress):
        with lock:
            shown.append(progress)

    callback = ProgressCallback(make_plan(spec_of(seeds=2)), display)
    cloudpickle.dumps(callback)
    [pack] = make_plan(spec_of(seeds=2)).packs
    trial = SimpleNamespace(config={"pack_id": pack.pack_id})
    callback.on_trial_start(0, [], trial)
    result = {"members_open": 1, "members_trained": 1, "members_grokked": 1}
    callback.on_trial_result(0, [], trial, result)
    callback.show()
    [*_, last] = shown
    assert (last.planned, last.done, last.running, last.grokked, last.failed) == (2, 1, 1, 1, 0)
    callback.on_trial_recover(0, [], trial)
    callback.show()
    assert (shown[-1].running, shown[-1].failed) == (0, 0)
    callback.on_trial_start(0, [], trial)
    callback.on_trial_error(0, [], trial)
    callback.give_up([pack.pack_id])
    assert (shown[-1].running, shown[-1].failed) == (0, 1)


def test_of_two_rounds_each_trial_is_counted_once():
    shown = []
    callback = ProgressCallback(make_plan(spec_of(seeds=4)), shown.append)

    def say(pack_id, members_open, trained):
        trial = SimpleNamespace(config={"pack_id": pack_id})
        callback.on_trial_start(0, [], trial)
        report = {
            "members_open": members_open,
            "members_trained": trained,
            "members_grokked": trained,
        }
        callback.on_trial_result(0, [], trial, report)
        callback.show()
        return shown[-1].done, shown[-1].running, shown[-1].grokked

    [pack] = make_plan(spec_of(seeds=4)).packs
    assert say(pack.pack_id, 3, 1) == (1, 3, 1)
    callback.begin_round({"half": 2, "other": 1})
    assert say("half", 2, 0) == (1, 2, 1)
    assert say("other", 1, 0) == (1, 3, 1)
    assert say("half", 0, 2) == (3, 1, 3)
    assert say("other", 0, 1) == (4, 0, 4)


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="asks for a GPU that is not there")
def test_packs_that_keep_failing_are_set_aside_and_the_rest_completes(tmp_path):
    (tmp_path / "mixed.toml").write_text(MIXED)
    out, err = finish(study("run", tmp_path / "mixed.toml", "--out", tmp_path, "--json"), 3)
    assert all(line.startswith("mixed: ") for line in err.splitlines()), "no chatter of Ray's"
    answer = json.loads(out)
    assert (answer["planned"], answer["done"], answer["failed"]) == (4, 2, 2)
    out, _ = finish(study("status", tmp_path / "mixed", "--json"), 0)
    status = json.loads(out)
    assert status["failed"] == 2
    assert "CUDA" in next(iter(status["errors"].values()))


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
