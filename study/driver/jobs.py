"""Studies on a cluster, through Ray's Jobs API: submit, follow, stop.

The resolved spec is sent, as data. The code is what the cluster has installed, and its versions are
compared with those here before anything runs. A job is `study run` on the head, so that the study
goes on when the laptop is closed. The store alone says what a second submit still has to train.
"""

import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from ray.job_submission import JobDetails, JobStatus

from study.driver import jobs_api
from study.driver.jobs_address import StreamRefusedError, UnreachableError
from study.driver.jobs_api import JobsApi, Note, RateLimitedNote
from study.driver.ray_command import RAY_COMMAND
from study.driver.ray_internals import STOP_WAIT_VARIABLE
from study.driver.versions import skew, versions
from study.errors import StudyError, UsageError, one_line
from study.spec.models import StudySpec

# A stopped job has so long to write its checkpoints before it is killed; Ray's default is 3 s.
STOP_SECONDS = 60
TUNNEL_SECONDS = 90  # timeout of ssh to a head
VERSIONS_SECONDS = 90  # timeout of the job that prints a head's versions
LOST_SECONDS = 150  # timeout of a head that no longer answers while its job is followed
SPEC_FILE = "study.json"


@contextlib.contextmanager
def reach(cluster: str | None, address: str | None, note: Note) -> Iterator[str]:
    """The address of a Jobs API: the given address, or the end of an ssh tunnel to a head.

    Args:
        cluster: the yaml file of a cluster that `ray up` has started, or None.
        address: a URL, or None.
        note: prints a line for a long wait.

    Raises: UsageError unless exactly one of the two is given and makes sense, StudyError where the
        head cannot be reached.
    """
    if (cluster is None) == (address is None):
        raise UsageError(
            "--cluster and --address: one of them says where jobs run. "
            "Use --cluster cluster.yaml, or --address http://127.0.0.1:8265."
        )
    if cluster is not None:
        with _tunnel(cluster, note) as tunnel:
            yield tunnel
    elif address is not None:
        if not _is_url(address):
            raise UsageError(
                f"--address {address}: not a URL; the Jobs API speaks HTTP. "
                "Write http://127.0.0.1:8265."
            )
        yield address.rstrip("/")


