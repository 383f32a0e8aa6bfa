"""A one-hidden-layer ReLU net on two numbers, each as one of p inputs that is 1.

A fast second to the transformer. Its two numbers have weights of their own, so nothing in it knows
that addition commutes.
"""

import torch
from torch import Tensor, nn

from study.trials.trial import Trial


def build(trial: Trial) -> "Mlp":
    """The net of a trial, with PyTorch's initial weights."""
    assert trial.point.modulus is not None  # noqa: S101  the setting was checked
    return Mlp(trial.point.modulus, trial.point.width)


class Mlp(nn.Module):
    """Numbers int64 [..., N, 2] to a score for each of `modulus` answers, [..., N, modulus]."""

    def __init__(self, modulus: int, width: int) -> None:
        super().__init__()
        self.modulus = modulus
        self.hidden = nn.Linear(2 * modulus, width)
        self.score = nn.Linear(width, modulus)

    def forward(self, inputs: Tensor) -> Tensor:
        """Scores of every answer."""
        numbers = torch.arange(self.modulus, device=inputs.device)
        shown = (inputs[..., None] == numbers).flatten(-2).to(self.hidden.weight.dtype)
        scores: Tensor = self.score(self.hidden(shown).relu())
        return scores

    def neurons(self) -> list[nn.Linear]:
        """The layers whose outputs are cut at zero: their rows are the neurons."""
        return [self.hidden]

    def embedding(self) -> Tensor:
        """What stands for each number as the first: [modulus, width]."""
        return self.hidden.weight[:, : self.modulus].mT
