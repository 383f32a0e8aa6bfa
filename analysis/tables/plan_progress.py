"""The planned trials of a study, and what of them is still to come."""

from dataclasses import dataclass
from itertools import islice

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from analysis.phases.axis_scales import TITLES
from analysis.tables.frames import as_frame
from study.search.proposals import proposed
from study.spec.models import Setting, StudySpec
from study.store import schema
from study.store.manifest import stored_spec
from study.store.store import Store
from study.trials.expand import Proposed, each
from study.trials.trial import Point, Trial
from study.vocabulary.outcomes import Ended

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


@dataclass(frozen=True, slots=True)
class ExpandedPlan:
    """The planned trials of a study with their budgets.

    Attributes:
        table: trial_id, budget_max and point_min.
        points: the axes of each point; None for a plan of more than MOST_PLANNED, and for a search,
            which chooses its points as it goes.
    """

    table: pa.Table
    points: pd.DataFrame | None

    def progress(self, done: pa.Array, training: pa.Array) -> PlanProgress | None:
        """How far each point is; None without `points`.

        Args:
            done: the ids of the trials that need no more training.
            training: the ids of trials in training; some may be done.
        """
        if self.points is None:
            return None
        left = pc.invert(pc.is_in(self.table["trial_id"], value_set=done))
        open_ones = self.table.filter(left)
        busy = pc.is_in(open_ones["trial_id"], value_set=training)
        counts = [
            np.bincount(some["point_min"].to_numpy(), minlength=len(self.points))
            for some in (open_ones, open_ones.filter(busy))
        ]
        return PlanProgress(self.points, *counts)


def expand_plan(spec: StudySpec, pairs: Proposed) -> ExpandedPlan:
    """Make all trials of a study.

    Args:
        spec: of the study.
        pairs: the points that a search has proposed.
    """
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
    # A trial of two settings is trained once, under the larger budget.
    table = pa.concat_tables(pieces).group_by("trial_id")
    whole = table.aggregate([("budget", "max"), ("point", "min")]).combine_chunks()
    return ExpandedPlan(whole, None if pairs else points.frame())


def plan_beside(store: Store, trials: pd.DataFrame) -> PlanProgress | None:
    """What of a study is still to come, beside the trials that are stored; None if nothing is.

    It is None, too, for a search and for a study of more than MOST_PLANNED trials, whose plan takes
    seconds.

    Args:
        store: of the study.
        trials: all that are stored, as `load_trials` gives them.
    """
    spec = stored_spec(store)
    pairs = proposed(spec, store)
    if pairs or spec.size > MOST_PLANNED:
        return None
    plan = expand_plan(spec, pairs)
    rows = pa.Table.from_pandas(trials[["trial_id", "ended", "budget_epochs"]])
    done = final_rows(plan.table, rows)["trial_id"].combine_chunks()
    progress = plan.progress(done, pa.array([], pa.string()))
    return progress if progress is not None and progress.coming.any() else None


def final_rows(plan: pa.Table, trials: pa.Table) -> pa.Table:
    """The rows of planned trials that need no more training.

    A trial that ended at a smaller budget than the plan's is trained again.

    Args:
        plan: planned trials, with trial_id and budget_max.
        trials: of the store: trial_id, ended, budget_epochs and any other columns.
    """
    index = pc.index_in(trials["trial_id"], value_set=plan["trial_id"])
    budget = plan["budget_max"].take(index)
    at_budget = pc.equal(trials["ended"], Ended.BUDGET)
    short = pc.and_(at_budget, pc.less(trials["budget_epochs"], budget))
    return trials.filter(pc.and_not(pc.is_valid(index), short))


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
