"""Addition and division modulo a number: rows of two numbers (a, b), labelled with a o b.

A trial draws its own order of all equations (or of `data.equations` of them): the first are for
training, the next for testing. Addition commutes, so a net that has only learned its training rows
by heart, and that a + b is b + a, answers `commuting_share` of the test rows; division does not.

Source: arXiv 2303.11873, figure 4 and appendix A.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from study import streams
from study.streams import Purpose
from study.tasks.rows import Rows
from study.trials.trial import Trial

_CPU = torch.device("cpu")


def draw(trials: Sequence[Trial], device: torch.device, _: torch.dtype) -> tuple[Rows, Rows]:
    """Training and test rows of a pack: inputs int64 [T, N, 2], labels int64 [T, N]."""
    first = trials[0]
    inputs, answers = equations(first, device)
    keys = torch.tensor([trial.stream_key for trial in trials], device=device)
    order = streams.orders(streams.fold(keys, Purpose.TRAIN_ROWS), len(answers))
    rows = Rows(inputs[order], answers[order])
    end = first.train_size + first.test_size
    return tuple(  # type: ignore[return-value]  # two slices are two
        Rows(rows.inputs[:, part], rows.labels[:, part])
        for part in (slice(first.train_size), slice(first.train_size, end))
    )


def equations(trial: Trial, device: torch.device = _CPU) -> tuple[Tensor, Tensor]:
    """All equations of a trial's task: (a, b) int64 [N, 2], and a o b, int64 [N]."""
    modulus, divides = _modulus(trial), _divides(trial)
    numbers = torch.arange(modulus, device=device)
    pairs = torch.cartesian_prod(numbers, numbers[int(divides) :])
    a, b = pairs[:, 0], pairs[:, 1]
    if not divides:
        return pairs, (a + b) % modulus
    inverses = torch.tensor([pow(x, -1, modulus) if x else 0 for x in range(modulus)])
    return pairs, a * inverses.to(device)[b] % modulus


def commuting_share(trial: Trial) -> float:
    """Share of the test equations a o b whose b o a is for training and has the same answer."""
    train, test = draw([trial], _CPU, torch.float32)
    modulus = _modulus(trial)
    answers = torch.full((modulus, modulus), -1)
    answers[train.inputs[0, :, 0], train.inputs[0, :, 1]] = train.labels[0]
    swapped = answers[test.inputs[0, :, 1], test.inputs[0, :, 0]]
    return float((swapped == test.labels[0]).double().mean())


def changed(inputs: Tensor, trial: Trial) -> Tensor:
    """Rows with one number of each raised by one, first a, then b: [N, 2] to [2, N, 2].

    The highest becomes the lowest, which for the b of a division is 1.
    """
    step = torch.eye(2, dtype=inputs.dtype, device=inputs.device)[:, None]
    raised = (inputs + step) % _modulus(trial)
    if _divides(trial):
        raised[..., 1].clamp_(min=1)
    return raised


def cycle(trial: Trial) -> Tensor:
    """The numbers in the order in which the operation goes round, int64.

    For addition 0..p-1; for division the powers of the smallest generator, p - 1 of them: in this
    order it is a subtraction.
    """
    modulus = _modulus(trial)
    if not _divides(trial):
        return torch.arange(modulus)
    for base in range(1, modulus):
        powers = [pow(base, exponent, modulus) for exponent in range(modulus - 1)]
        if len(set(powers)) == modulus - 1:
            return torch.tensor(powers)
    raise AssertionError("a prime has a generator")


def _divides(trial: Trial) -> bool:
    return trial.setting.task == "division"


def _modulus(trial: Trial) -> int:
    assert trial.point.modulus is not None  # noqa: S101  the setting was checked
    return trial.point.modulus
