"""Laws of the transition time for a live page: fitted in a thread of their own, and seldom.

A fit takes seconds, and a few more trials change it little.
"""

import html
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from analysis.live.jobs import start_job
from analysis.live.trials import plain
from analysis.phases.grid import Grid
from analysis.report.sections import law_state
from analysis.tables.frames import as_frame

if TYPE_CHECKING:
    from threading import Thread

EVERY_SECONDS = 60.0  # from the end of a fit to the next
MAX_FITTED = 200_000  # trials; with more, a frame of all columns takes hundreds of MB


class LawReader:
    """The laws as of the last fit; one thread at a time calls `read`."""

    def __init__(self, store_url: str) -> None:
        self._store_url = store_url
        self._laws: Mapping[str, object] = {}
        self._fitted: pa.Table | None = None
        self._fitting: Thread | None = None
        self._ended = -EVERY_SECONDS

    def read(self, trials: pa.Table, grid: Grid | None) -> Mapping[str, object]:
        """The newest answer of `law_state`, of these trials or of fewer, on the axes of a grid.

        The answer is empty until the first fit has ended. More than MAX_FITTED trials are not
        fitted. The answer is then a sentence that names the command which fits them.
        """
        if trials.num_rows > MAX_FITTED:
            command = html.escape(f"analysis laws {self._store_url}")
            sentence = f"<p>Laws of over {MAX_FITTED:,} trials: <code>{command}</code></p>"
            return {"laws_html": sentence, "laws": [], "circuits": [], "questions": []}
        idle = self._fitting is None or not self._fitting.is_alive()
        due = time.monotonic() >= self._ended + EVERY_SECONDS
        if trials.num_rows and trials is not self._fitted and idle and due:
            self._fitted = trials
            self._fitting = start_job("laws", partial(self._fit, trials, grid))
        return self._laws

    def _fit(self, trials: pa.Table, grid: Grid | None) -> None:
        try:
            self._laws = {**law_state(self._store_url, as_frame(plain(trials)), grid=grid)}
        finally:
            self._ended = time.monotonic()
