"""One round: some packs, each a Ray Tune trial, until Tune has nothing more to run.

A round ends when its packs are done, set aside or lost; when the study is stopped; or at its tail,
when few packs are left for many slots. Tune's own experiment state goes to a temporary folder, and
nothing is ever restored from it: what is true of a study is in its store.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ray import tune
from ray.tune.stopper import CombinedStopper, Stopper

from study.driver.pack_resources import REQUEST, asked_in_config
from study.driver.progress import ProgressCallback, sizes_of
from study.driver.reports import PackReport
from study.driver.searcher import PackSearcher
from study.driver.stoppers import TailStopper
from study.driver.study_watch import StudyWatch
from study.driver.trainable import PackTrainable
from study.errors import StudyError
from study.plan.plan import Plan, next_plan
from study.spec.models import StudySpec
from study.store.store import Store
from study.trials.pack import Pack

# A pack survives so many lost workers in a round (Tune's max_failures). With 0 a pack is given up
# at the first loss; with -1 a pack that always runs out of memory is never given up. Exceptions of
# the pack itself are counted in the store instead: see `trainable.MAX_FAILURES`.
MAX_LOST_WORKERS = 20
# A round ends, and its rest is split, when half of the slots have been idle for so long.
TAIL_SECONDS = 30.0


@dataclass(frozen=True)
class RoundSetup:
    """What all rounds of a study share.

    `config` is what a worker is told beside the id of its pack, and `request` what a pack asks of
    Ray; a Tune trial is told all three. `idle_slots` says how many more packs could train now.
    `stoppers` end the whole study. Tune keeps its files below `folder`.
    """

    spec: StudySpec
    store: Store
    config: Mapping[str, object]
    request: Callable[[Pack], dict[str, float]]
    idle_slots: Callable[[], int]
    stoppers: Sequence[Stopper]
    progress: ProgressCallback
    watch: StudyWatch
    folder: str


@dataclass(frozen=True, slots=True)
class RoundEnd:
    """What became of the packs that a round began, by their ids.

    `lost` holds the error of each pack whose workers died too often, or whose worker died while it
    changed from another pack to this one. `slots` is the number of slots over which the packs that
    are left should be split, or 0 where they should not.
    """

    begun: Sequence[str]
    done: frozenset[str]
    set_aside: frozenset[str]
    lost: Mapping[str, Exception]
    slots: int

    def left(self, packs: Sequence[Pack], given_up: frozenset[str]) -> list[str]:
        """The ids of packs that another round has to train.

        Args:
            packs: with which the round began; a search adds others.
            given_up: the ids of packs that have no other round.
        """
        every = dict.fromkeys([*(pack.pack_id for pack in packs), *self.begun])
        return [pack_id for pack_id in every if pack_id not in self.done | given_up]


def search_batch(spec: StudySpec) -> int:
    """How many packs a batch of the study's searches has at most; 0 where nothing searches."""
    return sum(setting.search.batch for setting in spec.settings if setting.search.adaptive)


def run_round(setup: RoundSetup, packs: Sequence[Pack], number: int) -> RoundEnd:
    """Train packs until each is done, set aside or lost, or the round is stopped.

    In a study that searches, packs of the following batches are trained in the same round.

    Args:
        setup: of the study.
        packs: of the store, at least one.
        number: of the round, for the name of Tune's folder.

    Raises: StudyError where the study cannot go on.
    """
    batch = search_batch(setup.spec)
    tail = TailStopper(math.inf if batch else len(packs), TAIL_SECONDS, setup.idle_slots)
    fixed = tune.TuneConfig(reuse_actors=True)
    tuner = tune.Tuner(
        tune.with_resources(PackTrainable, asked_in_config),
        param_space={} if batch else _every_pack(setup, packs),
        tune_config=_search_config(setup, packs, batch) if batch else fixed,
        run_config=tune.RunConfig(
            storage_path=f"{setup.folder}/{number}",
            stop=CombinedStopper(tail, *setup.stoppers),
            callbacks=[setup.progress, setup.watch],
            # The store holds the packs' checkpoints; Tune would ask for one at the end.
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            failure_config=tune.FailureConfig(max_failures=MAX_LOST_WORKERS),
            verbose=0,
        ),
    )
    results = _fit(tuner, setup.watch)
    reports = {pack_id: PackReport.of(result.metrics or {}) for pack_id, result in results.items()}
    return RoundEnd(
        begun=list(results),
        done=frozenset(pack_id for pack_id, report in reports.items() if not report.members_open),
        set_aside=frozenset(pack_id for pack_id, report in reports.items() if report.set_aside),
        lost={pack_id: r.error for pack_id, r in results.items() if r.error is not None},
        slots=tail.slots if tail.ended else 0,
    )


def _every_pack(setup: RoundSetup, packs: Sequence[Pack]) -> dict[str, object]:
    """The configs of some packs, as Tune wants them: ids, and the request that goes with each."""
    requests = {pack.pack_id: setup.request(pack) for pack in packs}
    return {
        **setup.config,
        "pack_id": tune.grid_search(list(requests)),
        REQUEST: tune.sample_from(lambda config: requests[config["pack_id"]]),
    }


def _search_config(setup: RoundSetup, packs: Sequence[Pack], batch: int) -> tune.TuneConfig:
    """How Tune asks for the packs of a search, batch after batch."""

    def more() -> Plan:
        following = next_plan(setup.spec, setup.store)
        setup.progress.extend(sizes_of(following))
        return following

    return tune.TuneConfig(
        reuse_actors=True,
        num_samples=-1,
        search_alg=PackSearcher(packs, setup.config, setup.request, more),
        max_concurrent_trials=batch,  # without a number Tune has one pack pending at a time
    )


def _fit(tuner: tune.Tuner, watch: StudyWatch) -> dict[str, tune.Result]:
    """Run a round; returns Tune's result of each pack that was begun, by its id."""
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
    if watch.fatal:
        raise StudyError(watch.fatal)
    each = [results[index] for index in range(len(results))]
    # Tune gives no config for a pack that it never began.
    return {result.config["pack_id"]: result for result in each if result.config}
