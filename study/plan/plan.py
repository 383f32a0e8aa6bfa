"""What a study still has to train, given what its store holds already.

There is one way to resume: the store and its pack checkpoints decide what is missing. A spec with
more points, seeds or settings extends a store; one that contradicts it is refused.
"""

import os
import shlex
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version

import pyarrow.compute as pc

from study import __version__
from study.plan.code_commit import code_commit, version_note
from study.plan.contradiction import refuse_contradiction
from study.search.proposals import extended, proposed, record, recorded, to_come
from study.spec.models import StudySpec
from study.store.manifest import Manifest, Start, read_manifest
from study.store.store import Store
from study.store.stored_rows import StoredRows
from study.trials.expand import Proposed, expand
from study.trials.pack import Pack
from study.trials.packing import group
from study.trials.trial import Trial
from study.vocabulary.outcomes import PackStatus

# Packs that are written to the store at once. Each is two requests, which wait for a bucket or for
# a disk, 20 ms or so.
NOTED_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Plan:
    """What a study consists of and what it still has to train.

    Attributes:
        spec: the study.
        trials: every trial of the study; of an adaptive search, the trials proposed so far.
        missing: the ids of the trials that are not stored.
        packs: that train the missing trials. A pack that goes on from a checkpoint may hold
            members that are stored already.
        proposed: by adaptive searches, so far.
        without_readings: how many missing trials have a row for their budget, whose readings are
            gone.
        stored: how many trials the store has, those of other plans included.
        notes: what a user should know of the store before anything is trained, a sentence each.
    """

    spec: StudySpec
    trials: tuple[Trial, ...]
    missing: frozenset[str]
    packs: tuple[Pack, ...]
    proposed: Proposed
    without_readings: int = 0
    stored: int = 0
    notes: tuple[str, ...] = ()

    @property
    def planned(self) -> int:
        """How many trials the study will have, with those that searches have yet to propose."""
        return len(self.trials) + to_come(self.spec, self.proposed)

    @property
    def done(self) -> int:
        """How many of the trials are stored."""
        return len(self.trials) - len(self.missing)

    @property
    def others(self) -> int:
        """How many stored trials are not of the study, or were watched for less than its budget."""
        return self.stored - self.done - self.without_readings

    @property
    def trials_budget(self) -> int | None:
        """How many trials the study may have: the least `budget.trials`, None without any."""
        budgets = [setting.budget.trials for setting in self.spec.settings]
        return min((trials for trials in budgets if trials is not None), default=None)

    @property
    def used_up(self) -> bool:
        """Whether as many trials are stored as the study may have."""
        return self.trials_budget is not None and self.done >= self.trials_budget


def make_plan(
    spec: StudySpec, store: Store | None = None, *, ahead: bool = False, before: Plan | None = None
) -> Plan:
    """Plan all of a study, or what its store lacks.

    Args:
        spec: the study.
        store: of the study; it need not exist.
        ahead: whether a search whose trials are all stored proposes its next batch.
        before: an earlier plan of the spec; its trials are shared where no search has proposed
            others since.
    Raises: SpecError where the spec contradicts the store; StoreError for a damaged store.
    """
    store = store if store is not None and store.exists() else None
    pairs = proposed(spec, store)
    if ahead:
        pairs = extended(spec, store, pairs)
    if before is not None and before.proposed == pairs:
        trials = before.trials
    else:
        trials = tuple(expand(spec, pairs))
    if store is None:
        ids = frozenset(trial.trial_id for trial in trials)
        return Plan(spec, trials, ids, tuple(group(trials)), pairs)
    refuse_contradiction(store, spec, trials)
    rows = StoredRows.of(store)
    wanted = {trial.trial_id: trial for trial in trials if not rows.answer(trial)}
    ids = frozenset(wanted)
    resumed = _checkpointed(store, wanted)
    unread = sum(rows.lost_readings(trial) for trial in wanted.values())
    notes = [unread_note(unread)] * (unread > 0)
    if pairs and recorded(store) is None:
        notes.append(
            f"{store.address_of('search.json')}: damaged; the search asks for its trials again, "
            "and those that are stored are not trained again."
        )
    for pack in resumed:
        for trial in pack.trials:
            wanted.pop(trial.trial_id, None)
    packs = (*resumed, *group(wanted.values()))
    return Plan(spec, trials, ids, packs, pairs, unread, len(rows.row_of), tuple(notes))


