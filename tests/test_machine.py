"""What a study may use of this machine, and the errors where that is refused or missing."""

import os
import socket
import subprocess
import sys
import tempfile

import pytest
from commands import NOBODY, TINY
from small import spec_of

from study import cli
from study.errors import StudyError, UsageError
from study.machine import _quotas, cores_for, usable_cores


def run_study_with(run_main, folder, *arguments):
    """`study run` of a study that is never to be trained: exit code and stderr."""
    path = folder / "tiny.toml"
    path.write_text(TINY)
    code, _, err = run_main(cli.main, "run", path, "--out", folder / "runs", *arguments)
    assert not (folder / "runs").exists(), "nothing is written before what was typed is right"
    return code, err


@pytest.mark.parametrize(
    ("address", "remedy"),
    [
        ("ray://127.0.0.1:10001", "study submit --address http://"),
        ("http://127.0.0.1:8265", "give the URL to study submit"),
        ("head", "HOST:PORT, as in 127.0.0.1:6379"),
        ("", "Use local, auto"),
        ("127.0.0.1:", "Use local, auto"),
    ],
)
def test_an_address_that_is_none_of_a_ray_is_refused_by_name(run_main, tmp_path, address, remedy):
    code, err = run_study_with(run_main, tmp_path, "--address", address)
    assert code == 2
    assert address in err
    assert remedy in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("cpus", ["0", "-1", "4096"])
def test_cores_that_are_not_there_are_refused(run_main, tmp_path, cpus):
    code, err = run_study_with(run_main, tmp_path, "--cpus", cpus)
    assert code == 2
    assert f"--cpus {cpus}: not between 1 and {usable_cores()}" in err


def test_the_cores_of_a_cluster_are_its_own(run_main, tmp_path):
    code, err = run_study_with(run_main, tmp_path, "--cpus", "1", "--address", "auto")
    assert code == 2
    assert "Leave --cpus out" in err


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux has affinities")
def test_as_many_cores_as_the_affinity_allows():
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert usable_cores() == cores_for(None, "local") == 1
    finally:
        os.sched_setaffinity(0, before)


def test_the_quotas_of_both_versions_of_cgroups_count_up_to_the_root(tmp_path):
    inner = tmp_path / "job" / "step"
    inner.mkdir(parents=True)
    (inner / "cpu.max").write_text("max 100000\n")
    (inner.parent / "cpu.max").write_text("350000 100000\n")
    assert list(_quotas("0::/job/step\n", tmp_path)) == [3.5]

    old = tmp_path / "cpu" / "docker" / "x"
    old.mkdir(parents=True)
    (old / "cpu.cfs_quota_us").write_text("50000\n")
    (old / "cpu.cfs_period_us").write_text("100000\n")
    (old.parent / "cpu.cfs_quota_us").write_text("-1\n")
    (old.parent / "cpu.cfs_period_us").write_text("100000\n")
    listing = "5:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n"
    assert list(_quotas(listing, tmp_path)) == [0.5]
    assert list(_quotas("0::/not/mounted/here\n", tmp_path)) == []


@pytest.mark.parametrize("home", [None, ""])
def test_a_user_whom_the_system_does_not_know_has_a_home_meanwhile(home):
    ask = "from study.machine import ensure_home; ensure_home(); print(os.path.expanduser('~'))"
    environment = {name: value for name, value in os.environ.items() if name != "HOME"}
    if home is not None:
        environment["HOME"] = home
    asked = subprocess.run(
        [sys.executable, "-c", f"{NOBODY}{ask}"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    folder = asked.stdout.strip()
    assert folder.startswith(tempfile.gettempdir())
    assert not os.path.exists(folder), "it is removed at the end"  # noqa: PTH110


def test_ray_s_folder_is_short_where_that_of_temporary_files_is_not(tmp_path, monkeypatch):
    from study.driver.ray_session import SOCKET_BYTES, _folder

    long = tmp_path / ("x" * 90)
    long.mkdir()
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    options, folder = _folder()
    assert options == {"_temp_dir": folder}
    assert len(folder) <= SOCKET_BYTES
    os.rmdir(folder)  # noqa: PTH106
    assert list(long.iterdir()) == []

    monkeypatch.setenv("RAY_TMPDIR", str(long))
    with pytest.raises(UsageError, match="too long for the path of a socket"):
        _folder()


@pytest.mark.parametrize(
    ("listening", "why"), [(False, "connection refused"), (True, "nothing is heard in 1 s")]
)
def test_a_port_where_no_head_answers_is_said_with_the_reason(listening, why):
    from study.driver.head_probe import ask_head

    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))
        if listening:
            port.listen()
        address = f"127.0.0.1:{port.getsockname()[1]}"
        with pytest.raises(StudyError, match=why) as refused:
            ask_head(address, 1)
    assert str(refused.value).startswith(address)
    assert "ray start --head" in str(refused.value)


def test_an_address_is_refused_by_the_driver_too(tmp_path):
    from study.driver.launch import run_study
    from study.plan.plan import start_study
    from study.store.store import Store

    spec, store = spec_of(), Store(tmp_path / "small")
    plan = start_study(spec, store, ["study"])
    with pytest.raises(UsageError, match="a URL"):
        run_study(plan, store, "http://127.0.0.1:8265", print)


@pytest.mark.parametrize(("said", "used"), [({}, 1), ({"OPENBLAS_NUM_THREADS": "2"}, 2)])
def test_linear_algebra_has_the_threads_that_the_user_says(said, used):
    code = (
        "from study.machine import use_one_blas_thread; use_one_blas_thread()\n"
        "import os, numpy as np\n"
        "a = np.ones((600, 600)); a @ a; print(len(os.listdir('/proc/self/task')))"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    environment.pop("OPENBLAS_NUM_THREADS", None)
    command = [sys.executable, "-c", code]
    found = subprocess.run(
        command, env={**environment, **said}, capture_output=True, text=True, check=True
    )
    assert int(found.stdout) == min(used, usable_cores())
