"""Hands Ray Tune the packs of a search, batch after batch.

Tune asks for one Tune trial at a time and gets a whole pack. When a batch has no pack left, the
store is asked what follows. The store knows all results, so nothing of the search is in Tune.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ray.tune.search import Searcher

from study.driver.pack_resources import REQUEST
from study.plan.plan import Plan
from study.trials.pack import Pack


class PackSearcher(Searcher):
    """Suggests some packs, then the packs of the plans that `more` gives, until a plan has none.

    If a pack fails, its batch stays incomplete and no other batch follows.

    Args:
        packs: of the first batch.
        config: what the trainable is told beside the id of its pack.
        request: what a pack asks of Ray.
        more: the plan of the next batch; called when the batch before is done.
    """

    def __init__(
        self,
        packs: Sequence[Pack],
        config: Mapping[str, object],
        request: Callable[[Pack], dict[str, float]],
        more: Callable[[], Plan],
    ) -> None:
        super().__init__()
        self._config, self._request, self._more = config, request, more
        self._waiting = list(packs)
        self._running: set[str] = set()
        self._ended = False

    def __getstate__(self) -> dict[str, object]:
        # Tune pickles the searcher for a restore, which never happens here. `more` is left out: it
        # holds the display of the progress, which cannot be pickled.
        return {**self.__dict__, "_waiting": [], "_more": None}

    def suggest(self, trial_id: str) -> Any:  # FINISHED is a str, which Tune's type leaves out
        """The config of the next pack; None while a batch is trained, FINISHED at the end."""
        if not (self._waiting or self._running or self._ended):
            self._waiting = list(self._more().packs)
            self._ended = not self._waiting
        if self._waiting:
            self._running.add(trial_id)
            pack = self._waiting.pop(0)
            return {**self._config, "pack_id": pack.pack_id, REQUEST: self._request(pack)}
        return Searcher.FINISHED if self._ended else None

    def on_trial_complete(
        self, trial_id: str, result: Mapping[str, object] | None = None, error: bool = False
    ) -> None:
        """A pack is done, or has failed."""
        self._running.discard(trial_id)
        self._ended = self._ended or error

    def save(self, checkpoint_path: str) -> None:
        """Nothing: a study goes on from its store."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: a study goes on from its store."""
