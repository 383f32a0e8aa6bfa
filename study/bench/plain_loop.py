"""One network the usual way: DataLoader, nn.Module, autograd, torch.optim.SGD.

Our engines are measured against this loop; nothing else trains with it. The loop starts from a
trial's own rows and initial weights, so it learns what the trial learns. Its order of rows is its
own.
"""

import io
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from study.nets import relu
from study.tasks.parity import Parity
from study.tasks.rows import Rows
from study.trials.trial import Trial


@dataclass(frozen=True, slots=True)
class Loaded:
    """Rows behind a DataLoader, and how many there are."""

    batches: DataLoader[tuple[Tensor, ...]]
    count: int

    @classmethod
    def of(cls, rows: Rows, batch: int, *, shuffle: bool) -> "Loaded":
        """The rows of the first member of a pack, without their column of ones.

        Args:
            rows: inputs [T, N, n + 1] and labels [T, N].
            batch: rows of a batch.
            shuffle: whether every pass has another order.
        """
        data = TensorDataset(rows.inputs[0, :, :-1].clone(), rows.labels[0].clone())
        return cls(DataLoader(data, batch_size=batch, shuffle=shuffle), len(data))


class PlainLoop:
    """A trial under hinge loss and SGD. `epoch` trains one pass; `author_epoch` reads and saves.

    Attributes:
        train: the training rows, shuffled in every pass.
        test: the test rows.
        net: Linear(n, p), ReLU, Linear(p, 1) without bias.
        optimizer: SGD with the trial's learning rate and weight decay.
    """

    def __init__(self, trial: Trial, device: str = "cpu") -> None:
        """The loop before its first epoch.

        Args:
            trial: of the task of parities, with a training set.
            device: where the loop trains: "cpu" or a CUDA device.
        """
        point, cpu, self._device = trial.point, torch.device("cpu"), torch.device(device)
        data = Parity([trial], cpu, torch.float32)
        self.train = Loaded.of(data.train, point.batch_size, shuffle=True)
        self.test = Loaded.of(data.test, point.batch_size, shuffle=False)
        start = relu.initial_nets([trial], cpu, torch.float32)
        hidden = nn.Linear(point.bits, point.width)
        outgoing = nn.Linear(point.width, 1, bias=False)
        self.net = nn.Sequential(hidden, nn.ReLU(), outgoing).to(self._device)
        with torch.no_grad():
            hidden.weight.copy_(start.incoming[0, :, :-1])
            hidden.bias.copy_(start.incoming[0, :, -1])
            outgoing.weight.copy_(start.outgoing)
        self.optimizer = torch.optim.SGD(
            self.net.parameters(), lr=point.learning_rate, weight_decay=point.weight_decay
        )

    def epoch(self) -> None:
        """One pass over the training rows, in an order of the loop's own."""
        for inputs, labels in self.train.batches:
            self.optimizer.zero_grad()
            loss: Any = hinge(self._margins(inputs, labels)).mean()
            loss.backward()
            self.optimizer.step()

    def accuracy(self, rows: Loaded) -> float:
        """Share of rows predicted right; a tie is wrong."""
        with torch.no_grad():
            right = sum(int((self._margins(*pair) > 0).sum().item()) for pair in rows.batches)
        return right / rows.count

    def loss(self, rows: Loaded) -> float:
        """Mean hinge loss over rows."""
        with torch.no_grad():
            total = sum(hinge(self._margins(*pair)).sum().item() for pair in rows.batches)
        return total / rows.count

    def author_epoch(self) -> tuple[float, float, float, float]:
        """Do what the authors' code does in every epoch.

        That is four passes over DataLoaders, for training and test loss and accuracy; a saved
        checkpoint; then the pass that trains.

        Returns: training and test loss, training and test accuracy, before the pass.
        Source: arXiv 2303.11873, its published code.
        """
        losses = self.loss(self.train), self.loss(self.test)
        accuracies = self.accuracy(self.train), self.accuracy(self.test)
        torch.save(self.net.state_dict(), io.BytesIO())
        self.epoch()
        return (*losses, *accuracies)

    def _margins(self, inputs: Tensor, labels: Tensor) -> Tensor:
        """f(x) y of a batch: [B]."""
        scores = self.net(inputs.to(self._device))[:, 0]
        return torch.as_tensor(scores * labels.to(self._device))


def hinge(margins: Tensor) -> Tensor:
    """The hinge loss of each row, from margins f(x) y of any shape."""
    return (1 - margins).clamp(min=0)
