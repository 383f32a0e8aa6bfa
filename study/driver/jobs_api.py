"""One conversation with the head of a cluster, through Ray's Jobs API.

Ray's client knows the API. This module sends the client's requests: each within a timeout, and
never through a proxy to this machine. What is no answer of a head becomes a sentence.
"""

import asyncio
import contextlib
import logging
import math
import os
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import aiohttp
from ray.exceptions import AuthenticationError
from ray.job_submission import JobDetails

from study.driver import ray_internals
from study.driver.jobs_address import ANSWER_SECONDS, HttpAnswer, JobsAddress, NotReadyError
from study.driver.jobs_internals import JOBS_LOGGERS, JobsClient
from study.errors import StudyError, one_line

NOTE_SECONDS = 20.0  # a wait is noted after so long, and after as long again
READY_SECONDS = 60.0  # timeout for the first node of a cluster that has just started
RETRY_PAUSE_SECONDS = 2.0
Note = Callable[[str], None]  # prints a line on stderr
_T = TypeVar("_T")


class RateLimitedNote:
    """Passes on at most one note in NOTE_SECONDS; other notes are dropped.

    Args:
        note: prints a line.
        late: whether the first note, too, waits for NOTE_SECONDS.
    """

    def __init__(self, note: Note, *, late: bool = False) -> None:
        self._note, self._last = note, time.monotonic() if late else -math.inf

    def __call__(self, words: str) -> None:
        """Pass the words on, unless a note was passed on just before."""
        if time.monotonic() - self._last >= NOTE_SECONDS:
            self._last = time.monotonic()
            self._note(words)


