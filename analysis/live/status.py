"""`study status` for a page that asks every few seconds: what cannot have changed is remembered.

The plan is expanded once. Of the packs' files only those that have changed are read again. The
trials of a pack never change. The numbers are those of `study.plan.status`.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from analysis.live.planned import PlannedTrials, plan_key
from analysis.tables.plan_progress import PlanProgress, final_rows
from study.plan.status import StudyStatus, tally
from study.store.manifest import manifest_of
from study.store.packs import NO_RECORD, PackRecord
from study.store.store import MANIFEST, Store
from study.store.winners import PART
from study.vocabulary.outcomes import PackStatus

READERS = 8  # pack files read at a time; reading a file from a bucket takes some 20 ms


@dataclass(frozen=True, slots=True)
class _Counted:
    """The planned trials that are done, and what they were counted from."""

    plan: pa.Table
    trials: pa.Table
    unread_parts: list[str]
    done: pa.Array  # ids
    without_readings: int

    @classmethod
    def of(cls, plan: pa.Table, trials: pa.Table, unread_parts: list[str]) -> "_Counted":
        """Count.

        Args:
            plan: planned trials, with trial_id and budget_max.
            trials: of the store: trial_id, ended, budget_epochs and part.
            unread_parts: parts whose readings are gone; their trials are not done.
        """
        answered = final_rows(plan, trials).select(["trial_id", PART])
        unread = pa.array(unread_parts, pa.string())
        lost = pc.is_in(answered[PART].cast(pa.string()), value_set=unread)
        done = answered["trial_id"].filter(pc.invert(lost)).combine_chunks()
        return cls(plan, trials, unread_parts, done, answered.num_rows - len(done))

    def is_of(self, plan: pa.Table, trials: pa.Table, unread_parts: list[str]) -> bool:
        return self.plan is plan and self.trials is trials and self.unread_parts == unread_parts


class StatusReader:
    """Follows the packs of a store; one thread at a time calls `read`.

    Attributes:
        progress: of each point of the plan at the last `read`; None where that is not known.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.progress: PlanProgress | None = None
        self._plan: PlannedTrials | None = None
        self._stamps: dict[str, tuple[int, int]] = {}
        self._packs: dict[str, PackRecord] = {}
        self._members: dict[str, frozenset[str]] = {}
        self._counted: _Counted | None = None

    def read(self, manifest: Mapping[str, object], trials: pa.Table) -> StudyStatus | None:
        """The answer of `study_status`; None while a new plan is still being expanded.

        Args:
            manifest: of the store, as JSON.
            trials: of the store: trial_id, ended, budget_epochs and part.

        Raises: StoreError where a file of the store cannot be read.
        """
        key = plan_key(self._store, manifest.get("spec"))
        if self._plan is None or self._plan.key != key:
            self._plan, self.progress = PlannedTrials(self._store, key), None
        self._follow_packs()
        plan = self._plan.table
        if plan is None or "started" not in manifest:
            return None
        unread = self._store.tables.unread_parts()
        counted = self._counted
        if counted is None or not counted.is_of(plan, trials, unread):
            counted = self._counted = _Counted.of(plan, trials, unread)

        def missing(pack_ids: list[str]) -> dict[str, frozenset[str]]:
            members = {pack_id: self._members_of(pack_id) for pack_id in pack_ids}
            ids = pa.array(sorted(frozenset().union(*members.values())), pa.string())
            done = pc.is_in(ids, value_set=counted.done)
            planned = pc.is_in(ids, value_set=plan["trial_id"])
            left = frozenset(ids.filter(pc.and_not(planned, done)).to_pylist())
            return {pack_id: ids & left for pack_id, ids in members.items()}

        self.progress = self._plan.progress(counted.done, self._in_training())
        planned = plan.num_rows + self._plan.to_come
        record = manifest_of(manifest, self._store.address_of(MANIFEST))
        counts = planned, len(counted.done), counted.without_readings, trials.num_rows
        return tally(record, *counts, self._packs, missing)

    def _follow_packs(self) -> None:
        """Read the packs' files that are new or have changed."""
        stamps = self._store.packs.stamps()
        changed = [pack_id for pack_id in stamps if stamps[pack_id] != self._stamps.get(pack_id)]
        with ThreadPoolExecutor(READERS) as pool:
            read = dict(zip(changed, pool.map(self._store.packs.read, changed), strict=True))
        # Members are large, and `tally` does not ask for them.
        records = self._packs | {i: record.changed(members=None) for i, record in read.items()}
        # A file that went away while it was read has no record.
        absent = {i for i, record in read.items() if record == NO_RECORD}
        self._packs = {i: records[i] for i in stamps if i not in absent}
        self._stamps = {pack_id: stamps[pack_id] for pack_id in self._packs}

    def _in_training(self) -> pa.Array:
        """The ids of the trials of all packs in training; some may be done."""
        running = [i for i, r in self._packs.items() if r.current_status is PackStatus.RUNNING]
        ids = frozenset[str]().union(*map(self._members_of, running))
        return pa.array(sorted(ids), pa.string())

    def _members_of(self, pack_id: str) -> frozenset[str]:
        if pack_id not in self._members:
            packs = self._store.packs
            self._members[pack_id] = packs.trial_ids(pack_id, packs.read(pack_id))
        return self._members[pack_id]
