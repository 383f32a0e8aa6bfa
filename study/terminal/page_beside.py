"""The live page of a run, in a process beside the command that ends when the command does."""

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Self

from study.terminal.console import note


class PageBeside:
    """Serves the page of a store in a process of its own, until its `with` block ends.

    The process reads the address of the store from stdin, as a line of JSON, and prints the address
    of the page. It should end when its stdin is closed: the system closes it when the command ends,
    however that ends.

    Args:
        module: the name of the module that serves.
    """

    def __init__(self, module: str) -> None:
        self._module = module
        self._name = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._address: Future[str] = Future()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.kill()  # it only reads: nothing is lost
            self._process.wait()
            if self._process.stdin:
                with contextlib.suppress(OSError):
                    self._process.stdin.close()
            self._process = None

    def start(self, store_url: str, name: str, show: Callable[[str], None] | None = None) -> None:
        """Start the process, and do not wait for it. A line on stderr has the page's address.

        Args:
            store_url: path or URL of the store, which need not exist yet.
            name: of the study.
            show: is called with the address of the page, in a thread, as soon as it answers.

        Raises: OSError where no process can be started.
        """
        # -P: nothing is imported from the user's folder. A session of its own: Ctrl-C is for the
        # command alone.
        self._name = name
        process = self._process = subprocess.Popen(  # noqa: S603  our own module
            [sys.executable, "-P", "-m", self._module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

        def talk() -> None:
            address = ""
            if process.stdin and process.stdout:
                with contextlib.suppress(OSError), process.stdout:
                    process.stdin.write(f"{json.dumps(store_url)}\n".encode())
                    process.stdin.flush()
                    address = process.stdout.readline().decode().strip()
            if address:
                note(f"{name}: live page at {address}")
            self._address.set_result(address)
            if address and show:
                show(address)

        threading.Thread(target=talk, name="page", daemon=True).start()

    def address(self) -> str:
        """The address of the page, waited for; "" where it cannot be served."""
        return "" if self._process is None else self._address.result()

    def stay(self) -> None:
        """Wait until Ctrl-C, or until the process has ended; at once where there is none."""
        with contextlib.suppress(KeyboardInterrupt):
            if self.address() and self._process is not None:
                note(f"{self._name}: live page at {self.address()} until Ctrl-C")
                self._process.wait()
