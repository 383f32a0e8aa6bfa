"""The torch kernel of the ReLU network as an engine: batched products over a pack, on any device.

The plain implementation: it trains what the fused kernel does not, and the fused kernel is checked
against it.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from study import streams
from study.engine.protocol import (
    NO_MEMBERS,
    OPEN_FIRST,
    Arrays,
    ArraySpecs,
    Glance,
    Indices,
    Reading,
)
from study.measures import relu_measures as measures
from study.measures.relu_pack import measure_relu_nets
from study.nets import relu
from study.nets.losses import LOSSES
from study.nets.optimizers import OPTIMIZERS, Hyper, Moments
from study.nets.relu import ReluNets
from study.streams import Purpose
from study.tasks.parity import Parity
from study.tasks.rows import Rows, rows_at
from study.trials.packing import GPU_ACTIVATIONS
from study.trials.trial import Trial

# Rows of one forward product of a reading on a CPU. A constant: products of other sizes round
# otherwise, so a size that follows from T would change the bits of a member with its neighbors.
_READ_ROWS = 64

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ReluState:
    """A pack of T members in S slots.

    S is T, but 2 for a lone member: a batched product of one network rounds otherwise, so the
    member is doubled. `trials` are the members; every array is over the slots. `moments` are the
    optimizer's, of each weight array.
    """

    trials: tuple[Trial, ...]
    data: Parity
    nets: ReluNets  # [S, p, n + 1] and [S, p]
    moments: tuple[Moments, ...]  # each of the shape of its weights
    keys: Tensor  # int64 [S, 2]
    learning_rate: Tensor  # [S]
    weight_decay: Tensor  # [S]
    epoch: int = 0


class ReluEngine:
    """The torch kernel: any optimizer, on the device it is given."""

    kernel = "torch"
    ARRAYS: ClassVar[ArraySpecs] = {
        "epoch": NO_MEMBERS,
        **dict.fromkeys(ReluNets._fields, OPEN_FIRST),
        **{
            f"{name}_moment_{slot}": OPEN_FIRST
            for name in ReluNets._fields
            for slot in range(max(optimizer.slots for optimizer in OPTIMIZERS.values()))
        },
    }

    def __init__(self, device: str = "cpu") -> None:
        self.device = device
        self._device = torch.device(device)
        self._launches = self._device.type == "cuda"  # every operation is a launch

    def allocate(self, trials: Sequence[Trial]) -> ReluState:
        """Draw rows and weights on the engine's device; the optimizer's moments start at zero."""
        members = tuple(trials)
        setting, slots = members[0].setting, _slots(members)
        dtype = getattr(torch, setting.train.dtype)
        nets = relu.initial_nets(slots, self._device, dtype)
        count = OPTIMIZERS[setting.train.optimizer].slots
        return ReluState(
            trials=members,
            data=Parity(slots, self._device, dtype),
            nets=nets,
            moments=tuple(tuple(torch.zeros_like(w) for _ in range(count)) for w in nets),
            keys=torch.tensor([t.stream_key for t in slots], device=self._device),
            learning_rate=self._column(slots, "learning_rate", dtype),
            weight_decay=self._column(slots, "weight_decay", dtype),
        )

    def step(self, state: ReluState) -> ReluState:
        """Batch by batch: gradients by hand, then the update of every weight array."""
        first = state.trials[0]
        train = first.setting.train
        optimizer, loss = OPTIMIZERS[train.optimizer], LOSSES[train.loss]
        rows = self._ordered(state)
        nets, moments = state.nets, state.moments
        update = state.epoch * first.steps_per_epoch
        for start in range(0, first.train_size, first.batch_rows):
            batch = slice(start, start + first.batch_rows)
            grads = relu.gradients(nets, rows.inputs[:, batch], rows.labels[:, batch], loss)
            update += 1
            stepped = []
            for weight, grad, moment in zip(nets, grads, moments, strict=True):
                lift = (slice(None), *(None,) * (weight.dim() - 1))
                rates = state.learning_rate[lift], state.weight_decay[lift]
                hyper = Hyper(*rates, train.decay == "coupled", update, train.betas)
                stepped.append(optimizer.update(weight, grad, moment, hyper))
            nets = ReluNets(*(weight for weight, _ in stepped))
            moments = tuple(moment for _, moment in stepped)
        return self._at(replace(state, nets=nets, moments=moments), state.epoch + 1)

    def read(
        self, state: ReluState, names: Sequence[str] = (), indices: Indices | None = None
    ) -> Reading:
        """Read a pack of the members at `indices` alone. Arguments as of `Engine.read`."""
        if indices is not None and len(indices) < len(state.trials):
            state = self.leave(state, indices.tolist())
        train = self._train(state)
        on_train, on_test = (self._forward(state, rows) for rows in (train, state.data.test))
        norm = measures.weight_norm(state.nets)
        # One copy of all columns: each would wait for a GPU.
        columns = _arrays((*on_train, *on_test, norm), len(state.trials))
        train_correct, train_loss, largest, test_correct, test_loss, _, weight_norm = columns
        return Reading(
            train_correct=train_correct.astype(np.int64),
            test_correct=test_correct.astype(np.int64),
            train_loss=train_loss,
            test_loss=test_loss,
            weight_norm=weight_norm,
            active=largest > 0,
            measured=_measured(names, state, train),
        )

    def glance(
        self,
        state: ReluState,
        train_allowed: NDArray[np.int64],
        test_allowed: NDArray[np.int64],
    ) -> Glance:
        """Look at all rows: checking after a part of the rows would cost more than the rest.

        Arguments as of `Engine.glance`.
        """
        members = len(state.trials)
        wrong, active = np.zeros((2, members), dtype=np.int64), np.ones(members, dtype=bool)
        columns = [measures.weight_norm(state.nets)]
        parts = ((self._train(state), train_allowed), (state.data.test, test_allowed))
        looked = [part for part, (_, allowed) in enumerate(parts) if (allowed >= 0).any()]
        for part in looked:
            columns += self._forward(state, parts[part][0])
        norm, *found = _arrays(columns, members)
        for place, part in enumerate(looked):
            rows, allowed = parts[part]
            correct, _, largest = found[3 * place : 3 * place + 3]
            wrong[part] = np.where(allowed < 0, 0, rows.labels.shape[1] - correct)
            active &= (largest > 0) | (allowed < 0)
        return Glance(wrong[0], wrong[1], norm, active)

    def leave(self, state: ReluState, keep: Sequence[int]) -> ReluState:
        """Copy the slots of the members that stay; a lone member is doubled.

        Arguments as of `Engine.leave`.
        """
        trials = tuple(state.trials[index] for index in keep)
        index = torch.tensor(_slots(tuple(keep)), device=self._device)
        return replace(
            state,
            trials=trials,
            data=state.data.take(index),
            nets=ReluNets(*(weight[index] for weight in state.nets)),
            moments=tuple(tuple(m[index] for m in moment) for moment in state.moments),
            keys=state.keys[index],
            learning_rate=state.learning_rate[index],
            weight_decay=state.weight_decay[index],
        )

    def dump(self, state: ReluState) -> Arrays:
        """The weights by name, and each moment as NAME_moment_NUMBER, of the members alone."""
        members = len(state.trials)
        arrays = {"epoch": np.array(state.epoch)}
        for name, weight, moment in zip(ReluNets._fields, state.nets, state.moments, strict=True):
            arrays[name] = weight[:members].cpu().numpy()
            for slot, m in enumerate(moment):
                arrays[f"{name}_moment_{slot}"] = m[:members].cpu().numpy()
        return arrays

    def restore(self, trials: Sequence[Trial], arrays: Arrays) -> ReluState:
        """Draw the data again, and load weights and moments. Arguments as of `Engine.restore`."""
        fresh = self.allocate(trials)
        index = _slots(tuple(range(len(trials))))

        def load(name: str) -> Tensor:
            return torch.from_numpy(np.array(arrays[name][index])).to(self._device)

        moments = tuple(
            tuple(load(f"{name}_moment_{slot}") for slot in range(len(moment)))
            for name, moment in zip(ReluNets._fields, fresh.moments, strict=True)
        )
        nets = ReluNets(*(load(name) for name in ReluNets._fields))
        return self._at(replace(fresh, nets=nets, moments=moments), int(arrays["epoch"]))

    @staticmethod
    def _at(state: ReluState, epoch: int) -> ReluState:
        """A state as of a later epoch, with the training rows that are left there."""
        data = rows_at(state.data, state.trials[0], state.epoch, epoch)
        return replace(state, data=data, epoch=epoch)

    def _forward(self, state: ReluState, rows: Rows) -> tuple[Tensor, Tensor, Tensor]:
        """Correct rows, mean loss, and the largest activation of a neuron on any row: each [S]."""
        loss, width = state.trials[0].setting.train.loss, state.nets.outgoing.shape[1]
        at_once = max(1, GPU_ACTIVATIONS // width) if self._launches else _READ_ROWS
        correct, total, largest = [], [], []
        for start in range(0, rows.labels.shape[1], at_once):
            part = slice(start, start + at_once)
            activations = relu.hidden(state.nets, rows.inputs[:, part])
            margins = relu.scores(state.nets, activations) * rows.labels[:, part]
            correct.append((margins > 0).sum(-1))
            total.append(LOSSES[loss].value(margins).double().sum(-1))
            largest.append(activations.flatten(1).amax(-1))
        mean = functools.reduce(torch.add, total) / rows.labels.shape[1]
        return torch.stack(correct).sum(0), mean, torch.stack(largest).amax(0)

    @staticmethod
    def _train(state: ReluState) -> Rows:
        """The training rows that a reading at this epoch is of."""
        return state.data.fresh(state.epoch) if state.data.online else state.data.train

    def _ordered(self, state: ReluState) -> Rows:
        """The rows of the coming pass, each trial's in its own order."""
        rows = self._train(state)
        if state.data.online:
            return rows
        keys = streams.fold(state.keys, Purpose.ORDER, state.epoch)
        order = streams.orders(keys, rows.labels.shape[1])
        wide = order[:, :, None].expand(-1, -1, rows.inputs.shape[2])
        return Rows(rows.inputs.gather(1, wide), rows.labels.gather(1, order))

    def _column(self, trials: Sequence[Trial], name: str, dtype: torch.dtype) -> Tensor:
        """An axis of each trial, [S]."""
        values = [getattr(trial.point, name) for trial in trials]
        return torch.tensor(values, device=self._device, dtype=dtype)


def _slots(members: tuple[_T, ...]) -> list[_T]:
    """The members, or a lone member twice: see `ReluState`."""
    return list(members) * 2 if len(members) == 1 else list(members)


def _arrays(columns: Sequence[Tensor], members: int) -> NDArray[np.float64]:
    """The numbers [T] of the members in columns [S] of the slots, in one copy: [C, T]."""
    together = torch.stack([column[:members].double() for column in columns])
    return np.asarray(together.cpu().numpy())


def _measured(
    names: Sequence[str], state: ReluState, train: Rows
) -> dict[str, NDArray[np.float64]]:
    """Measures of the members, on the CPU: each takes many small operations.

    Args:
        names: of the measures.
        state: of T members.
        train: the training rows that the reading is of.
    """
    if not names:
        return {}
    nets = ReluNets(*(weight.cpu() for weight in state.nets))
    rows = (Rows(part.inputs.cpu(), part.labels.cpu()).alone for part in (train, state.data.test))
    return measure_relu_nets(names, state.trials, nets, *rows)
