"""Retries of what may pass by itself: a bucket that answers 500, a disk that is full.

A command that somebody waits for fails at once. A worker, whose training would be lost, tries again
with growing pauses and meanwhile reports what it waits for.
"""

import errno
import random
import re
import time
from collections.abc import Callable, Generator
from typing import TypeVar

# How long a worker tries one operation on its store again.
RETRY_SECONDS = 120.0
CLOSING_SECONDS = 15.0  # the same for a worker that has been told to stop
SAY_AFTER_SECONDS, SAY_EVERY_SECONDS = 5.0, 30.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 10.0

# What the clients of S3 and GCS say, once their own retries are used up, where the fault is not in
# the request. pyarrow gives an OSError without a code, so the text is all there is.
_TRANSIENT = re.compile(
    r"HTTP status (?:429|5\d\d)|NETWORK_CONNECTION|INTERNAL_FAILURE|SERVICE_UNAVAILABLE|SLOW_DOWN"
    r"|THROTTLING|REQUEST_TIMEOUT|UNAVAILABLE|DEADLINE_EXCEEDED|curlCode|[Tt]imed? ?out"
)
_FULL = {errno.ENOSPC, errno.EDQUOT}

_T = TypeVar("_T")


def disk_is_full(error: Exception) -> bool:
    """Whether an error says that a disk, or a user's quota of it, is full."""
    return getattr(error, "errno", None) in _FULL


def is_transient(error: Exception) -> bool:
    """Whether an error may pass by itself: the bucket is out of order, or the disk is full."""
    # A StoreError records whether the error that it was made of is transient.
    return getattr(error, "transient", disk_is_full(error) or bool(_TRANSIENT.search(str(error))))


def attempts(
    act: Callable[[], _T], seconds: float, kind: type[Exception] = OSError
) -> Generator[Exception, None, _T]:
    """Call `act` until it succeeds; yields each transient error before the pause that follows it.

    Args:
        act: what is tried.
        seconds: how long; after that an error is raised.
        kind: the errors that are looked at; any other is raised at once.
    Returns: what `act` returned.
    """
    until = time.monotonic() + seconds
    pause = _FIRST_PAUSE_SECONDS
    while True:
        try:
            return act()
        except kind as error:
            if not is_transient(error) or time.monotonic() + pause > until:
                raise
            waited_for = error
        yield waited_for
        # The pause is random, so that workers that wait for one store do not ask in step.
        time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  not for secrets
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def retry(
    act: Callable[[], _T],
    seconds: float,
    kind: type[Exception] = OSError,
    say: Callable[[str], None] | None = None,
) -> _T:
    """What `act` returns, after as many attempts as it takes; for callers that can only wait.

    Args:
        act: what is tried.
        seconds: how long; after that an error is raised.
        kind: the errors that are looked at; any other is raised at once.
        say: is called, from time to time, with a sentence about what is waited for.
    """
    tries, notices = attempts(act, seconds, kind), WaitNotices(say)
    while True:
        try:
            error = next(tries)
        except StopIteration as end:
            notices.over()
            return end.value  # type: ignore[no-any-return]  # StopIteration does not say its type
        notices.tell(str(error))


class WaitNotices:
    """Tells what is waited for: after a few seconds, again every half minute, and at the end.

    It remembers when the wait began and when it last told.
    """

    def __init__(self, say: Callable[[str], None] | None) -> None:
        self._say = say
        self._began: float | None = None
        self._told: float | None = None

    def tell(self, reason: str) -> None:
        """Take in that the wait goes on, and why; tell it when that is due."""
        now = time.monotonic()
        self._began = now if self._began is None else self._began
        due = (
            self._began + SAY_AFTER_SECONDS
            if self._told is None
            else self._told + SAY_EVERY_SECONDS
        )
        if self._say is not None and now >= due:
            self._told = now
            self._say(f"waiting for the store since {now - self._began:.0f} s: {reason}")

    def over(self) -> None:
        """Take in that the wait is over; tell it if the wait was told."""
        if self._say is not None and self._told is not None:
            self._say("the store answers again")
        self._began = self._told = None
