"""What a module's outputs mean: the loss of each row, the answer, and whether it is right.

Outputs [..., N] are scores whose sign is the label, -1 or +1, under a loss of `losses`; outputs
[..., N, C] have a score for each class, labels are int64, and the loss is the cross-entropy.
"""

import torch
from torch import Tensor

from study.nets.losses import LOSSES

CROSS_ENTROPY = "cross_entropy"


def row_losses(outputs: Tensor, labels: Tensor, loss: str) -> Tensor:
    """The loss of each row: labels [..., N] to [..., N]."""
    if loss != CROSS_ENTROPY:
        return LOSSES[loss].value(outputs * labels)
    # One label against all classes, as numbers: a look-up packs badly.
    truth = labels[..., None] == torch.arange(outputs.shape[-1], device=outputs.device)
    return -(outputs.log_softmax(-1) * truth).sum(-1)


def right(outputs: Tensor, labels: Tensor, loss: str) -> Tensor:
    """Which rows are answered right: bool [..., N]. A tie is wrong, and so is NaN."""
    if loss != CROSS_ENTROPY:
        return outputs * labels > 0
    truth = labels[..., None] == torch.arange(outputs.shape[-1], device=outputs.device)
    own = outputs.gather(-1, labels[..., None])[..., 0]
    return own > outputs.masked_fill(truth, -torch.inf).amax(-1)


def answers(outputs: Tensor, loss: str) -> Tensor:
    """What is answered, to compare with another net's answers: [..., N]."""
    return outputs.sign() if loss != CROSS_ENTROPY else outputs.argmax(-1)
