"""A ReLU net of one hidden layer on two numbers.

Each number is shown as p inputs, of which a single one is 1 and the others are 0.

The net trains faster than the transformer. The two numbers have weights of their own, so nothing in
the net makes addition commute.
"""

import torch
from torch import Tensor, nn

from study.nets.module_net import ModuleNet
from study.trials.trial import Trial


class Mlp(ModuleNet):
    """Numbers int64 [..., N, 2] to a score for each of `modulus` answers, [..., N, modulus].

    Args:
        modulus: how many numbers there are, and answers.
        width: hidden neurons.
    """

    def __init__(self, modulus: int, width: int) -> None:
        super().__init__()
        self.modulus = modulus
        self.hidden = nn.Linear(2 * modulus, width)
        self.score = nn.Linear(width, modulus)

    @classmethod
    def build(cls, trial: Trial) -> "Mlp":
        """The net of a trial, with PyTorch's initial weights."""
        return cls(trial.point.whole("modulus"), trial.point.whole("width"))

    def forward(self, inputs: Tensor) -> Tensor:
        """The scores of every answer."""
        numbers = torch.arange(self.modulus, device=inputs.device)
        shown = (inputs[..., None] == numbers).flatten(-2).to(self.hidden.weight.dtype)
        scores: Tensor = self.score(self.hidden(shown).relu())
        return scores

    def neurons(self) -> list[nn.Linear]:
        """See ModuleNet."""
        return [self.hidden]

    def embedding(self) -> Tensor:
        """The weights of each number as the first of the two: [modulus, width]."""
        return self.hidden.weight[:, : self.modulus].mT
