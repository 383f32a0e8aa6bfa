"""Names of Ray's core that Ray does not promise to keep.

pyproject.toml pins Ray's version because of the names here, in `tune_internals`, in
`jobs_internals` and in `ray_command`; the rest of `driver` uses Ray's public names only. A context
manager changes Ray and puts back on exit what it changed. tests/driver/test_ray_internals.py fails
for each name that a later Ray drops or renames.
"""

import atexit
import contextlib
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from ray import _raylet as _compiled
from ray._private import node as ray_node
from ray._private import ray_constants, services, worker
from ray._private.grpc_utils import init_grpc_channel
from ray.core.generated import gcs_service_pb2, gcs_service_pb2_grpc

KILL_SECONDS = 5.0  # timeout for the end of a process that was killed
DAEMONS = ("gcs_server", "raylet")  # without either there is no Ray

# Ray's own chatter, log files of each Tune trial and frequent state syncs: off. Tokens: off unless
# the user asks for them.
QUIET = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_AUTH_MODE": "disabled",
    "RAY_DEDUP_LOGS": "1",
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",  # errors of packs that are stopped while their store fails
    "RAY_SCHEDULER_EVENTS": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "60",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_WARN_SLOW_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "600",
}
UV_VARIABLE = "RAY_ENABLE_UV_RUN_RUNTIME_ENV"
STOP_WAIT_VARIABLE = "RAY_JOB_STOP_WAIT_TIME_S"  # seconds that a stopped job has to end by itself
FOLDER_OPTION = "_temp_dir"  # of `ray.init`: where Ray's files and sockets go
# Ray starts a worker process for each core at once. The first variable names the modules that a
# worker imports when it starts, separated by commas: workers load while the driver goes on. The
# second says how long a worker may wait for a pack. After Ray's own second, Ray would end them as
# soon as Tune reserves their cores, and start others for the packs.
WARM_WORKERS = {
    "RAY_preload_python_modules": "study.driver.preload",
    "RAY_idle_worker_killing_time_threshold_ms": "60000",
}

TUNE_LOGGERS = ("ray.tune",)  # logs failed packs as errors; the store has them for `study status`

# Code without types, or generated.
_worker: Any = worker
_services: Any = services
_psutil: Any = _services.psutil  # the copy that Ray ships
_messages: Any = gcs_service_pb2
_stubs: Any = gcs_service_pb2_grpc
_raylet: Any = _compiled

# What stands in for the agents of a node, and the ports that each agent tells the raylet.
IDLE_AGENT = Path(__file__).with_name("idle_agent.py")
IDLE_PORTS = {
    ray_constants.PROCESS_TYPE_DASHBOARD_AGENT: (
        _raylet.METRICS_AGENT_PORT_NAME,
        _raylet.METRICS_EXPORT_PORT_NAME,
        _raylet.DASHBOARD_AGENT_LISTEN_PORT_NAME,
    ),
    ray_constants.PROCESS_TYPE_RUNTIME_ENV_AGENT: (_raylet.RUNTIME_ENV_AGENT_PORT_NAME,),
}


