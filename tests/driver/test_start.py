"""How a Ray is started, reached, stopped and lost under `study run`, in processes of their own."""

import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from commands import BIN, NOBODY, TINY, finish, running_process, study, wait_for

from study.driver.ray_internals import QUIET
from study.store.store import Store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LONG = """
name = "long"
seeds = 4
[axes]
n = 40
k = 3
width = 200
train_size = 500
weight_decay = 0.001
[budget]
epochs = 1000000
[detect]
stop = false
[resources]
device = "cpu"
trials_per_pack = 2
"""


class Terminal:
    """A terminal whose session leader is a command; `text` is what the terminal shows."""

    def __init__(self, *arguments, **environment):
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [BIN / "study", *map(str, arguments)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm", **environment},
            preexec_fn=partial(os.login_tty, slave),  # noqa: PLW1509  no thread runs yet
        )
        os.close(slave)
        self.text = b""
        self._closed = False
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        while not self._closed:
            try:
                self.text += os.read(self._master, 65536)
            except OSError:
                return

    def type(self, keys):
        os.write(self._master, keys)

    def close(self):
        """Close the window."""
        self._closed = True
        self.type(b"\n")  # for an echo, which ends the reader's wait
        self._reader.join()
        os.close(self._master)

    def ended(self):
        """Wait for the end of the command; returns its exit code."""
        code = self.process.wait(timeout=120)
        self._reader.join(timeout=10)
        return code


@pytest.fixture
def long_study(tmp_path):
    path = tmp_path / "long.toml"
    path.write_text(LONG)
    return path, tmp_path, Store(tmp_path / "long")


def training(store, process):
    """Wait until a pack is in training; returns the process that trains it."""
    wait_for(lambda: running_process(store), process, 120)
    worker = running_process(store)
    time.sleep(2)  # into its training
    return worker


def states(store):
    """The status of each pack that was begun, and whether it has a checkpoint."""
    packs = [store.packs.read(pack_id) for pack_id in store.packs.ids()]
    return [(pack.status, pack.saved) for pack in packs if pack.attempts]


