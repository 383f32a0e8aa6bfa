"""Studies on a cluster, through Ray's Jobs API: submit, follow, stop.

What is shipped is the resolved spec, as data; the code is what the cluster has installed, and it is
compared with ours before anything runs. A job is `study run` on the head, so that it goes on when
the laptop is closed, and the store alone says what a second submit still has to train.
"""

import asyncio
import contextlib
import json
import logging
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from ray.job_submission import JobStatus, JobSubmissionClient

from study.errors import StudyError, UsageError
from study.spec import StudySpec
from study.versions import skew, versions

# A job that is stopped has so long to write its checkpoints; Ray's own patience is 3 s.
STOP_SECONDS = 60
ANSWER_SECONDS = 90  # for a tunnel to open, for a head to say its versions
SPEC_FILE = "study.json"
PACKAGING = "_private.runtime_env.packaging"


@contextlib.contextmanager
def reach(cluster: str | None, address: str | None) -> Iterator[str]:
    """The address of a Jobs API: the given one, or the end of an ssh tunnel to a cluster's head.

    Raises UsageError unless exactly one of the two is given and makes sense, StudyError where the
    head cannot be reached.
    """
    if (cluster is None) == (address is None):
        raise UsageError(
            "--cluster and --address: one of them says where jobs run. "
            "Use --cluster cluster.yaml, or --address http://127.0.0.1:8265."
        )
    if cluster is not None:
        with _tunnel(cluster) as tunnelled:
            yield tunnelled
    elif address is not None:
        if not address.startswith(("http://", "https://")):
            raise UsageError(
                f"--address {address}: not a URL; the Jobs API speaks HTTP. "
                "Write http://127.0.0.1:8265."
            )
        yield address.rstrip("/")


def submit(spec: StudySpec, out: str, address: str) -> str:
    """Start a study on a cluster; returns the id of its job.

    Raises StudyError where the cluster cannot be reached or runs other versions than this machine.
    """
    with _plainly(address):
        client = _client(address)
        _refuse_skew(client, address)
        with tempfile.TemporaryDirectory(prefix="study-submit-") as folder:
            (Path(folder) / SPEC_FILE).write_text(json.dumps(spec.model_dump(mode="json")), "utf-8")
            return client.submit_job(
                entrypoint=f"study run {SPEC_FILE} --address auto --out {shlex.quote(out)}",
                submission_id=f"{spec.name}-{uuid.uuid4().hex[:8]}",
                runtime_env={
                    "working_dir": folder,
                    "env_vars": {"RAY_JOB_STOP_WAIT_TIME_S": str(STOP_SECONDS)},
                },
                metadata={"study": spec.name, "out": out},
            )


def follow(job: str, address: str) -> Iterator[str]:
    """What a job has written and writes, in pieces, until it ends."""
    with _plainly(address):
        client = _client(address)
        _status(client, job)
        pieces = client.tail_job_logs(job)
        with asyncio.Runner() as loop:
            while (piece := loop.run(_next(pieces))) is not None:
                yield piece


def stop(job: str, address: str) -> str:
    """End a job in good order; returns how it ended: STOPPED, or what it was before.

    Its packs leave checkpoints, and the store stays consistent.
    """
    with _plainly(address):
        client = _client(address)
        if not _status(client, job).is_terminal():
            client.stop_job(job)
        return _ended(client, job, STOP_SECONDS + 30).value


async def _next(pieces: AsyncIterator[str]) -> str | None:
    return await anext(pieces, None)


def _client(address: str) -> JobSubmissionClient:
    # Ray half-enables tokens where it finds ~/.ray/auth_token; who wants them says so.
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    for name in ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS"):
        os.environ.pop(name, None)  # Ray would prefer them to the address that was typed
    for chatty in ("dashboard.modules.dashboard_sdk", "dashboard.modules.job.sdk", PACKAGING):
        logging.getLogger(f"ray.{chatty}").setLevel(logging.WARNING)
    return JobSubmissionClient(address)


def _refuse_skew(client: JobSubmissionClient, address: str) -> None:
    """Ask the cluster, in a job of a second or two, what it has installed."""
    asked = client.submit_job(entrypoint="python -m study.versions")
    status = _ended(client, asked, ANSWER_SECONDS)
    said = client.get_job_logs(asked).strip().splitlines()
    client.delete_job(asked)
    if status != JobStatus.SUCCEEDED:
        why = said[-1] if said else "it said nothing"
        raise StudyError(
            f"{address}: cannot say its versions ({why}); a cluster has this project installed. "
            "Install it there: ray up cluster.yaml does."
        )
    if differs := skew(json.loads(said[-1]), versions()):
        raise StudyError(
            f"{address}: {differs}; laptop and cluster run the same versions. "
            "Install one on the other: ray up cluster.yaml sends this checkout."
        )


def _status(client: JobSubmissionClient, job: str) -> JobStatus:
    try:
        return client.get_job_status(job)
    except RuntimeError as error:
        if "404" not in str(error):
            raise
        raise StudyError(
            f"{job}: no such job there; `study submit` prints the ids. "
            "Check the id, and --cluster or --address."
        ) from None


def _ended(client: JobSubmissionClient, job: str, seconds: float) -> JobStatus:
    until = time.monotonic() + seconds
    while not (status := _status(client, job)).is_terminal():
        if time.monotonic() > until:
            raise StudyError(
                f"{job}: still {status.value.lower()} after {seconds:g} s; a head answers sooner. "
                "Look at it with `study logs`, and try again."
            )
        time.sleep(0.2)
    return status


@contextlib.contextmanager
def _plainly(address: str) -> Iterator[None]:
    """Whatever goes wrong between here and the head, in one sentence."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise StudyError(
            f"{address}: {reason[:200]} A running head answers there. "
            "Start one, or open the tunnel: ray dashboard cluster.yaml."
        ) from None


@contextlib.contextmanager
def _tunnel(cluster: str) -> Iterator[str]:
    """An ssh tunnel to the dashboard of a cluster's head, as `ray dashboard` opens it."""
    if not Path(cluster).is_file():
        raise UsageError(
            f"--cluster {cluster}: no such file; a cluster is a yaml file of Ray's. "
            "Use cluster.yaml of this project, edited."
        )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ray = [sys.executable, "-m", "ray.scripts.scripts", "dashboard", cluster, "--port", str(port)]
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as said,
        subprocess.Popen(  # noqa: S603  our own interpreter, and a file that exists
            ray, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
        ) as process,
    ):
        try:
            until = time.monotonic() + ANSWER_SECONDS
            while not _answers(port):
                if process.poll() is not None or time.monotonic() > until:
                    said.seek(0)
                    words = said.read().split("The exception is:")[-1].split()
                    raise StudyError(
                        f"{cluster}: no tunnel to its head ({' '.join(words)[-200:]}); jobs go "
                        f"through ssh. Start it with: ray up {shlex.quote(cluster)}."
                    )
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
