"""The loop that takes the progress measures of a pack, one network at a time.

Each network is measured from its own copy of its weights. Its numbers cannot depend on its
neighbors, neither by the shape of a product nor by where in memory its weights lie.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from study.vocabulary.measures import MEASURES


class Measurable(Protocol):
    """One network with its rows, as the measures of its engine take it."""

    @property
    def finite(self) -> bool:
        """Whether the network's weights and outputs are surely finite numbers."""
        ...


_Member = TypeVar("_Member", bound=Measurable)

# How each measure of an engine's nets is computed: one number, or one for each of its columns.
MeasureFunctions = Mapping[str, Callable[[_Member], float | tuple[float, ...]]]


@torch.no_grad()
def measured(
    names: Sequence[str],
    count: int,
    member: Callable[[int], _Member],
    functions: MeasureFunctions[_Member],
) -> dict[str, NDArray[np.float64]]:
    """Each column of some measures, of each network of a pack: float64 [T].

    NaN where a measure has no value, as of a network that has diverged.

    Args:
        names: of the measures, rows of `study.vocabulary.measures.MEASURES`.
        count: T, how many networks are measured: the first T of the pack.
        member: gives the network at an index from 0 to T - 1.
        functions: how the measures of the pack's engine are computed.
    """
    columns = [column for name in names for column in MEASURES[name].columns]
    values = {column: np.full(count, np.nan) for column in columns}
    if not names:
        return values
    for index in range(count):
        net = member(index)
        if not net.finite:
            continue
        for name in names:
            results = np.atleast_1d(functions[name](net))
            for column, result in zip(MEASURES[name].columns, results, strict=True):
                values[column][index] = result
    return values
