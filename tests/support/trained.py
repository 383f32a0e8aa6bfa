"""Studies trained serially without Ray, and their tables in a fixed order."""

from study.plan.plan import next_plan, start_study
from study.store.store import Store
from study.training.runner import run_pack
from study.vocabulary.columns import RESULT_COLUMNS


def fill(spec, folder, engine=None, most=10**6):
    """Train a study, batch after batch, without Ray; stop after `most` packs, as a kill would."""
    store = Store(folder)
    plan = start_study(spec, store, ["pytest"])
    while plan.packs:
        for pack in plan.packs:
            if not most:
                return store
            most -= 1
            for _ in run_pack(pack, store, engine):
                pass
        plan = next_plan(spec, store)
    return store


def table(store):
    """RESULT_COLUMNS and readings of a store, in a fixed order."""
    rows = store.trials().sort_by("trial_id").select(RESULT_COLUMNS).to_pylist()
    return rows, store.readings().to_pylist()
