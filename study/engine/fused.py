"""The fused CPU kernel as an engine: relu_step.c through ctypes, without the GIL.

The kernel computes one network at a time, so a member's numbers cannot depend on its neighbors.
Rows and weights have the kernel's own layout, `fused_layout`. `dump` and `restore` speak the layout
of `ReluEngine`, so that each of the two engines can continue what the other left.
"""

import ctypes
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
from study.kernel.relu_kernel import KernelPack, KernelRows, ReluKernel
from study.measures.relu_pack import measure_relu_nets
from study.nets import relu
from study.nets.losses import LOSSES
from study.nets.relu import ReluNets
from study.tasks.packed_parity import PackedParity
from study.tasks.rows import rows_at
from study.trials.trial import Trial

_Nothing = ctypes.c_char * 0

# Trials whose rows and weights are drawn at a time, because drawing takes several times the memory
# of what is drawn.
_DRAWN_AT_ONCE = 16


class RowCounts(NamedTuple):
    """What the kernel finds on the training or on the test rows of m members."""

    correct: NDArray[np.int64]  # [m] rows
    used: NDArray[np.int64]  # [m] rows read, or in an epoch rows with a slope
    loss: NDArray[np.float64]  # [m] mean over rows
    active: NDArray[np.bool_]  # [m]

    @classmethod
    def room(cls, members: int) -> "RowCounts":
        """Arrays for the kernel to fill in."""
        correct, used = np.empty((2, members), np.int64)
        return cls(correct, used, np.empty(members), np.empty(members, np.bool_))

    def fields(self, rows: Bits, **more: int) -> KernelRows:
        """The rows and this room for what is found on them, as the kernel takes them.

        Args:
            rows: which must stay alive during the call.
            more: further fields, as `_pointer` gives them.
        """
        return KernelRows(
            count=rows.rows_each,
            inputs=rows.inputs.data_ptr(),
            labels=rows.labels.data_ptr(),
            slots=_pointer(rows.slots),
            correct=_pointer(self.correct),
            used=_pointer(self.used),
            any_active=_pointer(self.active),
            **more,
        )


