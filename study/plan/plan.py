"""What a study still has to train, given what its store holds already.

There is one way to resume: the store and its pack checkpoints decide what is missing. A spec with
more points, seeds or settings extends a store; one that contradicts it is refused.
"""

import os
import shlex
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from study import __version__
from study.errors import SpecError
from study.search.proposals import extended, proposed, record, recorded, to_come
from study.spec.models import Setting, StudySpec
from study.store.manifest import Manifest, Start, read_manifest, stored_settings
from study.store.store import Store
from study.store.stored_rows import StoredRows
from study.trials.expand import Proposed, expand
from study.trials.pack import Pack
from study.trials.packing import group
from study.trials.trial import Trial
from study.vocabulary.outcomes import PackStatus

# Tables of a setting that decide what a stored row means: they cannot change under a store.
MEANINGS = ("task", "net", "data", "train", "detect", "readings")


@dataclass(frozen=True, slots=True)
class Plan:
    """Every trial of a study, the ids of those still missing, and the packs that train them.

    A pack that goes on from a checkpoint may hold members that are stored already. Of an adaptive
    search the trials are those `proposed` so far. `without_readings` counts the missing trials that
    have a row for their budget and lost its readings. `notes` are what a user should know of the
    store before anything is trained, a sentence each.
    """

    spec: StudySpec
    trials: tuple[Trial, ...]
    missing: frozenset[str]
    packs: tuple[Pack, ...]
    proposed: Proposed
    without_readings: int = 0
    notes: tuple[str, ...] = ()

    @property
    def planned(self) -> int:
        """How many trials the study will have, those that its searches have yet to propose too."""
        return len(self.trials) + to_come(self.spec, self.proposed)

    @property
    def done(self) -> int:
        """How many of the trials are stored."""
        return len(self.trials) - len(self.missing)

    @property
    def trials_budget(self) -> int | None:
        """How many trials the study may have: the least `budget.trials`; None if endless."""
        budgets = [setting.budget.trials for setting in self.spec.settings]
        return min((trials for trials in budgets if trials is not None), default=None)

    @property
    def used_up(self) -> bool:
        """Whether as many trials are stored as the study may have."""
        return self.trials_budget is not None and self.done >= self.trials_budget


def make_plan(spec: StudySpec, store: Store | None = None, *, ahead: bool = False) -> Plan:
    """What would run: all of the study, or what its store lacks.

    With `ahead`, a search whose trials are all stored proposes what it has to train next.
    """
    store = store if store is not None and store.exists() else None
    pairs = proposed(spec, store)
    if ahead:
        pairs = extended(spec, store, pairs)
    trials = expand(spec, pairs)
    if store is None:
        ids = frozenset(trial.trial_id for trial in trials)
        return Plan(spec, tuple(trials), ids, tuple(group(trials)), pairs)
    refuse_contradiction(store, spec, trials)
    rows = StoredRows.of(store)
    wanted = {trial.trial_id: trial for trial in trials if not rows.answer(trial)}
    ids = frozenset(wanted)
    resumed = _checkpointed(store, wanted)
    unread = sum(rows.unread(trial) for trial in wanted.values())
    notes = [unread_note(unread)] * (unread > 0)
    if pairs and recorded(store) is None:
        notes.append(
            f"{store.place('search.json')}: damaged; the search asks for its trials again, and "
            "those that are stored are not trained again."
        )
    for pack in resumed:
        for trial in pack.trials:
            wanted.pop(trial.trial_id, None)
    packs = (*resumed, *group(wanted.values()))
    return Plan(spec, tuple(trials), ids, packs, pairs, unread, tuple(notes))


def unread_note(count: int) -> str:
    """What is said of trials that have a row and no readings."""
    return (
        f"{count} stored trials have lost their readings: a part of readings/ is gone. "
        "study run trains them anew."
    )


def generalized_of(plan: Plan, store: Store) -> int:
    """How many of the plan's trials are done and have generalized."""
    if not plan.done:
        return 0
    rows = store.trials(columns=["trial_id", "generalized_epoch"]).to_pydict()
    pairs = zip(rows["trial_id"], rows["generalized_epoch"], strict=True)
    generalized = {trial_id for trial_id, epoch in pairs if epoch is not None}
    return sum(t.trial_id in generalized and t.trial_id not in plan.missing for t in plan.trials)


