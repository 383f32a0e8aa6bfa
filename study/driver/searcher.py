"""Hands Ray Tune the packs of a search, batch after batch.

Tune asks for one Tune trial at a time and gets a whole pack. When no pack of a batch is left, the
store is asked what follows: it knows all that was found, so Tune keeps nothing of the search.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ray.tune.search import Searcher

from study.plan.plan import Plan
from study.trials.pack import Pack


class PackSearcher(Searcher):
    """Suggests some packs, then those of the plans that `more` gives until one has none.

    `given` is what the trainable is told beside the id of its pack.
    Where a pack has failed its batch stays incomplete, and no other follows from it.
    """

    def __init__(
        self, packs: Sequence[Pack], given: Mapping[str, Any], more: Callable[[], Plan]
    ) -> None:
        super().__init__()
        self._given, self._more = given, more
        self._waiting = [pack.pack_id for pack in packs]
        self._running: set[str] = set()
        self._ended = False

    def __getstate__(self) -> dict[str, Any]:
        # Tune pickles it to restore from; what `more` calls shows progress, and we never restore.
        return {**self.__dict__, "_more": None}

    def suggest(self, trial_id: str) -> Any:
        """The next pack; None while a batch is in training, FINISHED where nothing follows."""
        if not (self._waiting or self._running or self._ended):
            self._waiting = [pack.pack_id for pack in self._more().packs]
            self._ended = not self._waiting
        if self._waiting:
            self._running.add(trial_id)
            return {**self._given, "pack_id": self._waiting.pop(0)}
        return Searcher.FINISHED if self._ended else None

    def on_trial_complete(
        self,
        trial_id: str,
        result: dict[str, Any] | None = None,
        error: bool = False,
    ) -> None:
        """A pack is done, or has failed."""
        self._running.discard(trial_id)
        self._ended = self._ended or error

    def save(self, checkpoint_path: str) -> None:
        """Nothing: a study goes on from its store."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing, likewise."""