@dataclass(frozen=True, slots=True)
class FusedState:
    """A pack of T members, whose weights lie among those of S; p is rounded up to 16 neurons.

    Members that leave take no weights with them: only `held` changes, and the next step has the
    weights of T. `data` draws the rows of each pass where rows are fresh every step, and is None
    otherwise.
    `learned` counts the rows that the last pass learned from: the arithmetic that the pass needed.
    It is 0 before the first pass and after a restore.
    """

    trials: tuple[Trial, ...]
    data: PackedParity | None
    train: Bits
    test: Bits
    incoming: Tensor  # [S, p / 16, n + 1, 16]
    outgoing: Tensor  # [S, p]
    held: Indices  # [T], where the weights of each member are
    keys: NDArray[np.uint32]  # [T, 2]
    learning_rate: NDArray[np.float64]  # [T]
    weight_decay: NDArray[np.float64]  # [T]
    learned: NDArray[np.int64]  # [T] rows
    epoch: int = 0

    @property
    def nets(self) -> ReluNets:
        """The weights of the T members in the layout of `ReluEngine`."""
        nets = ReluNets(self.incoming[self.held], self.outgoing[self.held])
        return unblocked(nets, self.trials[0].point.whole("width"))


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
            held=np.arange(len(members)),
            keys=np.array([t.stream_key for t in members], dtype=np.uint32),
            learning_rate=_column(members, "learning_rate", dtype),
            weight_decay=_column(members, "weight_decay", dtype),
            learned=np.zeros(len(members), np.int64),
        )

    def step(self, state: FusedState) -> FusedState:
        """Let the kernel copy the weights of each member and update the copies."""
        members = len(state.trials)
        counts, rows = RowCounts.room(members), self._train(state)
        after = replace(
            state,
            incoming=state.incoming.new_empty((members, *state.incoming.shape[1:])),
            outgoing=state.outgoing.new_empty((members, *state.outgoing.shape[1:])),
            held=np.arange(members),
            learned=counts.used,
        )
        self._call(
            state,
            state.held,
            reads=False,
            epoch=state.epoch,
            keys=_pointer(state.keys) if state.data is None else None,
            learning_rate=_pointer(state.learning_rate),
            weight_decay=_pointer(state.weight_decay),
            weights_after=after.incoming.data_ptr(),
            outgoing_after=after.outgoing.data_ptr(),
            train=counts.fields(rows),
        )
        return self._at(after, state.epoch + 1)

    def read(
        self, state: FusedState, names: Sequence[str] = (), indices: Indices | None = None
    ) -> Reading:
        """Count in the kernel; measures get the weights in torch's layout.

        Arguments as of `Engine.read`.
        """
        chosen = np.arange(len(state.trials)) if indices is None else indices
        train, test = self._train(state).take(chosen), state.test.take(chosen)
        held, norm = state.held[chosen], np.empty(len(chosen))
        on_train, on_test = RowCounts.room(len(chosen)), RowCounts.room(len(chosen))
        pairs = {"train": (on_train, train), "test": (on_test, test)}
        self._call(
            state,
            held,
            reads=True,
            weight_norm=_pointer(norm),
            **{
                name: counts.fields(rows, mean_loss=_pointer(counts.loss))
                for name, (counts, rows) in pairs.items()
            },
        )
        values = {}
        if names:
            some = state if indices is None else self.leave(state, indices.tolist())
            bits, dtype = state.trials[0].point.bits, state.outgoing.dtype
            own = (rows.own(bits, dtype) for rows in (train, test))
            values = measure_relu_nets(names, some.trials, some.nets, *own)
        return Reading(
            train_correct=on_train.correct,
            test_correct=on_test.correct,
            train_loss=on_train.loss,
            test_loss=on_test.loss,
            weight_norm=norm,
            active=on_train.active,
            measured=values,
        )

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
        train, norm = self._train(state), np.empty(members)
        on_train, on_test = RowCounts.room(members), RowCounts.room(members)
        parts = {
            "train": (on_train, train, train_allowed),
            "test": (on_test, state.test, test_allowed),
        }
        self._call(
            state,
            state.held,
            reads=True,
            weight_norm=_pointer(norm),
            **{
                name: counts.fields(rows, allowed=_pointer(allowed), ranks=_pointer(rows.ranks))
                for name, (counts, rows, allowed) in parts.items()
            },
        )
        return Glance(
            on_train.used - on_train.correct,
            on_test.used - on_test.correct,
            norm,
            (on_train.active | (train_allowed < 0)) & (on_test.active | (test_allowed < 0)),
        )

    def leave(self, state: FusedState, keep: Sequence[int]) -> FusedState:
        """Note whose rows and weights stay, and copy neither. Arguments as of `Engine.leave`."""
        chosen = np.array(keep)
        return replace(
            state,
            trials=tuple(state.trials[member] for member in keep),
            data=state.data and state.data.take(torch.from_numpy(chosen)),
            train=state.train.take(chosen),
            test=state.test.take(chosen),
            held=state.held[chosen],
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
        state = replace(fresh, incoming=weights.incoming, outgoing=weights.outgoing)
        return self._at(state, int(arrays["epoch"]))

    @staticmethod
    def _at(state: FusedState, epoch: int) -> FusedState:
        """A state as of a later epoch, with the training rows that are left there."""
        train = rows_at(state.train, state.trials[0], state.epoch, epoch)
        return replace(state, train=train, epoch=epoch)

    @staticmethod
    def _train(state: FusedState) -> Bits:
        """The training rows of the state's epoch."""
        return state.train if state.data is None else Bits.of(state.data.fresh(state.epoch))

    def _call(
        self, state: FusedState, held: Indices, *, reads: bool, **fields: int | KernelRows | None
    ) -> None:
        """Hand networks to the kernel; the caller keeps the arrays behind `fields` alive meanwhile.

        Args:
            state: that has the weights.
            held: where the weights of the networks are, [m].
            reads: a reading or a glance, not an epoch.
            fields: more fields of the pack: pointers as `_pointer` gives them, rows, the epoch.
        """
        first = state.trials[0]
        pack = KernelPack(
            members=len(held),
            batch=first.batch_rows,
            bits=first.point.bits,
            width=state.outgoing.shape[1],
            loss=list(LOSSES).index(first.setting.train.loss),
            held=_pointer(held),
            weights=state.incoming.data_ptr(),
            outgoing=state.outgoing.data_ptr(),
            **fields,
        )
        doubles = state.outgoing.dtype == torch.float64
        self._kernel.run(pack, self._version, doubles=doubles, reads=reads)


def _pointer(array: NDArray[Any]) -> int:
    """The address of an array's numbers: several times as fast as `array.ctypes.data`."""
    return ctypes.addressof(_Nothing.from_buffer(array))  # type: ignore[arg-type]  # it is a buffer


def _column(trials: Sequence[Trial], name: str, dtype: torch.dtype) -> NDArray[np.float64]:
    """An axis of each trial, [T], rounded as `ReluEngine` rounds it."""
    values = [getattr(trial.point, name) for trial in trials]
    return torch.tensor(values, dtype=dtype).double().numpy()
