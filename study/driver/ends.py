"""What ends a round of packs, or the whole study, before its packs are done.

Few packs are left for many places; Ctrl-C or the end of a job; a machine that has other versions.
Each is a Tune stopper that stops no pack alone.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from ray.tune import Stopper

ANSWER = b"\nstopping: packs leave their checkpoints; again to stop at once\n"


class TailStopper(Stopper):
    """Ends a round of packs once half of all places are idle, so that the rest is split over them.

    Args: packs, how many the round has, infinitely many where others follow; seconds that places
    must have been idle; idle_places, which says how many more packs could train now.
    """

    def __init__(self, packs: float, seconds: float, idle_places: Callable[[], int]) -> None:
        self._packs, self._seconds, self._idle_places = packs, seconds, idle_places
        self._open: dict[str, int] = {}
        self._idle_since: float | None = None
        self.places = 0
        self.ended = False

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Take in how many members of a pack are open; no pack is stopped alone."""
        self._open[trial_id] = 0 if result.get("set_aside") else result["members_open"]
        running = [members for members in self._open.values() if members]
        waiting = len(self._open) < self._packs
        idle = 0 if waiting or max(running, default=0) < 2 else self._idle_places()
        self.places = len(running) + idle
        if not idle or idle < len(running):
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = time.time()
        return False

    def stop_all(self) -> bool:
        """Whether the packs that are left should stop now."""
        waited = self._idle_since is not None and time.time() - self._idle_since >= self._seconds
        self.ended = self.ended or waited
        return self.ended


class InterruptStopper(Stopper):
    """Ends a study once `heard` says that a signal has asked for it, whenever that was.

    Tune listens only while it fits, and forgets what it heard when the next round begins.
    """

    def __init__(self) -> None:
        self.heard = False

    def __call__(self, _trial_id: str, _result: dict[str, Any]) -> bool:
        """No pack is stopped alone."""
        return False

    def stop_all(self) -> bool:
        """Whether the user, or the end of a job, has asked."""
        return self.heard

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Hear SIGINT, SIGTERM and SIGHUP meanwhile; who repeats the first is not made to wait.

        From the main thread only, and after `ray.init`, which has a handler of its own. A SIGHUP
        that is ignored, as under nohup, stays so.
        """
        heeded = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.getsignal(number) for number in heeded}
        if before[signal.SIGHUP] is signal.SIG_IGN:
            del before[signal.SIGHUP]

        def hear(_number: int, _frame: FrameType | None) -> None:
            self.heard = True
            _leave_dead_terminals()
            with contextlib.suppress(OSError):
                os.write(2, ANSWER)  # to print here may cut another print short
            signal.signal(signal.SIGINT, before[signal.SIGINT])

        for number in before:
            signal.signal(number, hear)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _leave_dead_terminals() -> None:
    """Let what is written to a terminal that was closed go nowhere, not be an error."""
    for stream in (1, 2):
        try:
            os.write(stream, b"")
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream)
            os.close(nowhere)


class SkewStopper(Stopper):
    """Ends a study when a machine has other versions; `said` holds the machine and the versions.

    Nothing is wrong with the pack: another machine trains it.
    """

    def __init__(self) -> None:
        self.said = ""

    def __call__(self, _trial_id: str, result: dict[str, Any]) -> bool:
        """Take in what a pack's machine says of its versions; no pack is stopped alone."""
        self.said = self.said or result["skew"]
        return False

    def stop_all(self) -> bool:
        """Whether a machine was found that must not train."""
        return bool(self.said)
