"""Rounds of packs under a real Ray: packs that are left or lost are trained; progress counts."""

import threading
from types import SimpleNamespace

import pytest
from commands import altered, finish
from ray import cloudpickle
from small import spec_of
from trained import fill, table

from study.driver.progress import ProgressCallback
from study.plan.plan import make_plan
from study.spec.file import load_spec
from study.store.store import Store

pytestmark = pytest.mark.timeout(300)  # each starts a Ray or several, on machines that may be slow

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
import os, signal, study.driver.round
study.driver.round.TAIL_SECONDS = 1
"""
ASKED_BETWEEN_ROUNDS = """
from study.training import splitting
split = splitting.split_packs
def asked(*given):
    os.kill(os.getpid(), signal.SIGINT)
    return split(*given)
splitting.split_packs = asked
"""
DIES_IN_A_HANDOVER = """
import os, signal
from pathlib import Path
import study.driver.round as driver
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


@pytest.mark.slow
def test_what_is_left_is_split_over_idle_slots(tmp_path):
    path = tmp_path / "tail.toml"
    path.write_text(TAIL)
    expected = table(fill(load_spec(str(path)), tmp_path / "serial"))
    command = "run", path, "--out", tmp_path
    out, err = finish(altered(IMPATIENT + ASKED_BETWEEN_ROUNDS, *command), 130)
    assert "the same command continues" in out
    assert "again to stop at once" in err
    store = Store(tmp_path / "tail")
    assert 0 < store.trials().num_rows < 12
    _, err = finish(altered(IMPATIENT, *command), 0)
    assert "12/12 trials done" in err
    assert table(store) == expected
    packs = [store.packs.read(pack_id) for pack_id in store.packs.ids()]
    assert any(len(pack.split) == 2 for pack in packs)
    assert {pack.status for pack in packs} == {"done"}


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
    assert " 0 failed" in [line for line in err.splitlines() if "trials done" in line][-1]
    assert table(Store(tmp_path / "handed")) == expected


@pytest.mark.slow
def test_a_machine_of_other_versions_trains_nothing(tmp_path):
    path = tmp_path / "handed.toml"
    path.write_text(HANDED_OVER)
    _, err = finish(altered(OF_OTHER_VERSIONS, "run", path, "--out", tmp_path), 1)
    [said] = [line for line in err.splitlines() if line.startswith("error: ")]
    assert " there and 1.0 here; all machines of a study run the same versions" in said
    assert Store(tmp_path / "handed").trials().num_rows == 0


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
    result = {"members_open": 1, "members_trained": 1, "members_generalized": 1, "waiting": ""}
    callback.on_trial_result(0, [], trial, result)
    callback.on_trial_result(0, [], trial, {"members_open": 2, "waiting": "a disk"})
    callback.show()
    [*_, last] = shown
    counts = (last.planned, last.done, last.running, last.generalized, last.failed)
    assert counts == (2, 1, 1, 1, 0), "who waits reports nothing new"
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
            "members_generalized": trained,
            "waiting": "",
        }
        callback.on_trial_result(0, [], trial, report)
        callback.show()
        return shown[-1].done, shown[-1].running, shown[-1].generalized

    [pack] = make_plan(spec_of(seeds=4)).packs
    assert say(pack.pack_id, 3, 1) == (1, 3, 1)
    callback.begin_round({"half": 2, "other": 1})
    assert say("half", 2, 0) == (1, 2, 1)
    assert say("other", 1, 0) == (1, 3, 1)
    assert say("half", 0, 2) == (3, 1, 3)
    assert say("other", 0, 1) == (4, 0, 4)
