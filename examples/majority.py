"""A task and a net of one's own, whole: the majority of n signs, by a net of two hidden layers.

A script calls `register()` before it trains. For the commands `study` and `analysis`, install this
module as a package with the entry point

    [project.entry-points."study.registrations"]
    majority = "majority:register"

A study file then says `task = "majority"`.
"""

import torch
from torch import nn

from study import register_net, register_task, streams
from study.nets.module_net import ModuleNet
from study.tasks.rows import Rows
from study.tasks.task_code import TaskCode
from study.vocabulary.axes import whole
from study.vocabulary.nets import Net
from study.vocabulary.tasks import Task


class Majority(TaskCode):
    """Which sign most of n signs have."""

    def draw(self, trials, device, dtype):
        """Training rows, then test rows, disjoint: of each trial its own order of all 2^n."""
        first, bits = trials[0], trials[0].point.bits
        keys = torch.tensor([trial.stream_key for trial in trials], device=device)
        order = streams.orders(streams.fold(keys, streams.Purpose.TRAIN_ROWS), 2**bits)
        signs = 2.0 * (order[..., None] >> torch.arange(bits, device=device) & 1) - 1
        inputs, labels = signs.to(dtype), signs.sum(-1).sign().to(dtype)
        end = first.train_size + first.test_size
        parts = slice(first.train_size), slice(first.train_size, end)
        return tuple(Rows(inputs[:, part], labels[:, part]) for part in parts)


class TwoLayers(ModuleNet):
    """PyTorch's own layers and initial weights; one score a row."""

    def __init__(self, n, width):
        super().__init__()
        hidden = nn.Linear(n, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()
        self.layers = nn.Sequential(*hidden, nn.Linear(width, 1), nn.Flatten(-2))

    @classmethod
    def build(cls, trial):
        """The net of a trial."""
        return cls(trial.point.bits, trial.point.whole("width"))

    def forward(self, inputs):
        """The score of every row."""
        return self.layers(inputs)


def count_weights(values):
    """Weights of the net, about."""
    n, width = whole(values, "n"), whole(values, "width")
    return width * (n + width + 3)


def bits_are_odd(axes, _):
    """A majority of an even number of signs may be a tie."""
    if any(n % 2 == 0 for n in axes["n"].lattice):
        raise ValueError("axes.n: even; a majority needs an odd number of bits. Add one.")


NET = Net({"width": 20}, count_weights, engine="module", code="majority:TwoLayers")
TASK = Task(
    axes={"n": 9, "train_size": 200},
    nets=("two_layers",),
    losses=("hinge", "logistic"),
    code="majority:Majority",
    world=lambda values: 2 ** whole(values, "n"),
    check=bits_are_odd,
)


def register():
    """Add both rows to the tables of this process."""
    register_net("two_layers", NET)
    register_task("majority", TASK)
