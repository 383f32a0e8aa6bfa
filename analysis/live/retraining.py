"""Networks that a reader wants to see trained again, one at a time, while the page shows how far.

A reader asks again and again. The first time a job is begun; later its progress is told, and at the
end what the network has learned.
"""

from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, TypedDict

from analysis.live.jobs import start_job
from study.errors import StudyError
from study.store.store import Store

if TYPE_CHECKING:
    from analysis.circuits.learned import LearnedNet

MOST_WAITING = 4  # networks that wait for their turn
MOST_KEPT = 32  # answers; the oldest goes first


class LearnedAnswer(TypedDict):
    """How far a network is, in epochs, and what it has learned once it is done.

    Attributes:
        net: None until it is done.
        done: epochs trained so far.
        last: epoch; 0 until the training begins.
    """

    net: "LearnedNet | None"
    done: int
    last: int


@dataclass(slots=True)
class _Job:
    net: "LearnedNet | None" = None
    problem: StudyError | None = None
    done: int = 0
    last: int = 0

    @property
    def open(self) -> bool:
        return self.net is None and self.problem is None


class Replays:
    """The networks of one store that are trained again."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._jobs: dict[str, _Job] = {}
        self._lock = Lock()  # guards the jobs
        self._turn = Lock()  # of the network that is training

    def ask(self, trial_id: str) -> LearnedAnswer:
        """Begin to train a network again, or tell how far it is.

        Args:
            trial_id: of a trial of the store, all of it.
        Raises: StudyError for a trial that cannot be trained again, and where too many wait.
        """
        with self._lock:
            job = self._jobs.get(trial_id)
            if job is None:
                if sum(job.open for job in self._jobs.values()) > MOST_WAITING:
                    raise StudyError(
                        f"{trial_id}: {MOST_WAITING + 1} networks are being trained again; one is "
                        "at a time. Ask again soon."
                    )
                job = self._begin(trial_id)
        if job.problem is not None:
            with self._lock:
                self._jobs.pop(trial_id, None)  # who asks again, tries again
            raise job.problem
        return {"net": job.net, "done": job.done, "last": job.last}

    def _begin(self, trial_id: str) -> _Job:
        ended = [name for name, job in self._jobs.items() if not job.open]
        for name in ended[: max(0, len(self._jobs) + 1 - MOST_KEPT)]:
            del self._jobs[name]
        job = self._jobs[trial_id] = _Job()
        start_job("replay", partial(self._train, trial_id, job))
        return job

    def _train(self, trial_id: str, job: _Job) -> None:
        def watch(epoch: int, last: int) -> None:
            job.done, job.last = epoch, last

        with self._turn:
            try:
                from analysis.circuits.learned import learned_net  # noqa: PLC0415  loads torch

                job.net = learned_net(self._store, trial_id, watch)
            except StudyError as error:
                job.problem = error
            except Exception as error:
                words = f"{trial_id}: cannot be trained again; {type(error).__name__}."
                job.problem = StudyError(words)
                raise
