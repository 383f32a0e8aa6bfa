"""The plain-loop trainer that the engine is checked against: nn.Module, autograd, torch.optim.

It shares the engine's data, initial weights and order of rows, and none of its arithmetic.
"""

from dataclasses import dataclass

import torch
from torch import nn

from study import streams
from study.engine.relu_engine import ReluEngine, ReluState
from study.nets.losses import LOSSES as ENGINE_LOSSES
from study.streams import Purpose
from study.trials.trial import Trial

LOSSES = {
    "hinge": lambda f, y: torch.relu(1 - f * y).mean(),
    "logistic": lambda f, y: torch.log1p(torch.exp(-f * y)).mean(),
    "square": lambda f, y: ((f - y) ** 2).mean(),
}


class Net(nn.Module):
    """f(x) = u . relu(W x + b)."""

    def __init__(self, incoming: torch.Tensor, outgoing: torch.Tensor) -> None:
        super().__init__()
        width, columns = incoming.shape
        self.hidden = nn.Linear(columns - 1, width).to(incoming.dtype)
        self.outgoing = nn.Linear(width, 1, bias=False).to(incoming.dtype)
        with torch.no_grad():
            self.hidden.weight.copy_(incoming[:, :-1])
            self.hidden.bias.copy_(incoming[:, -1])
            self.outgoing.weight.copy_(outgoing[None])

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.outgoing(torch.relu(self.hidden(rows)))[:, 0]


@dataclass
class Curve:
    """What the oracle saw, by epoch, and the net it ended with."""

    train_accuracy: list[float]
    test_accuracy: list[float]
    train_loss: list[float]
    net: Net


def optimizer_of(net: Net, optimizer: str, decay: str, rate: float, weight_decay: float):
    """PyTorch's own optimizer for a [train] table."""
    if optimizer == "sgd" and decay == "coupled":
        return torch.optim.SGD(net.parameters(), lr=rate, weight_decay=weight_decay)
    kind = torch.optim.Adam if decay == "coupled" else torch.optim.AdamW
    return kind(net.parameters(), lr=rate, weight_decay=weight_decay)


def train(state: ReluState, member: int, epochs: int) -> Curve:
    """Train one member of a freshly allocated pack in a plain loop."""
    trial = state.trials[member]
    settings, point = trial.setting.train, trial.point
    net = Net(state.nets.incoming[member], state.nets.outgoing[member])
    update = optimizer_of(
        net, settings.optimizer, settings.decay, point.learning_rate, point.weight_decay
    )
    loss = LOSSES[settings.loss]
    test = state.data.test.inputs[member][:, :-1], state.data.test.labels[member]
    curve = Curve([], [], [], net)
    for epoch in range(epochs + 1):
        rows = state.data.fresh(epoch) if state.data.online else state.data.train
        x, y = rows.inputs[member][:, :-1], rows.labels[member]
        with torch.no_grad():
            curve.train_accuracy.append(((net(x) * y) > 0).double().mean().item())
            curve.test_accuracy.append(((net(test[0]) * test[1]) > 0).double().mean().item())
            curve.train_loss.append(loss(net(x), y).item())
        if epoch == epochs:
            break
        order = torch.arange(len(x))
        if not state.data.online:
            keys = streams.fold(state.keys[member : member + 1], Purpose.ORDER, epoch)
            order = streams.orders(keys, len(x))[0]
        for batch in order.split(point.batch_size):
            update.zero_grad()
            loss(net(x[batch]), y[batch]).backward()
            update.step()
    return curve


def by_autograd(trial: Trial, epochs: int):
    """One float64 network through torch.optim.SGD, on the trial's own rows and orders."""
    start = ReluEngine().allocate([trial])
    w, u = (p[0].double().requires_grad_() for p in start.nets)
    rate, decay = trial.point.learning_rate, trial.point.weight_decay
    optimizer = torch.optim.SGD([w, u], lr=rate, weight_decay=decay)
    for epoch in range(epochs):
        fresh = start.data.online
        rows = start.data.fresh(epoch) if fresh else start.data.train
        inputs, labels = rows.inputs[0].double(), rows.labels[0].double()
        order = torch.arange(len(labels))
        if not fresh:
            key = streams.fold(start.keys[:1], Purpose.ORDER, epoch)
            order = streams.orders(key, len(labels))[0]
        left = trial.setting.data.fewer_rows
        if left and epoch >= trial.setting.data.fewer_from:
            order = order % left
        for batch in order.split(trial.batch_rows):
            optimizer.zero_grad()
            margin = (inputs[batch] @ w.T).relu() @ u * labels[batch]
            ENGINE_LOSSES[trial.setting.train.loss].value(margin).mean().backward()
            optimizer.step()
    return w.detach().numpy(), u.detach().numpy()
