"""What the page is drawn from, as JSON: the state of a study, and what a click asks for.

Every number is computed here, in Python; the page lays out and filters. The same answers go into
the report, whole, and out of the live page's server, one by one.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.charts import diagram as charts
from analysis.charts.theme import EPOCH_TICKS
from analysis.formats import records
from analysis.phases import classify as phases
from analysis.phases.grid import TITLES, Grid, Ruler, diagram_axes, make_grid
from study.terminal.durations import duration_in_words
from study.vocabulary.measures import MEASURES

MAX_CURVES_PER_CELL = 24  # more lines are a blot
DIGITS = 6  # of a computed number on the page; axis values keep all they have

# Of the columns of a trial, those that a table shows first.
TABLE_COLUMNS = (
    "setting", "n", "k", "width", "train_size", "weight_decay", "learning_rate", "batch_size",
    "init_scale", "seed", "phase", "ended", "epochs_run", "memorized_epoch", "generalized_epoch",
    "final_train_accuracy", "final_test_accuracy",
)  # fmt: skip

CELL_COLUMNS = (
    "trials", *phases.PHASES, *phases.FLAGS, "phase", "phase_share", "generalized",
    "generalized_low", "generalized_high", "memorized_median_epoch", "generalized_median_epoch",
    "watched_epochs", "hatched",
)  # fmt: skip

# A chart of the panel each: its title, and the readings that it shows.
CURVES: dict[str, tuple[str, ...]] = {
    "accuracy": ("train_accuracy", "test_accuracy"),
    "loss": ("train_loss", "test_loss"),
    "weight norm": ("weight_norm",),
    **{name.replace("_", " "): measure.columns for name, measure in MEASURES.items()},
}


def page_state(
    trials: pd.DataFrame,
    manifest: Mapping[str, Any],
    status: Mapping[str, Any] | None = None,
    *,
    grid: Grid | None = None,
    x: str | None = None,
    y: str | None = None,
) -> dict[str, Any]:
    """All that the page shows before a click, but for the laws (`law_state`); bounded in size.

    Args: trials as `load_trials` gives them, at least one; manifest and status of the study; grid,
    of these trials, where it is known already; x and y, the axes to begin with.
    Raises: UsageError for axes that are not right.
    """
    grid = grid or make_grid(trials)
    x, y = diagram_axes(grid.rulers, x, y)
    return {
        "name": str(trials["study"].iloc[0]),
        "facts": facts(trials, manifest),
        "status": None if status is None else dict(status),
        "phases": [
            {**row, "meaning": phases.PHASES[str(row["phase"])].meaning}
            for row in records(phases.summary(trials))
        ],
        "versions": dict(manifest.get("versions", {})),
        "command": str(manifest.get("command", "")),
        "trials": len(trials),
        "axes": [_axis(ruler, grid) for ruler in grid.rulers],
        "x": x,
        "y": y,
        "start": _labels_of(interesting_cell(grid.cells), grid),
        "cells": columnar(grid.cells[[*(r.name for r in grid.rulers), *CELL_COLUMNS]]),
        "boundaries": [],
        "epochs": epoch_ramp(grid.cells),
        "aggregated": grid.aggregated,
    }


def cell_trials(trials: pd.DataFrame, grid: Grid, labels: Mapping[str, str]) -> pd.DataFrame:
    """The trials of the cell at these labels, with phase and flags, by seed; perhaps none."""
    cell = grid.find(labels)
    rows = trials.iloc[[] if cell is None else grid.members(cell)]
    return phases.classify(rows).sort_values("seed", kind="stable")


def cell_answer(members: pd.DataFrame, readings: pd.DataFrame, total: int) -> dict[str, Any]:
    """What a click on a cell asks for.

    Args: members, the trials to show (of `cell_trials` the first 24 at most); their readings as
    `load_readings` gives them; total, how many trials the cell holds.
    """
    return {
        "trials": records(rounded(members)),
        "total": total,
        "readings": columnar(curve_readings(members, readings)),
    }


def curve_readings(members: pd.DataFrame, readings: pd.DataFrame) -> pd.DataFrame:
    """Readings of some trials, in their order: `trial` (the row in members), epoch, then values.

    A column without a number is left out.
    """
    number = pd.Series(range(len(members)), index=members["trial_id"].to_numpy())
    columns = [name for names in CURVES.values() for name in names]
    known = [name for name in columns if name in readings and readings[name].notna().any()]
    frame = readings[["epoch", *known]]
    frame.insert(0, "trial", readings["trial_id"].map(number).to_numpy())
    return rounded(frame.sort_values(["trial", "epoch"], kind="stable").reset_index(drop=True))


def facts(trials: pd.DataFrame, manifest: Mapping[str, Any]) -> list[dict[str, str]]:
    """When, where and how long: a label and a text each."""
    found = {"trials": f"{len(trials):,}"}
    started = str(manifest.get("started", ""))[:16].replace("T", " ")
    if started:
        found["started"] = f"{started} UTC"
    where = trials.groupby(["device", "kernel"], observed=True, dropna=False).size()
    places = records(where.rename("trials").reset_index())
    found["trained on"] = ", ".join(
        f"{place['device']} ({place['kernel']})"
        + (f", {place['trials']:,}" if len(places) > 1 else "")
        for place in places
    )
    seconds = float(trials["wall_seconds"].sum())
    if seconds:
        found["time in training"] = duration_in_words(seconds)
    ended = trials["ended"].astype(object).value_counts()
    found["ended"] = ", ".join(f"{count:,} {reason}" for reason, count in ended.items())
    return [{"label": label, "text": text} for label, text in found.items() if text]


def epoch_ramp(cells: pd.DataFrame) -> dict[str, list[float]]:
    """The color scale of the median epochs of all cells: `domain`, and the legend's `values`.

    There are two values or more, all within the domain: a legend stretches for those beyond.
    """
    epochs = cells["generalized_median_epoch"].dropna().to_numpy(float)
    low, high = (epochs.min(), epochs.max()) if len(epochs) else (1.0, 10.0)
    if low == high:
        low, high = low / 2, 2 * high
    low = max(1.0, low)
    values = [float(tick) for tick in EPOCH_TICKS if low <= tick <= high]
    return {"domain": [low, high], "values": values if len(values) > 1 else [low, high]}


def columnar(frame: pd.DataFrame) -> dict[str, list[Any]]:
    """Columns as JSON takes them: None where there is no finite number; reals to 6 digits."""
    return {str(name): _listed(frame[name]) for name in frame}


def rounded(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with its computed reals to 6 significant digits; axes keep all of theirs."""
    computed = [n for n in frame if n not in TITLES and frame[n].dtype.kind == "f"]
    return frame.assign(**{str(name): _digits(frame[name]) for name in computed})