@contextlib.contextmanager
def environment_defaults(variables: Mapping[str, str]) -> Iterator[None]:
    """Set those of the environment variables that the user has not set."""
    added = [name for name in variables if name not in os.environ]
    os.environ.update({name: variables[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


@contextlib.contextmanager
def _replaced(owner: object, name: str, value: object) -> Iterator[None]:
    """Give an attribute of Ray's another value while a `with` block runs."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


@contextlib.contextmanager
def own_environment_for_workers() -> Iterator[None]:
    """Let workers use the environment in which the study runs, unless the user says otherwise.

    Under `uv run`, Ray would have each worker build an environment, from the network. Ray reads the
    variable at import, too early for this process; its workers read the variable themselves.
    """
    if UV_VARIABLE in os.environ:
        yield
        return
    with (
        environment_defaults({UV_VARIABLE: "0"}),
        _replaced(ray_constants, "RAY_ENABLE_UV_RUN_RUNTIME_ENV", value=False),
    ):
        yield


@contextlib.contextmanager
def loopback_only() -> Iterator[None]:
    """Let a Ray that is started in a `with` block listen on 127.0.0.1 alone.

    Anyone who reaches a Ray can run code with it. On macOS and Windows Ray listens so by itself.
    Ray reads the variable at import, too early for this process;
    the processes that it starts read the variable themselves.
    """
    variable = ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR
    before = os.environ.get(variable)
    os.environ[variable] = "0"
    try:
        with _replaced(ray_constants, "ENABLE_RAY_CLUSTER", value=False):
            yield
    finally:
        del os.environ[variable]
        if before is not None:
            os.environ[variable] = before


@contextlib.contextmanager
def few_processes() -> Iterator[None]:
    """Let a Ray that is started in a `with` block run the processes alone that a study needs.

    Its head needs no dashboard, no autoscaler and no monitor of logs. Its node needs neither the
    agent for metrics nor the agent for environments of workers, and `idle_agent` stands in for
    both. Each of the five is a Python process that imports much of Ray, and the raylet starts no
    worker before both agents have told their ports.
    """
    python_command = services._build_python_executable_command_memory_profileable

    def command(component: str, *others: Any, **options: Any) -> list[str]:
        if ports := IDLE_PORTS.get(component):
            # Without the user's site and without site packages it starts in 20 ms.
            return [sys.executable, "-I", "-S", str(IDLE_AGENT), ",".join(ports)]
        built: list[str] = python_command(component, *others, **options)
        return built

    with contextlib.ExitStack() as stack:
        for start in ("start_monitor", "start_api_server", "start_log_monitor"):
            stack.enter_context(_replaced(ray_node.Node, start, lambda _node, **_: None))
        stack.enter_context(_replaced(services, python_command.__name__, command))
        yield


@contextlib.contextmanager
def quiet(loggers: Sequence[str], level: int) -> Iterator[None]:
    """Let some loggers pass on only records of a level or above, while a `with` block runs.

    Args:
        loggers: names.
        level: such as logging.ERROR.
    """
    before = {name: logging.getLogger(name).level for name in loggers}
    for name in loggers:
        logging.getLogger(name).setLevel(level)
    try:
        yield
    finally:
        for name, old in before.items():
            logging.getLogger(name).setLevel(old)


def leave_colors_alone() -> None:
    """Keep Ray's copy of colorama from resetting the colors of whatever stdout is at exit."""
    atexit.unregister(_worker.colorama.initialise.reset_all)


class Daemon(Protocol):
    """A process that Ray has started, as subprocess.Popen has it."""

    pid: int

    def wait(self, timeout: float) -> int:
        """Wait for its end."""


class OwnNode:
    """The node of the Ray that this process has started.

    Before Ray has started a node there is none to kill, and none of its daemons is dead.

    Args:
        node: Ray's object for the node, or None.
    """

    def __init__(self, node: Any) -> None:
        self._node = node

    @classmethod
    def current(cls) -> "OwnNode":
        """The node of this process, as it is now."""
        return cls(_worker._global_node)

    def dead_daemon(self) -> str:
        """The name of one of the DAEMONS that has ended; "" while both live."""
        dead = self._node.dead_processes() if self._node else ()
        return next((name for name, _ in dead if name in DAEMONS), "")

    def kill(self) -> None:
        """Kill the processes of the node and their children, which would live on for a minute."""
        processes: list[Any] = []  # psutil's
        for daemon in self._live():
            with contextlib.suppress(_psutil.Error):
                process = _psutil.Process(daemon.pid)
                processes += [process, *process.children(recursive=True)]
        for process in processes:
            with contextlib.suppress(_psutil.Error):
                process.kill()
        for daemon in self._live():
            with contextlib.suppress(subprocess.TimeoutExpired):
                daemon.wait(timeout=KILL_SECONDS)

    @contextlib.contextmanager
    def killed_at_shutdown(self) -> Iterator[None]:
        """Let `ray.shutdown` kill the processes of the node.

        Ray itself sends SIGTERM, which these processes block here, and waits a second for each.
        """
        before = self._node.kill_all_processes
        self._node.kill_all_processes = lambda **_: self.kill()
        try:
            yield
        finally:
            self._node.kill_all_processes = before

    def _live(self) -> list[Daemon]:
        return [daemon for _, daemon in self._node.live_processes()] if self._node else []


def address_from_environment() -> str:
    """The address in RAY_ADDRESS, or of the Ray that runs here; ConnectionError without either."""
    return str(_services.get_ray_address_from_environment("auto", None))


def host_and_port(address: str) -> str:
    """The HOST:PORT of a head, in the form that Ray itself uses."""
    return str(_services.canonicalize_bootstrap_address(address))


def nodes_here() -> list[bytes]:
    """The ids of the nodes of any Ray that run on this machine."""
    return [bytes.fromhex(node) for node in _services.find_node_ids()]


def check_alive(head: str, seconds: float, nodes: Sequence[bytes]) -> tuple[str, list[bool]]:
    """Ray's version at a head, and whether the head takes each of the nodes to be alive.

    Args:
        head: HOST:PORT.
        seconds: the deadline of the call.
        nodes: ids, as of `nodes_here`.

    Raises: grpc.RpcError where no head answers, AuthenticationError where a token is needed and
        none is given.
    """
    # A proxy for web pages does not speak to heads; Ray's C++ uses none either.
    options = (("grpc.enable_http_proxy", 0),)
    with init_grpc_channel(head, options) as channel:
        stub = _stubs.NodeInfoGcsServiceStub(channel)
        reply = stub.CheckAlive(_messages.CheckAliveRequest(node_ids=nodes), timeout=seconds)
    return reply.ray_version, list(reply.raylet_alive)
