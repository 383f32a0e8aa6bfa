"""A decoder-only transformer on equations "a b =", read at the last position.

Blocks normalize before attention and before their MLP, and the net normalizes once more before the
scores. Only the answer counts, so the last block computes no other position; that changes no
number.

Source: arXiv 2303.11873, appendix A, which refers to Power et al. (2201.02177) for details. Choices
of this file: where the norms stand, no biases in attention, and a learned position.
"""

import math

import torch
from torch import Tensor, nn

from study.nets.module_net import ModuleNet
from study.trials.trial import Trial
from study.vocabulary.nets import NETS

POSITIONS = NETS["transformer"].positions  # a, b, =


class Transformer(ModuleNet):
    """Numbers int64 [..., N, 2] to a score for each of `modulus` answers, [..., N, modulus].

    Args:
        modulus: p: how many numbers there are, and answers.
        width: d, of the residual stream.
        layers: how many blocks there are.
        heads: of attention in each block; `width` is a multiple of it.
    """

    def __init__(self, modulus: int, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.modulus = modulus
        self.token = nn.Parameter(_uniform(modulus + 1, width))
        self.position = nn.Parameter(_uniform(POSITIONS, width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.score = nn.Linear(width, modulus, bias=False)

    @classmethod
    def build(cls, trial: Trial) -> "Transformer":
        """The net of a trial, with initial weights from torch's generator."""
        sizes = (trial.point.whole(axis) for axis in ("modulus", "width", "layers", "heads"))
        return cls(*sizes)

    def forward(self, inputs: Tensor) -> Tensor:
        """Scores at the last position."""
        tokens = nn.functional.pad(inputs, (0, 1), value=self.modulus)
        numbers = torch.arange(self.modulus + 1, device=inputs.device)
        # A product instead of a look-up: its gradient is also a product, which stacks over a pack.
        stream = (tokens[..., None] == numbers).to(self.token.dtype) @ self.token + self.position
        for block in self.blocks[:-1]:
            stream = block(stream, POSITIONS)
        stream = self.blocks[-1](stream, 1)
        scores: Tensor = self.score(self.norm(stream[..., -1, :]))
        return scores

    def neurons(self) -> list[nn.Linear]:
        """See ModuleNet."""
        return [block.up for block in self.blocks]  # type: ignore[misc]  # a Block's is a Linear

    def embedding(self) -> Tensor:
        """The token of each number, without that of "=": [modulus, width]."""
        return self.token[: self.modulus]


class Block(nn.Module):
    """Attention over a position and those before it, then an MLP of four times the width.

    Args:
        width: d, of the residual stream.
        heads: of attention; `width` is a multiple of it.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention = nn.LayerNorm(width)
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.before_mlp = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, stream: Tensor, asked: int) -> Tensor:
        """The stream after this block, at the last positions.

        Args:
            stream: of L positions, [..., L, d].
            asked: how many of the last positions are wanted.
        """
        stream = stream[..., -asked:, :] + self._attended(self.before_attention(stream), asked)
        after: Tensor = stream + self.down(self.up(self.before_mlp(stream)).relu())
        return after

    def _attended(self, normed: Tensor, asked: int) -> Tensor:
        """What attention adds to the stream at the last positions: [..., asked, d].

        Args:
            normed: the normalized stream of L positions, [..., L, d].
            asked: how many of the last positions are wanted.
        """
        length = normed.shape[-2]
        query = self._split(self.query(normed[..., -asked:, :]), 1)[0]
        key, value = self._split(self.key_value(normed), 2)
        weights = query @ key.mT / math.sqrt(query.shape[-1])
        if asked > 1:
            hidden = torch.ones(length, length, dtype=torch.bool, device=normed.device).triu(1)
            weights = weights.masked_fill(hidden[-asked:], -math.inf)
        mixed = weights.softmax(-1) @ value
        attended: Tensor = self.out(mixed.transpose(-2, -3).flatten(-2))
        return attended

    def _split(self, joined: Tensor, parts: int) -> tuple[Tensor, ...]:
        """[..., L, parts * d] as `parts` tensors, each [..., heads, L, d / heads]."""
        each = joined.shape[-1] // parts // self.heads
        apart = joined.reshape(*joined.shape[:-1], parts, self.heads, each)
        pieces: tuple[Tensor, ...] = apart.unbind(-3)
        return tuple(part.transpose(-2, -3) for part in pieces)


def _uniform(count: int, width: int) -> Tensor:
    """Uniform numbers of variance 1 / width."""
    return (torch.rand(count, width) * 2 - 1) * math.sqrt(3 / width)