def _digits(values: pd.Series) -> pd.Series:
    numbers = values.to_numpy(float, na_value=np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.floor(np.log10(np.abs(numbers)))
        scale = 10.0 ** np.clip(DIGITS - 1 - np.where(np.isfinite(size), size, 0), -300, 300)
        short = np.round(numbers * scale) / scale
    return pd.Series(np.where(np.isfinite(short), short, numbers), index=values.index)


def _listed(values: pd.Series) -> list[Any]:
    if values.dtype.kind == "f":
        values = values if values.name in TITLES else _digits(values)
        values = values.where(np.isfinite(values))
    listed: list[Any] = values.astype(object).where(values.notna(), None).tolist()
    return listed


def _axis(ruler: Ruler, grid: Grid) -> dict[str, Any]:
    counts = np.bincount(
        grid.cells[ruler.name], grid.cells["trials"], minlength=len(ruler.labels)
    ).astype(int)
    return {
        "name": ruler.name,
        "title": TITLES[ruler.name],
        "scale": ruler.scale,
        "labels": list(ruler.labels),
        "centres": list(ruler.centres) or None,
        "edges": list(ruler.edges) or None,
        "cuts": list(ruler.cuts),
        "trials": counts.tolist(),
        "channel": charts.channel(ruler),
    }


def _labels_of(cell: int, grid: Grid) -> dict[str, str]:
    row = grid.cells.iloc[cell]
    return {ruler.name: ruler.labels[row[ruler.name]] for ruler in grid.rulers}


def interesting_cell(cells: pd.DataFrame) -> int:
    """A cell to begin with: the one that grokked most surely and latest, or the fullest."""
    grokked = cells[cells["phase"] == "grokking"]
    order = ["phase_share", "generalized_median_epoch", "trials"]
    best = (cells if grokked.empty else grokked).sort_values(order, ascending=False, kind="stable")
    return int(best.index[0])
