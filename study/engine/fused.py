"""The fused CPU kernel as an engine: relu_step.c through ctypes, without the GIL.

The kernel computes one network at a time, so a member's numbers cannot depend on its neighbors.
Rows and weights have the kernel's own layout, `fused_layout`. `dump` and `restore` speak the layout
of `ReluEngine`, so that each of the two engines can continue what the other left.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from study.engine.fused_layout import Bits, blocked, drawn_bits, unblocked
from study.engine.protocol import (
    NO_MEMBERS,
    OPEN_FIRST,
    Arrays,
    ArraySpecs,
    Glance,
    Indices,
    Reading,
)
from study.errors import StudyError
from study.kernel.relu_kernel import KernelPack, ReluKernel
from study.measures.relu_pack import measure_relu_nets
from study.nets import relu
from study.nets.losses import LOSSES
from study.nets.relu import ReluNets
from study.tasks.packed_parity import PackedParity
from study.trials.trial import Trial

# Trials whose rows and weights are drawn at a time, because drawing takes several times the memory
# of what is drawn.
_DRAWN_AT_ONCE = 16


class RowCounts(NamedTuple):
    """What a reading finds on the training or on the test rows."""

    correct: NDArray[np.int64]  # [T] rows
    loss: NDArray[np.float64]  # [T] mean over rows
    weight_norm: NDArray[np.float64]  # [T]
    active: NDArray[np.bool_]  # [T]

    def take(self, indices: Indices) -> "RowCounts":
        """The counts of the members at `indices` [m]."""
        columns = (self.correct[indices], self.loss[indices], self.weight_norm[indices])
        return RowCounts(*columns, self.active[indices])


@dataclass(frozen=True, slots=True)
class FusedState:
    """A pack of T members; p is rounded up to a multiple of 16 neurons.

    `data` draws the rows of each pass where rows are fresh every step, and is None otherwise.
    `learned` counts the rows that the last pass learned from: the arithmetic that the pass needed.
    It is 0 before the first pass and after a restore.
    """

    trials: tuple[Trial, ...]
    data: PackedParity | None
    train: Bits
    test: Bits
    incoming: Tensor  # [T, p / 16, n + 1, 16]
    outgoing: Tensor  # [T, p]
    keys: NDArray[np.uint32]  # [T, 2]
    learning_rate: NDArray[np.float64]  # [T]
    weight_decay: NDArray[np.float64]  # [T]
    learned: NDArray[np.int64]  # [T] rows
    epoch: int = 0

    @property
    def nets(self) -> ReluNets:
        """The weights as views in the layout of `ReluEngine`."""
        return unblocked(ReluNets(self.incoming, self.outgoing), self.trials[0].point.width)


class FusedEngine:
    """The fused kernel: plain SGD on a CPU, in float32 or float64."""

    device = "cpu"
    ARRAYS: ClassVar[ArraySpecs] = {
        "epoch": NO_MEMBERS,
        **dict.fromkeys(ReluNets._fields, OPEN_FIRST),
    }

    def __init__(self, kernel: ReluKernel | None = None, version: str | None = None) -> None:
        """An engine on a compiled kernel.

        Args:
            kernel: the compiled code; None loads what was installed.
            version: an instruction set, such as "avx2"; None takes the fastest.
        Raises: StudyError where nothing was compiled.
        """
        kernel = kernel or ReluKernel.load()
        if kernel is None:
            raise StudyError(
                "kernel: not compiled here; install with a C compiler, or use torch's."
            )
        self._kernel = kernel
        name = version or next(iter(kernel.versions))
        self._version = kernel.versions[name]
        self.kernel = f"fused-{name}"

    def allocate(self, trials: Sequence[Trial]) -> FusedState:
        """Draw rows and weights, some trials at a time, and lay them out for the kernel."""
        members = tuple(trials)
        first = members[0]
        cpu, dtype = torch.device("cpu"), getattr(torch, first.setting.train.dtype)
        parts = [members[i : i + _DRAWN_AT_ONCE] for i in range(0, len(members), _DRAWN_AT_ONCE)]
        rows = [drawn_bits(part, cpu) for part in parts]
        nets = [blocked(relu.initial_nets(part, cpu, dtype)) for part in parts]
        return FusedState(
            trials=members,
            data=PackedParity(members, cpu) if first.point.train_size is None else None,
            train=Bits.joined([train for train, _ in rows]),
            test=Bits.joined([test for _, test in rows]),
            incoming=torch.cat([part.incoming for part in nets]),
            outgoing=torch.cat([part.outgoing for part in nets]),
            keys=np.array([t.stream_key for t in members], dtype=np.uint32),
            learning_rate=_column(members, "learning_rate", dtype),
            weight_decay=_column(members, "weight_decay", dtype),
            learned=np.zeros(len(members), np.int64),
        )

    def step(self, state: FusedState) -> FusedState:
        """Copy the weights, and let the kernel update the copies in place."""
        after = replace(
            state,
            incoming=state.incoming.clone(),
            outgoing=state.outgoing.clone(),
            learned=np.empty_like(state.learned),
            epoch=state.epoch + 1,
        )
        correct = np.empty_like(after.learned)
        self._call(
            after,
            self._train(state),
            reads=False,
            epoch=state.epoch,
            keys=_pointer(state.keys) if state.data is None else None,
            correct=_pointer(correct),
            used=_pointer(after.learned),
        )
        return after

    def read(
        self, state: FusedState, names: Sequence[str] = (), indices: Indices | None = None
    ) -> Reading:
        """Count in the kernel; measures get the weights in torch's layout.

        Arguments as of `Engine.read`.
        """
        train = self._train(state)
        chosen = np.arange(len(state.trials)) if indices is None else indices
        on_train, on_test = self.count(state, train, chosen), self.count(state, state.test, chosen)
        values = {}
        if names:
            some = state if indices is None else self.leave(state, indices.tolist())
            bits, dtype = state.trials[0].point.bits, state.outgoing.dtype
            rows = (part.own(bits, dtype) for part in (self._train(some), some.test))
            values = measure_relu_nets(names, some.trials, some.nets, *rows)
        return Reading(
            train_correct=on_train.correct,
            test_correct=on_test.correct,
            train_loss=on_train.loss,
            test_loss=on_test.loss,
            weight_norm=on_train.weight_norm,
            active=on_train.active,
            measured=values,
        )

    def count(self, state: FusedState, rows: Bits, indices: Indices) -> RowCounts:
        """What a reading finds on some rows: each array [m].

        Args:
            state: of T members.
            rows: of all T members: those of training or of the test.
            indices: the members to read, [m].
        """
        members = len(state.trials)
        counts = RowCounts(
            correct=np.empty(members, np.int64),
            loss=np.empty(members, np.float64),
            weight_norm=np.empty(members, np.float64),
            active=np.empty(members, np.bool_),
        )
        rows_read = np.empty_like(counts.correct)
        allowed = np.full(members, -1)  # -1: the member is not read
        allowed[indices] = rows.labels.shape[1]
        self._call(
            state,
            rows,
            reads=True,
            allowed=_pointer(allowed),
            correct=_pointer(counts.correct),
            used=_pointer(rows_read),
            mean_loss=_pointer(counts.loss),
            weight_norm=_pointer(counts.weight_norm),
            any_active=_pointer(counts.active),
        )
        return counts.take(indices)

    def glance(
        self,
        state: FusedState,
        train_allowed: NDArray[np.int64],
        test_allowed: NDArray[np.int64],
    ) -> Glance:
        """Look first at the rows that were wrong at the last glance.

        The kernel stops as soon as more rows are wrong than allowed. Arguments as of
        `Engine.glance`.
        """
        members = len(state.trials)
        norm, active = np.empty(members), np.ones(members, dtype=bool)
        correct, rows_read = np.empty((2, members), np.int64), np.empty((2, members), np.int64)
        parts = ((self._train(state), train_allowed), (state.test, test_allowed))
        for part, (rows, allowed) in enumerate(parts):
            active_here = np.empty_like(active)
            self._call(
                state,
                rows,
                reads=True,
                allowed=_pointer(allowed),
                ranks=_pointer(rows.ranks),
                correct=_pointer(correct[part]),
                used=_pointer(rows_read[part]),
                weight_norm=None if part else _pointer(norm),
                any_active=_pointer(active_here),
            )
            active &= active_here | (allowed < 0)
        wrong = rows_read - correct
        return Glance(wrong[0], wrong[1], norm, active)

    def leave(self, state: FusedState, keep: Sequence[int]) -> FusedState:
        """Copy what belongs to the members that stay. Arguments as of `Engine.leave`."""
        chosen, index = list(keep), torch.tensor(list(keep))
        return replace(
            state,
            trials=tuple(state.trials[member] for member in chosen),
            data=state.data and state.data.take(index),
            train=state.train.take(index),
            test=state.test.take(index),
            incoming=state.incoming[index],
            outgoing=state.outgoing[index],
            keys=state.keys[chosen],
            learning_rate=state.learning_rate[chosen],
            weight_decay=state.weight_decay[chosen],
            learned=state.learned[chosen],
        )

    def dump(self, state: FusedState) -> Arrays:
        """The weights under the names and in the layout of `ReluEngine.dump`."""
        nets = state.nets
        arrays = {name: getattr(nets, name).contiguous().numpy() for name in ReluNets._fields}
        return {"epoch": np.array(state.epoch), **arrays}

    def restore(self, trials: Sequence[Trial], arrays: Arrays) -> FusedState:
        """Draw the data again, and lay the dumped weights out for the kernel.

        Arguments as of `Engine.restore`.
        """
        nets = ReluNets(*(torch.from_numpy(np.array(arrays[name])) for name in ReluNets._fields))
        weights, fresh = blocked(nets), self.allocate(trials)
        epoch = int(arrays["epoch"])
        return replace(fresh, incoming=weights.incoming, outgoing=weights.outgoing, epoch=epoch)

    @staticmethod
    def _train(state: FusedState) -> Bits:
        """The training rows of the state's epoch."""
        return state.train if state.data is None else Bits.of(state.data.fresh(state.epoch))

    def _call(self, state: FusedState, data: Bits, *, reads: bool, **fields: int | None) -> None:
        """Hand a pack to the kernel; the caller keeps the arrays behind `fields` alive meanwhile.

        Args:
            state: the members; an epoch updates its weights in place.
            data: the rows to learn from, or to read.
            reads: a reading or a glance, not an epoch.
            fields: more fields of the pack: pointers as `_pointer` gives them, and the epoch.
        """
        first = state.trials[0]
        pack = KernelPack(
            members=len(state.trials),
            rows=data.labels.shape[1],
            batch=first.batch_rows,
            bits=first.point.bits,
            width=state.outgoing.shape[1],
            loss=list(LOSSES).index(first.setting.train.loss),
            inputs=data.inputs.data_ptr(),
            labels=data.labels.data_ptr(),
            learning_rate=_pointer(state.learning_rate),
            weight_decay=_pointer(state.weight_decay),
            weights=state.incoming.data_ptr(),
            outgoing=state.outgoing.data_ptr(),
            **fields,
        )
        doubles = state.outgoing.dtype == torch.float64
        self._kernel.run(pack, self._version, doubles=doubles, reads=reads)


def _pointer(array: NDArray[Any]) -> int:
    """The address of an array's numbers."""
    return array.ctypes.data


def _column(trials: Sequence[Trial], name: str, dtype: torch.dtype) -> NDArray[np.float64]:
    """An axis of each trial, [T], rounded as `ReluEngine` rounds it."""
    values = [getattr(trial.point, name) for trial in trials]
    return torch.tensor(values, dtype=dtype).double().numpy()
