"""Runs the packs of a plan under Ray Tune, one Tune trial a pack.

Ray schedules, retries and reuses processes; what is true of the study lives in the store alone, so
Tune's own experiment state goes to a temporary folder and nothing is ever restored from it.
"""

import itertools
import math
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.tune import Callback
from ray.tune.stopper import CombinedStopper

from study.driver.progress import ProgressCallback, sizes_of
from study.driver.ray_session import connected
from study.driver.room import most_gpus, refuse_what_has_no_place
from study.driver.searcher import PackSearcher
from study.driver.stoppers import GrokkingStopper, InterruptStopper, SkewStopper, TailStopper
from study.driver.study_watch import Watch, reason_in
from study.driver.trainable import PackTrainable
from study.driver.versions import versions
from study.errors import StudyError, UsageError
from study.machine import usable_cores
from study.plan.answers import Stopped
from study.plan.plan import Plan, generalized_of, make_plan, next_plan
from study.spec.models import StudySpec
from study.store.retry import PATIENCE_SECONDS
from study.store.store import Store
from study.terminal.display import StudyProgress
from study.training.splitting import split_packs
from study.trials.pack import Pack

# Of processes and machines that a pack may lose in a round; 0 would lose trials with the first, -1
# loops for ever where a pack's own size kills them. Its errors are counted by PackTrainable.
MAX_LOSSES = 20
# Tune gives a pack up at once whose process dies while it is handed over from another pack.
MAX_LOST_ROUNDS = 3
TAIL_SECONDS = 30.0  # that half of the places are idle until what is left is split over them


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended. `failed` counts trials in packs that were given up.

    `stored` is the study's plan with what the store holds at the end.
    """

    stopped: Stopped
    failed: int
    stored: Plan


def run_study(
    plan: Plan,
    store: Store,
    address: str,
    display: Callable[[StudyProgress], None],
    say: Callable[[str], None] = lambda _: None,
    cores: int | None = None,
) -> Outcome:
    """Train every pack of a plan; returns when all are done, given up, or the user interrupts.

    `display` is shown how far the study is, `say` is told for what it waits and what it loses.

    Where the study searches, the packs of its next batch follow when those of a batch are done.
    Otherwise a round of packs ends when few are left, and what is left is split over all machines.
    Packs that Tune lost have another round. `address` is "local" for a Ray of its own, "auto" for
    the cluster that this machine is part of, or a cluster's address; `cores`, of a Ray of its own,
    are all that it may use. Ends the process where Ray dies. Raises StudyError where Ray cannot be
    reached, no machine has room for a pack or one has other versions, where no worker begins a
    pack, and where the store is full or out of order for more than two minutes.
    """
    cores = cores or usable_cores()
    if address == "local":
        refuse_what_has_no_place(plan, cores)
    store = Store(store.url, PATIENCE_SECONDS, say)  # what was trained is not lost at the end
    budget, interrupt, skewed = _budget(plan), InterruptStopper(), SkewStopper()
    given = {"store": _absolute(store), "versions": versions()}
    losses: Counter[str] = Counter()
    failed = 0
    with (
        connected(address, cores, lambda: interrupt.heard),
        interrupt.listening(),
        tempfile.TemporaryDirectory(prefix="study-tune-") as folder,
    ):
        refuse_scattered_rows(store, ray.nodes())  # type: ignore[no-untyped-call]  # likewise
        callback = ProgressCallback(plan, display, generalized_of(plan, store))
        watch = Watch(store, say)
        gpus = most_gpus(ray.nodes())  # type: ignore[no-untyped-call]  # likewise
        request = partial(_ask_for_stored, url=_absolute(store), gpus=gpus, address=address)
        asked = _most_asked(plan, gpus, address)
        packs: Sequence[Pack] = plan.packs
        for number in itertools.count():
            searching = _searching(plan.spec, packs, store, given, callback)
            idle_places = partial(_idle_places, asked)
            tail = TailStopper(math.inf if searching else len(packs), TAIL_SECONDS, idle_places)
            stop = CombinedStopper(tail, budget, interrupt, skewed, watch)
            every_pack = tune.grid_search([pack.pack_id for pack in packs])
            tuner = tune.Tuner(
                tune.with_resources(PackTrainable, request),
                param_space={} if searching else {**given, "pack_id": every_pack},
                tune_config=searching or tune.TuneConfig(reuse_actors=True),
                run_config=_run_config(f"{folder}/{number}", stop, [callback, watch]),
            )
            ended = _by_pack(_fit(tuner, watch))
            losses.update(pack_id for pack_id, result in ended.items() if result.error is not None)
            hopeless = {
                pack_id
                for pack_id, result in ended.items()
                if _set_aside(result) or losses[pack_id] > MAX_LOST_ROUNDS
            }
            callback.give_up(hopeless)
            failed += sum(_give_up(store, pack_id, ended[pack_id].error) for pack_id in hopeless)
            if skewed.said:
                raise StudyError(
                    f"{skewed.said}; all machines of a study run the same versions. "
                    "Install one on the others: ray up cluster.yaml sends this checkout."
                )
            finished = hopeless | {pack_id for pack_id in ended if _done(ended[pack_id])}
            every = dict.fromkeys([*(pack.pack_id for pack in packs), *ended])
            left = [pack_id for pack_id in every if pack_id not in finished]
            if not left or budget.stop_all() or interrupt.heard:
                break
            packs = [_stored(store, pack_id) for pack_id in left]
            if tail.ended:
                packs = split_packs(store, packs, tail.places)
            callback.begin_round({pack.pack_id: len(pack.trials) for pack in packs})
    stopped: Stopped = ""
    if left or (searching and interrupt.heard):
        stopped = "interrupted" if interrupt.heard else "budget"
    stored = make_plan(plan.spec, store)
    callback.end(stored, generalized_of(stored, store), failed)
    return Outcome(stopped, failed, stored)


def _fit(tuner: tune.Tuner, watch: Watch) -> tune.ResultGrid:
    """Run a round; raises StudyError where the study cannot go on."""
    try:
        results = tuner.fit()
    except Exception as error:
        # Tune wraps what its callbacks and searchers raise.
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, StudyError):
            cause = cause.__cause__ or cause.__context__
        if cause is None:
            raise
        raise cause from None
    if watch.hopeless:
        raise StudyError(watch.hopeless)
    return results


def _run_config(folder: str, stop: CombinedStopper, callbacks: list[Callback]) -> tune.RunConfig:
    return tune.RunConfig(
        storage_path=folder,
        stop=stop,
        callbacks=callbacks,
        # The store holds the packs' checkpoints; Tune would ask for one at the end.
        checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
        failure_config=tune.FailureConfig(max_failures=MAX_LOSSES),
        verbose=0,
    )


def _searching(
    spec: StudySpec,
    packs: Sequence[Pack],
    store: Store,
    given: Mapping[str, Any],
    callback: ProgressCallback,
) -> tune.TuneConfig | None:
    """How Tune asks for the packs of a search, batch after batch; None where there is no search."""
    batches = sum(s.search.batch for s in spec.settings if s.search.adaptive)
    if not batches:
        return None

    def more() -> Plan:
        following = next_plan(spec, store)
        callback.extend(sizes_of(following))
        return following

    return tune.TuneConfig(
        reuse_actors=True,
        num_samples=-1,
        search_alg=PackSearcher(packs, given, more),
        # As many as a batch could have: else a searcher has but one pack pending.
        max_concurrent_trials=batches,
    )


def refuse_scattered_rows(store: Store, nodes: Sequence[Mapping[str, Any]]) -> None:
    """Raise UsageError where several machines would each write a folder of their own."""
    alive = sum(bool(node["Alive"]) for node in nodes)
    if alive > 1 and "://" not in store.url:
        raise UsageError(
            f"--out: {store.url} is a folder, on a cluster of {alive} nodes; each would write its "
            "own. Use a store that all of them reach: --out s3://BUCKET/runs."
        )


def _budget(plan: Plan) -> GrokkingStopper:
    """The study's own budget: the smallest of its settings, less the trials stored already."""
    budgets = [setting.budget for setting in plan.spec.settings]
    hours = min((b.wall_hours for b in budgets if b.wall_hours is not None), default=None)
    trials = min((b.trials for b in budgets if b.trials is not None), default=None)
    return GrokkingStopper(
        wall_seconds=None if hours is None else 3600 * hours,
        trials=None if trials is None else trials - plan.done,
    )


