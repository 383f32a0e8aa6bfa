"""What an engine is: arrays in, arrays out; no clock, no disk, no Ray.

An engine makes three promises, which packs rest on and tests hold. A member's numbers do not depend
on its neighbors in the pack. A state is never changed in place. `restore` continues what `dump`
saw, bit for bit.

Axis letters, in every docstring of this package:
    T  trials (members) of a pack        n  input bits
    N  rows of data                      k  relevant bits
    B  rows of a batch                   p  hidden neurons
    R  readings                          P  parameters of a module, padded
    m  some members of a pack            C  columns of a reading
"""

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
NO_MEMBERS = ArraySpec(None)
OPEN_FIRST = ArraySpec(Along.OPEN, axis=0)  # [T, ...]

Indices = NDArray[np.int64]  # [m] members of a state by their index, rising


@dataclass(frozen=True, slots=True)
class Reading:
    """What is measured of T networks at one epoch, before the pass of that epoch.

    A row is correct where the prediction has the label's sign; a tie is wrong. `weight_norm` is
    over all weights. `active` says whether any hidden neuron is active on any training row.
    """

    train_correct: NDArray[np.int64]  # [T] rows
    test_correct: NDArray[np.int64]  # [T] rows
    train_loss: NDArray[np.float64]  # [T] mean over rows
    test_loss: NDArray[np.float64]  # [T] mean over rows
    weight_norm: NDArray[np.float64]  # [T]
    active: NDArray[np.bool_]  # [T]
    measured: dict[str, NDArray[np.float64]]  # by column: [T], NaN where a measure has no value


@dataclass(frozen=True, slots=True)
class Glance:
    """What a glance at T networks proves.

    A glance counts wrong rows until there are more than it was allowed: `wrong` is then a lower
    bound, above the allowed number. Otherwise `wrong` is exact. `active` says whether, on each part
    that was looked at, some hidden neuron is active on some row.
    """

    train_wrong: NDArray[np.int64]  # [T] rows
    test_wrong: NDArray[np.int64]  # [T] rows
    weight_norm: NDArray[np.float64]  # [T]
    active: NDArray[np.bool_]  # [T]


class Engine(Protocol):
    """How a pack is trained. A state belongs to the engine that made it, and knows its epoch.

    `device` is "cpu" or a CUDA device; `kernel` names the arithmetic in the table of trials. Here
    stands what each method means, for all engines; the docstrings of an engine say how it does
    that.
    """

    device: str
    kernel: str
    ARRAYS: ClassVar[ArraySpecs]  # of everything that `dump` may give

    def allocate(self, trials: Sequence[Trial]) -> Any:
        """The pack at epoch 0: data, hidden bits and initial weights, from the trials' streams."""
        ...

    def step(self, state: Any) -> Any:
        """One pass over the training rows: the state one epoch later."""
        ...

    def read(
        self, state: Any, names: Sequence[str] = (), indices: Indices | None = None
    ) -> Reading:
        """The reading at the state's epoch.

        Args:
            state: of T members.
            names: measures of the catalogue to take, too.
            indices: the members to read, [m]; None reads all. The reading has their order.
        """
        ...

    def glance(
        self, state: Any, train_allowed: NDArray[np.int64], test_allowed: NDArray[np.int64]
    ) -> Glance:
        """Whether more rows are wrong than allowed; cheaper than a reading, as it may stop early.

        Args:
            state: of T members.
            train_allowed: wrong training rows, [T]; below 0 the member's rows are not looked at.
            test_allowed: likewise for test rows, [T].
        """
        ...

    def leave(self, state: Any, keep: Sequence[int]) -> Any:
        """The pack with only some of its members.

        Args:
            state: of T members.
            keep: the indices of the members that stay, at least one, in their new order.
        """
        ...

    def dump(self, state: Any) -> Arrays:
        """What `restore` needs beside the trials: "epoch", and arrays whose first axis is T."""
        ...

    def restore(self, trials: Sequence[Trial], arrays: Arrays) -> Any:
        """The state that `dump` saw.

        Args:
            trials: the T members of that state, in its order.
            arrays: what `dump` returned.
        """
        ...
