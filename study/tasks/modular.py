"""Addition and division modulo a number: rows of two numbers (a, b), labeled with a o b.

A trial draws its own order of all equations, or of `data.equations` of them. The first equations
are for training, the next for testing. Addition commutes: a net that has learned its training rows
by heart, and that a + b is b + a, answers `commuting_share` of the test rows. Division does not
commute.

Source: arXiv 2303.11873, figure 4 and appendix A.
"""

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from study import streams
from study.streams import Purpose
from study.tasks.rows import Rows
from study.tasks.task_code import TaskCode
from study.trials.trial import Trial

_CPU = torch.device("cpu")


class ModularTask(TaskCode):
    """An operation a o b modulo `modulus`. Inputs are int64 [T, N, 2], labels int64 [T, N]."""

    @abstractmethod
    def equations(self, modulus: int, device: torch.device = _CPU) -> tuple[Tensor, Tensor]:
        """All equations: the pairs (a, b), int64 [N, 2], and a o b, int64 [N]."""

    def draw(
        self, trials: Sequence[Trial], device: torch.device, _: torch.dtype
    ) -> tuple[Rows, Rows]:
        """See TaskCode."""
        first = trials[0]
        inputs, labels = self.equations(_modulus(first), device)
        keys = torch.tensor([trial.stream_key for trial in trials], device=device)
        order = streams.orders(streams.fold(keys, Purpose.TRAIN_ROWS), len(labels))
        train_end, test_end = first.train_size, first.train_size + first.test_size
        train, test = order[:, :train_end], order[:, train_end:test_end]
        return Rows(inputs[train], labels[train]), Rows(inputs[test], labels[test])

    def commuting_share(self, trial: Trial) -> float:
        """Share of the test equations a o b whose b o a is for training and has the same answer."""
        train, test = self.draw([trial], _CPU, torch.float32)
        return float(_swapped(train.alone(0), test.alone(0), trial).double().mean())

    def changed(self, inputs: Tensor, trial: Trial) -> Tensor:
        """Rows with one number of each raised by one, first a, then b: [N, 2] to [2, N, 2].

        The highest number becomes 0.
        """
        step = torch.eye(2, dtype=inputs.dtype, device=inputs.device)[:, None]
        return (inputs + step) % _modulus(trial)

    def cycle(self, trial: Trial) -> Tensor:
        """The numbers 0..p-1, int64."""
        return torch.arange(_modulus(trial))


class AdditionTask(ModularTask):
    """a + b modulo any number."""

    def equations(self, modulus: int, device: torch.device = _CPU) -> tuple[Tensor, Tensor]:
        """See ModularTask."""
        numbers = torch.arange(modulus, device=device)
        pairs = torch.cartesian_prod(numbers, numbers)
        return pairs, (pairs[:, 0] + pairs[:, 1]) % modulus

    def mirrored(self, train: Rows, test: Rows, trial: Trial) -> Tensor:
        """See TaskCode. The mirror of a + b is b + a.

        a + a is its own mirror, so a test row a + a is never that of a training row.
        """
        return _swapped(train, test, trial)


class DivisionTask(ModularTask):
    """a / b modulo a prime, b from 1: the number c with c b = a."""

    def equations(self, modulus: int, device: torch.device = _CPU) -> tuple[Tensor, Tensor]:
        """See ModularTask."""
        numbers = torch.arange(modulus, device=device)
        pairs = torch.cartesian_prod(numbers, numbers[1:])
        inverses = torch.tensor([pow(x, -1, modulus) if x else 0 for x in range(modulus)])
        return pairs, pairs[:, 0] * inverses.to(device)[pairs[:, 1]] % modulus

    def changed(self, inputs: Tensor, trial: Trial) -> Tensor:
        """As of any ModularTask, but the highest b becomes 1: nothing is divided by 0."""
        raised = super().changed(inputs, trial)
        raised[..., 1].clamp_(min=1)
        return raised

    def cycle(self, trial: Trial) -> Tensor:
        """The powers of the smallest generator, p - 1 of them: along them a division subtracts."""
        modulus = _modulus(trial)
        for base in range(1, modulus):
            powers = [pow(base, exponent, modulus) for exponent in range(modulus - 1)]
            if len(set(powers)) == modulus - 1:
                return torch.tensor(powers)
        raise AssertionError("a prime has a generator")


def _swapped(train: Rows, test: Rows, trial: Trial) -> Tensor:
    """Which test equations a o b have a training equation b o a of the same answer: bool [N].

    Args:
        train: of one trial, inputs [N, 2].
        test: likewise.
        trial: whose modulus it is.
    """
    modulus = _modulus(trial)
    answers = torch.full((modulus, modulus), -1, device=train.labels.device)
    answers[train.inputs[:, 0], train.inputs[:, 1]] = train.labels
    return answers[test.inputs[:, 1], test.inputs[:, 0]] == test.labels


def _modulus(trial: Trial) -> int:
    return trial.point.whole("modulus")
