"""Runs a study under Ray Tune: its packs in rounds, until all are done, given up or stopped.

Ray schedules, retries and reuses processes. What is true of the study is in the store alone.
"""

import itertools
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from study.driver.interrupt import Interrupt
from study.driver.pack_resources import (
    PackResources,
    cluster_nodes,
    idle_slots,
    most_gpus,
    refuse_scattered_rows,
)
from study.driver.progress import ProgressCallback
from study.driver.round import RoundEnd, RoundSetup, run_round, search_batch
from study.driver.stoppers import GrokkingStopper, InterruptStopper, SkewStopper
from study.driver.study_watch import StudyWatch, reason_in
from study.driver.tune_internals import told_to_workers
from study.driver.versions import versions
from study.plan.command_answers import Stopped
from study.plan.plan import Plan, generalized_of, make_plan
from study.store.store import Store
from study.terminal.display import StudyProgress
from study.trials.pack import Pack
from study.vocabulary.outcomes import PackStatus

# In so many rounds a pack may be lost; at the next loss it is given up. Tune loses a pack without a
# retry if the worker dies while it changes from another pack to this one.
MAX_LOST_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    `failed` counts trials in packs that were given up. `stored` is the study's plan with what the
    store holds at the end.
    """

    stopped: Stopped
    failed: int
    stored: Plan


def train_study(
    plan: Plan,
    store: Store,
    address: str,
    interrupt: Interrupt,
    display: Callable[[StudyProgress], None],
    say: Callable[[str], None],
) -> Outcome:
    """Train every pack of a plan, in the Ray that this process is connected to.

    Arguments and errors are as of `study.driver.launch.run_study`; `interrupt` says whether the
    user has asked for the end.
    """
    nodes = cluster_nodes()
    refuse_scattered_rows(store, nodes)
    study = TrainedStudy(plan, store, interrupt, display, say)
    with (
        told_to_workers(local=address == "local"),
        tempfile.TemporaryDirectory(prefix="study-tune-") as folder,
    ):
        study.train(study.setup(PackResources(most_gpus(nodes), address), folder))
    return study.outcome()


class TrainedStudy:
    """A study while its rounds run; counts what they lose. Arguments as of `train_study`."""

    def __init__(
        self,
        plan: Plan,
        store: Store,
        interrupt: Interrupt,
        display: Callable[[StudyProgress], None],
        say: Callable[[str], None],
    ) -> None:
        self._plan, self._store = plan, store
        self._budget, self._interrupt, self._skew = _budget(plan), interrupt, SkewStopper()
        self._progress = ProgressCallback(plan, display, generalized_of(plan, store))
        self._watch = StudyWatch(store, say)
        self._lost_rounds: Counter[str] = Counter()
        self._failed = 0
        self._left: list[str] = []

    def setup(self, resources: PackResources, folder: str) -> RoundSetup:
        """What the rounds of this study share."""
        url = self._store.url
        url = url if "://" in url else str(Path(url).absolute())
        return RoundSetup(
            spec=self._plan.spec,
            store=self._store,
            config={"store": url, "versions": versions()},
            request=resources.of,
            idle_slots=partial(idle_slots, resources.largest(self._plan.packs)),
            stoppers=(self._budget, InterruptStopper(self._interrupt), self._skew, self._watch),
            progress=self._progress,
            watch=self._watch,
            folder=folder,
        )

    def train(self, setup: RoundSetup) -> None:
        """Round after round, until no pack is left or the study is stopped."""
        packs: Sequence[Pack] = self._plan.packs
        for number in itertools.count():
            end = run_round(setup, packs, number)
            given_up = self._give_up(end)
            self._skew.refuse()
            self._left = end.left(packs, given_up)
            if not self._left or self._budget.stop_all() or self._interrupt.requested:
                return
            packs = [_stored_pack(self._store, pack_id) for pack_id in self._left]
            if end.slots:
                from study.training.splitting import split_packs  # noqa: PLC0415  imports torch

                packs = split_packs(self._store, packs, end.slots)
            self._progress.begin_round({pack.pack_id: len(pack.trials) for pack in packs})

    def outcome(self) -> Outcome:
        """How the run ended; shows the store's counts as the last progress."""
        spec, requested = self._plan.spec, self._interrupt.requested
        stopped: Stopped = ""
        if self._left or (search_batch(spec) and requested):
            stopped = "interrupted" if requested else "budget"
        stored = make_plan(spec, self._store, before=self._plan)
        self._progress.end(stored, generalized_of(stored, self._store), self._failed)
        return Outcome(stopped, self._failed, stored)

    def _give_up(self, end: RoundEnd) -> frozenset[str]:
        """Give up the packs that are set aside or were lost too often; returns their ids."""
        self._lost_rounds.update(end.lost.keys())
        too_often = (pack for pack in end.lost if self._lost_rounds[pack] > MAX_LOST_ROUNDS)
        given_up = end.set_aside.union(too_often)
        self._progress.give_up(given_up)
        for pack_id in given_up:
            self._failed += _note_failed(self._store, pack_id, end.lost.get(pack_id))
        return given_up


def _budget(plan: Plan) -> GrokkingStopper:
    """The study's own budget: the smallest of its settings, less the trials stored already."""
    budgets = [setting.budget for setting in plan.spec.settings]
    hours = min((b.wall_hours for b in budgets if b.wall_hours is not None), default=None)
    trials = min((b.trials for b in budgets if b.trials is not None), default=None)
    return GrokkingStopper(
        wall_seconds=None if hours is None else 3600 * hours,
        trials=None if trials is None else trials - plan.done,
    )


def _stored_pack(store: Store, pack_id: str) -> Pack:
    return store.packs.pack(pack_id, store.packs.read(pack_id))


def _note_failed(store: Store, pack_id: str, lost: Exception | None) -> int:
    """Note in the store that a pack is given up, and why; returns how many trials stay open."""
    record = store.packs.read(pack_id)
    error = record.error or (reason_in(str(lost)) if lost else None)
    store.packs.write(pack_id, record.changed(status=PackStatus.FAILED, error=error))
    return record.members_open
