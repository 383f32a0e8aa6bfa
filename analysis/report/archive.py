"""What a report has beside its state: trials, curves of a cell's first seeds, other patiences.

Readings here are for plotting only. A reading is quantized to 3 digits of the largest value of its
trial and stored as the integer difference from the reading before: about 2 bytes each after gzip.
Where a study has more trials than a page can carry, the first seeds of every cell stand for it.
"""

import json
from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import pandas as pd

from analysis.phases import classify as phases
from analysis.phases.grid import Grid
from analysis.phases.patience import PATIENCES
from analysis.phases.stages import Stripes
from analysis.report.page_records import PatienceState
from analysis.report.state import CURVES, MAX_CURVES_PER_CELL, columnar, patience_state
from analysis.report.template import packed_text
from analysis.tables.computed import delays
from study.store.schema import TRIALS
from study.vocabulary.columns import EVENT_COLUMNS, after_column

MAX_ROWS = 25_000  # rows of the table
MAX_CURVES = 12_000  # trials whose readings are loaded
MAX_READINGS = 300_000
# The readings before first crossings are left out: nothing on the page needs them.
_CARRIED = [name for name in TRIALS.names if name not in map(after_column, EVENT_COLUMNS[2:])]
READING_DIGITS = 3  # a thousandth of a chart's height is half a pixel


class PackedColumn(TypedDict):
    """A reading of all trials as whole multiples of a power of ten.

    Attributes:
        power: the exponent of each trial.
        step: a number for each reading: the quantized reading less the reading before it of the
            same trial. The first reading of a trial is taken as it is. None stands for null.
    """

    power: list[int]
    step: list[int | None]


def carried(trials: pd.DataFrame, grid: Grid) -> pd.DataFrame:
    """The trials of the report's table, by cell and seed.

    Columns: those of the table `trials`, without the readings before first crossings; `phase`,
    `delay` and `cell`; and `rank`, the trial's number within its cell. Where there are too many
    trials, the lowest ranks of all cells stay.

    Args:
        trials: as `load_trials` gives them.
        grid: of these trials.
    """
    # Only the rows that stay are copied with all of their columns.
    order = pd.DataFrame({"cell": grid.cell_of, "seed": trials["seed"].to_numpy()})
    order = order.sort_values(["cell", "seed"], kind="stable")
    order["rank"] = order.groupby("cell").cumcount()
    if len(order) > MAX_ROWS:
        order = order.sort_values(["rank", "cell"]).head(MAX_ROWS).sort_values(["cell", "rank"])
    labeled = phases.classify(trials.iloc[order.index])[[*_CARRIED, "phase"]]
    labeled["delay"] = delays(labeled)
    return labeled.assign(cell=order["cell"].to_numpy(), rank=order["rank"].to_numpy()).reset_index(
        drop=True
    )


def drawn(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of `carried` whose readings a report may carry: the first seeds of each cell."""
    limit = max(1, min(MAX_CURVES_PER_CELL, MAX_CURVES // rows["cell"].nunique()))
    return rows[rows["rank"] < limit]


class PatienceArchive(TypedDict):
    """A patience in a report: its state, and the phase of each row of `carried`."""

    state: PatienceState
    phase: list[str]


def patience_archive(trials: pd.DataFrame, grid: Grid, rows: pd.DataFrame) -> list[PatienceArchive]:
    """The study at each patience, the least first.

    Args:
        trials: as `load_trials` gives them.
        grid: of these trials.
        rows: of `carried`.
    """
    read = trials[list(phases.PHASE_COLUMNS)]  # trials that are cut are copied with their columns
    return [
        {
            "state": patience_state(read, grid, patience),
            "phase": phases.classify(rows, patience=patience)["phase"].tolist(),
        }
        for patience in PATIENCES
    ]


def pack_archive(
    rows: pd.DataFrame,
    readings: pd.DataFrame,
    stripes: Stripes,
    patience: Sequence[PatienceArchive] = (),
) -> str:
    """Trials, readings, stripes and patiences as compressed text, which packed.js unpacks.

    Args:
        rows: of `carried`.
        readings: of the trials of `drawn`, as `load_readings` gives them. Where there are too many,
            the trials of higher ranks go without; each cell has the readings of one trial.
        stripes: as `stripes_of` gives them.
        patience: as `patience_archive` gives it.
    """
    row_of = pd.Series(range(len(rows)), index=rows["trial_id"].to_numpy())
    readings = readings.assign(row=readings["trial_id"].map(row_of).to_numpy())
    rank = rows["rank"].to_numpy()[readings["row"]]
    fits = np.cumsum(np.bincount(rank, minlength=1)) <= MAX_READINGS
    fits[0] = True
    readings = readings[fits[rank]].sort_values(["row", "epoch"], kind="stable")
    content = {
        "trials": columnar(rows.drop(columns=["cell", "rank"])),
        "cell": rows["cell"].tolist(),
        "count": np.bincount(readings["row"], minlength=len(rows)).tolist(),
        "stripes": stripes,
        "patience": list(patience),
        "readings": {
            "epoch": _differences(readings["epoch"], readings["row"]),
            "columns": {
                name: _packed(readings[name], readings["row"], len(rows))
                for names in CURVES.values()
                for name in names
                if readings[name].notna().any()
            },
        },
    }
    return packed_text(json.dumps(content, separators=(",", ":"), allow_nan=False))


def _packed(values: pd.Series, row: pd.Series, rows: int) -> PackedColumn:
    """A column of readings, quantized.

    Args:
        values: of all readings.
        row: of each reading, the number of its trial.
        rows: how many trials there are.
    """
    numbers = values.to_numpy(float, na_value=np.nan)
    numbers = np.where(np.isfinite(numbers), numbers, np.nan)
    largest = np.zeros(rows)
    np.fmax.at(largest, row.to_numpy(), np.abs(numbers))
    power = np.ceil(np.log10(np.where(largest > 0, largest, 1))) - READING_DIGITS
    if values.dtype.kind == "i":
        power = np.minimum(power, 0)  # counts are not rounded
    scaled = pd.Series(numbers / 10.0 ** power[row], index=values.index).round()
    return {"power": power.astype(int).tolist(), "step": _differences(scaled, row)}


def _differences(values: pd.Series, row: pd.Series) -> list[int | None]:
    """Each number less the number before it of the same trial; None for null.

    The first number of a trial is taken as it is.
    """
    numbers = values.dropna()
    before = numbers.groupby(row[numbers.index]).shift(fill_value=0)
    differences = (numbers - before).astype("Int64").reindex(values.index)
    as_objects = differences.astype(object)
    listed: list[int | None] = as_objects.where(differences.notna(), None).tolist()
    return listed
