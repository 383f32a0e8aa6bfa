"""The fused CPU kernel behind the Engine protocol: relu_step.c through ctypes, without the GIL.

One network at a time passes through C, so a member's numbers cannot depend on its neighbours and a
lone member needs no double. Rows are kept as four bits a byte, weights in the kernel's own layout;
`dump` and `restore` speak ReluEngine's, so either engine can continue what the other left.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from study.engine.protocol import (
    OPEN_FIRST,
    WHOLE,
    Arrays,
    ArraySpecs,
    Glance,
    Places,
    Reading,
)
from study.errors import StudyError
from study.kernel import library as native
from study.measures.run import RowsOf, measured
from study.nets import relu
from study.nets.losses import LOSSES
from study.nets.relu import ReluNets
from study.tasks.parity import PackedParity, PackedRows
from study.tasks.rows import Rows
from study.trials.trial import Trial

GROUP = 16  # neurons side by side in the kernel's weights; GROUP in relu_step.c
_DRAWN_AT_ONCE = 16  # trials: while it is drawn, what they need is several times as large


class _Pack(ctypes.Structure):
    """`struct pack` of relu_step.c, where its fields are explained."""

    _fields_ = tuple(
        (name, ctypes.c_int64)
        for name in ("members", "rows", "batch", "bits", "width", "epoch", "loss")
    ) + tuple(
        (name, ctypes.c_void_p)
        for name in (
            *("inputs", "labels", "keys", "rate", "decay", "allowed", "ranks", "weights"),
            "outgoing",
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
        library = native.library()
        return None if library is None else cls.of(library)

    @classmethod
    def of(cls, library: ctypes.CDLL) -> "Library":
        """The kernel in a shared library."""
        library.relu_version.restype = ctypes.c_char_p
        library.relu_run.argtypes = [ctypes.POINTER(_Pack), *[ctypes.c_int] * 3]
        versions, index = {}, 0
        while (name := library.relu_version(index)) != b"":
            if name is not None:
                versions[name.decode()] = index
            index += 1
        return cls(library.relu_run, versions)


class Bits(NamedTuple):
    """Rows as the kernel takes them: inputs uint8 [T, N, ceil(n / 4)], labels int8 [T, N].

    `ranks` uint32 [T, N] is the order in which a glance meets the rows. The kernel moves rows that
    it finds wrong to the front, where the next glance meets them first: it only saves time.
    """

    inputs: Tensor
    labels: Tensor
    ranks: NDArray[np.uint32]

    @classmethod
    def of(cls, rows: PackedRows) -> "Bits":
        """Four signs a byte, the first in the lowest bit; the column of ones is left out."""
        octets = torch.stack(
            [(rows.words >> at & 255).to(torch.uint8) for at in (0, 8, 16, 24)], -1
        )
        quads = torch.stack((octets & 15, octets >> 4), -1).flatten(-3)
        inputs = quads[..., : -(-rows.bits // 4)].contiguous()
        members, count = rows.labels.shape
        ranks = np.tile(np.arange(count, dtype=np.uint32), (members, 1))
        return cls(inputs, rows.labels.contiguous(), ranks)

    @classmethod
    def joined(cls, parts: Sequence["Bits"]) -> "Bits":
        """The rows of several packs as those of one."""
        inputs, labels, ranks = zip(*parts, strict=True)
        return cls(torch.cat(inputs), torch.cat(labels), np.concatenate(ranks))

    def signs(self, bits: int, dtype: torch.dtype) -> Tensor:
        """The inputs again, with their column of ones: [T, N, n + 1]."""
        shifts = torch.arange(4, dtype=torch.uint8)
        ones = ((self.inputs[..., None] >> shifts) & 1).flatten(-2)[..., :bits]
        return torch.nn.functional.pad(2 * ones.to(dtype) - 1, (0, 1), value=1.0)

    def own(self, bits: int, dtype: torch.dtype) -> RowsOf:
        """The rows of each member, unpacked when they are asked for."""

        def rows(place: int) -> Rows:
            one = self.inputs[place : place + 1], self.labels[place : place + 1]
            inputs = Bits(*one, self.ranks[place : place + 1]).signs(bits, dtype)
            return Rows(inputs[0], one[1][0].to(dtype))

        return rows

    def take(self, index: Tensor) -> "Bits":
        """The rows of the members at `index`."""
        return Bits(self.inputs[index], self.labels[index], self.ranks[index.numpy()])


class Count(NamedTuple):
    """What a reading finds on some rows: each [T]."""

    correct: NDArray[np.int64]
    loss: NDArray[np.float64]
    weight_norm: NDArray[np.float64]
    active: NDArray[np.bool_]

    def take(self, places: Places) -> "Count":
        """Of the members at `places`."""
        columns = (self.correct[places], self.loss[places], self.weight_norm[places])
        return Count(*columns, self.active[places])


@dataclass(frozen=True, slots=True)
class FusedState:
    """A pack of T members. `incoming` [T, p / 16, n + 1, 16] and `outgoing` [T, p], p rounded up.

    `learned` counts the rows that the pass before learned from, which says what arithmetic was
    needed. Zero before the first pass and after a restore.
    """

    trials: tuple[Trial, ...]
    data: PackedParity | None  # draws the rows of each pass where they are fresh
    train: Bits
    test: Bits
    incoming: Tensor
    outgoing: Tensor
    keys: NDArray[np.uint32]
    rate: NDArray[np.float64]
    decay: NDArray[np.float64]
    learned: NDArray[np.int64]
    epoch: int = 0


class FusedEngine:
    """The fused kernel: plain SGD on a CPU, in float32 or float64."""

    device = "cpu"
    ARRAYS: ClassVar[ArraySpecs] = {"epoch": WHOLE, **dict.fromkeys(ReluNets._fields, OPEN_FIRST)}

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
        cpu, dtype = torch.device("cpu"), getattr(torch, first.setting.train.dtype)
        parts = [members[i : i + _DRAWN_AT_ONCE] for i in range(0, len(members), _DRAWN_AT_ONCE)]
        rows = [_drawn(part, cpu) for part in parts]
        nets = [_blocked(relu.initial(part, cpu, dtype)) for part in parts]
        return FusedState(
            trials=members,
            data=PackedParity(members, cpu) if first.point.train_size is None else None,
            train=Bits.joined([train for train, _ in rows]),
            test=Bits.joined([test for _, test in rows]),
            incoming=torch.cat([part.incoming for part in nets]),
            outgoing=torch.cat([part.outgoing for part in nets]),
            keys=np.array([t.stream_key for t in members], dtype=np.uint32),
            rate=_column(members, "learning_rate", dtype),
            decay=_column(members, "weight_decay", dtype),
            learned=np.zeros(len(members), np.int64),
        )

    def step(self, state: FusedState) -> FusedState:
        """See Engine."""
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
        self, state: FusedState, names: Sequence[str] = (), places: Places | None = None
    ) -> Reading:
        """See Engine."""
        train = self._train(state)
        chosen = np.arange(len(state.trials)) if places is None else places
        on_train, on_test = self.count(state, train, chosen), self.count(state, state.test, chosen)
        found = {}
        if names:  # the kernel's layout is undone for them alone
            some = state if places is None else self.leave(state, places.tolist())
            bits, dtype = state.trials[0].point.bits, state.outgoing.dtype
            rows = (part.own(bits, dtype) for part in (self._train(some), some.test))
            found = measured(names, some.trials, _unblocked(some), *rows)
        return Reading(
            on_train.correct,
            on_test.correct,
            on_train.loss,
            on_test.loss,
            on_train.weight_norm,
            on_train.active,
            found,
        )

    def count(self, state: FusedState, rows: Bits, places: Places) -> Count:
        """What a reading of the members at `places` [m] finds on some rows: each [m]."""
        members = len(state.trials)
        found = Count(
            correct=np.empty(members, np.int64),
            loss=np.empty(members, np.float64),
            weight_norm=np.empty(members, np.float64),
            active=np.empty(members, np.bool_),
        )
        looked = np.empty_like(found.correct)
        allowed = np.full(members, -1)
        allowed[places] = rows.labels.shape[1]
        self._call(
            state,
            rows,
            reads=True,
            allowed=_pointer(allowed),
            correct=_pointer(found.correct),
            used=_pointer(looked),
            mean_loss=_pointer(found.loss),
            weight_norm=_pointer(found.weight_norm),
            any_active=_pointer(found.active),
        )
        return found.take(places)

    def glance(
        self,
        state: FusedState,
        train_allowed: NDArray[np.int64],
        test_allowed: NDArray[np.int64],
    ) -> Glance:
        """See Engine. Rows that were wrong at the last glance are looked at first."""
        members = len(state.trials)
        norm, active = np.empty(members), np.ones(members, dtype=bool)
        correct, looked = np.empty((2, members), np.int64), np.empty((2, members), np.int64)
        parts = ((self._train(state), train_allowed), (state.test, test_allowed))
        for part, (rows, allowed) in enumerate(parts):
            some = np.empty_like(active)
            self._call(
                state,
                rows,
                reads=True,
                allowed=_pointer(allowed),
                ranks=_pointer(rows.ranks),
                correct=_pointer(correct[part]),
                used=_pointer(looked[part]),
                weight_norm=None if part else _pointer(norm),
                any_active=_pointer(some),
            )
            active &= some | (allowed < 0)
        wrong = looked - correct
        return Glance(wrong[0], wrong[1], norm, active)

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

    @staticmethod
    def _train(state: FusedState) -> Bits:
        """The training rows of the state's epoch."""
        return state.train if state.data is None else Bits.of(state.data.fresh(state.epoch))

    def _call(self, state: FusedState, data: Bits, *, reads: bool, **fields: int | None) -> None:
        """Hand the pack to C; every array is alive in `state`, `data` or the caller meanwhile."""
        first = state.trials[0]
        pack = {
            "members": len(state.trials),
            "rows": data.labels.shape[1],
            "batch": first.batch_rows,
            "bits": first.point.bits,
            "width": state.outgoing.shape[1],
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


def _drawn(trials: Sequence[Trial], device: torch.device) -> tuple[Bits, Bits]:
    """Training and test rows of some trials."""
    drawn = PackedParity(trials, device)
    return Bits.of(drawn.train), Bits.of(drawn.test)


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
