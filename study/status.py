"""What a store says about its study: counts in trials, packs by state, rate and time left."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from study.plan import make_plan, stored_spec
from study.store import Store
from study.trials import Pack

STALE_SECONDS = 120.0  # a pack says how it is every 30 s; silent for longer, it is not running


def study_status(store: Store) -> dict[str, Any]:
    """planned, done, failed, running (trials), packs, rate (trials a second), seconds_left."""
    manifest = store.manifest()
    plan = make_plan(stored_spec(store), store)
    packs = {pack_id: store.pack(pack_id) for pack_id in store.pack_ids()}
    states = {pack_id: _state(pack) for pack_id, pack in packs.items()}
    open_members = _open_members(packs, states, set(plan.missing))
    started = datetime.fromisoformat(manifest["started"])
    beats = [datetime.fromisoformat(p["heartbeat"]) for p in packs.values() if "heartbeat" in p]
    running = sum(open_members["running"].values())
    now = datetime.now(UTC) if running else max(beats, default=started)
    elapsed = (now - started).total_seconds()
    trained = plan.done - manifest["done_before"]
    rate = trained / elapsed if elapsed > 0 else None
    left = plan.planned - plan.done
    return {
        "study": plan.spec.name,
        "started": manifest["started"],
        "planned": plan.planned,
        "done": plan.done,
        "failed": sum(open_members["failed"].values()),
        "running": running,
        "packs": dict(Counter(states.values())),
        "rate": rate,
        "seconds_left": left / rate if running and rate else None,
        "errors": {pack_id: packs[pack_id]["error"] for pack_id in open_members["failed"]},
    }


def _open_members(
    packs: dict[str, dict[str, Any]], states: dict[str, str], missing: set[str]
) -> dict[str, dict[str, int]]:
    """How many missing trials each running or failed pack holds, by state; each trial once."""
    found: dict[str, dict[str, int]] = {"running": {}, "failed": {}}
    for state, counts in found.items():
        for pack_id in (pack_id for pack_id, known in states.items() if known == state):
            ids = {trial.trial_id for trial in Pack.from_json(packs[pack_id]["members"]).trials}
            if ids & missing:
                counts[pack_id] = len(ids & missing)
                missing -= ids
    return found


def _state(pack: dict[str, Any]) -> str:
    """A pack's state; one that has gone silent is pending again."""
    if pack["state"] != "running":
        return str(pack["state"])
    age = datetime.now(UTC) - datetime.fromisoformat(pack["heartbeat"])
    return "running" if age.total_seconds() < STALE_SECONDS else "pending"