def start_study(spec: StudySpec, store: Store, command: Sequence[str]) -> Plan:
    """Plan a study and note its start in the store, with every pack that is to run.

    A start is noted where something is to be trained; without that the store keeps what it says of
    its study, but for a spec that has changed.
    """
    plan = make_plan(spec, store, ahead=True)
    before = read_manifest(store) if store.exists() else None
    written = spec.model_dump(mode="json")
    settings = {setting.label: setting.model_dump(mode="json") for setting in spec.settings}
    if before is not None:
        settings = {**before.settings, **settings}
        after = before.changed(spec=written, settings=settings)
        if plan.packs and not plan.used_up:
            after = after.started_again(_start(command, plan.done))
    else:
        after = Manifest.begun(written, settings, _start(command, plan.done))
    if after != before:
        store.write_manifest(after.to_json())
    return plan if plan.used_up else _noted(plan, store)


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
    )


def next_plan(spec: StudySpec, store: Store) -> Plan:
    """What to train now: what is missing, or the next batch of a search; noted in the store.

    A plan without packs says that the study is done.
    """
    return _noted(make_plan(spec, store, ahead=True), store)


def _noted(plan: Plan, store: Store) -> Plan:
    """The plan, once the store knows its proposals and packs."""
    if plan.proposed:
        record(store, plan.proposed)
    for pack in plan.packs:
        before = store.packs.read(pack.pack_id)
        # Whoever trains a fresh pack need not look for its members in all of the table.
        fresh = all(trial.trial_id in plan.missing for trial in pack.trials)
        noted = before.changed(
            status=PackStatus.PENDING, members=pack.to_json(), error=None, failures=0, fresh=fresh
        )
        store.packs.write(pack.pack_id, noted)
    return plan


def refuse_contradiction(store: Store, spec: StudySpec, trials: Sequence[Trial]) -> None:
    """Raise SpecError, naming the keys, where a spec changes what stored rows mean.

    A row means what its setting said, whatever a later spec calls that setting.
    """
    known = stored_settings(store)
    pairs = {(setting.label, setting.label): setting for setting in spec.settings}
    stored = store.trials(columns=["trial_id", "setting"]).to_pydict()
    labels = dict(zip(stored["trial_id"], stored["setting"], strict=True))
    for trial in trials:
        label = labels.get(trial.trial_id, trial.setting.label)
        pairs.setdefault((label, trial.setting.label), trial.setting)
    changed = [
        change
        for (label, _), setting in pairs.items()
        if label in known
        for change in _changes(known[label], setting)
    ]
    if changed:
        raise SpecError(
            f"{'; '.join(dict.fromkeys(changed))}; the trials stored at {store.url} mean the old "
            "values. Keep them, rename the study, or choose another --out."
        )


def _changes(before: Setting, after: Setting) -> list[str]:
    """The keys that decide what a row means and differ, as `key: old -> new`."""
    old, new = _flat(before.model_dump(mode="json")), _flat(after.model_dump(mode="json"))
    return [
        f"{key}: {old.get(key)} -> {new.get(key)}"
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key) and key.split(".")[0] in MEANINGS
    ]


def _flat(table: dict[str, Any]) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            rows.update({f"{key}.{below}": v for below, v in value.items()})
        else:
            rows[key] = value
    return rows


def _checkpointed(store: Store, wanted: dict[str, Trial]) -> list[Pack]:
    """Packs that left a checkpoint and whose open members are all wanted, to the same budget."""
    records = {pack_id: store.packs.read(pack_id) for pack_id in store.packs.checkpoint_ids()}
    # A checkpoint without the list of its members is of no use: the trials start anew.
    saved = [
        store.packs.pack(i, record) for i, record in records.items() if record.members is not None
    ]
    packs, taken = [], set[str]()
    for pack in sorted(saved, key=lambda pack: len(pack.trials)):  # pieces before what was split
        left = [t for t in pack.trials if t.trial_id in wanted and t.trial_id not in taken]
        if left and all(wanted[t.trial_id].budget_epochs == t.budget_epochs for t in left):
            packs.append(pack)
            taken |= {trial.trial_id for trial in left}
    return packs[::-1]
