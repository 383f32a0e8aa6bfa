"""Where the parameters of a module lie in one row of P numbers, so that networks stack as [T, P].

Each parameter starts at a multiple of 64 bytes, because products round differently at different
alignments of their operands.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from study.nets.module_net import ModuleNet

_ALIGNED = 64  # bytes

Weights = dict[str, Tensor]


class Layout:
    """Where each parameter of a module lies in a row of P numbers. Gaps between them are zero.

    `net` is the module that the layout was made of; its own weights are not used.
    """

    def __init__(self, net: ModuleNet) -> None:
        self.net = net
        self._spans: list[tuple[str, int, torch.Size]] = []
        self.size = 0
        for name, weight in net.named_parameters():
            self._spans.append((name, self.size, weight.shape))
            room = _ALIGNED // weight.element_size()
            self.size += -(-weight.numel() // room) * room

    def views(self, flat: Tensor) -> Weights:
        """The parameters in rows [..., P] by name: views [..., *shape] of the rows."""
        return {
            name: flat[..., start : start + shape.numel()].view(*flat.shape[:-1], *shape)
            for name, start, shape in self._spans
        }

    def joined(self, parts: Sequence[Tensor]) -> Tensor:
        """Parameters as rows [..., P].

        Args:
            parts: one tensor [..., *shape] for each parameter, in the module's order. The leading
                sizes are the same for all.
        """
        leading = parts[0].shape[: parts[0].dim() - len(self._spans[0][2])]
        flat = parts[0].new_zeros(*leading, self.size)
        for view, part in zip(self.views(flat).values(), parts, strict=True):
            view.copy_(part)
        return flat
