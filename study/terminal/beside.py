"""A process beside the command, which is asked once and answers once.

It loads what it needs as soon as it is started. What its work takes of time and memory is not the
command's.
"""

import contextlib
import json
import subprocess
import sys
import threading
from typing import Any


class Beside:
    """Runs a module in a process of its own, from the first `start` on.

    The module reads JSON from stdin and prints JSON to stdout. It should end where there is nothing
    to read: then the command has ended without a question.

    Args:
        module: the name of the module.
    """

    def __init__(self, module: str) -> None:
        self._module = module
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._said = b""

    def start(self) -> None:
        """Start the process, unless it was started before; without it there is no answer."""
        if self._process is not None:
            return
        # -P: nothing is imported from the user's folder. A session of its own: Ctrl-C is for the
        # command alone.
        with contextlib.suppress(OSError):
            self._process = subprocess.Popen(  # noqa: S603  our own module
                [sys.executable, "-P", "-m", self._module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )

    def ask(self, question: object) -> None:
        """Hand the process its question, and do not wait; nothing happens without a process."""
        process = self._process
        if process is None:
            return

        def talk() -> None:
            self._said, _ = process.communicate(json.dumps(question).encode())

        # A daemon, so that an error or an interrupt of the command need not wait for it.
        self._thread = threading.Thread(target=talk, name="beside", daemon=True)
        self._thread.start()

    def answer(self) -> Any:
        """Wait for the answer; None where nothing was asked, or the process could not answer."""
        if self._thread is None:
            return None
        self._thread.join()
        with contextlib.suppress(ValueError):
            return json.loads(self._said)
        return None
