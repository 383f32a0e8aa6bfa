"""Where the parameters of a module lie in one row of numbers, so that networks stack as [T, P].

Each parameter starts at a multiple of 64 bytes: products round by where their operands lie.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from study.nets.module_net import ModuleNet

_ALIGNED = 64  # bytes

Weights = dict[str, Tensor]


class Layout:
    """Where each parameter of a module lies in a row of P numbers; the rest of the row is zero."""

    def __init__(self, net: ModuleNet) -> None:
        self.net = net
        self._places: list[tuple[str, int, torch.Size]] = []
        self.size = 0
        for name, weight in net.named_parameters():
            self._places.append((name, self.size, weight.shape))
            room = _ALIGNED // weight.element_size()
            self.size += -(-weight.numel() // room) * room

    def views(self, flat: Tensor) -> Weights:
        """The parameters in rows [..., P] by name, as views of it."""
        return {
            name: flat[..., start : start + shape.numel()].view(*flat.shape[:-1], *shape)
            for name, start, shape in self._places
        }

    def joined(self, parts: Sequence[Tensor]) -> Tensor:
        """Parameters, in order and with leading sizes in common, as rows [..., P]."""
        leading = parts[0].shape[: parts[0].dim() - len(self._places[0][2])]
        flat = parts[0].new_zeros(*leading, self.size)
        for view, part in zip(self.views(flat).values(), parts, strict=True):
            view.copy_(part)
        return flat