def _is_url(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        return False


def submit_study(spec: StudySpec, out: str, address: str, note: Note) -> str:
    """Start a study on a cluster; returns the id of its job.

    Args:
        spec: of the study.
        out: where stores are, as the cluster's head sees it.
        address: of the Jobs API.
        note: prints a line for a long wait.

    Raises: StudyError where the cluster cannot be reached or has other versions than this machine.
    """
    with JobsApi(address, note) as api:
        _refuse_skew(api, address, note)
        with tempfile.TemporaryDirectory(prefix="study-submit-") as folder:
            (Path(folder) / SPEC_FILE).write_text(json.dumps(spec.model_dump(mode="json")), "utf-8")
            return api.submit(
                entrypoint=f"study run {SPEC_FILE} --address auto --out {shlex.quote(out)}",
                job=f"{spec.name}-{uuid.uuid4().hex[:8]}",
                runtime_env={
                    "working_dir": folder,
                    "env_vars": {STOP_WAIT_VARIABLE: str(STOP_SECONDS)},
                },
                metadata={"study": spec.name, "out": out},
            )


class JobEnd(NamedTuple):
    """How a job ended.

    Attributes:
        status: SUCCEEDED, STOPPED or FAILED.
        words: the status in words, with reason and exit code of a failure, to stand at the end of
            a sentence.
    """

    status: str
    words: str


def follow_job(job: str, address: str, write: Callable[[str], object], note: Note) -> JobEnd:
    """Write the log of a job, from its first letter until the job ends; returns how it ended.

    A stream that closes too early is opened again, and nothing is written twice.

    Args:
        job: its id.
        address: of the Jobs API.
        write: takes the log in pieces.
        note: prints a line for what goes wrong meanwhile, and for a job that writes nothing.

    Raises: StudyError where there is no such job, or its head has not answered for LOST_SECONDS.
    """
    with JobsApi(address, note) as api:
        api.details(job)
        log, streams, lost_since, note_trouble = _Log(write, note), True, 0.0, RateLimitedNote(note)
        while True:
            try:
                streams = _read(api, job, log, note, streams=streams)
                details = api.details(job)
                lost_since = 0.0
                if details.status.is_terminal():
                    _read_rest(api, job, log, note)
                    return _end_of(details)
                log.say_silent(f"{job}: {details.status.value.lower()}, and silent")
            except UnreachableError as error:
                lost_since = lost_since or time.monotonic()
                if time.monotonic() - lost_since > LOST_SECONDS:
                    raise
                note_trouble(f"{error} Trying again; the job does not depend on it.")
            time.sleep(jobs_api.RETRY_PAUSE_SECONDS)


class _Log:
    """How much of a job's log has been written here, in letters, and when.

    Args:
        write: takes the log in pieces.
        note: prints a line for a job that writes nothing.
    """

    def __init__(self, write: Callable[[str], object], note: Note) -> None:
        self._write, self._note = write, note
        self._letters, self._last = 0, time.monotonic()

    def take(self, piece: str, start: int) -> int:
        """Write what is new in a piece that begins at letter `start`; returns where it ends."""
        end = start + len(piece)
        if end > self._letters:
            self._write(piece[self._letters - start :])
            self._letters, self._last = end, time.monotonic()
        return end

    def say_silent(self, words: str) -> None:
        """Note the words if nothing has been written for a while."""
        if time.monotonic() - self._last >= jobs_api.NOTE_SECONDS:
            self._last = time.monotonic()
            self._note(words)


def _read(api: JobsApi, job: str, log: _Log, note: Note, *, streams: bool) -> bool:
    """Follow a job's log until its stream closes; read the whole log if no stream opens.

    Args:
        api: of the head.
        job: its id.
        log: writes what is new.
        note: prints a line where streams are refused.
        streams: whether to try a stream.

    Returns: whether to try a stream the next time.
    """
    if streams:
        try:
            _read_stream(api, job, log)
        except StreamRefusedError as error:
            note(f"{error}; reading the whole log now and then instead")
            streams = False
        except UnreachableError:
            pass  # the request for the whole log, next, shows whether the head is gone
        else:
            return True
    log.take(api.log(job), 0)
    return streams


def _read_stream(api: JobsApi, job: str, log: _Log) -> None:
    """Follow a job's log until its stream closes, or until the job ends while it is silent."""
    position = 0  # a stream begins with the log's first letter
    with api.stream(job) as next_piece:
        while (piece := next_piece()) is not None:
            position = log.take(piece, position)
            if not piece:
                status = api.details(job).status
                if status.is_terminal():
                    return
                log.say_silent(f"{job}: {status.value.lower()}, and silent")


def _read_rest(api: JobsApi, job: str, log: _Log, note: Note) -> None:
    """Write what the stream may have left out of the log of a job that has ended."""
    try:
        log.take(api.log(job), 0)
    except StudyError as error:  # the job's node may be gone, and the log with it
        note(f"the last lines may be missing: {error}")


def _end_of(details: JobDetails) -> JobEnd:
    words = details.status.value.lower()
    if details.status == JobStatus.FAILED:
        why = f": {one_line(details.message or 'it said nothing')[:200]}"
        code = details.driver_exit_code
        words += why if code is None else f" with exit code {code}"
    return JobEnd(details.status.value, words)


def stop_job(job: str, address: str, note: Note) -> str:
    """Stop a job, whose packs leave checkpoints; returns its status.

    The status is STOPPED, or SUCCEEDED or FAILED if the job had ended before. Arguments and errors
    as of `follow_job`.
    """
    with JobsApi(address, note) as api:
        if not api.details(job).status.is_terminal():
            api.stop(job)
        return _ended(api, job, STOP_SECONDS + 30, note).value


def _refuse_skew(api: JobsApi, address: str, note: Note) -> None:
    """Raise StudyError if a cluster has other versions; a job of a second or two prints them."""
    question = api.submit(entrypoint=f"python -m {versions.__module__}")
    status = _ended(api, question, VERSIONS_SECONDS, note)
    log = api.log(question)
    with contextlib.suppress(StudyError):  # a job that stays in the list harms nobody
        api.delete(question)
    there = _read_versions(log)
    if status != JobStatus.SUCCEEDED or there is None:
        lines = log.strip().splitlines()
        why = one_line(lines[-1])[:200] if lines else "it said nothing"
        raise StudyError(
            f"{address}: cannot say its versions ({why}); a cluster has this project installed. "
            "Install it there: ray up cluster.yaml does."
        )
    if differs := skew(there, versions()):
        raise StudyError(
            f"{address}: {differs}; laptop and cluster run the same versions. "
            "Install one on the other: ray up cluster.yaml sends this checkout."
        )


def _read_versions(log: str) -> dict[str, str] | None:
    """The versions in the log of a job that printed them, beside warnings of any kind."""
    for line in reversed(log.splitlines()):
        with contextlib.suppress(ValueError):
            content = json.loads(line)
            if isinstance(content, dict) and "study" in content:
                return {str(name): str(value) for name, value in content.items()}
    return None


def _ended(api: JobsApi, job: str, seconds: float, note: Note) -> JobStatus:
    """The status of a job once it has ended; raises StudyError after so many seconds."""
    began, note_wait = time.monotonic(), RateLimitedNote(note, late=True)
    while not (status := api.details(job).status).is_terminal():
        waited = time.monotonic() - began
        if waited > seconds:
            raise StudyError(
                f"{job}: still {status.value.lower()} after {seconds:g} s; a head answers sooner. "
                "Look at it with `study logs`, and try again."
            )
        note_wait(f"{job}: {status.value.lower()} for {waited:.0f} s; waiting for its end")
        time.sleep(0.2)
    return status


@contextlib.contextmanager
def _tunnel(cluster: str, note: Note) -> Iterator[str]:
    """An ssh tunnel to the dashboard of a cluster's head, as `ray dashboard` opens it."""
    if not Path(cluster).is_file():
        raise UsageError(
            f"--cluster {cluster}: no such file; a cluster is a yaml file of Ray's. "
            "Use cluster.yaml of this project, edited."
        )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ray = [*RAY_COMMAND, "dashboard", cluster, "--port", str(port)]
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as output,
        subprocess.Popen(  # noqa: S603  our own interpreter, and a file that exists
            ray, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        ) as process,
    ):
        try:
            until = time.monotonic() + TUNNEL_SECONDS
            note_wait = RateLimitedNote(note, late=True)
            while not _answers(port):
                note_wait(f"{cluster}: waiting for a tunnel to its head")
                if process.poll() is not None or time.monotonic() > until:
                    output.seek(0)
                    words = output.read().split("The exception is:")[-1].split()
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