def unread_note(count: int) -> str:
    """The sentence about trials that have a row and no readings; `count` is how many there are."""
    return (
        f"{count} stored trials have lost their readings: a part of readings/ is gone. "
        "study run trains them anew."
    )


def generalized_of(plan: Plan, store: Store) -> int:
    """How many of the plan's trials are done and have generalized."""
    if not plan.done:
        return 0
    rows = store.trials(pc.field("generalized_epoch").is_valid(), ["trial_id"])
    generalized = set(rows["trial_id"].to_pylist())
    return sum(t.trial_id in generalized and t.trial_id not in plan.missing for t in plan.trials)


def start_study(spec: StudySpec, store: Store, command: Sequence[str]) -> Plan:
    """Plan a study, and note in the store its start and every pack that is to run.

    A start is noted only where something is to be trained. A spec that has changed is noted always.

    Args:
        spec: the study.
        store: of the study; it is made if it does not exist.
        command: the words of the command, for study.json.
    """
    plan = make_plan(spec, store, ahead=True)
    before = read_manifest(store) if store.exists() else None
    written = spec.model_dump(mode="json")
    settings = {setting.label: setting.model_dump(mode="json") for setting in spec.settings}
    if before is not None:
        settings = {**before.settings, **settings}
        after = before.changed(spec=written, settings=settings)
        if plan.packs and not plan.used_up:
            start = _start(command, plan.done)
            plan = _with_note(plan, version_note(before.latest.code, start.code))
            after = after.started_again(start)
    else:
        after = Manifest.begun(written, settings, _start(command, plan.done))
    if after != before:
        store.write_manifest(after.to_json())
    return plan if plan.used_up else _noted(plan, store)


def _with_note(plan: Plan, words: str) -> Plan:
    """The plan with one more note, where there are words for one and trials are stored."""
    return replace(plan, notes=(*plan.notes, words)) if words and plan.done else plan


def _start(command: Sequence[str], done_before: int) -> Start:
    """What study.json says of a command that starts to train now."""
    packages = {name: version(name) for name in ("torch", "ray", "optuna", "pandas", "pyarrow")}
    return Start(
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        command=shlex.join(command),
        node=socket.gethostname(),
        process=os.getpid(),
        done_before=done_before,
        versions={"study": __version__, **packages},
        commit=code_commit(),
    )


def next_plan(spec: StudySpec, store: Store) -> Plan:
    """Plan what to train now: missing trials, or the next batch of a search; noted in the store.

    A plan without packs means that the study is done.
    """
    return _noted(make_plan(spec, store, ahead=True), store)


def _noted(plan: Plan, store: Store) -> Plan:
    """The plan, after its proposals and its packs were written to the store."""
    if plan.proposed:
        record(store, plan.proposed)

    def note(pack: Pack) -> None:
        before = store.packs.read(pack.pack_id)
        # The worker of a fresh pack need not search the table for rows of its members.
        fresh = all(trial.trial_id in plan.missing for trial in pack.trials)
        noted = before.changed(
            status=PackStatus.PENDING, members=pack.to_json(), error=None, failures=0, fresh=fresh
        )
        store.packs.write(pack.pack_id, noted)

    with ThreadPoolExecutor(NOTED_AT_ONCE) as pool:
        for _ in pool.map(note, plan.packs):  # raises what a note raises, and cancels the others
            pass
    return plan


def _checkpointed(store: Store, wanted: dict[str, Trial]) -> list[Pack]:
    """Packs that left a checkpoint and whose open members are all wanted, to the same budget.

    Args:
        store: of the study.
        wanted: the missing trials, by id.
    """
    records = {pack_id: store.packs.read(pack_id) for pack_id in store.packs.checkpoint_ids()}
    # A checkpoint without the list of its members is of no use: the trials start anew.
    saved = [
        store.packs.pack(i, record) for i, record in records.items() if record.members is not None
    ]
    packs, taken = [], set[str]()
    for pack in sorted(saved, key=lambda pack: len(pack.trials)):  # pieces before the split pack
        left = [t for t in pack.trials if t.trial_id in wanted and t.trial_id not in taken]
        if left and all(wanted[t.trial_id].budget_epochs == t.budget_epochs for t in left):
            packs.append(pack)
            taken |= {trial.trial_id for trial in left}
    return packs[::-1]
