"""The log of a pack's readings: which are kept for the table `readings`."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from study.detect.schedule import log_spaced_up_to
from study.engine.protocol import Along, ArraySpec, ArraySpecs


class ReadingLog:
    """The readings kept of a pack, C columns each. Members have their number in the whole pack."""

    ARRAYS: ClassVar[ArraySpecs] = {
        "slots": ArraySpec(Along.PACK),
        "kept_epochs": ArraySpec(Along.READINGS),
        "kept_members": ArraySpec(Along.READINGS, indexes_pack=True),
        "kept_values": ArraySpec(Along.READINGS, axis=1),
    }

    def __init__(self, members: int, columns: int, keep_per_decade: int | Literal["all"]) -> None:
        self._keep_per_decade, self._columns = keep_per_decade, columns
        self._slots = np.full(members, -1, dtype=np.int64)
        self._kept: list[Kept] = []

    def wants(self, epoch: int, members: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which members [m] have no reading yet since the latest log-spaced epoch."""
        return np.asarray(self._slots[members] < log_spaced_up_to(epoch, self._keep_per_decade))

    def add(self, epoch: int, members: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Keep the readings [C, m] of some members; one of an epoch already kept is harmless."""
        self._kept.append(Kept(np.full(len(members), epoch), members, values))
        slot = log_spaced_up_to(epoch, self._keep_per_decade)
        self._slots[members] = np.maximum(self._slots[members], slot)

    def leave(self, members: NDArray[np.int64]) -> "Kept":
        """Hand over what is kept of members that leave, by member and epoch."""
        kept = self._joined()
        leaving = np.isin(kept.members, members)
        self._kept = [kept.take(~leaving)]
        kept = kept.take(leaving)
        pairs = np.stack((kept.members, kept.epochs))
        return kept.take(np.unique(pairs, axis=1, return_index=True)[1])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The log as arrays, for a checkpoint."""
        kept = self._joined()._asdict()
        return {"slots": self._slots, **{f"kept_{name}": part for name, part in kept.items()}}

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Continue from what `arrays` saw."""
        self._slots = np.array(arrays["slots"])
        self._kept = [Kept(*(np.array(arrays[f"kept_{name}"]) for name in Kept._fields))]

    def _joined(self) -> "Kept":
        none = np.zeros(0, dtype=np.int64)
        return Kept.joined([Kept(none, none, np.zeros((self._columns, 0))), *self._kept])


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
