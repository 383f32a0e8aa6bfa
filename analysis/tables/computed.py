"""Columns that no store holds: each is computed from a trial's row where somebody names it.

`phase` is by the default preset of `analysis.phases.classify`. `delay` counts the epochs from
memorizing to generalizing; it is null unless a trial has both events.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from analysis.phases.classify import PHASE_COLUMNS, classify


@dataclass(frozen=True, slots=True)
class ComputedColumn:
    """A column that is computed.

    Attributes:
        made_of: the stored columns that the values follow from.
        type: of the values.
        values: gives the column of some trials, in their order.
    """

    made_of: tuple[str, ...]
    type: pa.DataType
    values: Callable[[pd.DataFrame], pd.Series]


def delays(trials: pd.DataFrame) -> pd.Series:
    """The epochs from memorizing to generalizing, null without both events, [trials]."""
    return trials["generalized_epoch"] - trials["memorized_epoch"]


COMPUTED = {
    "phase": ComputedColumn(
        PHASE_COLUMNS, pa.string(), lambda trials: classify(trials)["phase"].astype("string")
    ),
    "delay": ComputedColumn(("memorized_epoch", "generalized_epoch"), pa.int64(), delays),
}


def stored_columns(names: Iterable[str]) -> list[str]:
    """The stored columns that are needed for some columns, each once, in the order of need."""
    needed = dict[str, None]()
    for name in names:
        needed.update(dict.fromkeys(COMPUTED[name].made_of if name in COMPUTED else (name,)))
    return list(needed)


def with_computed(rows: pa.Table, trials: pd.DataFrame, names: Iterable[str]) -> pa.Table:
    """Rows with the computed columns among some names.

    Args:
        rows: of the table `trials`, any columns.
        trials: the same rows as a frame, with the columns that the computed ones are made of.
        names: of columns; stored ones are passed over.
    """
    for name in (name for name in COMPUTED if name in set(names)):
        values = pa.array(COMPUTED[name].values(trials), COMPUTED[name].type)
        rows = rows.append_column(name, values)
    return rows
