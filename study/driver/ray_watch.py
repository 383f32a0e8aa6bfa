"""Ends the driver when Ray has died, or when Ray does not start.

Ray's C++ waits a minute for a head that is gone, without handling signals, and then aborts the
process. The thread here asks every second, prints a sentence and ends the process. Only training
since the last checkpoints is lost.
"""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator

from study.driver.head_probe import ask_head
from study.driver.ray_internals import OwnNode
from study.errors import StudyError

LOOK_SECONDS = 1.0  # between two looks at Ray
HEAD_ANSWER_SECONDS = 5.0  # timeout of one question to a head
GONE_SECONDS = 15.0  # a head that has not answered for so long is taken to be gone
SLOW_SECONDS = 25.0  # a line is printed when a start has taken so long
START_SECONDS = 170.0  # the process ends when a start has taken so long
SHOW_CURSOR = b"\x1b[?25h"  # a progress bar hides the cursor


@contextlib.contextmanager
def watching(
    why_gone: Callable[[], str], interrupted: Callable[[], bool], clean: Callable[[], None]
) -> Iterator[None]:
    """End this process when Ray is gone, whatever call of Ray's the main thread is in.

    Args:
        why_gone: asked every second; a sentence says that Ray is gone, "" that it lives.
        interrupted: whether the user has asked for the end: the exit code is then 130, else 1.
        clean: called before the process ends.
    """

    def look(over: threading.Event) -> None:
        while not over.wait(LOOK_SECONDS):
            reason = why_gone()
            if reason and not over.is_set():
                remedy = "Packs go on from their last checkpoints: type the same command again."
                _leave(f"{reason} {remedy}", interrupted, clean)

    with _beside(look):
        yield


@contextlib.contextmanager
def starting(what: str, clean: Callable[[], None], say: Callable[[str], None]) -> Iterator[None]:
    """Print a line if a start is slow, and end this process if it takes START_SECONDS.

    Args:
        what: is started, for the sentences: "starting Ray".
        clean: called before the process ends.
        say: is told the line.
    """

    def look(over: threading.Event) -> None:
        if over.wait(SLOW_SECONDS):
            return
        say(f"still {what}, which takes seconds on an idle machine")
        if not over.wait(START_SECONDS - SLOW_SECONDS):
            sentence = f"{what} took {START_SECONDS:g} s; it will never be. Try again."
            _leave(sentence, lambda: False, clean)

    with _beside(look):
        yield


def daemons_gone(node: OwnNode) -> str:
    """Why the Ray that this process started is gone; "" while its daemons live."""
    dead = node.dead_daemon()
    return f"Ray has died: its {dead} was ended from outside." if dead else ""


class HeadWatch:
    """Called, says why the Ray that this process joined is gone; "" while it lives.

    Args:
        head: HOST:PORT of its head.
        node: the id of the node that this process is on.
    """

    def __init__(self, head: str, node: bytes) -> None:
        self._head, self._node = head, node
        self._answered = time.monotonic()

    def __call__(self) -> str:
        """Ask the head, and wait for its answer."""
        try:
            answer = ask_head(self._head, HEAD_ANSWER_SECONDS, [self._node])
        except StudyError as error:
            if time.monotonic() - self._answered < GONE_SECONDS:
                return ""
            return f"Ray has died: {error}"
        self._answered = time.monotonic()
        if all(answer.alive):
            return ""
        return f"Ray has died: {self._head} no longer knows the node on this machine."


@contextlib.contextmanager
def _beside(look: Callable[[threading.Event], None]) -> Iterator[None]:
    """Run `look` in a thread beside a `with` block; its event is set when the block ends."""
    over = threading.Event()
    threading.Thread(target=look, args=(over,), name="watch-ray", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _leave(sentence: str, interrupted: Callable[[], bool], clean: Callable[[], None]) -> None:
    """End this process at once: an exception cannot reach a main thread that is in Ray's C++.

    `interrupted` is asked last: an interrupt that came with Ray's death reaches the main thread
    while `clean` runs.
    """
    cursor = SHOW_CURSOR if sys.stderr.isatty() else b""
    with contextlib.suppress(OSError):
        os.write(2, cursor + f"\nerror: {sentence}\n".encode())
    try:
        clean()
    finally:
        os._exit(130 if interrupted() else 1)
