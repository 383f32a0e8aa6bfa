"""Which epochs are read, and which readings are kept.

Detection reads often; storage keeps a log-spaced share, the last reading, and every reading around
an event. Both depend on a trial's own readings only, never on its neighbours in a pack.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from study.spec import PerDecade

WINDOW = 5  # readings kept on either side of an event


def log_spaced(epoch: int, per_decade: int) -> bool:
    """Whether an epoch is 0 or round(10^(i / per_decade)) for some whole i."""
    if epoch < 2:
        return True
    exponent = math.floor(math.log10(epoch) * per_decade)
    return any(round(10 ** (i / per_decade)) == epoch for i in (exponent, exponent + 1))


def _slot(epoch: int, keep_per_decade: int | Literal["all"]) -> int:
    """How many log-spaced epochs there are up to this one; a reading that passes one is kept."""
    if keep_per_decade == "all" or epoch == 0:
        return epoch
    return 1 + math.floor(math.log10(epoch) * keep_per_decade + 1e-9)


def scheduled(epoch: int, every: int | PerDecade) -> bool:
    """Whether the schedule asks for a reading at this epoch."""
    if isinstance(every, PerDecade):
        return log_spaced(epoch, every.per_decade)
    return epoch % every == 0


class ReadingLog:
    """The readings kept of a pack, and the latest few that an event may still call for.

    Members are known by their number in the pack as it began; C columns a reading. Each member has
    a ring of its last D readings: `_ring` [C, D, members], their epochs, and whether they wait.
    """

    def __init__(
        self, members: int, columns: int, hold: int, keep_per_decade: int | Literal["all"]
    ) -> None:
        self._keep_per_decade = keep_per_decade
        depth = WINDOW + hold - 1  # an event is known hold - 1 readings after it happened
        self._ring = np.zeros((columns, depth, members))
        self._epochs = np.zeros((depth, members), dtype=np.int64)
        self._waiting = np.zeros((depth, members), dtype=bool)
        self._taken = np.zeros(members, dtype=np.int64)
        self._countdown = np.zeros(members, dtype=np.int64)
        self._slots = np.full(members, -1, dtype=np.int64)
        self._kept: list[Kept] = []

    def add(
        self,
        epoch: int,
        members: NDArray[np.int64],
        values: NDArray[np.float64],
        event: NDArray[np.bool_],
    ) -> None:
        """Take the readings [C, m] of some members; `event` [m] says who has just had one."""
        self._countdown[members[event]] = WINDOW + 1
        self._keep_waiting(members[event])
        near = self._countdown[members] > 0
        self._countdown[members] -= near
        # The first reading at or after each log-spaced epoch, whatever the schedule.
        slot = _slot(epoch, self._keep_per_decade)
        keep = near | (self._slots[members] < slot)
        self._slots[members] = slot
        epochs = np.full(len(members), epoch)
        self._kept.append(Kept(epochs[keep], members[keep], values[:, keep]))
        place = self._taken[members] % len(self._epochs)
        self._ring[:, place, members] = values
        self._epochs[place, members] = epoch
        self._waiting[place, members] = ~keep
        self._taken[members] += 1

    def leave(self, members: NDArray[np.int64]) -> "Kept":
        """Hand over what is kept of members that leave, their last reading included."""
        depth = len(self._epochs)
        for member in members:
            last = (self._taken[member] - 1) % depth
            self._waiting[np.arange(depth) != last, member] = False
        self._keep_waiting(members)
        kept = Kept.joined(self._kept)
        leaving = np.isin(kept.members, members)
        self._kept = [kept.take(~leaving)]
        return kept.take(leaving)

    def _keep_waiting(self, members: NDArray[np.int64]) -> None:
        """Keep the readings of some members that are still in their rings."""
        for slot in range(len(self._epochs)):
            chosen = members[self._waiting[slot, members]]
            if len(chosen):
                values = self._ring[:, slot, chosen]
                self._kept.append(Kept(self._epochs[slot, chosen], chosen, values))
                self._waiting[slot, chosen] = False

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The log as arrays, for a checkpoint."""
        kept = Kept.joined(self._kept) if self._kept else self._nothing()
        own = {name: getattr(self, f"_{name}") for name in _RING_FIELDS}
        return {**own, **{f"kept_{name}": part for name, part in kept._asdict().items()}}

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Continue from what `arrays` saw."""
        for name in _RING_FIELDS:
            setattr(self, f"_{name}", np.array(arrays[name]))
        self._kept = [Kept(*(np.array(arrays[f"kept_{name}"]) for name in Kept._fields))]

    def _nothing(self) -> "Kept":
        none = np.zeros(0, dtype=np.int64)
        return Kept(none, none, np.zeros((len(self._ring), 0)))


_RING_FIELDS = ("ring", "epochs", "waiting", "taken", "countdown", "slots")


class Kept(NamedTuple):
    """Readings: epoch and member number of each [R], and their values [C, R]."""

    epochs: NDArray[np.int64]
    members: NDArray[np.int64]
    values: NDArray[np.float64]

    @classmethod
    def joined(cls, parts: Sequence["Kept"]) -> "Kept":
        """All parts as one."""
        return cls(
            np.concatenate([part.epochs for part in parts]),
            np.concatenate([part.members for part in parts]),
            np.concatenate([part.values for part in parts], axis=1),
        )

    def take(self, chosen: NDArray[Any]) -> "Kept":
        """The readings at an index or a mask."""
        return Kept(self.epochs[chosen], self.members[chosen], self.values[:, chosen])
