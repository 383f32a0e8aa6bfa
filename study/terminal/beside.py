"""Work beside the main thread that may fail: whoever needs its result does it again."""

import contextlib
import threading
from collections.abc import Callable


class Beside:
    """Runs a function once, in a thread of its own, from the first `start` on.

    Args:
        act: the function; what it raises is dropped.
    """

    def __init__(self, act: Callable[[], None]) -> None:
        self._act = act
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, unless it has begun."""
        if self._thread is None:
            # A daemon, so that an error or an interrupt need not wait for it.
            self._thread = threading.Thread(target=self._run, name="beside", daemon=True)
            self._thread.start()

    def wait(self) -> None:
        """Wait for the end, if it has begun."""
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        with contextlib.suppress(Exception):
            self._act()
