"""The fused CPU kernel behind the Engine protocol: relu_step.c through ctypes, without the GIL.

One network at a time passes through C, so a member's numbers cannot depend on its neighbours and a
lone member needs no double. Rows are kept as four bits a byte, weights in the kernel's own layout;
`dump` and `restore` speak ReluEngine's, so either engine can continue what the other left.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from study.engine import Arrays, Reading
from study.errors import StudyError
from study.measuring import RowsOf, measured
from study.nets import compiled_kernel, relu
from study.nets.losses import LOSSES
from study.nets.relu import ReluNets
from study.tasks.parity import Parity, Rows
from study.trials import Trial

GROUP = 16  # neurons side by side in the kernel's weights; GROUP in relu_step.c
_ALLOCATED_AT_ONCE = (
    16  # trials whose rows are drawn together: unpacked, they are 30 times as large
)


class _Pack(ctypes.Structure):
    """`struct pack` of relu_step.c, where its fields are explained."""

    _fields_ = tuple(
        (name, ctypes.c_int64)
        for name in ("members", "rows", "batch", "bits", "width", "stride", "epoch", "loss")
    ) + tuple(
        (name, ctypes.c_void_p)
        for name in (
            *("inputs", "labels", "keys", "rate", "decay", "allowed", "weights", "outgoing"),
            *("correct", "used", "mean_loss", "weight_norm", "any_active"),
        )
    )


class Library(NamedTuple):
    """The compiled kernel and the versions of it that this machine can run, fastest first."""

    run: Any
    versions: dict[str, int]

    @classmethod
    @cache
    def load(cls) -> "Library | None":
        """The kernel, or None where it was not compiled."""
        path = compiled_kernel()
        return None if path is None else cls.open(path)

    @classmethod
    def open(cls, path: Path) -> "Library":
        """The kernel in a shared library."""
        library = ctypes.CDLL(str(path))  # CDLL, not PyDLL: calls release the GIL
        library.relu_version.restype = ctypes.c_char_p
        library.relu_run.argtypes = [ctypes.POINTER(_Pack), *[ctypes.c_int] * 3]
        versions, index = {}, 0
        while (name := library.relu_version(index)) != b"":
            if name is not None:
                versions[name.decode()] = index
            index += 1
        return cls(library.relu_run, versions)


class Bits(NamedTuple):
    """Rows as the kernel takes them: inputs uint8 [T, N, ceil(n / 4)], labels int8 [T, N]."""

    inputs: Tensor
    labels: Tensor

    @classmethod
    def of(cls, rows: Rows) -> "Bits":
        """Four signs a byte, the first in the lowest bit; the column of ones is left out."""
        ones = (rows.inputs[..., :-1] > 0).to(torch.uint8)
        quads = torch.nn.functional.pad(ones, (0, -ones.shape[-1] % 4)).reshape(
            *ones.shape[:-1], -1, 4
        )
        places = torch.tensor([1, 2, 4, 8], dtype=torch.uint8)
        packed = (quads * places).sum(-1, dtype=torch.uint8)
        return cls(packed.contiguous(), rows.labels.to(torch.int8).contiguous())

    def signs(self, bits: int, dtype: torch.dtype) -> Tensor:
        """The inputs again, with their column of ones: [T, N, n + 1]."""
        shifts = torch.arange(4, dtype=torch.uint8)
        ones = ((self.inputs[..., None] >> shifts) & 1).flatten(-2)[..., :bits]
        return torch.nn.functional.pad(2 * ones.to(dtype) - 1, (0, 1), value=1.0)

    def own(self, bits: int, dtype: torch.dtype) -> RowsOf:
        """The rows of each member, unpacked when they are asked for."""

        def rows(place: int) -> Rows:
            one = Bits(self.inputs[place], self.labels[place])
            return Rows(one.signs(bits, dtype), one.labels.to(dtype))

        return rows

    def take(self, index: Tensor) -> "Bits":
        """The rows of the members at `index`."""
        return Bits(self.inputs[index], self.labels[index])


class Count(NamedTuple):
    """What a reading finds on the rows it looked at, and how many these are: each [T]."""

    correct: NDArray[np.int64]
    looked: NDArray[np.int64]
    loss: NDArray[np.float64]
    weight_norm: NDArray[np.float64]
    active: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class FusedState:
    """A pack of T members. `incoming` [T, p / 16, n + 1, 16] and `outgoing` [T, p], p rounded up.

    `met` counts the rows that were predicted right when the pass before met them, and `learned`
    those that it learned from: a look at the training rows that costs nothing, but no reading,
    because the weights moved on meanwhile. Zero before the first pass and after a restore.
    """

    trials: tuple[Trial, ...]
    data: Parity | None  # draws the rows of each pass where they are fresh
    train: Bits
    test: Bits
    incoming: Tensor
    outgoing: Tensor
    keys: NDArray[np.uint32]
    rate: NDArray[np.float64]
    decay: NDArray[np.float64]
    met: NDArray[np.int64]
    learned: NDArray[np.int64]
    epoch: int = 0


class FusedEngine:
    """The fused kernel: plain SGD on a CPU, in float32 or float64."""

    device = "cpu"

    def __init__(self, library: Library | None = None, version: str | None = None) -> None:
        library = library or Library.load()
        if library is None:
            raise StudyError(
                "kernel: not compiled here; install with a C compiler, or use torch's."
            )
        self._run = library.run
        name = version or next(iter(library.versions))
        self._version = library.versions[name]
        self.kernel = f"fused-{name}"

    @staticmethod
    def trains(trial: Trial) -> bool:
        """Whether this kernel knows the trial's optimizer; AdamW is the torch kernel's."""
        return trial.setting.train.optimizer == "sgd"

    def allocate(self, trials: Sequence[Trial]) -> FusedState:
        """See Engine."""
        members = tuple(trials)
        first = members[0]
        online = first.point.train_size is None
        cpu, dtype = torch.device("cpu"), getattr(torch, first.setting.train.dtype)
        parts = [
            Parity(members[i : i + _ALLOCATED_AT_ONCE], cpu, torch.float32)
            for i in range(0, len(members), _ALLOCATED_AT_ONCE)
        ]
        train, test = (
            Bits(*(torch.cat(tensors) for tensors in zip(*map(Bits.of, rows), strict=True)))
            for rows in ((part.train for part in parts), (part.test for part in parts))
        )
        nets = _blocked(relu.initial(members, cpu, dtype))
        return FusedState(
            trials=members,
            data=Parity(members, cpu, torch.float32) if online else None,
            train=train,
            test=test,
            incoming=nets.incoming,
            outgoing=nets.outgoing,
            keys=np.array([t.stream_key for t in members], dtype=np.uint32),
            rate=_column(members, "learning_rate", dtype),
            decay=_column(members, "weight_decay", dtype),
            met=np.zeros(len(members), np.int64),
            learned=np.zeros(len(members), np.int64),
        )

    def step(self, state: FusedState) -> FusedState:
        """See Engine."""
        rows, keys = state.train, _pointer(state.keys)
        if state.data is not None:
            rows, keys = Bits.of(state.data.fresh(state.epoch)), None
        after = replace(
            state,
            incoming=state.incoming.clone(),
            outgoing=state.outgoing.clone(),
            met=np.empty_like(state.met),
            learned=np.empty_like(state.learned),
            epoch=state.epoch + 1,
        )
        self._call(
            after,
            rows,
            reads=False,
            epoch=state.epoch,
            keys=keys,
            correct=_pointer(after.met),
            used=_pointer(after.learned),
        )
        return after

    def read(self, state: FusedState, names: Sequence[str] = ()) -> Reading:
        """See Engine."""
        train = state.train if state.data is None else Bits.of(state.data.fresh(state.epoch))
        on_train, on_test = self.count(state, train), self.count(state, state.test)
        found = {}
        if names:  # the kernel's layout is undone for them alone
            bits, dtype = state.trials[0].point.n, state.outgoing.dtype
            rows = (part.own(bits, dtype) for part in (train, state.test))
            found = measured(names, state.trials, _unblocked(state), *rows)
        return Reading(
            on_train.correct,
            on_test.correct,
            on_train.loss,
            on_test.loss,
            on_train.weight_norm,
            on_train.active,
            found,
        )

    def count(
        self,
        state: FusedState,
        rows: Bits,
        first: int | None = None,
        allowed: NDArray[np.int64] | None = None,
    ) -> Count:
        """What a reading finds on some rows, or on the `first` of them.

        With `allowed` [T] it looks no further into a member's rows than to prove that more than so
        many are wrong: enough to say, without an estimate, that an accuracy is not above a level.
        """
        members = len(state.trials)
        found = Count(
            correct=np.empty(members, np.int64),
            looked=np.empty(members, np.int64),
            loss=np.empty(members, np.float64),
            weight_norm=np.empty(members, np.float64),
            active=np.empty(members, np.bool_),
        )
        self._call(
            state,
            rows,
            reads=True,
            rows=first or rows.labels.shape[1],
            allowed=_pointer(allowed),
            correct=_pointer(found.correct),
            used=_pointer(found.looked),
            mean_loss=_pointer(found.loss),
            weight_norm=_pointer(found.weight_norm),
            any_active=_pointer(found.active),
        )
        return found

    def leave(self, state: FusedState, keep: Sequence[int]) -> FusedState:
        """See Engine."""
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
            rate=state.rate[chosen],
            decay=state.decay[chosen],
            met=state.met[chosen],
            learned=state.learned[chosen],
        )

    def dump(self, state: FusedState) -> Arrays:
        """See Engine."""
        nets = _unblocked(state)
        arrays = {name: getattr(nets, name).contiguous().numpy() for name in ReluNets._fields}
        return {"epoch": np.array(state.epoch), **arrays}

    def restore(self, trials: Sequence[Trial], arrays: Arrays) -> FusedState:
        """See Engine."""
        nets = ReluNets(*(torch.from_numpy(np.array(arrays[name])) for name in ReluNets._fields))
        blocked, fresh = _blocked(nets), self.allocate(trials)
        epoch = int(arrays["epoch"])
        return replace(fresh, incoming=blocked.incoming, outgoing=blocked.outgoing, epoch=epoch)

    def _call(self, state: FusedState, data: Bits, *, reads: bool, **fields: int | None) -> None:
        """Hand the pack to C; every array is alive in `state`, `data` or the caller meanwhile."""
        first = state.trials[0]
        pack = {
            "members": len(state.trials),
            "rows": data.labels.shape[1],
            "batch": first.point.batch_size,
            "bits": first.point.n,
            "width": state.outgoing.shape[1],
            "stride": data.labels.shape[1],
            "loss": list(LOSSES).index(first.setting.train.loss),
            "inputs": data.inputs.data_ptr(),
            "labels": data.labels.data_ptr(),
            "rate": _pointer(state.rate),
            "decay": _pointer(state.decay),
            "weights": state.incoming.data_ptr(),
            "outgoing": state.outgoing.data_ptr(),
        }
        doubles = state.outgoing.dtype == torch.float64
        if self._run(_Pack(**{**pack, **fields}), self._version, doubles, reads):
            raise MemoryError("the fused kernel found no room for its batches")


def _pointer(array: NDArray[Any] | None) -> int | None:
    return None if array is None else array.ctypes.data


def _column(trials: Sequence[Trial], name: str, dtype: torch.dtype) -> NDArray[np.float64]:
    """A hyperparameter of each trial, rounded as ReluEngine rounds it."""
    values = [getattr(trial.point, name) for trial in trials]
    return torch.tensor(values, dtype=dtype).double().numpy()


def _blocked(nets: ReluNets) -> ReluNets:
    """Weights in the kernel's layout; neurons up to a multiple of GROUP are zero, and stay so."""
    missing = -nets.outgoing.shape[1] % GROUP
    incoming = torch.nn.functional.pad(nets.incoming, (0, 0, 0, missing))
    members, width, columns = incoming.shape
    grouped = incoming.reshape(members, width // GROUP, GROUP, columns).transpose(2, 3)
    outgoing = torch.nn.functional.pad(nets.outgoing, (0, missing))
    return ReluNets(grouped.contiguous(), outgoing.contiguous())


def _unblocked(state: FusedState) -> ReluNets:
    width = state.trials[0].point.width
    incoming = state.incoming.transpose(2, 3).flatten(1, 2)
    return ReluNets(incoming[:, :width], state.outgoing[:, :width])
