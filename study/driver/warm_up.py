"""Lets the workers of a local Ray load what packs need while the driver goes on.

Tune should not begin before they are ready. Where one worker has trained its first pack while
another still loads, Tune gives the next pack to the first, ends the other, and starts a new one,
which loads again; on two cores one then trains alone.
"""

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from study.driver.ray_internals import WARM_WORKERS, environment_defaults

READY_VARIABLE = "STUDY_READY_WORKERS"  # the folder where each worker leaves a file
WARM_SECONDS = 20.0  # timeout for workers to load; without them the study begins all the same


class WarmWorkers:
    """The workers of a Ray that is started while `loading` runs.

    Args:
        folder: where each worker leaves a file when it has loaded.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def wait(self, count: int, interrupted: Callable[[], bool]) -> None:
        """Wait until so many workers have loaded, or WARM_SECONDS have passed.

        Args:
            count: of workers.
            interrupted: whether to wait no longer.
        """
        until = time.monotonic() + WARM_SECONDS
        while time.monotonic() < until and not interrupted():
            if sum(1 for _ in self._folder.iterdir()) >= count:
                return
            time.sleep(0.02)


@contextlib.contextmanager
def loading() -> Iterator[WarmWorkers]:
    """Let a Ray that is started in a `with` block load its workers at once."""
    with (
        tempfile.TemporaryDirectory(prefix="study-ready-", ignore_cleanup_errors=True) as folder,
        environment_defaults({**WARM_WORKERS, READY_VARIABLE: folder}),
    ):
        yield WarmWorkers(Path(folder))
