"""Runs a study: starts or joins Ray first, then loads Tune, while Ray's workers load.

Tune and torch take a second each to import. Nothing is imported before Ray that Ray does not need,
and the driver never needs torch.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from study.driver.interrupt import Interrupt
from study.driver.ray_session import connected
from study.driver.warm_up import loading
from study.errors import UsageError
from study.machine import usable_cores
from study.plan.compact import compact_if_many
from study.plan.plan import Plan
from study.store.retry import RETRY_SECONDS
from study.store.store import Store
from study.terminal.display import StudyProgress

if TYPE_CHECKING:
    from study.driver.tune import Outcome

# That a process whose Ray has died waits for a signal on its way: a signal decides its exit code.
SIGNAL_SECONDS = 0.5


def run_study(
    plan: Plan,
    store: Store,
    address: str,
    display: Callable[[StudyProgress], None],
    say: Callable[[str], None] = lambda _: None,
    cores: int | None = None,
    ended: Callable[[Plan], object] = lambda _: None,
    stopping: Callable[[], bool] = lambda: False,
) -> "Outcome":
    """Train every pack of a plan; returns when all are done or given up, or the user interrupts.

    The packs of a plan are trained in a round. Packs that Tune lost have another round. A round
    also ends when few packs are left: these are split over all slots for the next round. In a study
    that searches, a round goes on with the next batch.

    Args:
        plan: of the study; its packs are noted in the store.
        store: of the study.
        address: "local" for a Ray of its own, "auto" for the cluster that this machine is part of,
            or a cluster's HOST:PORT.
        display: is shown how far the study is.
        say: is told what the study waits for and what it loses, in lines.
        cores: how many a local Ray may use; None means all that are usable.
        ended: called with the plan and what the store holds at the end, before Ray is left.
        stopping: shows that the user has asked for the end, as `Interrupt` takes it.

    Raises: StudyError where Ray cannot be reached, where no machine has room for a pack or one has
        other versions, where no worker begins a pack, and where the store is full or out of order
        for more than two minutes. Ends the process where Ray dies.
    """
    cores = cores or usable_cores()
    if address == "local":
        refuse_without_room(plan, cores)
    store = Store(store.url, RETRY_SECONDS, say)  # retries: an outage must not end the study
    interrupt = Interrupt(stopping)
    with (
        loading() as workers,
        connected(address, cores, lambda: interrupt.came(SIGNAL_SECONDS), say),
        interrupt.listening(),
    ):
        from study.driver.tune import train_study  # noqa: PLC0415  a second, while workers load

        if address == "local":
            workers.wait(min(cores, len(plan.packs)), lambda: interrupt.requested)
        outcome = train_study(plan, store, address, interrupt, display, say)
        ended(outcome.stored)
    if not interrupt.requested:
        compact_if_many(store, say)
    return outcome


def refuse_without_room(plan: Plan, cores: int) -> None:
    """Raise UsageError where a pack asks for more than a local Ray will have.

    Args:
        plan: whose packs ask for cores and a device.
        cores: how many the local Ray will have.
    """
    resources = [pack.setting.resources for pack in plan.packs]
    most = max((asked.cpu for asked in resources), default=0)
    if most > cores:
        raise UsageError(
            f"resources.cpu: {most:g}; a pack runs on one machine, and this one has {cores} "
            f"{'core' if cores == 1 else 'cores'}. Lower it, or use --address of a larger cluster."
        )
    if any(asked.device == "cuda" for asked in resources) and not _has_cuda():
        raise UsageError(
            "resources.device: cuda; this machine has no CUDA device that torch can use. "
            "Use auto or cpu, or --address of a cluster that has GPUs."
        )


def _has_cuda() -> bool:
    """Whether torch can use a GPU of this machine."""
    import torch  # noqa: PLC0415  slow to import, and needed by studies of GPUs alone

    return torch.cuda.is_available()
