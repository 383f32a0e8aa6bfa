"""What the cells of a diagram may be colored by, beside their phase, and the kinds of confusion.

Each quantity is a column with a number for each cell. Medians of the end of training are over all
trials of a cell; trials without the number do not count.
"""

from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.phases.classify import PARTIAL, PHASES

FINALS = ("final_test_accuracy", "final_weight_norm", "final_effective_sparsity_train")
_TICKS = [digit * 10**power for power in range(8) for digit in (1, 3)]


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number of each cell, and how it is written.

    Attributes:
        title: in words.
        column: of the cells.
        unit: of the numbers.
        scale: "share" from 0 to 1, "log", "symlog" where 0 is a value, or "linear".
        form: a number format of d3.
        waits: whether a cell without the number has not come to it yet.
    """

    title: str
    column: str
    unit: str
    scale: str
    form: str
    waits: bool = False


QUANTITIES: dict[str, Quantity] = {
    "grokked": Quantity("share that grokked", "grokked_share", "of trials", "share", ".0%"),
    "share": Quantity("share that generalized", "generalized_share", "of trials", "share", ".0%"),
    "memorized": Quantity(
        "median epoch of memorizing", "memorized_median_epoch", "epochs", "log", ",", waits=True
    ),
    "median": Quantity(
        "median epoch of generalizing", "generalized_median_epoch", "epochs", "log", ",", waits=True
    ),
    "delay": Quantity("delay, memorizing to generalizing", "delay_epochs", "epochs", "symlog", ","),
    "ratio": Quantity("ratio of these epochs", "delay_ratio", "times", "log", ".2~r"),
    "accuracy": Quantity(
        "final test accuracy", "final_test_accuracy_median", "of rows", "linear", ".0%"
    ),
    "norm": Quantity("final weight norm", "final_weight_norm_median", "", "linear", ".2~f"),
    "sparsity": Quantity(
        "final effective sparsity",
        "final_effective_sparsity_train_median",
        "neurons",
        "linear",
        ".3~r",
    ),
}

# Cells of confusion by why their trials did not generalize; other cells are of their phase.
KINDS_OF_CONFUSION: dict[str, str] = {
    "collapsed": "at least half of its trials collapsed or diverged",
    "partial": f"the median of its test accuracies is {PARTIAL} or more",
    "neither": "none of these",
}
_ENDED = '["collapsed", "diverged"]'
# The filter of the trials of each phase, and of each kind of confusion.
SELECTS: dict[str, str] = {
    **{name: f'phase == "{name}"' for name in PHASES},
    "collapsed": f'phase == "confusion" and ended in {_ENDED}',
    "partial": f'phase == "confusion" and ended not in {_ENDED} and '
    f"final_test_accuracy >= {PARTIAL}",
    "neither": f'phase == "confusion" and ended not in {_ENDED} and '
    f"(final_test_accuracy < {PARTIAL} or final_test_accuracy is null)",
}
CELL_KINDS = (*(name for name in PHASES if name != "confusion"), *KINDS_OF_CONFUSION)


class Ramp(TypedDict):
    """The color scale of a quantity.

    Attributes:
        title, column, unit, scale, form, waits: as in `Quantity`.
        domain: the least and the largest number of any cell.
        values: of the legend; empty where the chart chooses them.
    """

    title: str
    column: str
    unit: str
    scale: str
    form: str
    waits: bool
    domain: list[float]
    values: list[float]


def final_medians(trials: pd.DataFrame, cell_of: NDArray[np.integer]) -> pd.DataFrame:
    """The median of each of FINALS over the trials of each cell, null where none has the number.

    Args:
        trials: as `load_trials` gives them; a column of FINALS that is missing gives nulls.
        cell_of: the number of each trial's cell, 0, 1, ..., [trials].
    """
    columns = {}
    for name in FINALS:
        values = trials[name].to_numpy(float, na_value=np.nan) if name in trials else np.nan
        numbers = pd.Series(values, index=range(len(trials)), dtype=float)
        columns[f"{name}_median"] = numbers.groupby(cell_of).median().to_numpy()
    return pd.DataFrame(columns)


def with_quantities(cells: pd.DataFrame) -> pd.DataFrame:
    """The cells of a grid with the columns of QUANTITIES, and `kind`, one of CELL_KINDS.

    Args:
        cells: as `Grid.cells` has them.
    """
    memorized, generalized = (
        cells[f"{event}_median_epoch"].to_numpy(float, na_value=np.nan)
        for event in ("memorized", "generalized")
    )
    broken = 2 * (cells["collapsed"] + cells["diverged"]) >= cells["trials"]
    partial = cells["final_test_accuracy_median"] >= PARTIAL
    kind = np.select([broken, partial], ["collapsed", "partial"], "neither")
    phase = cells["phase"].astype(str).to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(memorized > 0, generalized / memorized, np.nan)
    return cells.assign(
        grokked_share=cells["grokking"] / cells["trials"],
        generalized_share=cells["generalized"] / cells["trials"],
        delay_epochs=generalized - memorized,
        delay_ratio=ratio,
        kind=np.where(phase == "confusion", kind, phase),
    )


def ramps(cells: pd.DataFrame) -> dict[str, Ramp]:
    """The color scale of each quantity that the cells have a number of.

    All values of a legend lie within its domain, because Vega would stretch the legend to include a
    value beyond.

    Args:
        cells: as `with_quantities` gives them.
    """
    found: dict[str, Ramp] = {}
    for name, quantity in QUANTITIES.items():
        numbers = cells[quantity.column].to_numpy(float, na_value=np.nan)
        numbers = numbers[np.isfinite(numbers)]
        if len(numbers):
            domain, values = _domain(quantity.scale, float(numbers.min()), float(numbers.max()))
            found[name] = {
                "title": quantity.title,
                "column": quantity.column,
                "unit": quantity.unit,
                "scale": quantity.scale,
                "form": quantity.form,
                "waits": quantity.waits,
                "domain": domain,
                "values": values,
            }
    return found


def _domain(scale: str, low: float, high: float) -> tuple[list[float], list[float]]:
    """The domain of a color scale, and the values of its legend."""
    if scale == "share":
        return [0.0, 1.0], [0.0, 0.5, 1.0]
    if scale == "log":
        low = max(low, 1.0)
        high = max(high, low)
    low = 0.0 if scale == "symlog" else low
    if low == high:
        low, high = (low / 2, 2 * high) if scale == "log" else (low - 0.5, high + 0.5)
        low = max(1.0, low) if scale == "log" else low
    ticks = [0, *_TICKS] if scale == "symlog" else _TICKS
    values = [float(tick) for tick in ticks if low <= tick <= high]
    if scale == "linear":
        return [low, high], []
    return [low, high], values if len(values) > 1 else [low, high]
