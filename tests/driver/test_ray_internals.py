"""Private names of Ray: each is there, and each change is undone.

These tests are for whoever raises the version of Ray: what fails here is in
study/driver, in one of the three modules of `internals` or in ray_command.py, and nowhere else.
"""

import importlib.util
import inspect
import logging
import os
import re
import shlex
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
import ray
from ray._private import ray_constants
from ray._private.node import Node
from ray._raylet import get_port_filename
from ray.job_submission import JobSubmissionClient
from ray.tune.execution import class_cache

from study.driver import ray_internals
from study.driver.jobs_internals import JOBS_LOGGERS
from study.driver.ray_command import RAY_COMMAND
from study.driver.tune_internals import told_to_workers

ROOT = Path(__file__).parents[2]
PRIVATE = re.compile(r"\b_private\b|ray\.tune\.execution|ray\.core\.|ray\.scripts|\._\w+_node\b")


@pytest.fixture(scope="module")
def source():
    """All that Ray is made of, compiled parts too."""
    folder = Path(ray.__file__).parent
    files = [*folder.rglob("*.py"), *folder.rglob("*.so"), folder / "core/src/ray/raylet/raylet"]
    return b"".join(path.read_bytes() for path in files)


def test_no_other_module_names_what_is_private():
    homes = {"ray_internals.py", "tune_internals.py", "jobs_internals.py", "ray_command.py"}
    modules = [path for path in (ROOT / "study").rglob("*.py") if path.name not in homes]
    assert len(modules) > 50
    assert [path.name for path in modules if PRIVATE.search(path.read_text())] == []


def test_ray_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [pin] = [line for line in project["dependencies"] if line.startswith("ray")]
    assert pin.endswith(f"=={ray.__version__}")


@pytest.mark.parametrize(
    "variable",
    [
        *ray_internals.QUIET,
        ray_internals.UV_VARIABLE,
        ray_internals.STOP_WAIT_VARIABLE,
        *ray_internals.WARM_WORKERS,
        ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR,
    ],
)
def test_ray_reads_each_variable(source, variable):
    # The C++ of Ray names its options without the RAY_ before them.
    assert variable.encode() in source or variable.removeprefix("RAY_").encode() in source


def test_variables_that_the_user_has_set_stay(monkeypatch):
    monkeypatch.setenv("RAY_A", "mine")
    monkeypatch.delenv("RAY_B", raising=False)
    with ray_internals.environment_defaults({"RAY_A": "ours", "RAY_B": "ours"}):
        assert (os.environ["RAY_A"], os.environ["RAY_B"]) == ("mine", "ours")
    assert os.environ["RAY_A"] == "mine"
    assert "RAY_B" not in os.environ


def test_workers_use_the_environment_of_the_study(monkeypatch):
    monkeypatch.delenv(ray_internals.UV_VARIABLE, raising=False)
    assert ray_constants.RAY_ENABLE_UV_RUN_RUNTIME_ENV is True
    with ray_internals.own_environment_for_workers():
        assert ray_constants.RAY_ENABLE_UV_RUN_RUNTIME_ENV is False
        assert os.environ[ray_internals.UV_VARIABLE] == "0"
    assert ray_constants.RAY_ENABLE_UV_RUN_RUNTIME_ENV is True
    assert ray_internals.UV_VARIABLE not in os.environ
    monkeypatch.setenv(ray_internals.UV_VARIABLE, "1")
    with ray_internals.own_environment_for_workers():
        assert ray_constants.RAY_ENABLE_UV_RUN_RUNTIME_ENV is True, "as the user says"


@pytest.mark.parametrize("before", [None, "1"])
def test_a_local_ray_listens_on_loopback(monkeypatch, before):
    variable, constant = ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR, ray_constants.ENABLE_RAY_CLUSTER
    monkeypatch.delenv(variable, raising=False)
    if before:
        monkeypatch.setenv(variable, before)
    with ray_internals.loopback_only():
        assert os.environ[variable] == "0"
        assert ray_constants.ENABLE_RAY_CLUSTER is False
    assert os.environ.get(variable) == before
    assert ray_constants.ENABLE_RAY_CLUSTER is constant


@pytest.mark.parametrize("local", [True, False])
def test_workers_are_told_no_keys_and_nothing_by_a_local_ray(local):
    before, defaults = set(class_cache.ENV_VARS_TO_PROPAGATE), dict(class_cache.DEFAULT_ENV_VARS)
    keys = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}
    assert keys < before
    with told_to_workers(local=local):
        left = set(class_cache.ENV_VARS_TO_PROPAGATE)
        assert not {name for name in left if name.startswith("AWS")}
        assert bool(left) is not local
        assert ({} if local else defaults) == class_cache.DEFAULT_ENV_VARS
    assert before == class_cache.ENV_VARS_TO_PROPAGATE
    assert defaults == class_cache.DEFAULT_ENV_VARS


