"""A connection to Ray: one of the study's own, or a cluster's; quiet, and ended in good order.

Everything that must be known of how Ray starts and stops its processes is here.
"""

import atexit
import contextlib
import logging
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ray
from ray._private import ray_constants
from ray.tune.execution import class_cache

from study.driver.gcs import check_head, find_head
from study.driver.ray_watch import HeadWatch, daemons_gone, starting, watching
from study.errors import StudyError, UsageError
from study.machine import check_address

# What these hold has no public name, or no types.
_ray_worker: Any = ray._private.worker
_psutil: Any = ray._private.services.psutil  # type: ignore[attr-defined]  # Ray's own copy

# Ray's own chatter, per-trial log files and frequent state syncs: off.
QUIET = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_AUTH_MODE": "disabled",
    "RAY_DEDUP_LOGS": "1",
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",  # of packs that are stopped while their store fails
    "RAY_SCHEDULER_EVENTS": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "60",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_WARN_SLOW_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "600",
}
# Workers are those of the environment that the study runs in, whoever made it. Ray would have each
# build one of its own under `uv run`, from the network.
UV = "RAY_ENABLE_UV_RUN_RUNTIME_ENV"

# Ray's workers import from the driver's working folder before all others. What lies where the user
# stands, a study.py or a torch.py, is not for them: our own folder is the working one meanwhile.
OURS = Path(__file__).parents[2]
HEAD_SECONDS = 15.0  # for a head's first answer
KILL_SECONDS = 5.0  # until a killed process is gone
# For the driver alone: a scheduler, a terminal or `timeout` sends them to Ray's processes, too.
DRIVERS_SIGNALS = {signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1}
# A socket's path is at most 103 bytes on macOS, 107 on Linux; of them Ray's own names take so many:
# /session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store.
SOCKET_BYTES = 103 - 67


@contextlib.contextmanager
def connected(
    address: str, cores: int, interrupted: Callable[[], bool] = lambda: False
) -> Iterator[None]:
    """Be connected to Ray meanwhile, with stdout kept for data.

    Args: address, as `check_address` wants it; cores, of a local Ray; interrupted, whether the
    user has asked for the end, for the exit code if Ray dies. Raises StudyError where Ray cannot be
    started or reached.
    """
    check_address(address)
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    if UV not in os.environ:
        os.environ[UV], ray_constants.RAY_ENABLE_UV_RUN_RUNTIME_ENV = "0", False
    session = _started(cores, interrupted) if address == "local" else _joined(address, interrupted)
    with contextlib.redirect_stdout(sys.stderr):
        try:
            with session:
                # Tune logs failed trials as errors; the store keeps them, and status says them.
                logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
                # Tune hands the driver's keys to its workers, and Ray writes them to its logs. The
                # workers of a local Ray inherit them; machines of a cluster have profiles.
                names = class_cache.ENV_VARS_TO_PROPAGATE
                names -= {name for name in names if name.startswith("AWS_")}
                yield
        finally:
            # Ray's copy of colorama would reset colors at exit, through whatever stdout was.
            atexit.unregister(_ray_worker.colorama.initialise.reset_all)


@contextlib.contextmanager
def _started(cores: int, interrupted: Callable[[], bool]) -> Iterator[None]:
    """A Ray of the study's own, in a folder of its own."""
    options, folder = _folder()

    def clean() -> None:
        _kill(_ray_worker._global_node)
        if folder:
            shutil.rmtree(folder, ignore_errors=True)

    before = signal.pthread_sigmask(signal.SIG_BLOCK, DRIVERS_SIGNALS)  # children inherit it
    try:
        with on_loopback(), starting("starting Ray", clean):
            _init("local", num_cpus=cores, include_dashboard=False, **options)
    except Exception as error:  # noqa: BLE001  Ray raises bare ones, where a machine is slow
        raise StudyError(_cannot_start(error, folder)) from None
    except KeyboardInterrupt:
        clean()
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    node = _ray_worker._global_node
    # Ray's own way is SIGTERM, to which these processes are deaf, and a second's wait for each.
    node.kill_all_processes = lambda **_: _kill(node)
    try:
        with watching(lambda: daemons_gone(node), interrupted, clean):
            yield
    finally:
        ray.shutdown()
        clean()


