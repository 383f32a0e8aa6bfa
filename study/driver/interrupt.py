"""Signals that ask a study to end in good order: Ctrl-C, the end of a job, a closed terminal.

Tune's own handler exists only inside `Tuner.fit`, so a signal between two rounds would be lost.
"""

import contextlib
import os
import select
import signal
from collections.abc import Callable, Iterator
from types import FrameType

STOPPING_LINE = b"\nstopping: packs leave their checkpoints; again to stop at once\n"


class Interrupt:
    """Whether a signal has come: `requested` changes once, in a handler of this class.

    A handler runs in the main thread, and only between two steps of Python: not while Ray's C++
    waits for a Ray that has died. `came` knows of the signal at once, in every thread.

    Args:
        shown: called in the handler, so it must not write: lets a display say that the study stops.
            Where it gives False, a line is written to stderr.
    """

    def __init__(self, shown: Callable[[], bool] = lambda: False) -> None:
        self.requested = False
        self._shown = shown
        self._arrivals: int | None = None  # the pipe into which the interpreter writes signals

    def __getstate__(self) -> dict[str, object]:
        # Tune pickles its stoppers for a restore, which never happens here. `shown` is of a
        # display, which cannot be pickled.
        return {"requested": self.requested}

    def came(self, seconds: float = 0.0) -> bool:
        """Whether a signal has come, or comes within some seconds; for other threads."""
        if self.requested or self._arrivals is None:
            return self.requested
        return bool(select.select([self._arrivals], [], [], seconds)[0])

    @contextlib.contextmanager
    def _noting_arrivals(self) -> Iterator[None]:
        """Have the interpreter write each signal into a pipe, which nobody empties."""
        self._arrivals, end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        before = signal.set_wakeup_fd(end, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
            arrivals, self._arrivals = self._arrivals, None
            os.close(arrivals)
            os.close(end)

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Handle SIGINT, SIGTERM and SIGHUP while a `with` block runs.

        A SIGINT after the first signal ends the process at once. The block begins in the main
        thread, after `ray.init`, which sets a handler of its own. A SIGHUP that is ignored, as
        under nohup, stays ignored.
        """
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.getsignal(number) for number in numbers}
        if before[signal.SIGHUP] is signal.SIG_IGN:
            del before[signal.SIGHUP]

        def handle(_number: int, _frame: FrameType | None) -> None:
            self.requested = True
            _leave_closed_terminals()
            if not self._shown():
                with contextlib.suppress(OSError):
                    # `print` could cut short a print of the main thread.
                    os.write(2, STOPPING_LINE)
            signal.signal(signal.SIGINT, before[signal.SIGINT])

        for number in before:
            signal.signal(number, handle)
        try:
            with self._noting_arrivals():
                yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _leave_closed_terminals() -> None:
    """Let writes to a terminal that was closed succeed and go nowhere."""
    for stream in (1, 2):
        try:
            os.write(stream, b"")
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream)
            os.close(nowhere)
