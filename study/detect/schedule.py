"""The schedule of readings: at which epochs they are taken, and which intervals the log fills.

Both depend on a trial's own epochs, never on its neighbors in a pack.
"""

import math
from typing import Literal

from study.spec.toml_tables import PerDecade


def log_spaced(epoch: int, per_decade: int) -> bool:
    """Whether an epoch is 0, or round(10^(i / per_decade)) for some whole i.

    Args:
        epoch: in question.
        per_decade: log-spaced epochs in a factor of 10.
    """
    if epoch < 2:
        return True
    exponent = math.floor(math.log10(epoch) * per_decade)
    return any(round(10 ** (i / per_decade)) == epoch for i in (exponent, exponent + 1))


def log_spaced_up_to(epoch: int, keep_per_decade: int | Literal["all"]) -> int:
    """How many log-spaced epochs there are up to and with this one, without epoch 0.

    Args:
        epoch: the last one counted.
        keep_per_decade: log-spaced epochs in a factor of 10; "all" counts every epoch.
    """
    if keep_per_decade == "all" or epoch == 0:
        return epoch
    return 1 + math.floor(math.log10(epoch) * keep_per_decade + 1e-9)


def scheduled(epoch: int, every: int | PerDecade) -> bool:
    """Whether a schedule asks for a reading at this epoch.

    Args:
        epoch: in question.
        every: how many epochs apart readings are, or how many there are in a factor of 10.
    """
    if isinstance(every, PerDecade):
        return log_spaced(epoch, every.per_decade)
    return epoch % every == 0
