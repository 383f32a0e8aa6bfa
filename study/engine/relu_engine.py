"""Packs of networks trained together: arrays in, arrays out, and no clock, disk or Ray.

`Engine` is the protocol that a pack's training follows: allocate, step, read, leave. `ReluEngine`
is the plain batched implementation for the paper's network, on any device. Promises (tests hold
them): a member's numbers do not depend on its neighbours, and `restore` continues what `dump` saw,
bit for bit.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from study import streams
from study.engine.protocol import (
    OPEN_FIRST,
    WHOLE,
    Arrays,
    ArraySpecs,
    Glance,
    Places,
    Reading,
)
from study.measures import relu_measures as measures
from study.measures.run import measured, own_rows
from study.nets import relu
from study.nets.losses import LOSSES
from study.nets.optimizers import OPTIMIZERS, Hyper, Moments
from study.nets.relu import ReluNets
from study.streams import Purpose
from study.tasks.parity import Parity
from study.tasks.rows import Rows
from study.trials.trial import Trial

READ_ROWS = 64  # rows of one forward product of a reading: a constant, or bits would change with T


@dataclass(frozen=True, slots=True)
class PackState:
    """A pack of T members; a lone member is doubled, because products of one trial round otherwise.

    `trials` are the real members; `nets` and `moments` are stacked over the slots.
    """

    trials: tuple[Trial, ...]
    data: Parity
    nets: ReluNets
    moments: tuple[Moments, ...]
    keys: Tensor
    rate: Tensor
    decay: Tensor
    epoch: int = 0


class ReluEngine:
    """The torch kernel: batched products over the pack, on the device it is given."""

    kernel = "torch"
    ARRAYS: ClassVar[ArraySpecs] = {
        "epoch": WHOLE,
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

    def allocate(self, trials: Sequence[Trial]) -> PackState:
        """See Engine."""
        members = tuple(trials)
        setting, slots = members[0].setting, _slots(members)
        dtype = getattr(torch, setting.train.dtype)
        nets = relu.initial(slots, self._device, dtype)
        count = OPTIMIZERS[setting.train.optimizer].slots
        return PackState(
            trials=members,
            data=Parity(slots, self._device, dtype),
            nets=nets,
            moments=tuple(tuple(torch.zeros_like(w) for _ in range(count)) for w in nets),
            keys=torch.tensor([t.stream_key for t in slots], device=self._device),
            rate=self._column(slots, "learning_rate", dtype),
            decay=self._column(slots, "weight_decay", dtype),
        )

    def step(self, state: PackState) -> PackState:
        """See Engine."""
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
                coupled, rate = train.decay == "coupled", state.rate[lift]
                hyper = Hyper(rate, state.decay[lift], coupled, update, train.betas)
                stepped.append(optimizer.update(weight, grad, moment, hyper))
            nets = ReluNets(*(weight for weight, _ in stepped))
            moments = tuple(moment for _, moment in stepped)
        return replace(state, nets=nets, moments=moments, epoch=state.epoch + 1)

    def read(
        self, state: PackState, names: Sequence[str] = (), places: Places | None = None
    ) -> Reading:
        """See Engine."""
        if places is not None and len(places) < len(state.trials):
            state = self.leave(state, places.tolist())
        train = self._train(state)
        loss, members = state.trials[0].setting.train.loss, len(state.trials)
        train_correct, train_loss, largest = _forward(state.nets, train, loss)
        test_correct, test_loss, _ = _forward(state.nets, state.data.test, loss)
        norm = measures.weight_norm(state.nets)
        return Reading(
            train_correct=_array(train_correct, members),
            test_correct=_array(test_correct, members),
            train_loss=_array(train_loss, members),
            test_loss=_array(test_loss, members),
            weight_norm=_array(norm, members),
            active=_array(largest > 0, members),
            measured=measured(
                names, state.trials, state.nets, own_rows(train), own_rows(state.data.test)
            ),
        )

    def glance(
        self,
        state: PackState,
        train_allowed: NDArray[np.int64],
        test_allowed: NDArray[np.int64],
    ) -> Glance:
        """See Engine. The batched products look at all rows: to stop early would be to wait."""
        members = len(state.trials)
        wrong, active = np.zeros((2, members), dtype=np.int64), np.ones(members, dtype=bool)
        parts = ((self._train(state), train_allowed), (state.data.test, test_allowed))
        for part, (rows, allowed) in enumerate(parts):
            if (allowed < 0).all():
                continue
            correct, _, largest = _forward(state.nets, rows, state.trials[0].setting.train.loss)
            missed = rows.labels.shape[1] - _array(correct, members)
            wrong[part] = np.where(allowed < 0, 0, missed)
            active &= _array(largest > 0, members) | (allowed < 0)
        norm = _array(measures.weight_norm(state.nets), members)
        return Glance(wrong[0], wrong[1], norm, active)

    def leave(self, state: PackState, keep: Sequence[int]) -> PackState:
        """See Engine."""
        trials = tuple(state.trials[index] for index in keep)
        index = torch.tensor(_slots(tuple(keep)), device=self._device)
        return replace(
            state,
            trials=trials,
            data=state.data.take(index),
            nets=ReluNets(*(weight[index] for weight in state.nets)),
            moments=tuple(tuple(m[index] for m in moment) for moment in state.moments),
            keys=state.keys[index],
            rate=state.rate[index],
            decay=state.decay[index],
        )

    def dump(self, state: PackState) -> Arrays:
        """See Engine."""
        members = len(state.trials)
        arrays = {"epoch": np.array(state.epoch)}
        for name, weight, moment in zip(ReluNets._fields, state.nets, state.moments, strict=True):
            arrays[name] = weight[:members].cpu().numpy()
            for slot, m in enumerate(moment):
                arrays[f"{name}_moment_{slot}"] = m[:members].cpu().numpy()
        return arrays

    def restore(self, trials: Sequence[Trial], arrays: Arrays) -> PackState:
        """See Engine."""
        fresh = self.allocate(trials)
        index = _slots(tuple(range(len(trials))))

        def load(name: str) -> Tensor:
            return torch.from_numpy(np.array(arrays[name][index])).to(self._device)

        moments = tuple(
            tuple(load(f"{name}_moment_{slot}") for slot in range(len(moment)))
            for name, moment in zip(ReluNets._fields, fresh.moments, strict=True)
        )
        nets = ReluNets(*(load(name) for name in ReluNets._fields))
        return replace(fresh, nets=nets, moments=moments, epoch=int(arrays["epoch"]))

    @staticmethod
    def _train(state: PackState) -> Rows:
        """The training rows that a reading at this epoch is of."""
        return state.data.fresh(state.epoch) if state.data.online else state.data.train

    def _ordered(self, state: PackState) -> Rows:
        """The rows of the coming pass, each trial's in its own order."""
        rows = self._train(state)
        if state.data.online:
            return rows
        keys = streams.fold(state.keys, Purpose.ORDER, state.epoch)
        order = streams.orders(keys, rows.labels.shape[1])
        wide = order[:, :, None].expand(-1, -1, rows.inputs.shape[2])
        return Rows(rows.inputs.gather(1, wide), rows.labels.gather(1, order))

    def _column(self, trials: Sequence[Trial], name: str, dtype: torch.dtype) -> Tensor:
        values = [getattr(trial.point, name) for trial in trials]
        return torch.tensor(values, device=self._device, dtype=dtype)


def _slots(members: tuple[Any, ...]) -> list[Any]:
    return list(members) * 2 if len(members) == 1 else list(members)


def _array(column: Tensor, members: int) -> NDArray[Any]:
    return np.asarray(column[:members].cpu().numpy())


def _forward(nets: ReluNets, rows: Rows, loss: str) -> tuple[Tensor, Tensor, Tensor]:
    """Correct rows, mean loss, and the largest activation of any neuron on any row: each [T]."""
    correct, total, largest = [], [], []
    for start in range(0, rows.labels.shape[1], READ_ROWS):
        part = slice(start, start + READ_ROWS)
        activations = relu.hidden(nets, rows.inputs[:, part])
        margins = relu.scores(nets, activations) * rows.labels[:, part]
        correct.append((margins > 0).sum(-1))
        total.append(LOSSES[loss].value(margins).double().sum(-1))
        largest.append(activations.flatten(1).amax(-1))
    mean = functools.reduce(torch.add, total) / rows.labels.shape[1]
    return torch.stack(correct).sum(0), mean, torch.stack(largest).amax(0)