class JobsApi:
    """The Jobs API of a head, while its `with` block runs.

    Every method raises UnreachableError where nobody answers, and StudyError where what answers is
    no Jobs API. The methods take what was typed for the id of a job.

    Args:
        address: such as http://127.0.0.1:8265.
        note: prints a line for every long wait.
    """

    def __init__(self, address: str, note: Note) -> None:
        self._address, self._note = JobsAddress(address), note
        self._runner = asyncio.Runner()
        self._headers: Mapping[str, str] = {}

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            # Ray half-enables tokens where it finds ~/.ray/auth_token. Users who want tokens set
            # the variable.
            stack.enter_context(ray_internals.environment_defaults({"RAY_AUTH_MODE": "disabled"}))
            # Ray would use these variables instead of the address that was typed.
            stack.enter_context(_unset("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS"))
            stack.enter_context(ray_internals.quiet(JOBS_LOGGERS, logging.ERROR))
            stack.enter_context(self._runner)
            self._client = self._call(JobsClient, self._address.url, self._send)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def submit(
        self,
        entrypoint: str,
        job: str | None = None,
        runtime_env: dict[str, object] | None = None,
        metadata: dict[str, str] | None = None,
    ) -> str:
        """Start a job, once a node takes jobs; returns its id.

        Args:
            entrypoint: the command that the job runs.
            job: its id; None lets the head choose one.
            runtime_env: folder and environment variables of the job, as Ray takes them.
            metadata: is listed with the job.
        """
        return self._when_ready(
            lambda: self._call(
                self._client.submit_job,
                entrypoint=entrypoint,
                submission_id=job,
                runtime_env=runtime_env,
                metadata=metadata,
            )
        )

    def stop(self, job: str) -> None:
        """Ask a job to end."""
        self._when_ready(lambda: self._call(self._client.stop_job, _quoted(job)))

    def delete(self, job: str) -> None:
        """Remove a job that has ended from the head."""
        self._call(self._client.delete_job, _quoted(job))

    def details(self, job: str) -> JobDetails:
        """The state of a job, as the head has it."""
        return self._call(self._client.get_job_info, _quoted(job))

    def log(self, job: str) -> str:
        """The whole log of a job, so far."""
        return self._call(self._client.get_job_logs, _quoted(job))

    @contextlib.contextmanager
    def stream(self, job: str) -> Iterator[Callable[[], str | None]]:
        """The log of a job from its first letter on, as a function that waits for the next piece.

        The function returns "" after NOTE_SECONDS of silence, and None once the stream has closed:
        the job may go on all the same. Raises StreamRefusedError where there are no streams.
        """
        session = self._runner.run(self._session(None))
        try:
            with self._address.network_errors_as_sentences():
                socket = self._run(self._open(session, job))
            try:
                yield lambda: self._runner.run(_next(socket))
            finally:
                self._runner.run(socket.close())
        finally:
            self._runner.run(session.close())

    async def _session(self, seconds: float | None) -> aiohttp.ClientSession:
        # `trust_env` reads proxies and passwords, which are for other machines than this one.
        timeout = aiohttp.ClientTimeout(total=seconds)
        return aiohttp.ClientSession(timeout=timeout, trust_env=not self._address.is_here)

    async def _open(
        self, session: aiohttp.ClientSession, job: str
    ) -> aiohttp.ClientWebSocketResponse:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await session.ws_connect(
                f"{self._address.url}/api/jobs/{_quoted(job)}/logs/tail",
                headers=self._headers,
                timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
                heartbeat=NOTE_SECONDS,
                max_msg_size=0,
            )

    def _send(
        self,
        method: str,
        endpoint: str,
        headers: Mapping[str, str],
        *,
        data: bytes | None = None,
        json_data: object = None,
    ) -> HttpAnswer:
        """Send a request of Ray's client; returns only what can be an answer of the Jobs API."""

        async def ask() -> HttpAnswer:
            url = self._address.url + endpoint
            async with (
                await self._session(ANSWER_SECONDS) as session,
                session.request(
                    method, url, data=data, json=json_data, headers=headers, allow_redirects=False
                ) as answer,
            ):
                text = await answer.text(errors="replace")
                return HttpAnswer(answer.status, answer.headers, text)

        self._headers = headers  # these hold the token, if there is one
        with self._address.network_errors_as_sentences():
            answer = self._run(ask())
        self._address.refuse(endpoint, answer)
        return answer

    def _run(self, request: Coroutine[Any, Any, _T]) -> _T:
        """Run a request to its end, with a note while it takes long."""

        async def with_notes() -> _T:
            task = asyncio.ensure_future(request)
            while not (await asyncio.wait({task}, timeout=NOTE_SECONDS))[0]:
                self._note(f"{self._address.url}: waiting for an answer")
            return task.result()

        return self._runner.run(with_notes())

    def _when_ready(self, call: Callable[[], _T]) -> _T:
        """What a call returns once a node takes jobs; retried for READY_SECONDS."""
        until, note = time.monotonic() + READY_SECONDS, RateLimitedNote(self._note)
        while True:
            try:
                return call()
            except NotReadyError:
                if time.monotonic() > until:
                    raise
            note(f"{self._address.url}: no node takes jobs yet; trying for a minute")
            time.sleep(RETRY_PAUSE_SECONDS)

    def _call(self, call: Callable[..., _T], *arguments: object, **named: object) -> _T:
        """Call Ray's client, which does not check an answer; its errors become sentences."""
        try:
            return call(*arguments, **named)
        except AuthenticationError as error:  # raised before a request: there is no token
            reason = one_line(error.message).partition(".")[0]
            raise StudyError(
                f"RAY_AUTH_MODE={os.environ['RAY_AUTH_MODE']}: {reason}; a token is a line of text "
                "that the cluster knows. Write it to ~/.ray/auth_token, or set RAY_AUTH_TOKEN."
            ) from None
        except (TypeError, KeyError, ValueError, AttributeError, RuntimeError) as error:
            reason = one_line(f"{type(error).__name__}: {error}")[:150]
            self._address.fail(f"answers, but not as Ray's Jobs API does ({reason})")


@contextlib.contextmanager
def _unset(*names: str) -> Iterator[None]:
    """Remove some environment variables while a `with` block runs."""
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(before)


def _quoted(job: str) -> str:
    """The id of a job as one part of a URL's path, whatever letters were typed."""
    return quote(job, safe="") or "%20"


async def _next(socket: aiohttp.ClientWebSocketResponse) -> str | None:
    """The next piece of a stream; "" after NOTE_SECONDS without one, None at its end."""
    try:
        message = await socket.receive(timeout=NOTE_SECONDS)
    except TimeoutError:
        return ""
    if message.type == aiohttp.WSMsgType.TEXT:
        return str(message.data)
    return None