def _kill(node: Any) -> None:
    """Kill what a node has started, and what that has: agents would outlive it by a minute."""
    if node is None:
        return
    started: list[Any] = []
    for _, daemon in node.live_processes():
        with contextlib.suppress(_psutil.Error):
            process = _psutil.Process(daemon.pid)
            started += [process, *process.children(recursive=True)]
    for process in started:
        with contextlib.suppress(_psutil.Error):
            process.kill()
    for _, daemon in node.live_processes():
        with contextlib.suppress(subprocess.TimeoutExpired):
            daemon.wait(timeout=KILL_SECONDS)


@contextlib.contextmanager
def _joined(address: str, interrupted: Callable[[], bool]) -> Iterator[None]:
    """A cluster's Ray."""
    head = find_head(address)
    try:
        check_head(head, HEAD_SECONDS)
    except StudyError as error:
        raise StudyError(f"--address {address}: {error}") from None
    try:
        with starting(f"joining {head}", lambda: None):
            _init(address)
    except Exception as error:  # noqa: BLE001  Ray raises bare ones
        raise StudyError(
            f"--address {address}: {_words(error)}; a study joins a Ray that runs. "
            "Leave --address out for one of its own."
        ) from None
    try:
        node = bytes.fromhex(ray.get_runtime_context().get_node_id())
        with watching(HeadWatch(head, node), interrupted, lambda: None):
            yield
    finally:
        ray.shutdown()


def _init(address: str, **options: Any) -> None:
    """`ray.init`, which takes SIGTERM for itself, without that."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        with contextlib.chdir(OURS):
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **options)
    finally:
        signal.signal(signal.SIGTERM, before)


def _folder() -> tuple[dict[str, Any], str | None]:
    """Options for where Ray's files go, and the folder to remove at the end, if it is ours.

    RAY_TMPDIR is the user's word, and Ray keeps its files there. Else they are in a new folder,
    where no other user's can be in the way and no socket's path is too long.
    """
    if named := os.environ.get("RAY_TMPDIR"):
        if len(os.fsencode(f"{named}/ray")) > SOCKET_BYTES:
            raise UsageError(
                f"RAY_TMPDIR={named}: too long for the path of a socket. "
                "Name a shorter folder: RAY_TMPDIR=/var/tmp."
            )
        return {}, None
    parents = dict.fromkeys([tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm"])  # noqa: S108
    for parent in parents:
        with contextlib.suppress(OSError):
            folder = tempfile.mkdtemp(prefix="ray-", dir=parent)
            if len(os.fsencode(folder)) <= SOCKET_BYTES:
                return {"_temp_dir": folder}, folder
            Path(folder).rmdir()
    raise StudyError(
        f"{', '.join(parents)}: none can be written to and has a short path; Ray wants a folder "
        "for its sockets. Name one: RAY_TMPDIR=/short/path."
    )


def _cannot_start(error: Exception, folder: str | None) -> str:
    reason = f"Ray cannot start on this machine: {_words(error)}"
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY:
        return (
            f"{reason}; ulimit -v allows {limit / 1e9:.0f} GB of addresses, and Ray wants some 12. "
            "Raise it: ulimit -v unlimited."
        )
    where = folder or f"{os.environ['RAY_TMPDIR']}/ray"
    return (
        f"{reason}; its logs are in {where}. Where that folder is full or slow, name another: "
        "RAY_TMPDIR=/short/path."
    )


def _words(error: Exception) -> str:
    """What an error says, in one line of reasonable length."""
    return " ".join(str(error).split())[:300].rstrip(".")


@contextlib.contextmanager
def on_loopback() -> Iterator[None]:
    """Let a Ray that is started meanwhile listen on 127.0.0.1 alone: who reaches it runs code.

    Ray does so on laptops of other systems. Its variable says so to its processes, and is read at
    import, too early for this one.
    """
    name, before = ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR, ray_constants.ENABLE_RAY_CLUSTER
    os.environ[name], ray_constants.ENABLE_RAY_CLUSTER = "0", False
    try:
        yield
    finally:
        del os.environ[name]
        ray_constants.ENABLE_RAY_CLUSTER = before
