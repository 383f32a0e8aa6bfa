"""Packs of any `nn.Module`: torch.func over stacked weights, or a loop where that is faster.

The weights of T networks are one array [T, P]. An update is therefore a handful of operations,
however many parameters a module has. Gradients come from one vmapped call over the pack, or from
plain autograd, one member after the other. Which of the two follows from a trial's shape, never
from its neighbors. A module must have no dropout and no buffers that change.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import functional_call, grad, vmap

from study.engine.module_state import ModuleState, in_order, initial_module, member_of
from study.engine.protocol import (
    NO_MEMBERS,
    OPEN_FIRST,
    Arrays,
    ArraySpecs,
    Glance,
    Indices,
    Reading,
)
from study.kernel.numerics import companions
from study.measures.module_measures import MODULE_MEASURES
from study.measures.run import measured
from study.nets.layout import Layout, Weights
from study.nets.optimizers import OPTIMIZERS, Hyper
from study.nets.outputs import right, row_losses
from study.tasks.rows import Rows
from study.tasks.task_code import code_of_task
from study.trials.packing import multiply_adds
from study.trials.trial import Trial

# Rows of one forward pass of a reading. A constant: a size that follows from T would change the
# bits of a member with its neighbors.
_READ_ROWS = 256

# On a CPU the members are trained in a loop if a batch of one network has at least so many
# multiply-adds, and in one vmapped call if it has fewer: see `vmaps`.
LOOP_FROM = 100_000_000


def vmaps(trial: Trial) -> bool:
    """Whether one vmapped call is faster on a CPU than a loop over the members.

    A vmapped call takes less Python and more copies, so it wins while a batch is little work.
    """
    return trial.batch_rows * multiply_adds(trial) < LOOP_FROM


class ModuleEngine:
    """Trains every net of the table of nets that is a module."""

    kernel = "module"
    ARRAYS: ClassVar[ArraySpecs] = {
        "epoch": NO_MEMBERS,
        "weights": OPEN_FIRST,
        **{
            f"moment_{slot}": OPEN_FIRST
            for slot in range(max(optimizer.slots for optimizer in OPTIMIZERS.values()))
        },
    }

    def __init__(self, device: str = "cpu", pick: Callable[[Trial], bool] = vmaps) -> None:
        """An engine on a device.

        Args:
            device: "cpu" or a CUDA device.
            pick: which trials are vmapped on a CPU; on a GPU all are.
        """
        self.device, self._pick = device, pick
        self._device = torch.device(device)

    def allocate(self, trials: Sequence[Trial]) -> ModuleState:
        """Let the task draw the rows, and build each member's module for its initial weights."""
        members = tuple(trials)
        setting = members[0].setting
        dtype = getattr(torch, setting.train.dtype)
        train, test = code_of_task(setting.task).draw(members, self._device, dtype)
        nets = [initial_module(trial) for trial in members]
        layout = Layout(nets[0])
        rows = [layout.joined([weight.detach() for weight in net.parameters()]) for net in nets]
        weights = torch.stack(rows).to(self._device)
        layout.net.to(self._device)
        count = OPTIMIZERS[setting.train.optimizer].slots
        return ModuleState(
            trials=members,
            layout=layout,
            train=train,
            test=test,
            weights=weights,
            moments=tuple(torch.zeros_like(weights) for _ in range(count)),
            keys=torch.tensor([t.stream_key for t in members], device=self._device),
            learning_rate=self._column(members, "learning_rate", dtype),
            weight_decay=self._column(members, "weight_decay", dtype),
        )

    def step(self, state: ModuleState) -> ModuleState:
        """Batch by batch: gradients, then one update of all weights."""
        first = state.trials[0]
        train = first.setting.train
        optimizer, coupled = OPTIMIZERS[train.optimizer], train.decay == "coupled"
        rows = in_order(state)
        weights, moments = state.weights, state.moments
        update = state.epoch * first.steps_per_epoch
        for start in range(0, first.train_size, first.batch_rows):
            part = slice(start, start + first.batch_rows)
            batch = Rows(rows.inputs[:, part], rows.labels[:, part])
            gradients = self.gradients(replace(state, weights=weights), batch)
            update += 1
            rates = state.learning_rate, state.weight_decay
            hyper = Hyper(*rates, coupled, update, train.betas)
            weights, moments = optimizer.update(weights, gradients, moments, hyper)
        return replace(state, weights=weights, moments=moments, epoch=state.epoch + 1)

    def gradients(self, state: ModuleState, batch: Rows) -> Tensor:
        """Gradients of the loss averaged over a batch, of each member: [T, P].

        Args:
            state: whose weights the gradients are at.
            batch: inputs [T, B, ...] and labels [T, B].
        """
        net, layout, name = state.layout.net, state.layout, state.trials[0].setting.train.loss

        def loss(weights: Weights, inputs: Tensor, labels: Tensor) -> Tensor:
            outputs = functional_call(net, weights, (inputs,))
            return row_losses(outputs, labels, name).mean()

        if self._vmapped(state):
            weights, inputs, labels = _accompanied(state.weights, batch.inputs, batch.labels)
            by_name = vmap(grad(loss))(layout.views(weights), inputs, labels)
            return layout.joined(list(by_name.values()))[: len(state.weights)]
        rows = []
        for own, inputs, labels in zip(state.weights, batch.inputs, batch.labels, strict=True):
            leaves = {n: w.detach().requires_grad_() for n, w in layout.views(own).items()}
            gradients = torch.autograd.grad(loss(leaves, inputs, labels), tuple(leaves.values()))
            rows.append(layout.joined(gradients))
        return torch.stack(rows)

    def read(
        self, state: ModuleState, names: Sequence[str] = (), indices: Indices | None = None
    ) -> Reading:
        """Read a pack of the members at `indices` alone; every module counts as active.

        Arguments as of `Engine.read`.
        """
        if indices is not None and len(indices) < len(state.trials):
            state = self.leave(state, indices.tolist())
        train_correct, train_loss = self._count(state, state.train)
        test_correct, test_loss = self._count(state, state.test)
        return Reading(
            train_correct=train_correct,
            test_correct=test_correct,
            train_loss=train_loss,
            test_loss=test_loss,
            weight_norm=_norms(state.weights),
            active=np.ones(len(state.trials), dtype=bool),  # a module does not say
            measured=measured(names, len(state.trials), member_of(state), MODULE_MEASURES),
        )

    def glance(
        self, state: ModuleState, train_allowed: NDArray[np.int64], test_allowed: NDArray[np.int64]
    ) -> Glance:
        """Look at all rows, as a reading does. Arguments as of `Engine.glance`."""
        wrong = np.zeros((2, len(state.trials)), dtype=np.int64)
        parts = ((state.train, train_allowed), (state.test, test_allowed))
        for part, (rows, allowed) in enumerate(parts):
            if (allowed >= 0).any():
                missed = rows.labels.shape[1] - self._count(state, rows)[0]
                wrong[part] = np.where(allowed < 0, 0, missed)
        active = np.ones(len(state.trials), dtype=bool)
        return Glance(wrong[0], wrong[1], _norms(state.weights), active)

    def leave(self, state: ModuleState, keep: Sequence[int]) -> ModuleState:
        """Copy what belongs to the members that stay. Arguments as of `Engine.leave`."""
        index = torch.tensor(list(keep), device=self._device)
        return replace(
            state,
            trials=tuple(state.trials[member] for member in keep),
            train=state.train.take(index),
            test=state.test.take(index),
            weights=state.weights[index],
            moments=tuple(moment[index] for moment in state.moments),
            keys=state.keys[index],
            learning_rate=state.learning_rate[index],
            weight_decay=state.weight_decay[index],
        )

    def dump(self, state: ModuleState) -> Arrays:
        """The weights [T, P], and each moment as moment_NUMBER."""
        moments = {f"moment_{slot}": m.cpu().numpy() for slot, m in enumerate(state.moments)}
        weights = state.weights.cpu().numpy()
        return {"epoch": np.array(state.epoch), "weights": weights, **moments}

    def restore(self, trials: Sequence[Trial], arrays: Arrays) -> ModuleState:
        """Draw the data again, and load weights and moments. Arguments as of `Engine.restore`."""
        fresh = self.allocate(trials)

        def load(name: str) -> Tensor:
            return torch.from_numpy(np.array(arrays[name])).to(self._device)

        moments = tuple(load(f"moment_{slot}") for slot in range(len(fresh.moments)))
        epoch = int(arrays["epoch"])
        return replace(fresh, weights=load("weights"), moments=moments, epoch=epoch)

    def _vmapped(self, state: ModuleState) -> bool:
        return self._device.type != "cpu" or self._pick(state.trials[0])

    @torch.no_grad()
    def _count(self, state: ModuleState, rows: Rows) -> tuple[NDArray[Any], NDArray[Any]]:
        """Correct rows and mean loss of each member: [T]."""
        net, layout, name = state.layout.net, state.layout, state.trials[0].setting.train.loss

        def outputs(flat: Tensor, inputs: Tensor) -> Tensor:
            answer: Tensor = functional_call(net, layout.views(flat), (inputs,))
            return answer

        correct, total = [], []
        for start in range(0, rows.labels.shape[1], _READ_ROWS):
            part = slice(start, start + _READ_ROWS)
            inputs, labels = rows.inputs[:, part], rows.labels[:, part]
            if self._vmapped(state):
                answers = vmap(outputs)(*_accompanied(state.weights, inputs))[: len(labels)]
            else:
                pairs = zip(state.weights, inputs, strict=True)
                answers = torch.stack([outputs(*pair) for pair in pairs])
            correct.append(right(answers, labels, name).sum(-1))
            total.append(row_losses(answers, labels, name).double().sum(-1))
        mean = functools.reduce(torch.add, total) / rows.labels.shape[1]
        return torch.stack(correct).sum(0).cpu().numpy(), mean.cpu().numpy()

    def _column(self, trials: Sequence[Trial], name: str, dtype: torch.dtype) -> Tensor:
        """An axis of each trial: [T, 1]."""
        values = [[getattr(trial.point, name)] for trial in trials]
        return torch.tensor(values, device=self._device, dtype=dtype)


def _accompanied(*arrays: Tensor) -> tuple[Tensor, ...]:
    """Arrays with copies of their last member: see `companions`.

    Args:
        arrays: each [T, ...]; the second is [T, N, ...].
    """
    extra = companions(len(arrays[0]), arrays[1].shape[1])
    return tuple(torch.cat((a, *[a[-1:]] * extra)) for a in arrays) if extra else arrays


def _norms(weights: Tensor) -> NDArray[np.float64]:
    """The norm of each row of weights [T, P]: [T]."""
    norms: NDArray[np.float64] = weights.double().square().sum(-1).sqrt().cpu().numpy()
    return norms
