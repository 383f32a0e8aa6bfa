"""A study as it stands now, for many browsers: one thread reads the store, all others a snapshot.

A snapshot never changes. A new snapshot is made when a request comes and the last snapshot is older
than `FRESH_SECONDS`, and than `FRESH_TIMES` times the seconds that making it took. The request
waits up to `WAIT_SECONDS` for the new snapshot, and then takes the last. Where there is no snapshot
yet, the request waits up to `FIRST_WAIT_SECONDS`. While the store cannot be read, the last snapshot
stays, with the reason.
"""

import json
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from threading import Condition

import pandas as pd
import pyarrow as pa

from analysis.live.jobs import process_ends, start_job
from analysis.live.law_reader import LawReader
from analysis.live.status import StatusReader
from analysis.live.trials import LiveTrials
from analysis.live.waiting import waiting_state
from analysis.phases.axis_scales import TITLES
from analysis.phases.classify import PHASE_COLUMNS
from analysis.phases.grid import Grid, make_grid, pending_cells
from analysis.phases.quantities import FINALS
from analysis.report.state import columnar, page_state, study_name
from analysis.tables.frames import as_frame
from analysis.tables.plan_progress import PlanProgress
from study.errors import StoreError, StudyError
from study.store.store import Store

# A snapshot is renewed when it is older than FRESH_SECONDS, and than FRESH_TIMES times the seconds
# that making it took. So the thread is busy for at most a quarter of the time.
FRESH_SECONDS = 1.0
FRESH_TIMES = 3.0
WAIT_SECONDS = 1.0  # for a newer snapshot, where there is a snapshot already
FIRST_WAIT_SECONDS = 60.0  # for the first snapshot

# The columns that cells, sentences and facts are made of. A frame of all columns is three times as
# large.
FACT_COLUMNS = ("study", "task", "net", "budget_epochs", "device", "kernel", "wall_seconds")
STATE_COLUMNS = tuple(dict.fromkeys((*TITLES, *PHASE_COLUMNS, *FACT_COLUMNS, *FINALS)))


@dataclass(frozen=True, slots=True)
class StudySnapshot:
    """A study at one moment.

    Attributes:
        trials: as `LiveTrials.table` has them.
        manifest: of the store, as JSON; empty while there is no study yet.
        grid: of the trials and of the plan's points; None where there is neither yet.
        page: the page's state, without status, laws and cells to come, which change from moment
            to moment.
        drawn_from: what `page` was made from, beside the trials.
        state: the page's whole state, as JSON.
    """

    trials: pa.Table
    manifest: Mapping[str, object]
    grid: Grid | None
    page: Mapping[str, object]
    drawn_from: tuple[object, ...]
    state: bytes


class LiveStudy:
    """Snapshots of a store, made by a thread of its own when they are asked for."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.trials = LiveTrials(store)
        self._status = StatusReader(store)
        self._laws = LawReader(store.url)
        self._snapshot: StudySnapshot | None = None
        self._problem: str | None = None  # why there is no newer snapshot
        self._changed = Condition()  # guards what follows
        self._asked = True
        self._rounds = 0  # how many snapshots were made, or could not be
        self._fresh_until = 0.0
        start_job("snapshots", self._follow)

    def now(self) -> StudySnapshot:
        """The newest snapshot; waits for a snapshot that is being made.

        The wait is WAIT_SECONDS at most, and FIRST_WAIT_SECONDS for the first snapshot.

        Raises: StoreError where there is no snapshot: the store cannot be read, or reading takes
            longer than the wait.
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

    def latest(self) -> StudySnapshot:
        """The newest snapshot without waiting for a newer one; `now` where there is none."""
        return self._snapshot or self.now()

    def _follow(self) -> None:
        """The loop of the thread: makes a snapshot whenever a request has asked for a new one."""
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
                if process_ends():
                    return
                traceback.print_exc(file=sys.stderr)
                problem = f"{self.store.url}: cannot be read; the reason is where it is served."
            seconds = time.monotonic() - began
            with self._changed:
                self._note(problem)
                self._rounds += 1
                self._fresh_until = time.monotonic() + max(FRESH_SECONDS, FRESH_TIMES * seconds)
                self._changed.notify_all()

    def _note(self, problem: str | None) -> None:
        """Write into the last snapshot why there is no newer one."""
        if problem != self._problem and problem is not None and self._snapshot is not None:
            stale = {**json.loads(self._snapshot.state), "problem": problem}
            self._snapshot = replace(self._snapshot, state=compact_json(stale))
        self._problem = problem

    def _renew(self) -> None:
        manifest = self.store.manifest()
        last = self._snapshot
        self.trials.refresh()
        trials = self.trials.table
        begun = bool(manifest) or (last is not None and bool(last.manifest))
        status = self._status.read(manifest, trials) if begun else None
        plan = self._status.progress
        points = None if plan is None else plan.points
        to_come = plan is not None and bool(plan.coming.any())
        drawn_from = (manifest, points is None, to_come)
        grid: Grid | None
        if not begun:
            grid, page = None, waiting_state(self.store.url)
        elif last is None or trials is not last.trials or drawn_from != last.drawn_from:
            grid, page = _drawn(trials, manifest, plan)
        else:
            grid, page = last.grid, last.page
        moment = {
            "store": self.store.url,
            "status": status,
            "problem": None,
            "pending": None if grid is None or plan is None else columnar(_pending(grid, plan)),
        }
        laws = self._laws.read(trials, grid)
        state = compact_json({**page, **laws, **moment})
        self._snapshot = StudySnapshot(trials, manifest, grid, page, drawn_from, state)


def _drawn(
    trials: pa.Table, manifest: Mapping[str, object], plan: PlanProgress | None
) -> tuple[Grid | None, Mapping[str, object]]:
    """The grid and the page's state of some trials, and of the points of a plan.

    Without trials and without points that is the study's name alone.
    """
    if not trials.num_rows and plan is None:
        return None, {"name": study_name(manifest), "trials": 0}
    frame = state_frame(trials)
    if plan is None:
        grid = make_grid(frame)
        return grid, {**page_state(frame, manifest, grid=grid)}
    grid = make_grid(frame, planned=plan.points)
    pending = _pending(grid, plan)
    return grid, {**page_state(frame, manifest, grid=grid, pending=pending)}


def _pending(grid: Grid, plan: PlanProgress) -> pd.DataFrame:
    return pending_cells(grid, plan.points, plan.coming, plan.in_training)


def state_frame(trials: pa.Table) -> pd.DataFrame:
    """The columns that cells and facts are made of."""
    return as_frame(trials.select(list(STATE_COLUMNS)))


def phase_frame(trials: pa.Table) -> pd.DataFrame:
    """The columns that phases are made of."""
    return as_frame(trials.select(list(PHASE_COLUMNS)))


def compact_json(content: object) -> bytes:
    """JSON without spaces; raises ValueError for numbers that JSON does not have."""
    return json.dumps(content, separators=(",", ":"), allow_nan=False).encode()
