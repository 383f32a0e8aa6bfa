"""The planned trials of a study, expanded once, and what of them is still to come."""

from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from analysis.live.jobs import start_job
from analysis.phases.axis_scales import TITLES
from analysis.tables.frames import as_frame
from study.search.proposals import proposed, recorded, to_come
from study.spec.models import Setting, StudySpec
from study.store import schema
from study.store.manifest import stored_spec
from study.store.store import Store
from study.trials.expand import Proposed, each
from study.trials.trial import Point, Trial

PLAN_WAIT_SECONDS = 1.0  # that an answer waits for the plan; expanding a million trials takes 30 s
BATCH = 10_000  # trials expanded at a time; each takes a kilobyte until its id is computed
MOST_PLANNED = 50_000  # of a plan whose points are drawn before they have trials

_POINTS = pa.schema([schema.TRIALS.field(name) for name in TITLES])


@dataclass(frozen=True, slots=True, eq=False)
class PlanProgress:
    """How far each point of a plan is.

    Attributes:
        points: the axes of each point, columns as in the table of trials.
        coming: how many of its trials are still to come, [points].
        in_training: how many of these are in training, [points].
    """

    points: pd.DataFrame
    coming: NDArray[np.intp]
    in_training: NDArray[np.intp]


class PlannedTrials:
    """The planned trials of a study with their budgets, expanded by a thread of its own.

    `table` has trial_id, budget_max and point_min, and is None until all trials are expanded.
    `points` has the axes of each point; it is None for a plan of more than MOST_PLANNED, and for a
    search, which chooses its points as it goes. `key` is the spec and the records that the plan was
    made from.
    """

    def __init__(self, store: Store, key: object) -> None:
        self.key = key
        self.table: pa.Table | None = None
        self.points: pd.DataFrame | None = None
        spec = stored_spec(store)
        pairs = proposed(spec, store)
        self.to_come = to_come(spec, pairs)
        expanding = start_job("plan", partial(self._expand, spec, pairs))
        expanding.join(PLAN_WAIT_SECONDS)

    def _expand(self, spec: StudySpec, pairs: Proposed) -> None:
        trials = each(spec, pairs)
        empty = {"trial_id": pa.string(), "budget": pa.int64(), "point": pa.int32()}
        pieces = [pa.schema(list(empty.items())).empty_table()]
        points = _Points()
        while batch := list(islice(trials, BATCH)):
            columns = {
                "trial_id": [trial.trial_id for trial in batch],
                "budget": [trial.budget_epochs for trial in batch],
                "point": [points.number(trial) for trial in batch],
            }
            pieces.append(pa.table(columns, pieces[0].schema))
        if not pairs:
            self.points = points.frame()
        # A trial of two settings is trained once, under the larger budget.
        table = pa.concat_tables(pieces).group_by("trial_id")
        self.table = table.aggregate([("budget", "max"), ("point", "min")]).combine_chunks()

    def progress(self, done: pa.Array, training: pa.Array) -> PlanProgress | None:
        """How far each point is; None without `points`.

        Args:
            done: the ids of the trials that need no more training.
            training: the ids of trials in training; some may be done.
        """
        if self.table is None or self.points is None:
            return None
        left = pc.invert(pc.is_in(self.table["trial_id"], value_set=done))
        open_ones = self.table.filter(left)
        busy = pc.is_in(open_ones["trial_id"], value_set=training)
        counts = [
            np.bincount(some["point_min"].to_numpy(), minlength=len(self.points))
            for some in (open_ones, open_ones.filter(busy))
        ]
        return PlanProgress(self.points, *counts)


class _Points:
    """Numbers the points of trials; the seeds of a point come one after the other.

    Of more than MOST_PLANNED points it keeps the last alone.
    """

    def __init__(self) -> None:
        self._count = 0
        self._points: list[tuple[Setting, Point]] = []

    def number(self, trial: Trial) -> int:
        """The number of a trial's point: 0, 1, ..."""
        setting, point = self._points[-1] if self._points else (None, None)
        if trial.setting is not setting or trial.point is not point:
            if self._count >= MOST_PLANNED:
                self._points.clear()
            self._points.append((trial.setting, trial.point))
            self._count += 1
        return self._count - 1

    def frame(self) -> pd.DataFrame | None:
        """The axes of all points; None where there are more than MOST_PLANNED."""
        if self._count > MOST_PLANNED:
            return None
        rows = [{"setting": setting.label, **point.values()} for setting, point in self._points]
        return as_frame(pa.Table.from_pylist(rows, _POINTS))


def plan_key(store: Store, spec: object) -> object:
    """What a plan is made from: it changes where the plan may.

    Args:
        store: of the study.
        spec: of the study, as study.json has it.
    """
    return spec, recorded(store)
