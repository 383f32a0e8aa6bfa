"""What an engine is: arrays in, arrays out, with three promises that packs rest on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from study.trials.trial import Trial

Arrays = Mapping[str, NDArray[Any]]


class Along(Enum):
    """What an axis of an array in a checkpoint counts."""

    OPEN = auto()  # the members still open, in the order of the pack
    PACK = auto()  # all members that the pack began with
    READINGS = auto()  # the readings kept in the pack's log


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """Which axis of an array in a checkpoint depends on the pack's members.

    `along` says what that axis counts: None for an array without such an axis. `axis` is the
    position of that axis. `indexes_pack`: the values themselves are indices into the pack as it
    began, and change when the pack is cut.
    """

    along: Along | None
    axis: int = 0
    indexes_pack: bool = False


ArraySpecs = Mapping[str, ArraySpec]  # by the names of the arrays
WHOLE = ArraySpec(None)
OPEN_FIRST = ArraySpec(Along.OPEN, axis=0)  # [T, ...]

Places = NDArray[np.int64]  # members [m] by their place in a state, rising


@dataclass(frozen=True, slots=True)
class Reading:
    """What is measured of T networks at one epoch, before that epoch's pass.

    Counts are rows predicted right (a tie is wrong); losses are means over rows; `weight_norm` is
    over W, b and u; `active` says whether any hidden neuron is active on any training row.
    `measured` holds one array for each measure column asked for, NaN where it has no value.
    """

    train_correct: NDArray[np.int64]
    test_correct: NDArray[np.int64]
    train_loss: NDArray[np.float64]
    test_loss: NDArray[np.float64]
    weight_norm: NDArray[np.float64]
    active: NDArray[np.bool_]
    measured: dict[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Glance:
    """What a glance at T networks proves: rows known to be wrong, all or more than was allowed.

    `active` says whether on each part that was looked at some hidden neuron is active on some row.
    """

    train_wrong: NDArray[np.int64]
    test_wrong: NDArray[np.int64]
    weight_norm: NDArray[np.float64]
    active: NDArray[np.bool_]


class Engine(Protocol):
    """How a pack is trained. A state is opaque, never changed in place, and knows its epoch."""

    device: str
    kernel: str
    ARRAYS: ClassVar[ArraySpecs]  # of everything that `dump` may give

    def allocate(self, trials: Sequence[Trial]) -> Any:
        """The pack at epoch 0: data, hidden bits and initial weights, from the trials' streams."""
        ...

    def step(self, state: Any) -> Any:
        """One pass over the data: the state one epoch later."""
        ...

    def read(self, state: Any, names: Sequence[str] = (), places: Places | None = None) -> Reading:
        """The reading at the state's epoch, with the measures named: of all, or at `places`."""
        ...

    def glance(
        self, state: Any, train_allowed: NDArray[np.int64], test_allowed: NDArray[np.int64]
    ) -> Glance:
        """Whether more than so many rows [T] are wrong; a part with less than none is passed over.

        It may stop where that is proven, so it costs less than a reading.
        """
        ...

    def leave(self, state: Any, keep: Sequence[int]) -> Any:
        """The pack with only the members kept, at least one."""
        ...

    def dump(self, state: Any) -> Arrays:
        """What `restore` needs beside the trials."""
        ...

    def restore(self, trials: Sequence[Trial], arrays: Arrays) -> Any:
        """The state that `dump` saw."""
        ...
