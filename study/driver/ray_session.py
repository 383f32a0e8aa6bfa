"""A connection to Ray: a Ray of the study's own, or a cluster's; quiet, and ended in good order.

Here is how Ray starts and stops its processes. `ray_watch` watches that Ray lives meanwhile,
`head_probe` asks a cluster's head before Ray does, and `ray_internals` holds Ray's private names.
"""

import contextlib
import gc
import logging
import os
import resource
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ray

from study.driver import ray_internals
from study.driver.head_probe import check_head, find_head
from study.driver.ray_internals import FOLDER_OPTION, OwnNode
from study.driver.ray_watch import HeadWatch, daemons_gone, starting, watching
from study.errors import StudyError, UsageError
from study.machine import check_address

# Ray's workers import first from the folder that is the working one when Ray starts. A study.py or
# torch.py in the user's folder must not be imported, so this project's folder is the working one.
PROJECT_FOLDER = Path(__file__).parents[2]
HEAD_SECONDS = 15.0  # timeout of a head's first answer
# Ray's processes block these signals. A scheduler, a terminal or `timeout` sends a signal to the
# whole process group, but only the driver knows how to end a study.
DRIVER_SIGNALS = {signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1}
# Bytes that the path of Ray's folder may have. A socket's path has at most 103 bytes on macOS (107
# on Linux), and Ray's names below the folder take 67 of these:
# /session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store.
SOCKET_BYTES = 103 - 67


class _RayError(Exception):
    """Ray cannot be started or joined; the message is Ray's, in one line."""


@contextlib.contextmanager
def connected(
    address: str,
    cores: int,
    interrupted: Callable[[], bool] = lambda: False,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[None]:
    """Be connected to Ray while a `with` block runs, with stdout kept for data.

    The workers of a local Ray have the environment of this process. There is nobody to make others:
    see `ray_internals.few_processes` and `tune_internals.told_to_workers`.

    Args:
        address: local, auto or HOST:PORT, as `check_address` wants it.
        cores: how many cores a local Ray may use.
        interrupted: whether the user has asked for the end; decides the exit code if Ray dies.
        say: is told, in a line, that a local Ray starts slowly.

    Raises: StudyError where Ray cannot be started or reached.
    """
    check_address(address)
    with (
        ray_internals.environment_defaults(ray_internals.QUIET),
        ray_internals.own_environment_for_workers(),
        contextlib.redirect_stdout(sys.stderr),
    ):
        session = (
            _started(cores, interrupted, say)
            if address == "local"
            else _joined(address, interrupted, say)
        )
        try:
            with session, ray_internals.quiet(ray_internals.TUNE_LOGGERS, logging.CRITICAL):
                yield
        finally:
            ray_internals.leave_colors_alone()


@contextlib.contextmanager
def _started(
    cores: int, interrupted: Callable[[], bool], say: Callable[[str], None]
) -> Iterator[None]:
    """Start a Ray of the study's own, in a folder of its own, and end it."""
    options, folder = _folder()

    def clean() -> None:
        OwnNode.current().kill()
        if folder:
            shutil.rmtree(folder, ignore_errors=True)

    before = signal.pthread_sigmask(signal.SIG_BLOCK, DRIVER_SIGNALS)  # children inherit the mask
    try:
        with (
            ray_internals.loopback_only(),
            ray_internals.few_processes(),
            starting("starting Ray", clean, say),
        ):
            _init("local", num_cpus=cores, include_dashboard=False, **options)
    except _RayError as error:
        raise StudyError(_cannot_start(error, folder)) from None
    except KeyboardInterrupt:
        clean()
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    node = OwnNode.current()
    try:
        with node.killed_at_shutdown():
            try:
                with watching(lambda: daemons_gone(node), interrupted, clean):
                    yield
            finally:
                _shut_down()
    finally:
        clean()


@contextlib.contextmanager
def _joined(
    address: str, interrupted: Callable[[], bool], say: Callable[[str], None]
) -> Iterator[None]:
    """Join a cluster's Ray, and leave it."""
    head = find_head(address)
    try:
        check_head(head, HEAD_SECONDS)
    except StudyError as error:
        raise StudyError(f"--address {address}: {error}") from None
    try:
        with starting(f"joining {head}", lambda: None, say):
            _init(address)
    except _RayError as error:
        raise StudyError(
            f"--address {address}: {error}; a study joins a Ray that runs. "
            "Leave --address out for one of its own."
        ) from None
    try:
        node = bytes.fromhex(ray.get_runtime_context().get_node_id())
        with watching(HeadWatch(head, node), interrupted, lambda: None):
            yield
    finally:
        _shut_down()


def _shut_down() -> None:
    """Call `ray.shutdown`, while no thread collects garbage.

    Ray ends the process where another thread frees an object of Ray's meanwhile.
    """
    gc.collect()
    gc.disable()
    try:
        ray.shutdown()
    finally:
        gc.enable()


def _init(address: str, **options: Any) -> None:
    """Call `ray.init`, and restore the handler of SIGTERM, which it replaces; raises _RayError."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        with contextlib.chdir(PROJECT_FOLDER):
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **options)
    except Exception as error:  # noqa: BLE001  Ray raises a bare Exception on a slow machine
        raise _RayError(" ".join(str(error).split())[:300].rstrip(".")) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _folder() -> tuple[dict[str, str], str | None]:
    """Options of `ray.init` for where Ray's files go, and the folder to remove at the end.

    If the user has set RAY_TMPDIR, Ray's files go there and stay there: options and folder are
    empty. Otherwise they go to a new folder, which no other user's files can block and whose path
    is short enough for sockets.

    Raises: UsageError for a RAY_TMPDIR that is too long, StudyError if no folder can be made.
    """
    if named := os.environ.get("RAY_TMPDIR"):
        if len(os.fsencode(f"{named}/ray")) > SOCKET_BYTES:
            raise UsageError(
                f"RAY_TMPDIR={named}: too long for the path of a socket. "
                "Name a shorter folder: RAY_TMPDIR=/var/tmp."
            )
        return {}, None
    # `mkdtemp` makes a new folder in the first of these that can be written to.
    places = [tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm"]  # noqa: S108  only tried
    parents = dict.fromkeys(places)
    for parent in parents:
        with contextlib.suppress(OSError):
            folder = tempfile.mkdtemp(prefix="ray-", dir=parent)
            if len(os.fsencode(folder)) <= SOCKET_BYTES:
                return {FOLDER_OPTION: folder}, folder
            Path(folder).rmdir()
    raise StudyError(
        f"{', '.join(parents)}: none can be written to and has a short path; Ray wants a folder "
        "for its sockets. Name one: RAY_TMPDIR=/short/path."
    )


def _cannot_start(error: _RayError, folder: str | None) -> str:
    reason = f"Ray cannot start on this machine: {error}"
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY:
        return (
            f"{reason}; ulimit -v allows {limit / 1e9:.0f} GB of addresses, and Ray wants some 12. "
            "Raise it: ulimit -v unlimited."
        )
    logs = folder or f"{os.environ['RAY_TMPDIR']}/ray"
    return (
        f"{reason}; its logs are in {logs}. Where that folder is full or slow, name another: "
        "RAY_TMPDIR=/short/path."
    )