def ask_for(pack: Pack, gpus: float, address: str) -> tune.PlacementGroupFactory:
    """What a pack asks of Ray, where so many GPUs are there at the start.

    A cluster scaled to zero has none yet: who names the device is believed, and waits for one.
    """
    asked = pack.setting.resources
    certain = asked.device == "cuda" and address != "local"
    share = 0.0 if asked.device == "cpu" else asked.gpu if certain else min(asked.gpu, gpus)
    return tune.PlacementGroupFactory([{"CPU": asked.cpu, "GPU": share}])


def _most_asked(plan: Plan, gpus: float, address: str) -> dict[str, float]:
    """The most that a pack of the plan asks for, by resource."""
    most: dict[str, float] = {}
    for pack in plan.packs:
        for name, amount in ask_for(pack, gpus, address).required_resources.items():
            most[name] = max(amount, most.get(name, 0.0))
    return most


def _idle_places(asked: Mapping[str, float]) -> int:
    """How many packs that ask for this could train now beside those that do."""
    free: dict[str, float] = ray.available_resources()  # type: ignore[no-untyped-call]  # Ray's
    fits = [free.get(name, 0.0) / amount for name, amount in asked.items() if amount]
    return int(min(fits, default=0.0))


def _ask_for_stored(
    config: Mapping[str, Any], url: str, gpus: float, address: str
) -> tune.PlacementGroupFactory:
    return ask_for(_stored(Store.open(url), config["pack_id"]), gpus, address)


def _stored(store: Store, pack_id: str) -> Pack:
    return Pack.from_json(store.pack(pack_id)["members"])


def _by_pack(results: tune.ResultGrid) -> dict[str, tune.Result]:
    """What became of each pack that was begun: Tune does not name the others."""
    each = [results[index] for index in range(len(results))]
    return {result.config["pack_id"]: result for result in each if result.config}


def _absolute(store: Store) -> str:
    return store.url if "://" in store.url else str(Path(store.url).absolute())


def _done(result: tune.Result) -> bool:
    return bool((result.metrics or {}).get("members_open") == 0)


def _set_aside(result: tune.Result) -> bool:
    return bool((result.metrics or {}).get("set_aside"))


def _give_up(store: Store, pack_id: str, lost: Exception | None) -> int:
    """Set a pack aside for good, with its error; how many trials it leaves open."""
    known = store.pack(pack_id)
    error = known.get("error") or (reason_in(str(lost)) if lost else None)
    store.write_pack(pack_id, {**known, "state": "failed", "error": error})
    return int(known.get("open", len(known["members"]["members"])))
