"""Which epochs are read, and the log of readings.

The schedule and the log depend on a trial's own readings, never on its neighbours in a pack.
"""

import math
from typing import Literal

from study.spec.toml_tables import PerDecade


def log_spaced(epoch: int, per_decade: int) -> bool:
    """Whether an epoch is 0 or round(10^(i / per_decade)) for some whole i."""
    if epoch < 2:
        return True
    exponent = math.floor(math.log10(epoch) * per_decade)
    return any(round(10 ** (i / per_decade)) == epoch for i in (exponent, exponent + 1))


def log_spaced_up_to(epoch: int, keep_per_decade: int | Literal["all"]) -> int:
    """How many log-spaced epochs there are up to this one, epoch 0 apart."""
    if keep_per_decade == "all" or epoch == 0:
        return epoch
    return 1 + math.floor(math.log10(epoch) * keep_per_decade + 1e-9)


def scheduled(epoch: int, every: int | PerDecade) -> bool:
    """Whether the schedule asks for a reading at this epoch."""
    if isinstance(every, PerDecade):
        return log_spaced(epoch, every.per_decade)
    return epoch % every == 0
