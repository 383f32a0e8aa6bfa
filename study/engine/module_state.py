"""The state of a pack of modules: its weights, its rows, and single members of it."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from study import streams
from study.measures.module_measures import ModuleMember
from study.nets.layout import Layout
from study.nets.module_net import ModuleNet, class_of_net
from study.nets.optimizers import Moments
from study.streams import Purpose
from study.tasks.rows import Rows
from study.trials.trial import Trial


@dataclass(frozen=True, slots=True)
class ModuleState:
    """A pack of T members; `layout` says where each parameter lies in a row of `weights`.

    `keys` are the keys of the members' streams. `moments` are the optimizer's.
    """

    trials: tuple[Trial, ...]
    layout: Layout
    train: Rows  # inputs [T, N, ...] and labels [T, N]
    test: Rows  # inputs [T, N, ...] and labels [T, N]
    weights: Tensor  # [T, P]
    moments: Moments  # each [T, P]
    keys: Tensor  # int64 [T, 2]
    learning_rate: Tensor  # [T, 1]
    weight_decay: Tensor  # [T, 1]
    epoch: int = 0


def initial_module(trial: Trial) -> ModuleNet:
    """The module of a trial with its initial weights, times init_scale.

    The scale leaves the weights of layer norms alone. Weights are drawn by torch's generator for
    the CPU, seeded from the trial's stream: the same on every device.
    """
    key = streams.fold(torch.tensor([trial.stream_key]), Purpose.WEIGHTS)
    low, high = streams.words(key, 2)[0].tolist()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(low | (high >> 1) << 32)
        net = class_of_net(trial.setting.net).build(trial)
    norms = [part for part in net.modules() if isinstance(part, nn.LayerNorm)]
    unscaled = {id(weight) for part in norms for weight in part.parameters()}
    with torch.no_grad():
        for weight in net.parameters():
            if id(weight) not in unscaled:
                weight.mul_(trial.point.init_scale)
    return net.to(getattr(torch, trial.setting.train.dtype))


def in_order(state: ModuleState) -> Rows:
    """The rows of the coming pass, each trial's in its own order."""
    keys = streams.fold(state.keys, Purpose.ORDER, state.epoch)
    order = streams.orders(keys, state.train.labels.shape[1])
    member = torch.arange(len(order), device=order.device)[:, None]
    return Rows(state.train.inputs[member, order], state.train.labels[member, order])


def member_of(state: ModuleState) -> Callable[[int], ModuleMember]:
    """A function that gives a member of a pack, by its index, as a module of its own."""

    def member(index: int) -> ModuleMember:
        net = copy.deepcopy(state.layout.net)
        own = state.layout.views(state.weights[index].clone())
        with torch.no_grad():
            for name, weight in net.named_parameters():
                weight.copy_(own[name])
        rows = (state.train.alone(index), state.test.alone(index))
        return ModuleMember(net, state.trials[index], *rows)

    return member
