"""A study as it stands now, for many who ask: one thread reads the store, all others its snapshots.

A snapshot never changes. It is renewed when somebody asks and the last one is a second old, more
where making one takes long; nobody waits for it longer than a moment, and a store that cannot be
read leaves the last one standing, with the reason.
"""

import json
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from threading import Condition, Thread
from typing import Any

import pandas as pd
import pyarrow as pa

from analysis.live.law_reader import LawReader
from analysis.live.status import StatusReader
from analysis.live.trials import LiveTrials
from analysis.phases.grid import Grid, make_grid
from analysis.phases.rulers import TITLES
from analysis.report.state import page_state
from analysis.tables.frames import as_frame
from study.errors import StoreError, StudyError
from study.store.store import Store

FRESH_SECONDS = 1.0  # that a snapshot is not looked at again, at least,
REST = 3.0  # and this many times as long as making it took: a large study leaves a core free
WAIT_SECONDS = 1.0  # for a newer snapshot, when there is one already
FIRST_WAIT_SECONDS = 60.0  # for the first

# What cells and facts are made of; a frame of all columns would be three times as large.
STATE_COLUMNS = (
    *TITLES, "study", "steps_per_epoch", "epochs_run", "ended", "memorized_epoch",
    "memorized_after_epoch", "generalized_epoch", "generalized_after_epoch", "ungrokked_epoch",
    "final_test_accuracy", "device", "kernel", "wall_seconds",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A study at one moment.

    `trials`: as `LiveTrials` has them. `grid`: the cell of each, None where there are no trials
    yet. `drawn`: the page's state without what changes from moment to moment. `state`: all of it,
    as JSON.
    """

    trials: pa.Table
    manifest: Mapping[str, Any]
    grid: Grid | None
    drawn: Mapping[str, Any]
    state: bytes


class LiveStudy:
    """Snapshots of a store, made by a thread of its own when they are asked for."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.trials = LiveTrials(store)
        self._status = StatusReader(store)
        self._laws = LawReader(store.url)
        self._snapshot: Snapshot | None = None
        self._problem: str | None = None
        self._changed = Condition()
        self._asked = True
        self._rounds = 0
        self._fresh_until = 0.0
        Thread(target=self._follow, daemon=True).start()

    def now(self) -> Snapshot:
        """The newest snapshot; waits a second for one that is being made, longer for the first.

        Raises: StoreError where there is none: the store cannot be read, or it takes long.
        """
        with self._changed:
            if time.monotonic() >= self._fresh_until:
                self._asked = True
                before = self._rounds
                self._changed.notify_all()
                wait = WAIT_SECONDS if self._snapshot else FIRST_WAIT_SECONDS
                self._changed.wait_for(lambda: self._rounds > before, wait)
            if self._snapshot is None:
                raise StoreError(self._problem or f"{self.store.url}: being read. Ask again soon.")
            return self._snapshot

    def latest(self) -> Snapshot:
        """The newest snapshot as it is; `now` where there is none."""
        return self._snapshot or self.now()

    def _follow(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._asked)
                self._asked = False
            began = time.monotonic()
            try:
                problem = None
                self._renew()
            except StudyError as error:
                problem = str(error)
            except Exception:  # noqa: BLE001  whatever it is, the page goes on with what it has
                traceback.print_exc(file=sys.stderr)
                problem = f"{self.store.url}: cannot be read; the reason is where it is served."
            took = time.monotonic() - began
            with self._changed:
                self._note(problem)
                self._rounds += 1
                self._fresh_until = time.monotonic() + max(FRESH_SECONDS, REST * took)
                self._changed.notify_all()

    def _note(self, problem: str | None) -> None:
        """Say in the last snapshot why there is no newer one."""
        if problem != self._problem and problem is not None and self._snapshot is not None:
            stale = {**json.loads(self._snapshot.state), "problem": problem}
            self._snapshot = replace(self._snapshot, state=_json(stale))
        self._problem = problem

    def _renew(self) -> None:
        manifest = self.store.manifest()
        last = self._snapshot
        self.trials.refresh()
        trials = self.trials.table
        status = self._status.read(manifest, trials)
        if last is None or trials is not last.trials or manifest != last.manifest:
            grid, drawn = self._draw(trials, manifest)
        else:
            grid, drawn = last.grid, last.drawn
        said = {"store": self.store.url, "status": status, "problem": None}
        state = {**drawn, **self._laws.read(trials), **said}
        self._snapshot = Snapshot(trials, manifest, grid, drawn, _json(state))

    def _draw(
        self, trials: pa.Table, manifest: Mapping[str, Any]
    ) -> tuple[Grid | None, Mapping[str, Any]]:
        if not trials.num_rows:
            return None, {"name": str(manifest.get("spec", {}).get("name", "")), "trials": 0}
        frame = state_frame(trials)
        grid = make_grid(frame)
        return grid, page_state(frame, manifest, grid=grid)


def state_frame(trials: pa.Table) -> pd.DataFrame:
    """The columns that phases, cells and facts are made of."""
    return as_frame(trials.select(list(STATE_COLUMNS)))


def _json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, separators=(",", ":"), allow_nan=False).encode()
