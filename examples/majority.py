"""A task and a net of one's own, whole: the majority of n signs, by a net of two hidden layers.

This file is both homes; `ROWS` are the two rows. In a project of your own the rows go into
`study.vocabulary.tasks`, and a study file says `task = "majority"`.
"""

import torch
from torch import nn

from study import streams
from study.tasks.rows import Rows
from study.vocabulary.nets import Net
from study.vocabulary.tasks import Task


def draw(trials, device, dtype):
    """Training rows, then test rows, disjoint: of each trial its own order of all 2^n."""
    first, bits = trials[0], trials[0].point.bits
    keys = torch.tensor([trial.stream_key for trial in trials], device=device)
    order = streams.orders(streams.fold(keys, streams.Purpose.TRAIN_ROWS), 2**bits)
    signs = 2.0 * (order[..., None] >> torch.arange(bits, device=device) & 1) - 1
    rows = Rows(signs.to(dtype), signs.sum(-1).sign().to(dtype))
    end = first.train_size + first.test_size
    parts = slice(first.train_size), slice(first.train_size, end)
    return tuple(Rows(rows.inputs[:, part], rows.labels[:, part]) for part in parts)


def build(trial):
    """PyTorch's own layers and initial weights; one score a row."""
    n, width = trial.point.bits, trial.point.width
    hidden = nn.Linear(n, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()
    return nn.Sequential(*hidden, nn.Linear(width, 1), nn.Flatten(-2))


def bits_are_odd(axes, _):
    """A majority of an even number of signs may be a tie."""
    if any(n % 2 == 0 for n in axes["n"].lattice):
        raise ValueError("axes.n: even; a majority needs an odd number of bits. Add one.")


AXES = {"n": 9, "train_size": 200}
TASK = Task(
    AXES,
    ("two_layers",),
    ("hinge", "logistic"),
    __name__,
    lambda v: 2 ** v["n"],
    check=bits_are_odd,
)
NET = Net({"width": 20}, lambda v: v["width"] * (v["n"] + v["width"] + 3), home=__name__)
ROWS = {"tasks": {"majority": TASK}, "nets": {"two_layers": NET}}
