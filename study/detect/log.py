"""The log of a pack's readings: which of them are stored in the table `readings`."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from study.detect.schedule import log_spaced_up_to
from study.engine.protocol import Along, ArraySpec, ArraySpecs, Indices


class ReadingLog:
    """The stored readings of the members that have not left; `add`, `leave` and `load` change it.

    Members are named by their index in the pack as it began. A member wants a reading in each of
    the log-spaced intervals of its training, and `_slots` [members] is the latest interval in which
    the member had one: -1 before the first.
    """

    ARRAYS: ClassVar[ArraySpecs] = {
        "slots": ArraySpec(Along.PACK),
        "kept_epochs": ArraySpec(Along.READINGS),
        "kept_members": ArraySpec(Along.READINGS, indexes_pack=True),
        "kept_values": ArraySpec(Along.READINGS, axis=1),
    }

    def __init__(self, members: int, columns: int, keep_per_decade: int | Literal["all"]) -> None:
        """An empty log.

        Args:
            members: of the pack as it began.
            columns: of a reading: C.
            keep_per_decade: log-spaced intervals in a decade of epochs.
        """
        self._keep_per_decade, self._columns = keep_per_decade, columns
        self._slots = np.full(members, -1, dtype=np.int64)
        self._stored: list[StoredReadings] = []

    def wants(self, epoch: int, members: Indices) -> NDArray[np.bool_]:
        """Which members [m] have no reading yet in the interval of this epoch.

        Args:
            epoch: the present one.
            members: [m], as indices into the pack as it began.
        """
        return np.asarray(self._slots[members] < log_spaced_up_to(epoch, self._keep_per_decade))

    def add(self, epoch: int, members: Indices, values: NDArray[np.float64]) -> None:
        """Store a reading of some members; a second reading of one epoch is harmless.

        Args:
            epoch: of the reading.
            members: that were read, [m].
            values: of the reading, [C, m].
        """
        self._stored.append(StoredReadings(np.full(len(members), epoch), members, values))
        slot = log_spaced_up_to(epoch, self._keep_per_decade)
        self._slots[members] = np.maximum(self._slots[members], slot)

    def leave(self, members: Indices) -> "StoredReadings":
        """Hand over the readings of members [m] that leave, by member and epoch."""
        stored = self._joined()
        leaving = np.isin(stored.members, members)
        self._stored = [stored.take(~leaving)]
        handed_over = stored.take(leaving)
        ordered = handed_over.take(np.lexsort((handed_over.epochs, handed_over.members)))
        of, at = ordered.members, ordered.epochs
        again = np.zeros(len(of), dtype=bool)
        again[1:] = (of[1:] == of[:-1]) & (at[1:] == at[:-1])
        return ordered.take(~again)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The log as arrays, for a checkpoint; `ARRAYS` says which."""
        stored = self._joined()._asdict()
        return {"slots": self._slots, **{f"kept_{name}": array for name, array in stored.items()}}

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Continue from what `arrays` gave."""
        self._slots = np.array(arrays["slots"])
        fields = (np.array(arrays[f"kept_{name}"]) for name in StoredReadings._fields)
        self._stored = [StoredReadings(*fields)]

    def _joined(self) -> "StoredReadings":
        """All stored readings as one piece."""
        none = np.zeros(0, dtype=np.int64)
        empty = StoredReadings(none, none, np.zeros((self._columns, 0)))
        return StoredReadings.joined([empty, *self._stored])


class StoredReadings(NamedTuple):
    """R readings, each of one member at one epoch."""

    epochs: NDArray[np.int64]  # [R]
    members: Indices  # [R], as indices into the pack as it began
    values: NDArray[np.float64]  # [C, R]

    @classmethod
    def joined(cls, pieces: Sequence["StoredReadings"]) -> "StoredReadings":
        """All pieces as one."""
        return cls(
            np.concatenate([piece.epochs for piece in pieces]),
            np.concatenate([piece.members for piece in pieces]),
            np.concatenate([piece.values for piece in pieces], axis=1),
        )

    def take(self, chosen: NDArray[Any]) -> "StoredReadings":
        """Some of the readings, by index or by mask."""
        return StoredReadings(self.epochs[chosen], self.members[chosen], self.values[:, chosen])
