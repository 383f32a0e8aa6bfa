"""What a store says about its study: counts of trials, packs by status, rate and time left."""

import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TypedDict

from study.plan.plan import make_plan
from study.store.manifest import Manifest, Start, read_manifest, stored_spec
from study.store.packs import NO_RECORD, STALE_SECONDS, PackRecord
from study.store.store import Store
from study.vocabulary.outcomes import PackStatus

# A missing trial that is in a running and in a failed pack counts as running.
_UNFINISHED = (PackStatus.RUNNING, PackStatus.FAILED)


class StudyStatus(TypedDict):
    """The answer of `study status --json` and of the live page.

    Attributes:
        study: the name of the study.
        started: when the study was first started.
        planned: how many trials the study has or will have.
        done: how many trials are stored whole.
        failed: how many missing trials are in failed packs.
        running: how many missing trials are in running packs.
        packs: how many packs have each status.
        rate: trials per second since the latest start; null at that moment, and where the study
            has been made smaller.
        seconds_left: null where nothing runs.
        begun_again: how many attempts went beyond a pack's first: after a lost process, an error or
            an interrupt.
        halved: how many packs are trained as halves, because memory is short for the whole.
        errors: the error of each failed pack with missing trials, by the id of the pack.
        without_readings: how many trials have a row whose readings are gone. They are not done.
        others: how many stored trials are not of the study, or were watched for less than its
            budget.
    """

    study: object
    started: str
    planned: int
    done: int
    failed: int
    running: int
    packs: dict[str, int]
    rate: float | None
    seconds_left: float | None
    begun_again: int
    halved: int
    errors: dict[str, str | None]
    without_readings: int
    others: int


def study_status(store: Store) -> StudyStatus:
    """Count a study by its store: plan, rows and the records of its packs."""
    plan = make_plan(stored_spec(store), store)
    read = {pack_id: store.packs.read(pack_id) for pack_id in store.packs.ids()}
    packs = {pack_id: record for pack_id, record in read.items() if record != NO_RECORD}

    def missing(pack_ids: list[str]) -> dict[str, frozenset[str]]:
        return {i: store.packs.trial_ids(i, packs[i]) & plan.missing for i in pack_ids}

    manifest = read_manifest(store)
    counts = plan.planned, plan.done, plan.without_readings, plan.stored
    return tally(manifest, *counts, packs, missing)


def tally(
    manifest: Manifest,
    planned: int,
    done: int,
    without_readings: int,
    stored: int,
    packs: Mapping[str, PackRecord],
    missing: Callable[[list[str]], Mapping[str, frozenset[str]]],
) -> StudyStatus:
    """The status of a study from its parts, for readers that remember parts.

    Args:
        manifest: of the store.
        planned: trials of the study.
        done: trials that are stored.
        without_readings: trials with a row whose readings are gone.
        stored: trials with a row, those of other plans included.
        packs: the latest record of each pack.
        missing: gives for some packs the ids of their trials that are still to train.
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
    # A study that was made smaller counts fewer done than before.
    rate = trained / elapsed if elapsed > 0 and trained >= 0 else None
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
        "without_readings": without_readings,
        "others": stored - done - without_readings,
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
    """A sentence about another run on this store, at this moment; "" where there seems to be none.

    A pack's fresh record shows a run, and so does a start within two minutes on this machine.
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
    """Whether a driver on this machine has started so lately that its packs may yet begin."""
    if driver.node != socket.gethostname() or not _may_live(driver.node, driver.process):
        return False
    age = datetime.now(UTC) - datetime.fromisoformat(driver.started)
    return age.total_seconds() < STALE_SECONDS


def _may_live(node: str, process: int) -> bool:
    """Whether another process may still run; of another machine's process nobody can tell."""
    if node != socket.gethostname():
        return True
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # the process is another user's
        return True
    return True
