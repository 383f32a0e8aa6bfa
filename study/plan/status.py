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
from study.store.packs import STALE_SECONDS, PackState, members_of, read_pack, state_of
from study.store.store import Store


def study_status(store: Store) -> dict[str, Any]:
    """planned, done, failed, running (trials), packs, rate (trials a second), seconds_left.

    And what happened: `begun_again`, attempts beyond a pack's first, after a lost process, an error
    or an interrupt; `halved`, packs for which memory was short; `errors` of packs set aside;
    `without_readings`, trials with a row whose readings are gone: they are not done.
    """
    plan = make_plan(stored_spec(store), store)
    read = {pack_id: read_pack(store, pack_id) for pack_id in store.pack_ids()}
    packs = {pack_id: pack for pack_id, pack in read.items() if pack}

    def missing(pack_ids: list[str]) -> dict[str, frozenset[str]]:
        members = {pack_id: members_of(store, pack_id, packs[pack_id]) for pack_id in pack_ids}
        return {pack_id: ids & plan.missing for pack_id, ids in members.items()}

    answer = tally(read_manifest(store), plan.planned, plan.done, packs, missing)
    return {**answer, "without_readings": plan.without_readings}


def tally(
    manifest: Manifest,
    planned: int,
    done: int,
    packs: Mapping[str, PackState],
    missing: Callable[[list[str]], Mapping[str, frozenset[str]]],
) -> dict[str, Any]:
    """The answer of `study_status`, whoever counted.

    Args: manifest, of the store; planned and done, in trials; packs, what each said last; missing,
    which gives for some packs the ids of their trials that are still to train.
    """
    states = {pack_id: state_of(pack) for pack_id, pack in packs.items()}
    unfinished = [pack_id for pack_id, state in states.items() if state in {"running", "failed"}]
    open_members = _open_members(states, missing(unfinished))
    started = datetime.fromisoformat(manifest.latest.started)
    beats = [datetime.fromisoformat(p["heartbeat"]) for p in packs.values() if p.get("heartbeat")]
    running = sum(open_members["running"].values())
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
        "failed": sum(open_members["failed"].values()),
        "running": running,
        "packs": dict(Counter(states.values())),
        "rate": rate,
        "seconds_left": left / rate if running and rate else None,
        "begun_again": sum(max(0, pack.get("attempts", 0) - 1) for pack in packs.values()),
        "halved": sum(bool(pack.get("halved")) for pack in packs.values()),
        "errors": {pack_id: packs[pack_id].get("error") for pack_id in open_members["failed"]},
    }


def _open_members(
    states: Mapping[str, str], missing: Mapping[str, frozenset[str]]
) -> dict[str, dict[str, int]]:
    """How many missing trials each running or failed pack holds, by state; each trial once."""
    found: dict[str, dict[str, int]] = {"running": {}, "failed": {}}
    counted: set[str] = set()
    for state, counts in found.items():
        for pack_id in (pack_id for pack_id in missing if states[pack_id] == state):
            if left := missing[pack_id] - counted:
                counts[pack_id] = len(left)
                counted |= left
    return found


def others_at_work(store: Store) -> str:
    """Who else seems to run a study on a store at this moment, as a sentence; "" where nobody does.

    Packs whose files are fresh tell, and a run that has begun within two minutes on this machine.
    """
    if not store.exists():
        return ""
    since = (time.time() - STALE_SECONDS) * 1e9
    fresh = [name for name, (_, stamp) in store.pack_stamps().items() if stamp > since]
    packs = [read_pack(store, pack_id) for pack_id in fresh]
    running = [
        pack
        for pack in packs
        if state_of(pack) == "running" and _may_live(pack.get("node", ""), pack.get("process", 0))
    ]
    driver = read_manifest(store).latest
    if not running and not _begins(driver):
        return ""
    nodes = ", ".join(sorted({pack.get("node", "?") for pack in running})) or "none yet"
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
