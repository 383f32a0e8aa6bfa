"""What ends packs, rounds and studies: GrokkingStopper and its like."""

import json
import math
import pickle
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from study.driver.interrupt import Interrupt
from study.driver.stoppers import GrokkingStopper, InterruptStopper, SkewStopper, TailStopper
from study.errors import UsageError
from study.terminal.console import ended_like_ctrl_c


@pytest.fixture(autouse=True)
def heard_hangups():
    """Under `nohup` a hangup is ignored, by the tests, too."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def feed(stopper, accuracies, trial_id="t", start=1):
    """Report plain accuracies; the iteration at which the stopper stopped the trial, if it did."""
    for iteration, (train, test) in enumerate(accuracies, start):
        result = {
            "train_accuracy": train,
            "test_accuracy": test,
            "training_iteration": iteration,
        }
        if stopper(trial_id, result):
            return iteration
    return None


CURVE = [(0.5, 0.5), (1.0, 0.5), (1.0, 0.5), (1.0, 0.5), (1.0, 1.0), (1.0, 1.0), (1.0, 1.0)]


def test_a_pack_stops_when_no_member_is_open():
    stopper = GrokkingStopper()
    assert not stopper("p", {"members_open": 2, "members_trained": 6})
    assert stopper("p", {"members_open": 0, "members_trained": 8})


def test_a_plain_trial_stops_when_it_has_generalized_for_good():
    stopper = GrokkingStopper()
    assert feed(stopper, CURVE) == 7
    found = stopper.transition("t")
    assert (found["memorized_epoch"], found["generalized_epoch"]) == (2, 5)
    assert feed(stopper, [(1.0, 0.97)] * 50, "other") is None
    assert feed(stopper, [(1.0, 0.985)] * 50, "above its threshold, below 0.99") == 3
    assert feed(stopper, [(1.0, 0.5), (float("nan"), 0.5)], "diverged") == 2


def test_repeated_results_and_a_restore_change_nothing():
    stopper = GrokkingStopper()
    for index, (train, test) in enumerate(CURVE[:6], 1):
        result = {"train_accuracy": train, "test_accuracy": test, "training_iteration": index}
        assert [stopper("t", result), stopper("t", result)] == [False, False]
        stopper = pickle.loads(pickle.dumps(stopper))
    assert feed(stopper, CURVE[3:], start=4) == 7  # a restored trial repeats some iterations
    assert stopper.transition("t")["generalized_epoch"] == 5


def test_a_float32_threshold_met_exactly_is_not_above_it():
    stopper = GrokkingStopper(memorized=0.98, generalized=0.98, hold=1)
    feed(stopper, [(np.float32(0.98), np.float32(0.98))])
    assert stopper.transition("t")["memorized_epoch"] is None


def test_the_study_stops_at_its_budget():
    assert not GrokkingStopper().stop_all()
    assert GrokkingStopper(wall_seconds=0.0).stop_all()
    stopper = GrokkingStopper(trials=10)
    stopper("p", {"members_open": 2, "members_trained": 6})
    stopper("p", {"members_open": 2, "members_trained": 0})  # a retry counts from nothing
    assert not stopper.stop_all()
    stopper("q", {"members_open": 2, "members_trained": 4})
    assert stopper.stop_all()


def test_a_round_ends_when_half_of_the_slots_are_idle(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("study.driver.stoppers.time.time", lambda: clock[0])
    stopper = TailStopper(packs=3, seconds=30, idle_slots=None)

    def say(pack, members, seconds, idle):
        clock[0] += seconds
        stopper._idle_slots = partial(int, idle)
        assert not stopper(pack, {"members_open": members, "members_trained": 0})
        return stopper.stop_all()

    assert not say("a", 8, 0, idle=2)
    assert not say("b", 9, 99, idle=2), "another is waiting"
    assert not say("c", 5, 99, idle=2), "most slots are busy"
    assert not say("b", 0, 99, idle=2), "half are idle from now on"
    assert not say("c", 4, 29, idle=1)
    assert not say("c", 4, 99, idle=2)
    assert not say("a", 0, 29, idle=3)
    assert not say("c", 1, 0, idle=3), "one member cannot be split"
    assert not say("c", 1, 99, idle=3)
    assert not say("c", 2, 1, idle=3)
    stopper = pickle.loads(pickle.dumps(stopper))
    assert say("c", 2, 31, idle=3)
    assert (stopper.ended, stopper.slots) == (True, 4)


def test_a_round_that_others_follow_has_no_tail():
    stopper = TailStopper(packs=math.inf, seconds=0, idle_slots=partial(int, 9))
    stopper("a", {"members_open": 2, "members_trained": 0})
    assert not stopper.stop_all()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_study_hears_whenever_it_is_asked_to_end(number, capfd):
    interrupt, before = Interrupt(), signal.getsignal(number)
    stopper = InterruptStopper(interrupt)
    with interrupt.listening():
        assert not stopper.stop_all()
        signal.raise_signal(number)
        assert stopper.stop_all()
        assert "again to stop at once" in capfd.readouterr().err
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(number) is before
    assert pickle.loads(pickle.dumps(stopper)).stop_all()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_before_and_after_training_a_signal_ends_a_study_like_ctrl_c(number):
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), ended_like_ctrl_c():
        signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_a_hangup_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_like_ctrl_c(), Interrupt().listening():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_machine_of_other_versions_ends_the_study():
    stopper = SkewStopper()
    result = {"members_open": 2, "members_trained": 0}
    assert not stopper("a", {**result, "skew": ""})
    assert not stopper.stop_all()
    assert not stopper("b", {**result, "skew": "node: torch is 1 there and 2 here"})
    assert not stopper("a", {**result, "skew": ""})
    assert stopper.stop_all()
    assert stopper.difference == "node: torch is 1 there and 2 here"


def test_nonsense_is_said_so():
    with pytest.raises(UsageError, match="memorized"):
        GrokkingStopper(memorized=98)
    with pytest.raises(UsageError, match="test_accuracy"):
        GrokkingStopper()("t", {"train_accuracy": 1.0})


@pytest.mark.slow
def test_ray_tune_stops_plain_trainables_by_it(tmp_path):
    script = Path(__file__).parents[1] / "support" / "plain_study.py"
    done = subprocess.run(
        [sys.executable, script, tmp_path], capture_output=True, text=True, check=True
    )
    [line] = [line for line in done.stdout.splitlines() if line.startswith("ANSWER ")]
    answer = json.loads(line.removeprefix("ANSWER "))
    assert {delay: found["results"] for delay, found in answer.items()} == {"0": 5, "4": 9, "9": 14}
    for delay, found in answer.items():
        assert found["memorized_epoch"] == 3
        assert found["generalized_epoch"] == 3 + int(delay)


def test_a_signal_is_known_at_once_while_the_main_thread_is_in_foreign_code():
    """As in Ray's C++, which waits for a Ray that has died: no handler of Python runs meanwhile."""
    code = """if True:
        import ctypes, os, signal, threading, time
        from study.driver.interrupt import Interrupt
        interrupt = Interrupt(lambda: True)
        def watch():
            time.sleep(0.3)
            print(interrupt.came(), interrupt.requested)
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
            print(interrupt.came(30.0), interrupt.requested, flush=True)
            os._exit(0)
        lock, libc = ctypes.create_string_buffer(64), ctypes.CDLL(None)
        with interrupt.listening():
            threading.Thread(target=watch).start()
            libc.pthread_mutex_lock(lock)
            libc.pthread_mutex_lock(lock)  # for good, whatever signals come
    """
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["False", "False", "True", "False"]
