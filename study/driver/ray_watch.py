"""Ends the driver when Ray has died under it, or never came up.

Ray's C++ waits a minute for a head that is gone, deaf to signals, and then aborts. The thread here
asks every second and leaves with a sentence. Only training since the last checkpoints is lost.
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
HEAD_ANSWER_SECONDS = 5.0  # that a head may take for an answer
GONE_SECONDS = 15.0  # without any answer, then the head is gone
SLOW_SECONDS, HOPELESS_SECONDS = 25.0, 170.0  # of a start: a line says so; the study ends
SHOW_CURSOR = b"\x1b[?25h"  # a progress bar hides it


@contextlib.contextmanager
def watching(
    why_gone: Callable[[], str], interrupted: Callable[[], bool], clean: Callable[[], None]
) -> Iterator[None]:
    """End this process once `why_gone` gives a reason: exit 1, or 130 after an interrupt.

    `clean` is called before. Meanwhile the caller may be in any call of Ray's.
    """

    def look(over: threading.Event) -> None:
        while not over.wait(LOOK_SECONDS):
            why = why_gone()
            if why and not over.is_set():
                rest = "Packs go on from their last checkpoints: type the same command again."
                _leave(f"{why} {rest}", 130 if interrupted() else 1, clean)

    with _beside(look):
        yield


@contextlib.contextmanager
def starting(what: str, clean: Callable[[], None]) -> Iterator[None]:
    """Say when a start is slow, and end this process where it will never be."""

    def look(over: threading.Event) -> None:
        if over.wait(SLOW_SECONDS):
            return
        os.write(2, f"\nstill {what}, which takes seconds on an idle machine\n".encode())
        if not over.wait(HOPELESS_SECONDS - SLOW_SECONDS):
            _leave(f"{what} took {HOPELESS_SECONDS:g} s; it will never be. Try again.", 1, clean)

    with _beside(look):
        yield


def daemons_gone(node: OwnNode) -> str:
    """Why the Ray that this process started is gone; empty while its daemons live."""
    dead = node.dead_daemon()
    return f"Ray has died: its {dead} was ended from outside." if dead else ""


class HeadWatch:
    """Says why the Ray that this process joined is gone; an empty text while it is there.

    Args: head, its HOST:PORT; node, the id of the node that this process is on.
    """

    def __init__(self, head: str, node: bytes) -> None:
        self._head, self._node = head, node
        self._heard = time.monotonic()

    def __call__(self) -> str:
        """Ask the head, and wait for its answer."""
        try:
            answer = ask_head(self._head, HEAD_ANSWER_SECONDS, [self._node])
        except StudyError as error:
            if time.monotonic() - self._heard < GONE_SECONDS:
                return ""
            return f"Ray has died: {error}"
        self._heard = time.monotonic()
        if all(answer.alive):
            return ""
        return f"Ray has died: {self._head} no longer knows the node on this machine."


@contextlib.contextmanager
def _beside(look: Callable[[threading.Event], None]) -> Iterator[None]:
    over = threading.Event()
    threading.Thread(target=look, args=(over,), name="watch-ray", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _leave(sentence: str, code: int, clean: Callable[[], None]) -> None:
    """End this process at once: its main thread may be where nothing can reach it."""
    cursor = SHOW_CURSOR if sys.stderr.isatty() else b""
    with contextlib.suppress(OSError):
        os.write(2, cursor + f"\nerror: {sentence}\n".encode())
    try:
        clean()
    finally:
        os._exit(code)
