"""Laws of the transition time for a page: fitted beside everything else, and seldom.

A fit takes seconds, and a few more trials change it little.
"""

import html
import time
from collections.abc import Mapping
from threading import Thread
from typing import Any

import pyarrow as pa

from analysis.live.trials import plain
from analysis.report.sections import law_state
from analysis.tables.frames import as_frame

EVERY_SECONDS = 60.0  # from the end of a fit to the next
MAX_TRIALS = 200_000  # beyond, the frame of all columns alone takes hundreds of MB


class LawReader:
    """The laws of the trials that were there a while ago; one thread at a time calls `read`."""

    def __init__(self, store_url: str) -> None:
        self._store_url = store_url
        self._found: Mapping[str, Any] = {}
        self._fitted: pa.Table | None = None
        self._fitting: Thread | None = None
        self._ended = -EVERY_SECONDS

    def read(self, trials: pa.Table) -> Mapping[str, Any]:
        """What `law_state` says, of these trials or of fewer; empty until the first fit ends."""
        if trials.num_rows > MAX_TRIALS:
            command = html.escape(f"analysis laws {self._store_url}")
            said = f"<p>Laws of over {MAX_TRIALS:,} trials: <code>{command}</code></p>"
            return {"laws_html": said, "laws": [], "circuits": []}
        idle = self._fitting is None or not self._fitting.is_alive()
        due = time.monotonic() >= self._ended + EVERY_SECONDS
        if trials.num_rows and trials is not self._fitted and idle and due:
            self._fitted = trials
            self._fitting = Thread(target=self._fit, args=(trials,), daemon=True)
            self._fitting.start()
        return self._found

    def _fit(self, trials: pa.Table) -> None:
        try:
            self._found = law_state(as_frame(plain(trials)))
        finally:
            self._ended = time.monotonic()
