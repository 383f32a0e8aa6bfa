"""Waiting out what passes by itself: an object store that answers 500, a disk that is full.

A command that somebody waits for fails at once; a worker, whose training would be lost, tries again
with growing pauses. Both say in their store how patient they are.
"""

import errno
import random
import re
import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE_SECONDS = 120.0  # of a worker, for one operation on its store
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 10.0

# What clients of object stores say where the fault is not in what was asked.
_PASSING = re.compile(
    r"HTTP status (?:429|5\d\d)|NETWORK_CONNECTION|INTERNAL_FAILURE|SERVICE_UNAVAILABLE|SLOW_DOWN"
    r"|THROTTLING|REQUEST_TIMEOUT|UNAVAILABLE|DEADLINE_EXCEEDED|curlCode|[Tt]imed? ?out"
)
_FULL = {errno.ENOSPC, errno.EDQUOT}

T = TypeVar("T")


def passes(error: Exception) -> bool:
    """Whether an error may go away by itself: the store is out of order, or the disk full."""
    return getattr(error, "errno", None) in _FULL or bool(_PASSING.search(str(error)))


def patiently(act: Callable[[], T], seconds: float) -> T:
    """What `act` returns; tried again for so many seconds while its error is one that passes."""
    until = time.monotonic() + seconds
    pause = _FIRST_PAUSE_SECONDS
    while True:
        try:
            return act()
        except OSError as error:
            if not passes(error) or time.monotonic() + pause > until:
                raise
        # Not in step with the others that wait for the same store.
        time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  not for secrets
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