def test_a_local_ray_starts_few_processes():
    command = ray_internals.services._build_python_executable_command_memory_profileable
    starts = [Node.start_monitor, Node.start_api_server, Node.start_log_monitor]
    with ray_internals.few_processes():
        built = ray_internals.services._build_python_executable_command_memory_profileable
        for component, ports in ray_internals.IDLE_PORTS.items():
            assert built(component, "folder")[-2:] == [
                str(ray_internals.IDLE_AGENT),
                ",".join(ports),
            ]
        assert built("other", "folder") == command("other", "folder")
        assert Node.start_api_server(None, include_dashboard=False, raise_on_failure=False) is None
    assert command is ray_internals.services._build_python_executable_command_memory_profileable
    assert starts == [Node.start_monitor, Node.start_api_server, Node.start_log_monitor]


def test_an_idle_agent_tells_no_ports_and_ends_with_its_parent(tmp_path):
    """Its parent is a shell that starts the agent, waits for the files, and ends."""
    [names, *_] = ray_internals.IDLE_PORTS.values()
    files = [tmp_path / get_port_filename("00" * 28, name) for name in names]
    agent = [sys.executable, "-I", "-S", ray_internals.IDLE_AGENT, ",".join(names), "agent.py"]
    options = [f"--session-dir={tmp_path}", f"--node-id={'00' * 28}", "--head"]
    line = f"{shlex.join(map(str, [*agent, *options]))} & echo $!; read line"
    with subprocess.Popen(
        ["sh", "-c", line], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as shell:
        agent_pid = int(shell.stdout.readline())
        while not all(path.exists() for path in files):
            time.sleep(0.05)
        assert Path(f"/proc/{agent_pid}").exists()
    assert [path.read_text() for path in files] == ["-1"] * len(names)
    until = time.monotonic() + 20
    while Path(f"/proc/{agent_pid}").exists():
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.mark.parametrize("name", [*JOBS_LOGGERS, *ray_internals.TUNE_LOGGERS])
def test_each_logger_is_a_module_of_ray(name):
    assert importlib.util.find_spec(name) is not None
    logger = logging.getLogger(name)
    before = logger.level
    with ray_internals.quiet([name], logging.CRITICAL):
        assert logger.level == logging.CRITICAL
    assert logger.level == before


def test_colors_are_left_alone():
    ray_internals.leave_colors_alone()


def test_a_node_has_what_ends_it(monkeypatch):
    for method in ("live_processes", "dead_processes", "kill_all_processes"):
        assert callable(getattr(Node, method))
    nobody = ray_internals.OwnNode.current()
    nobody.kill()
    assert nobody.dead_daemon() == "", "no Ray runs in this process"

    class Stub:
        def kill_all_processes(self, **_):
            self.killed_by = "ray"

        def live_processes(self):
            return [("raylet", child)] if child.poll() is None else []

        def dead_processes(self):
            return [("dashboard", None)] + [("raylet", child)] * (child.poll() is not None)

    with subprocess.Popen(["sleep", "60"]) as child:
        stub = Stub()
        node = ray_internals.OwnNode(stub)
        assert node.dead_daemon() == ""
        with node.killed_at_shutdown():
            stub.kill_all_processes(check_alive=False, allow_graceful=True)
        assert child.poll() == -9
        assert node.dead_daemon() == "raylet"
    stub.kill_all_processes()
    assert stub.killed_by == "ray"


def test_a_daemon_has_the_name_by_which_ray_lists_it():
    assert set(ray_internals.DAEMONS) <= {
        ray_constants.PROCESS_TYPE_GCS_SERVER,
        ray_constants.PROCESS_TYPE_RAYLET,
    }


def test_ray_init_takes_a_folder(tmp_path):
    with pytest.raises(RuntimeError, match="Unknown keyword") as refused:
        ray.init(**{ray_internals.FOLDER_OPTION: str(tmp_path), "no_option": 1})
    assert "no_option" in str(refused.value)
    assert ray_internals.FOLDER_OPTION not in str(refused.value)


def test_addresses_are_found_and_written_as_ray_does(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:6379")
    assert ray_internals.address_from_environment() == "127.0.0.1:6379"
    assert ray_internals.host_and_port("127.0.0.2:6379") == "127.0.0.2:6379"
    assert isinstance(ray_internals.nodes_here(), list)


def test_every_request_of_rays_client_is_sent_by_one_method():
    method = inspect.signature(JobSubmissionClient._do_request)
    assert list(method.parameters)[:3] == ["self", "method", "endpoint"]
    options = {name: p.kind for name, p in method.parameters.items()}
    assert {"data", "json_data"} <= set(options)


def test_the_command_line_of_ray_is_a_module():
    asked = subprocess.run([*RAY_COMMAND, "--help"], capture_output=True, text=True, check=True)
    assert "dashboard" in asked.stdout
    subprocess.run([*RAY_COMMAND, "drain-node", "--help"], capture_output=True, check=True)
