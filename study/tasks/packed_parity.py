"""How the rows of parity trials are drawn: signs as bits, for a whole pack at once.

Everything a trial needs is drawn from its own streams. Training rows are distinct where n < 20 and
independent draws otherwise. Test rows are disjoint from training rows.

Source: arXiv 2303.11873, section 2.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from study import streams
from study.streams import Purpose
from study.tasks.rows import Rows
from study.trials.trial import Trial

# Rows of fewer bits are distinct. With so many bits repeats are rare, and distinct rows would cost
# 2^n keys.
DISTINCT_BELOW = 20
_COMPARABLE = 62  # bits that fit an int64; longer rows are never equal by chance
_FIXED_KEY = (0x7061_7269, 0x7479_2121)  # draws the fixed test rows, which all trials share


@dataclass(frozen=True, slots=True)
class PackedRows:
    """Rows of signs, each sign one bit, 32 bits a word.

    Attributes:
        words: the rows, int64 [T, N, W], W = ceil(bits / 32).
        labels: the labels, -1 and +1, int8 [T, N].
        bits: how many signs a row has.
    """

    words: Tensor
    labels: Tensor
    bits: int

    def unpacked(self, dtype: torch.dtype) -> Rows:
        """The rows as numbers, with a last column of ones: inputs [T, N, n + 1]."""
        inputs = streams.unpack_rows(self.words, self.bits).to(dtype)
        ones = torch.nn.functional.pad(inputs, (0, 1), value=1.0)
        return Rows(ones, self.labels.to(dtype))


class PackedParity:
    """How the rows of a pack are drawn: `train`, `test` and `fresh(epoch)` as packed rows.

    Args:
        trials: the T members, all of one shape and setting.
        device: where the rows are to lie.
    """

    def __init__(self, trials: Sequence[Trial], device: torch.device) -> None:
        first = trials[0]
        self._data = first.setting.data
        self._bits = first.point.bits
        self._train_size = first.train_size
        self._keys = torch.tensor(
            [trial.stream_key for trial in trials], dtype=torch.int64, device=device
        )
        self.online = first.point.train_size is None
        self.hidden = hidden_bits(trials, device)
        self._flipped = torch.tensor(
            [round(trial.point.label_noise * self._train_size) for trial in trials], device=device
        )
        fixed = self._fixed_rows(first.test_size) if self._data.test_rows == "fixed" else None
        train = None if self.online else self._train_rows(fixed)
        test = self._test_rows(train, first.test_size) if fixed is None else fixed
        self._avoided = test if self.online else None
        self.test = self._labeled(test, Purpose.TEST_LABELS)
        self.train = self.fresh(0) if train is None else self._noisy(train)

    def fresh(self, epoch: int) -> PackedRows:
        """The rows of one online epoch: independent draws, none of them a test row."""
        keys = streams.fold(self._keys, Purpose.TRAIN_ROWS, epoch)
        rows = self._independent(keys, self._train_size, self._avoided)
        return self._noisy(rows, epoch)

    def take(self, index: Tensor) -> "PackedParity":
        """The members at `index`, an int64 tensor [T']; `fresh` draws for these members only."""
        taken = copy.copy(self)
        taken._keys, taken.hidden = self._keys[index], self.hidden[index]
        taken._flipped = self._flipped[index]
        taken._avoided = None if self._avoided is None else self._avoided[index]
        return taken

    def _noisy(self, rows: Tensor, epoch: int = 0) -> PackedRows:
        """Training rows [T, N, W] with their labels, of which each trial's share is flipped.

        Which rows are flipped is a trial's own stream: the first of an order of all rows.
        """
        labeled = self._labeled(rows, Purpose.TRAIN_LABELS, epoch)
        if not self._flipped.any():
            return labeled
        stream = streams.fold(self._keys, Purpose.LABEL_NOISE, epoch)
        rank = streams.orders(stream, rows.shape[1]).argsort(dim=-1)
        signs = 1 - 2 * (rank < self._flipped[:, None]).to(torch.int8)
        return replace(labeled, labels=labeled.labels * signs)

    def _labeled(self, rows: Tensor, purpose: Purpose, epoch: int = 0) -> PackedRows:
        """Packed rows [T, N, W] with their labels; `purpose` is of the stream of random labels."""
        if self._data.labels == "random":
            minus = streams.words(streams.fold(self._keys, purpose, epoch), rows.shape[1]) & 1
        else:
            negative = self._hidden_words[:, None, :] & ~rows
            minus = _parity(negative)
        return PackedRows(rows, (1 - 2 * minus).to(torch.int8), self._bits)

    @property
    def _hidden_words(self) -> Tensor:
        """The hidden bits as words: int64 [T, W]."""
        padded = torch.nn.functional.pad(self.hidden.to(torch.int64), (0, -self._bits % 32))
        shifts = torch.arange(32, dtype=torch.int64, device=padded.device)
        return (padded.view(len(padded), -1, 32) << shifts).sum(-1)

    def _fixed_rows(self, count: int) -> Tensor:
        """Test rows that all trials share: int64 [T, count, W]."""
        key = torch.tensor([_FIXED_KEY], dtype=torch.int64, device=self._keys.device)
        stream = streams.fold(key, Purpose.FIXED_ROWS)
        if self._bits < DISTINCT_BELOW:
            rows = streams.orders(stream, 2**self._bits)[:, :count, None]
        else:
            rows = streams.packed_rows(stream, count, self._bits)
        return rows.expand(len(self._keys), -1, -1)

    def _train_rows(self, avoid: Tensor | None) -> Tensor:
        """Training rows [T, N, W], none of the rows to avoid [T, N', W]."""
        stream = streams.fold(self._keys, Purpose.TRAIN_ROWS)
        if self._bits >= DISTINCT_BELOW:
            return self._independent(stream, self._train_size, avoid)
        return self._distinct(stream, slice(0, self._train_size), avoid)

    def _test_rows(self, avoid: Tensor | None, count: int) -> Tensor:
        """Test rows [T, count, W], none of the training rows `avoid` [T, N, W]."""
        if self._bits >= DISTINCT_BELOW:
            stream = streams.fold(self._keys, Purpose.TEST_ROWS)
            return self._independent(stream, count, avoid)
        # The order of the training rows again, from their end on: disjoint by construction.
        stream = streams.fold(self._keys, Purpose.TRAIN_ROWS)
        start = 0 if avoid is None else avoid.shape[1]
        return self._distinct(stream, slice(start, start + count), None)

    def _distinct(self, stream: Tensor, part: slice, avoid: Tensor | None) -> Tensor:
        """A part of each trial's own order of all 2^n rows, less the rows to avoid."""
        chosen = []
        for member, key in enumerate(stream):  # one member at a time: 2^19 keys are 4 MB
            order = streams.orders(key[None], 2**self._bits)[0]
            if avoid is not None:
                order = order[~torch.isin(order, _numbers(avoid[member]))]
            chosen.append(order[part])
        return torch.stack(chosen)[..., None]

    def _independent(self, stream: Tensor, count: int, avoid: Tensor | None) -> Tensor:
        """Rows drawn independently, [T, count, W], without the rows to avoid."""
        rows = streams.packed_rows(stream, count, self._bits)
        if avoid is None or self._bits > _COMPARABLE:
            return rows
        banned = _numbers(avoid).sort(dim=-1).values
        numbers = _numbers(rows)
        nearest = torch.searchsorted(banned, numbers).clamp(max=banned.shape[1] - 1)
        meets = (banned.gather(1, nearest) == numbers).any(dim=1)
        for member in meets.nonzero()[:, 0].tolist():
            rows[member] = self._passing_over(stream[member], count, banned[member])
        return rows

    def _passing_over(self, key: Tensor, count: int, banned: Tensor) -> Tensor:
        """The first `count` rows of a stream that are not banned: int64 [count, W]."""
        drawn = count
        while True:  # a longer draw begins with the shorter draw: the rows stay the same
            drawn *= 2
            rows = streams.packed_rows(key[None], drawn, self._bits)[0]
            allowed = rows[~torch.isin(_numbers(rows), banned)]
            if len(allowed) >= count:
                return allowed[:count]


def hidden_bits(trials: Sequence[Trial], device: torch.device) -> Tensor:
    """Which bits are hidden: bool [T, n], k of them true.

    Args:
        trials: the T members, all of one shape and setting.
        device: where the answer is to lie.
    """
    first, bits = trials[0], trials[0].point.bits
    k = torch.tensor([trial.point.k for trial in trials], device=device)
    if first.setting.data.hidden_bits == "first":
        rank = torch.arange(bits, device=device).expand(len(trials), -1)
    else:
        keys = torch.tensor([trial.stream_key for trial in trials], device=device)
        rank = streams.orders(streams.fold(keys, Purpose.HIDDEN_BITS), bits).argsort(dim=-1)
    return rank < k[:, None]


def _numbers(rows: Tensor) -> Tensor:
    """Packed rows of at most 62 bits, each as one number: int64 [..., W] to int64 [...]."""
    return rows[..., 0] if rows.shape[-1] == 1 else rows[..., 0] | rows[..., 1] << 32


def _parity(rows: Tensor) -> Tensor:
    """Whether a packed row has an odd number of set bits: int64 [..., W] to [...] of 0 and 1."""
    folded = rows[..., 0]
    for word in rows[..., 1:].unbind(-1):
        folded = folded ^ word
    for shift in (16, 8, 4, 2, 1):
        folded = folded ^ folded >> shift
    return folded & 1
