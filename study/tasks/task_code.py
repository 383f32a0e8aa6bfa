"""What a task is in code: a class that draws rows, and may say more about them."""

import functools
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from study.tasks.rows import Rows
from study.trials.trial import Trial
from study.vocabulary.registration import load_class, not_derived
from study.vocabulary.tasks import TASKS


class TaskCode(ABC):
    """The code of a task: `study.vocabulary.tasks.Task.code` names a class derived from this one.

    An instance has no state: all that a method needs is in the trials. `draw` has to be written;
    the other methods have a default, which says that the task has nothing of the kind.
    """

    @abstractmethod
    def draw(
        self, trials: Sequence[Trial], device: torch.device, dtype: torch.dtype
    ) -> tuple[Rows, Rows]:
        """The training rows and the test rows of a pack.

        Every trial draws from its own streams (`Trial.stream_key`, `study.streams`), so that its
        rows are the same alone and in any pack.

        Args:
            trials: the T members, all of one shape and setting.
            device: where the rows are to lie.
            dtype: the type of inputs and labels that are numbers, not classes.
        """

    def commuting_share(self, trial: Trial) -> float | None:
        """Share of the test rows that are training rows with their two inputs swapped.

        None, the default: a row of the task is not two numbers.
        """
        return None

    def mirrored(self, train: Rows, test: Rows, trial: Trial) -> Tensor | None:
        """Which test rows are a training row with its two inputs swapped: bool [N].

        The measures `mirrored_accuracy` and `unmirrored_accuracy` of modules tell these rows from
        the others. None, the default: the task does not commute, and the measures have no value.

        Args:
            train: the training rows of the trial, without the leading axis.
            test: its test rows, likewise.
            trial: whose rows these are.
        """
        return None

    def changed(self, inputs: Tensor, trial: Trial) -> Tensor | None:
        """The rows with one input of each changed, first input first: [N, M] to [M, N, M].

        The measure `sensitivity` of modules counts the changed answers. None, the default: the
        measure has no value.
        """
        return None

    def cycle(self, trial: Trial) -> Tensor | None:
        """The numbers in the order in which the task's operation goes round: int64 [m].

        The measure `fourier_share` of modules takes frequencies along this order. None, the
        default: the measure has no value.
        """
        return None


def code_of_task(name: str) -> TaskCode:
    """The code of a task of the table `TASKS`."""
    return _instance(TASKS[name].code)


@functools.cache
def _instance(address: str) -> TaskCode:
    code = load_class(address)
    if not issubclass(code, TaskCode):
        raise not_derived(address, TaskCode)
    return code()
