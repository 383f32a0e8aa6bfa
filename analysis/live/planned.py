"""The plan of a study that a live page follows, expanded once, by a thread of its own."""

from functools import partial

import pandas as pd
import pyarrow as pa

from analysis.live.jobs import start_job
from analysis.tables.plan_progress import ExpandedPlan, PlanProgress, expand_plan
from study.search.proposals import proposed, recorded, to_come
from study.spec.models import StudySpec
from study.store.manifest import stored_spec
from study.store.store import Store
from study.trials.expand import Proposed

PLAN_WAIT_SECONDS = 1.0  # that an answer waits for the plan; expanding a million trials takes 30 s


class PlannedTrials:
    """The planned trials of a study with their budgets, expanded by a thread of its own.

    `table` and `points` are those of `ExpandedPlan`; both are None until all trials are expanded.
    `key` is the spec and the records that the plan was made from.
    """

    def __init__(self, store: Store, key: object) -> None:
        self.key = key
        self._plan: ExpandedPlan | None = None
        spec = stored_spec(store)
        pairs = proposed(spec, store)
        self.to_come = to_come(spec, pairs)
        expanding = start_job("plan", partial(self._expand, spec, pairs))
        expanding.join(PLAN_WAIT_SECONDS)

    def _expand(self, spec: StudySpec, pairs: Proposed) -> None:
        self._plan = expand_plan(spec, pairs)

    @property
    def table(self) -> pa.Table | None:
        """The planned trials."""
        return None if self._plan is None else self._plan.table

    @property
    def points(self) -> pd.DataFrame | None:
        """The axes of each point."""
        return None if self._plan is None else self._plan.points

    def progress(self, done: pa.Array, training: pa.Array) -> PlanProgress | None:
        """How far each point is; None without `points`. Arguments as of `ExpandedPlan.progress`."""
        return None if self._plan is None else self._plan.progress(done, training)


def plan_key(store: Store, spec: object) -> object:
    """What a plan is made from: it changes where the plan may.

    Args:
        store: of the study.
        spec: of the study, as study.json has it.
    """
    return spec, recorded(store)
