"""What a store says about its study: counts in trials, packs by state, rate and time left."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from study.plan import make_plan, stored_spec
from study.store import Store

STALE_SECONDS = 120.0  # a pack says how it is every 30 s; silent for longer, it is not running


def study_status(store: Store) -> dict[str, Any]:
    """planned, done, failed, running (trials), packs, rate (trials a second), seconds_left."""
    manifest = store.manifest()
    plan = make_plan(stored_spec(store), store)
    packs = {pack_id: store.pack(pack_id) for pack_id in store.pack_ids()}
    wanted = {pack.pack_id for pack in plan.packs}
    states = {pack_id: _state(pack) for pack_id, pack in packs.items() if pack_id in wanted}
    open_members: Counter[str] = Counter()
    for pack_id, state in states.items():
        open_members[state] += packs[pack_id].get("open", len(packs[pack_id]["members"]["members"]))
    started = datetime.fromisoformat(manifest["started"])
    beats = [datetime.fromisoformat(p["heartbeat"]) for p in packs.values() if "heartbeat" in p]
    now = (
        datetime.now(UTC)
        if states and "running" in states.values()
        else max(beats, default=started)
    )
    elapsed = (now - started).total_seconds()
    trained = plan.done - manifest["done_before"]
    rate = trained / elapsed if elapsed > 0 else None
    left = len(plan.trials) - plan.done
    running = open_members["running"]
    return {
        "study": plan.spec.name,
        "started": manifest["started"],
        "planned": len(plan.trials),
        "done": plan.done,
        "failed": open_members["failed"],
        "running": running,
        "packs": dict(Counter(_state(pack) for pack in packs.values())),
        "rate": rate,
        "seconds_left": left / rate if running and rate else None,
        "errors": {
            pack_id: packs[pack_id]["error"] for pack_id, s in states.items() if s == "failed"
        },
    }


def _state(pack: dict[str, Any]) -> str:
    """A pack's state; one that has gone silent is pending again."""
    if pack["state"] != "running":
        return str(pack["state"])
    age = datetime.now(UTC) - datetime.fromisoformat(pack["heartbeat"])
    return "running" if age.total_seconds() < STALE_SECONDS else "pending"
