"""What a store says about its study: counts in trials, packs by state, rate and time left."""

import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from study.plan.plan import make_plan
from study.store.manifest import Manifest, Start, read_manifest, stored_spec
from study.store.packs import NO_RECORD, STALE_SECONDS, PackRecord
from study.store.store import Store
from study.vocabulary.outcomes import PackStatus

# A trial of two such packs counts with the first of these.
_UNFINISHED = (PackStatus.RUNNING, PackStatus.FAILED)


def study_status(store: Store) -> dict[str, Any]:
    """planned, done, failed, running (trials), packs, rate (trials a second), seconds_left.

    And what happened: `begun_again`, attempts beyond a pack's first, after a lost process, an error
    or an interrupt; `halved`, packs for which memory was short; `errors` of packs set aside;
    `without_readings`, trials with a row whose readings are gone: they are not done.
    """
    plan = make_plan(stored_spec(store), store)
    read = {pack_id: store.packs.read(pack_id) for pack_id in store.packs.ids()}
    packs = {pack_id: record for pack_id, record in read.items() if record != NO_RECORD}

    def missing(pack_ids: list[str]) -> dict[str, frozenset[str]]:
        return {i: store.packs.trial_ids(i, packs[i]) & plan.missing for i in pack_ids}

    answer = tally(read_manifest(store), plan.planned, plan.done, packs, missing)
    return {**answer, "without_readings": plan.without_readings}


def tally(
    manifest: Manifest,
    planned: int,
    done: int,
    packs: Mapping[str, PackRecord],
    missing: Callable[[list[str]], Mapping[str, frozenset[str]]],
) -> dict[str, Any]:
    """The answer of `study_status`, whoever counted.

    Args: manifest, of the store; planned and done, in trials; packs, what each said last; missing,
    which gives for some packs the ids of their trials that are still to train.
    """
    statuses = {pack_id: record.current_status for pack_id, record in packs.items()}
    unfinished = [pack_id for pack_id, status in statuses.items() if status in _UNFINISHED]
    open_members = _open_members(statuses, missing(unfinished))
    started = datetime.fromisoformat(manifest.latest.started)
    beats = [datetime.fromisoformat(r.heartbeat) for r in packs.values() if r.heartbeat]
    running = sum(open_members[PackStatus.RUNNING].values())
    now = datetime.now(UTC) if running else max(beats, default=started)
    elapsed = (now - started).total_seconds()
    trained = done - manifest.latest.done_before
    rate = trained / elapsed if elapsed > 0 else None
    left = planned - done
    return {
        "study": manifest.spec["name"],
        "started": manifest.started,
        "planned": planned,
        "done": done,
        "failed": sum(open_members[PackStatus.FAILED].values()),
        "running": running,
        "packs": dict(Counter(str(status) for status in statuses.values())),
        "rate": rate,
        "seconds_left": left / rate if running and rate else None,
        "begun_again": sum(max(0, record.attempts - 1) for record in packs.values()),
        "halved": sum(record.halved for record in packs.values()),
        "errors": {i: packs[i].error for i in open_members[PackStatus.FAILED]},
    }


def _open_members(
    statuses: Mapping[str, PackStatus], missing: Mapping[str, frozenset[str]]
) -> dict[PackStatus, dict[str, int]]:
    """How many missing trials each unfinished pack holds, by status; each trial counts once."""
    by_status: dict[PackStatus, dict[str, int]] = {status: {} for status in _UNFINISHED}
    counted: set[str] = set()
    for status, counts in by_status.items():
        for pack_id in (pack_id for pack_id in missing if statuses[pack_id] is status):
            if left := missing[pack_id] - counted:
                counts[pack_id] = len(left)
                counted |= left
    return by_status


def others_at_work(store: Store) -> str:
    """Who else seems to run a study on a store at this moment, as a sentence; "" where nobody does.

    Packs whose files are fresh tell, and a run that has begun within two minutes on this machine.
    """
    if not store.exists():
        return ""
    since = (time.time() - STALE_SECONDS) * 1e9
    fresh = [pack_id for pack_id, (_, stamp) in store.packs.stamps().items() if stamp > since]
    records = [store.packs.read(pack_id) for pack_id in fresh]
    running = [
        record
        for record in records
        if record.current_status is PackStatus.RUNNING and _may_live(record.node, record.process)
    ]
    driver = read_manifest(store).latest
    if not running and not _begins(driver):
        return ""
    nodes = ", ".join(sorted({record.node or "?" for record in running})) or "none yet"
    return (
        f"another run seems active on {store.url}: process {driver.process} on {driver.node}, "
        f"started {driver.started}, {len(running)} packs in training ({nodes}); each trial is "
        "stored once, but both may train it. Stop one of them."
    )


def _begins(driver: Start) -> bool:
    """Whether a driver of this machine has begun lately, whose packs may be about to."""
    if driver.node != socket.gethostname() or not _may_live(driver.node, driver.process):
        return False
    age = datetime.now(UTC) - datetime.fromisoformat(driver.started)
    return age.total_seconds() < STALE_SECONDS


def _may_live(node: str, process: int) -> bool:
    """Whether a process that wrote to a store may still be there: elsewhere nobody can tell."""
    if node != socket.gethostname():
        return True
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # of another user
        return True
    return True