def family(pid):
    """The processes that descend from a process."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True)
    parents = [tuple(map(int, line.split())) for line in listed.stdout.splitlines()]
    found = {pid}
    while more := {child for child, parent in parents if parent in found} - found:
        found |= more
    return found - {pid}


def nobody_left(pids):
    until = time.monotonic() + 20
    while left := [pid for pid in pids if alive(pid)]:
        assert time.monotonic() < until, left
        time.sleep(0.1)


def alive(pid):
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_whole_group_leaves_checkpoints(long_study, number):
    path, out, store = long_study
    process = study("run", path, "--out", out, start_new_session=True)
    training(store, process)
    started = family(process.pid)
    for pid in {process.pid, *started}:  # a control group is signalled so: workers, too
        os.kill(pid, number)
    said, err = finish(process, 130)
    assert "packs leave their checkpoints" in err
    assert "the same command continues" in said
    assert states(store)
    assert set(states(store)) == {("pending", True)}
    nobody_left(started)


def test_a_closed_terminal_leaves_checkpoints(long_study):
    path, out, store = long_study
    window = Terminal("run", path, "--out", out)
    training(store, window.process)
    window.close()
    assert window.process.wait(timeout=60) == 130
    assert set(states(store)) == {("pending", True)}


def test_a_study_under_nohup_outlives_its_terminal(long_study):
    path, out, store = long_study
    process = study(
        *("run", path, "--out", out),
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    training(store, process)
    process.send_signal(signal.SIGHUP)
    time.sleep(3)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    finish(process, 130)


def test_ctrl_c_in_a_terminal_leaves_checkpoints_and_twice_ends_at_once(long_study):
    path, out, store = long_study
    window = Terminal("run", path, "--out", out)
    training(store, window.process)
    window.type(b"\x03")
    assert window.ended() == 130
    assert set(states(store)) == {("pending", True)}
    assert b"the same command continues" in window.text

    window = Terminal("run", path, "--out", out)
    training(store, window.process)
    window.type(b"\x03")
    time.sleep(0.2)
    window.type(b"\x03")
    assert window.ended() == 130
    assert b"Traceback" not in window.text


@pytest.mark.parametrize("daemon", ["gcs_server", "raylet"])
@pytest.mark.parametrize("interrupted", [False, True])
def test_a_ray_that_dies_ends_the_study_with_a_sentence(long_study, daemon, interrupted):
    path, out, store = long_study
    process = study("run", path, "--out", out)
    training(store, process)
    started = family(process.pid)
    [victim] = [pid for pid in started if comm(pid).startswith(daemon)]
    began = time.monotonic()
    if interrupted:
        os.kill(process.pid, signal.SIGSTOP)  # both happen before it looks
        os.kill(process.pid, signal.SIGTERM)
    os.kill(victim, signal.SIGKILL)
    os.kill(process.pid, signal.SIGCONT)
    _, err = finish(process, 130 if interrupted else 1)
    assert time.monotonic() - began < 30
    assert f"error: Ray has died: its {daemon} was ended from outside." in err
    assert "type the same command again" in err
    nobody_left(started)


def comm(pid):
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except FileNotFoundError:
        return ""


def test_a_study_starts_wherever_it_is_started_and_ends_without_a_stray_escape(tmp_path):
    """Under `uv run`, far temporary files, no home, one core of several, a terminal."""
    (tmp_path / "tiny.toml").write_text(TINY)
    far = tmp_path / ("x" * 90)
    far.mkdir()
    # Ray looks for an ancestor process whose command line begins with "uv run".
    as_nobody = f"{NOBODY}\nfrom study.cli import main\nmain()"
    (tmp_path / "nobody.py").write_text(as_nobody)
    (tmp_path / "run").write_text(
        "import os, subprocess, sys\n"
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "sys.exit(subprocess.call(sys.argv[1:]))\n"
    )
    environment = {k: v for k, v in os.environ.items() if k not in {"HOME", "RAY_TMPDIR"}}
    master, slave = pty.openpty()
    with subprocess.Popen(
        ["uv", "run", sys.executable, "nobody.py", "run", "tiny.toml"],
        executable=sys.executable,
        cwd=tmp_path,
        env={**environment, "TMPDIR": str(far), "TERM": "xterm"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
    ) as process:
        os.close(slave)
        shown = b""
        while True:
            try:
                shown += os.read(master, 65536)
            except OSError:
                break
        assert process.wait() == 0, shown
    os.close(master)
    # The escape sequences that reset colors are whole, not cut up.
    assert b"\x1b\x1b" not in shown
    assert not re.search(rb"(?<!\x1b)\[0m", shown)
    assert shown.rstrip().endswith(b"serve runs/tiny --open")
    assert list(far.iterdir()) == [], "what was temporary is gone"


def test_a_local_ray_has_as_many_cores_as_it_was_given(tmp_path):
    (tmp_path / "tiny.toml").write_text(TINY)
    wide = ("--set", "resources.cpu=2", "--cpus", "1")
    _, err = finish(study("run", tmp_path / "tiny.toml", "--out", tmp_path, *wide), 2)
    assert "this one has 1 core." in err


def test_ctrl_c_is_heard_while_a_head_does_not_answer(tmp_path):
    (tmp_path / "tiny.toml").write_text(TINY)
    with socket.create_server(("127.0.0.2", 0)) as mute:
        address = f"127.0.0.2:{mute.getsockname()[1]}"
        process = study("run", tmp_path / "tiny.toml", "--out", tmp_path, "--address", address)
        wait_for(lambda: select.select([mute], [], [], 0)[0], process)
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        _, err = finish(process, 130)
        assert time.monotonic() - began < 10
        assert err.splitlines()[-1] == "error: interrupted."


@pytest.fixture
def head(tmp_path):
    """A head that wants a token, its address, and how to call it with the token."""
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789abcdef" * 2}
    environment = {**os.environ, **{k: v for k, v in QUIET.items() if k[:3] == "RAY"}, **token}
    with subprocess.Popen(
        [
            *(BIN / "ray", "start", "--head", "--block", "--port=20451"),
            *("--node-ip-address=127.0.0.2", "--num-cpus=1", "--include-dashboard=false"),
        ],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            for line in process.stdout:
                if "Ray runtime started" in line:
                    break
            else:
                raise AssertionError("no head")
            yield "127.0.0.2:20451", token, process
        finally:
            started = family(process.pid)
            process.terminate()
            process.wait(timeout=60)
            nobody_left(started)


def test_a_head_that_wants_a_token_gets_it_and_its_death_is_noticed(tmp_path, head):
    address, token, process = head
    (tmp_path / "tiny.toml").write_text(TINY)
    command = ("run", tmp_path / "tiny.toml", "--out", tmp_path, "--address", address)
    _, err = finish(study(*command), 1)
    assert "the head wants a token" in err
    assert "RAY_AUTH_MODE=token" in err
    wrong = {**os.environ, **token, "RAY_AUTH_TOKEN": "f" * 32}
    _, err = finish(study(*command, env=wrong), 1)
    assert "refuses our token" in err
    right = {**os.environ, **token}
    out, _ = finish(study(*command, "--set", "budget.epochs=20", "--json", env=right), 0)
    assert json.loads(out)["done"] == 2

    (tmp_path / "long.toml").write_text(LONG)
    command = ("run", tmp_path / "long.toml", "--out", tmp_path, "--address", address)
    driver = study(*command, env=right)
    training(Store(tmp_path / "long"), driver)
    [gcs] = [pid for pid in family(process.pid) if comm(pid).startswith("gcs_server")]
    os.kill(gcs, signal.SIGKILL)
    began = time.monotonic()
    _, err = finish(driver, 1)
    assert time.monotonic() - began < 30
    assert "error: Ray has died: " in err


def test_packs_that_no_node_of_a_cluster_has_room_for_are_said_to_wait(tmp_path, head):
    address, token, _ = head
    (tmp_path / "tiny.toml").write_text(TINY)
    wide = ("--address", address, "--set", "resources.cpu=4")
    command = ("run", tmp_path / "tiny.toml", "--out", tmp_path, *wide)
    driver = study(*command, env={**os.environ, **token})
    began = time.monotonic()
    said = next(line for line in driver.stderr if "waiting for" in line)
    assert time.monotonic() - began < 90
    assert "waiting for a node with room for it. One asks for 4 cores; nodes: 1 of 1 core" in said
    driver.send_signal(signal.SIGINT)
    finish(driver, 130)
