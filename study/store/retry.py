"""Waiting out what passes by itself: an object store that answers 500, a disk that is full.

A command that somebody waits for fails at once. A worker, whose training would be lost, tries again
with growing pauses and reports what it waits for meanwhile.
"""

import errno
import random
import re
import time
from collections.abc import Callable, Generator
from typing import TypeVar

PATIENCE_SECONDS = 120.0  # of a worker, for one operation on its store
CLOSING_SECONDS = 15.0  # likewise, of a worker that has been told to stop
SAY_AFTER_SECONDS, SAY_EVERY_SECONDS = 5.0, 30.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 10.0

# What clients of object stores say where the fault is not in what was asked.
_PASSING = re.compile(
    r"HTTP status (?:429|5\d\d)|NETWORK_CONNECTION|INTERNAL_FAILURE|SERVICE_UNAVAILABLE|SLOW_DOWN"
    r"|THROTTLING|REQUEST_TIMEOUT|UNAVAILABLE|DEADLINE_EXCEEDED|curlCode|[Tt]imed? ?out"
)
_FULL = {errno.ENOSPC, errno.EDQUOT}

T = TypeVar("T")


def is_full(error: Exception) -> bool:
    """Whether an error says that a disk, or somebody's share of it, is full."""
    return getattr(error, "errno", None) in _FULL


def passes(error: Exception) -> bool:
    """Whether an error may go away by itself: the store is out of order, or the disk full."""
    # A StoreError knows what it was made of.
    return getattr(error, "passing", is_full(error) or bool(_PASSING.search(str(error))))


def retried(
    act: Callable[[], T], seconds: float, kind: type[Exception] = OSError
) -> Generator[Exception, None, T]:
    """What `act` returns; tried again for so many seconds while its error is one that passes.

    Yields each such error of a `kind` before it pauses. Raises the last one.
    """
    until = time.monotonic() + seconds
    pause = _FIRST_PAUSE_SECONDS
    while True:
        try:
            return act()
        except kind as error:
            if not passes(error) or time.monotonic() + pause > until:
                raise
            waited_for = error
        yield waited_for
        # Not in step with the others that wait for the same store.
        time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  not for secrets
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def patiently(
    act: Callable[[], T],
    seconds: float,
    kind: type[Exception] = OSError,
    say: Callable[[str], None] | None = None,
) -> T:
    """`retried` for those who can but wait; `say` is told for what, from time to time."""
    attempts, waits = retried(act, seconds, kind), Waits(say)
    while True:
        try:
            error = next(attempts)
        except StopIteration as end:
            waits.over()
            return end.value  # type: ignore[no-any-return]  # StopIteration does not say its type
        waits.tell(str(error))


class Waits:
    """Tells somebody what is waited for: after a few seconds, and again every half minute."""

    def __init__(self, say: Callable[[str], None] | None) -> None:
        self._say = say
        self._began: float | None = None
        self._said: float | None = None

    def tell(self, reason: str) -> None:
        """Take in that the wait goes on."""
        now = time.monotonic()
        self._began = now if self._began is None else self._began
        due = (
            self._began + SAY_AFTER_SECONDS
            if self._said is None
            else self._said + SAY_EVERY_SECONDS
        )
        if self._say is not None and now >= due:
            self._said = now
            self._say(f"waiting for the store since {now - self._began:.0f} s: {reason}")

    def over(self) -> None:
        """Take in that nothing is waited for."""
        if self._say is not None and self._said is not None:
            self._say("the store answers again")
        self._began = self._said = None
