"""Jobs on a real head on this machine, and the errors where no head answers."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import time
from types import SimpleNamespace

import pytest
from commands import BIN, STUDY, TRIALS, finish, parts_of, study
from small import spec_of
from trained import fill, table

from study import cli
from study.driver.jobs_address import UnreachableError
from study.driver.jobs_api import JobsApi
from study.driver.pack_resources import PackResources, asked_in_config, refuse_scattered_rows
from study.errors import StudyError, UsageError
from study.plan.plan import make_plan
from study.spec.file import load_spec
from study.store.store import Store

QUIET = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}


@pytest.fixture
def run(run_main):
    """Run `study`; gives its exit code, stdout as bytes and stderr as text."""
    return lambda *arguments: run_main(cli.main, *arguments)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


NOWHERE = "http://127.0.0.1:9"  # the discard port: nobody listens

BAD = [
    (["submit", "quick"], 2, "--cluster and --address: one of them"),
    (["logs", "j", "--cluster", "c", "--address", NOWHERE], 2, "one of them"),
    (["submit", "quick", "--address", "auto"], 2, "--address auto: not a URL"),
    (
        ["submit", "quick", "--address", NOWHERE],
        1,
        f"{NOWHERE}: nobody answers (Connection refused)",
    ),
    (["logs", "j", "--address", NOWHERE], 1, f"{NOWHERE}: nobody answers (Connection refused)"),
    (["stop", "j", "--address", NOWHERE], 1, f"{NOWHERE}: nobody answers (Connection refused)"),
    (["submit", "quick", "--cluster", "cluster.yaml"], 2, "--out runs: a folder"),
    (["stop", "j", "--cluster", "no.yaml"], 2, "--cluster no.yaml: no such file"),
    (["submit", "none", "--address", NOWHERE], 2, "none: no such file"),
]


@pytest.mark.parametrize(("typed", "code", "says"), BAD)
def test_bad_input_is_one_sentence(run, typed, code, says):
    exit_code, out, err = run(*typed)
    assert (exit_code, out) == (code, b"")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert says in err


def test_the_address_typed_wins_over_the_environment(run, monkeypatch):
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "http://127.0.0.1:7")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:7")
    assert f"{NOWHERE}: nobody answers" in run("stop", "j", "--address", f"{NOWHERE}/")[2]


def test_a_cluster_that_is_not_up_is_one_sentence(run, tmp_path):
    (tmp_path / "down.yaml").write_text("cluster_name: down\nprovider: {type: nowhere}\n")
    code, _, err = run("logs", "job", "--cluster", tmp_path / "down.yaml")
    assert code == 1
    assert err.startswith(f"error: {tmp_path}/down.yaml: no tunnel to its head")
    assert err.count("\n") == 1


def test_a_resolved_study_comes_back_as_it_was(tmp_path):
    for name in ("quick", "scaling", "two_circuits"):
        spec = load_spec(name, ("seeds=2",))
        path = tmp_path / "study.json"
        path.write_text(json.dumps(spec.model_dump(mode="json")))
        assert load_spec(str(path)) == spec
    path.write_text('{"name": "x", "settings": [{"axes": {}, "code": "import os"}]}')
    with pytest.raises(UsageError, match="unknown key"):
        load_spec(str(path))


def test_a_folder_on_several_machines_is_refused(tmp_path):
    one, two, dead = ({"Alive": True}, {"Alive": True}, {"Alive": False})
    folder, bucket = Store(tmp_path / "small"), SimpleNamespace(url="s3://bucket/runs/small")
    refuse_scattered_rows(folder, [one, dead])
    refuse_scattered_rows(bucket, [one, two])
    with pytest.raises(UsageError, match="a cluster of 2 nodes"):
        refuse_scattered_rows(folder, [one, two, dead])


@pytest.mark.parametrize(
    ("device", "gpus", "address", "share"),
    [
        ("auto", 4.0, "auto", 0.25),
        ("auto", 0.0, "auto", 0.0),
        ("cuda", 0.0, "auto", 0.25),  # nodes that the autoscaler has yet to start
        ("cuda", 0.0, "local", 0.0),  # nothing would ever come: the pack says what is wrong
        ("cpu", 4.0, "auto", 0.0),
    ],
)
def test_a_pack_asks_for_a_gpu_that_is_there_or_will_come(device, gpus, address, share):
    [pack] = make_plan(spec_of(resources={"device": device})).packs
    asked = PackResources(gpus, address).of(pack)
    assert asked == {"CPU": 1.0, "GPU": share}
    wanted = {"CPU": 1.0, **({"GPU": share} if share else {})}
    assert asked_in_config({"request": asked}).bundles == [wanted]


@contextlib.contextmanager
def real_head(**environment):
    """A real head with its dashboard, on loopback; the Jobs API's address."""
    gcs, dashboard = free_port(), free_port()
    # The path of a socket must be short, and the paths of pytest's folders are long.
    folder = f"/tmp/study-head-{gcs}"
    options = (
        f"start --head --block --num-cpus=2 --port={gcs} --node-ip-address=127.0.0.2 "
        f"--dashboard-host=127.0.0.1 --dashboard-port={dashboard} --temp-dir={folder} "
        "--dashboard-agent-listen-port=0 --min-worker-port=0 --max-worker-port=0"
    )
    started = subprocess.Popen(
        [BIN / "ray", *options.split()],
        env={**os.environ, **QUIET, **environment, "PATH": f"{BIN}:{os.environ['PATH']}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until = time.monotonic() + 60
        while True:
            try:
                with JobsApi(f"http://127.0.0.1:{dashboard}", print):
                    break
            except UnreachableError:
                assert started.poll() is None, "the head ended"
                assert time.monotonic() < until, "the head never answered"
                time.sleep(0.5)
            except StudyError:
                break  # it wants a token, which is an answer, too
        yield f"http://127.0.0.1:{dashboard}"
    finally:
        started.terminate()  # with --block, the head takes its processes with it
        started.wait(timeout=30)
        shutil.rmtree(folder)


@pytest.fixture
def head():
    """The address of a real head that wants no token."""
    with real_head() as address:
        yield address


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_real_head_that_wants_a_token(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text('name = "small"\n[axes]\nn = 20\nk = 2\nwidth = 8\ntrain_size = 80\n')
    token = {"HOME": str(tmp_path), "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "a" * 40}
    ours = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")} | {
        "HOME": str(tmp_path)
    }
    with real_head(**token) as address:
        where = ("--address", address)
        for typed in (["submit", path, "--out", tmp_path], ["logs", "j"], ["stop", "j"]):
            _, err = finish(study(*typed, *where, env=ours), 1)
            assert err.startswith(f"error: {address}: wants the cluster's token (401: Unauthorized")
            assert "Set RAY_AUTH_MODE=token, and write the cluster's token to ~/.ray/a" in err
            assert err.count("\n") == 1
        known = {**ours, **token}
        out, err = finish(study("submit", path, *where, "--out", tmp_path, env=known), 0)
        job = out.splitlines()[0]
        out, err = finish(study("logs", job, *where, env=known), 0)
        assert "5/5 trials done" in out
        assert err.endswith(f"{job}: succeeded\n")
        out, _ = finish(study("stop", job, *where, "--json", env=known), 0)
        assert json.loads(out)["ended"] == "SUCCEEDED"


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_job_is_followed_stopped_and_goes_on_to_the_serial_table(head, tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(STUDY)
    expected = table(fill(load_spec(str(path)), tmp_path / "serial"))
    store = Store(tmp_path / "small")

    def submit():
        out, err = finish(study("submit", path, "--address", head, "--out", tmp_path), 0)
        assert err == "", "no chatter of Ray's"
        return out.splitlines()[0], out

    job, said = submit()
    assert re.fullmatch(r"small-[0-9a-f]{8}", job)
    assert f"logs {job} --address {head}" in said
    follower = study("logs", job, "--address", head)
    until = time.monotonic() + 90
    while not parts_of(store.url):
        assert time.monotonic() < until
        time.sleep(0.05)
    out, _ = finish(study("stop", job, "--address", head), 0)
    assert f"{job}: stopped" in out
    out, err = finish(follower, 0)
    assert "small: starting Ray" in out
    assert err.endswith(f"{job}: stopped\n")
    assert 0 < store.trials().num_rows < TRIALS
    states = {store.packs.read(pack_id).status for pack_id in store.packs.ids()}
    assert states <= {"pending", "done"}, "a pack that was running has left its checkpoint"

    job, _ = submit()
    out, err = finish(study("logs", job, "--address", head), 0)
    assert f"{TRIALS}/{TRIALS} trials done" in out
    assert err.endswith(f"{job}: succeeded\n")
    out, _ = finish(study("submit", path, "--address", head, "--out", path), 0)
    failing = out.splitlines()[0]
    out, err = finish(study("logs", failing, "--address", head), 1)
    assert "Make the place writable" in out
    assert err.endswith(f"{failing}: failed with exit code 1\n")
    out, _ = finish(study("stop", job, "--address", head, "--json"), 0)
    assert json.loads(out) == {"job": job, "ended": "SUCCEEDED"}
    assert table(store) == expected
    _, err = finish(study("logs", "no-such", "--address", head), 1)
    assert err == (
        "error: no-such: no such job there; `study submit` prints the ids. "
        "Check the id, and --cluster or --address.\n"
    )
