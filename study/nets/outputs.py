"""What a module's outputs mean: the loss of each row, the answer, and whether the answer is right.

Under a loss of `study.nets.losses`, outputs [..., N] are scores whose sign is the label, -1 or +1.
Under the cross-entropy, outputs [..., N, C] have a score for each class, and labels are int64.
"""

import torch
from torch import Tensor

from study.nets.losses import LOSSES

CROSS_ENTROPY = "cross_entropy"


def row_losses(outputs: Tensor, labels: Tensor, loss: str) -> Tensor:
    """The loss of each row: [..., N].

    Args:
        outputs: of the module, [..., N] or [..., N, C].
        labels: of the rows, [..., N].
        loss: name of the loss.
    """
    if loss != CROSS_ENTROPY:
        return LOSSES[loss].value(outputs * labels)
    # The label against all classes, a product: a look-up is slow when stacked over a pack.
    truth = labels[..., None] == torch.arange(outputs.shape[-1], device=outputs.device)
    return -(outputs.log_softmax(-1) * truth).sum(-1)


def right(outputs: Tensor, labels: Tensor, loss: str) -> Tensor:
    """Which rows are answered right: bool [..., N]. A tie is wrong, and so is NaN.

    Args: as of `row_losses`.
    """
    if loss != CROSS_ENTROPY:
        return outputs * labels > 0
    truth = labels[..., None] == torch.arange(outputs.shape[-1], device=outputs.device)
    own = outputs.gather(-1, labels[..., None])[..., 0]
    return own > outputs.masked_fill(truth, -torch.inf).amax(-1)


def answers(outputs: Tensor, loss: str) -> Tensor:
    """What a net answers, to compare with another net's answers: [..., N].

    Args: as of `row_losses`.
    """
    return outputs.sign() if loss != CROSS_ENTROPY else outputs.argmax(-1)
