"""What a report carries beside its state: rows of trials, curves of the first seeds of each cell.

Readings are drawn, not computed with: three digits of the largest value of a trial, as whole steps
from one reading to the next, which compress to two bytes each. A study of more than the page can
carry is represented by the first seeds of every cell.
"""

import base64
import gzip
import json
from typing import Any

import numpy as np
import pandas as pd

from analysis.phases import classify as phases
from analysis.phases.grid import Grid
from analysis.report.state import CURVES, MAX_CURVES_PER_CELL, columnar
from study.store.schema import TRIALS

MAX_ROWS = 25_000  # of the table
MAX_CURVES = 12_000  # trials whose readings are looked at
MAX_READINGS = 300_000
READING_DIGITS = 3  # a thousandth of a chart's height is half a pixel


def carried(trials: pd.DataFrame, grid: Grid) -> pd.DataFrame:
    """The trials of the report's table, by cell and seed, with phase, `cell` and `rank` in it."""
    labelled = phases.classify(trials)[[*TRIALS.names, "phase"]]
    rows = labelled.assign(cell=grid.cell_of).sort_values(["cell", "seed"], kind="stable")
    rows["rank"] = rows.groupby("cell").cumcount()
    if len(rows) > MAX_ROWS:
        rows = rows.sort_values(["rank", "cell"]).head(MAX_ROWS).sort_values(["cell", "rank"])
    return rows.reset_index(drop=True)


def drawn(rows: pd.DataFrame) -> pd.DataFrame:
    """Of the rows, those whose readings a report may carry: the first seeds of each cell."""
    limit = max(1, min(MAX_CURVES_PER_CELL, MAX_CURVES // rows["cell"].nunique()))
    return rows[rows["rank"] < limit]


def pack_archive(rows: pd.DataFrame, readings: pd.DataFrame) -> str:
    """Rows of `carried` and readings of `drawn` ones, compressed, as text for source.js."""
    number = pd.Series(range(len(rows)), index=rows["trial_id"].to_numpy())
    readings = readings.assign(row=readings["trial_id"].map(number).to_numpy())
    rank = rows["rank"].to_numpy()[readings["row"]]
    within = np.cumsum(np.bincount(rank, minlength=1)) <= MAX_READINGS
    within[0] = True  # every cell has a curve
    readings = readings[within[rank]].sort_values(["row", "epoch"], kind="stable")
    content = {
        "trials": columnar(rows.drop(columns=["cell", "rank"])),
        "cell": rows["cell"].tolist(),
        "count": np.bincount(readings["row"], minlength=len(rows)).tolist(),
        "readings": {
            "epoch": _steps(readings["epoch"], readings["row"]),
            "columns": {
                name: _packed(readings[name], readings["row"], len(rows))
                for names in CURVES.values()
                for name in names
                if readings[name].notna().any()
            },
        },
    }
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def _packed(values: pd.Series, row: pd.Series, rows: int) -> dict[str, Any]:
    """A column as whole multiples of a power of ten, one a trial: `power`, and their `step`s."""
    numbers = values.to_numpy(float, na_value=np.nan)
    numbers = np.where(np.isfinite(numbers), numbers, np.nan)
    largest = np.zeros(rows)
    np.fmax.at(largest, row.to_numpy(), np.abs(numbers))
    power = np.ceil(np.log10(np.where(largest > 0, largest, 1))) - READING_DIGITS
    if values.dtype.kind == "i":
        power = np.minimum(power, 0)
    scaled = pd.Series(numbers / 10.0 ** power[row], index=values.index).round()
    return {"power": power.astype(int).tolist(), "step": _steps(scaled, row)}


def _steps(values: pd.Series, row: pd.Series) -> list[int | None]:
    """Differences within a trial, from the number before, the first from 0; None for null."""
    known = values.dropna()
    before = known.groupby(row[known.index]).shift(fill_value=0)
    steps = (known - before).astype("Int64").reindex(values.index)
    listed: list[int | None] = steps.astype(object).where(steps.notna(), None).tolist()
    return listed
