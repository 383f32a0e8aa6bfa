"""What a page is drawn from, as JSON: the state of a study, and what a click asks for.

Every number is computed here, in Python; the page lays out and filters. A report holds the state
whole; the server of the live page answers with the same records one by one. analysis/web/types.d.ts
describes them to the page's scripts.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from analysis.charts.layout import channel, spans
from analysis.formats import JsonCell, records
from analysis.phases import classify as phases
from analysis.phases.axis_scales import TITLES, Ruler
from analysis.phases.cells import summary
from analysis.phases.first_view import first_cell, first_facets
from analysis.phases.grid import Grid, at_patience, diagram_axes, make_grid, with_pending
from analysis.phases.patience import PATIENCES
from analysis.phases.quantities import QUANTITIES, ramps, with_quantities
from analysis.report.opening import opening, tables_of
from analysis.report.page_records import (
    AxisState,
    CellAnswer,
    CellPatience,
    Columns,
    Fact,
    Level,
    PageState,
    PatienceState,
)
from study.terminal.durations import duration_in_words
from study.vocabulary.measures import MEASURES
from study.vocabulary.outcomes import Ended

MAX_CURVES_PER_CELL = 24  # more lines could not be told apart
DIGITS = 6  # significant digits of a computed number on the page; values of axes keep all

# The columns of a trial that a table shows first.
TABLE_COLUMNS = (
    "setting", "n", "k", "width", "train_size", "weight_decay", "learning_rate", "batch_size",
    "init_scale", "seed", "phase", "ended", "epochs_run", "memorized_epoch", "generalized_epoch",
    "final_train_accuracy", "final_test_accuracy",
)  # fmt: skip

CELL_COLUMNS = (
    "trials", *phases.PHASES, *phases.FLAGS, "phase", "phase_share", "generalized",
    "generalized_low", "generalized_high", "watched_epochs", "watched_decay_times", "hatched",
    "kind", *(quantity.column for quantity in QUANTITIES.values()),
)  # fmt: skip

# What addresses and routes call each patience; None is as watched.
PATIENCE_NAMES: dict[int | None, str] = {**{p: str(p) for p in PATIENCES}, None: ""}

# The charts of the panel: the title of each, and the readings that it shows. Every trial has the
# readings of the first three.
ALWAYS_READ: dict[str, tuple[str, ...]] = {
    "accuracy": ("train_accuracy", "test_accuracy"),
    "loss": ("train_loss", "test_loss"),
    "weight norm": ("weight_norm",),
}
CURVES: dict[str, tuple[str, ...]] = {
    **ALWAYS_READ,
    **{name.replace("_", " "): measure.columns for name, measure in MEASURES.items()},
}


def page_state(
    trials: pd.DataFrame,
    manifest: Mapping[str, object],
    status: Mapping[str, object] | None = None,
    *,
    grid: Grid | None = None,
    x: str | None = None,
    y: str | None = None,
    pending: pd.DataFrame | None = None,
) -> PageState:
    """The state of a study; its size is bounded, whatever the number of trials.

    Args:
        trials: as `load_trials` gives them, at least one where nothing is pending.
        manifest: of the store, as JSON.
        status: the answer of `study_status`, for a study that is followed.
        grid: of these trials, where it has been made before.
        x: the axis across to begin with; weight decay where it varies.
        y: the axis up to begin with; dataset size where it varies.
        pending: the cells with trials to come, as `pending_cells` gives them; None where the plan
            is not known. What there is so far is then said to be so far.

    Raises: UsageError for a name that is no axis, or one that does not vary.
    """
    grid = grid or make_grid(trials)
    x, y = diagram_axes(grid.rulers, x, y)
    versions = manifest.get("versions")
    shown = patience_state(trials, grid)
    outlined = grid if pending is None else with_pending(grid, pending)
    so_far = pending is not None and len(pending) > 0
    return {
        "name": str(trials["study"].iloc[0]) if len(trials) else study_name(manifest),
        "opening": opening(trials, grid, shown["phases"], manifest, pending=pending),
        "facts": facts(trials, manifest),
        "status": None if status is None else dict(status),
        "versions": dict(versions) if isinstance(versions, Mapping) else {},
        "command": str(manifest.get("command", "")),
        "trials": len(trials),
        "axes": [_axis(ruler, grid) for ruler in grid.rulers],
        "x": x,
        "y": y,
        "facets": first_facets(outlined, x, y),
        "start": _labels_of(first_cell(outlined, x, y), outlined),
        "ramps": ramps(with_quantities(grid.cells)),
        "levels": accuracy_levels(trials, manifest),
        "aggregated": grid.aggregated,
        "so_far": so_far,
        **shown,
    }


def study_name(manifest: Mapping[str, object]) -> str:
    """The name of a study by its study.json; "" where that does not say."""
    spec = manifest.get("spec")
    return str(spec.get("name", "")) if isinstance(spec, Mapping) else ""


def patience_state(trials: pd.DataFrame, grid: Grid, patience: int | None = None) -> PatienceState:
    """The part of the state that depends on the patience.

    Args:
        trials: as `load_trials` gives them, at least one.
        grid: of these trials.
        patience: in decay times: as if no trial had been watched for longer. None: as watched.
    """
    least = phases.LEAST_DECAY_TIMES if patience is None else patience
    shown = grid if patience is None else at_patience(grid, trials, patience)
    rules = phases.phase_rules()
    short = int(shown.cells["short_watched"].sum())
    return {
        "patience": PATIENCE_NAMES[patience],
        "patience_said": ""
        if patience is None
        else f"As if training had stopped after {patience} decay times; {short:,} of "
        f"{len(trials):,} trials did not generalize and were watched for less.",
        "hatching_said": "Hatched: at least half of the trials did not generalize and were watched "
        f"for less than {least} decay times of 1 / (learning rate x weight decay) steps.",
        "phases": [
            {**row, "meaning": rules[str(row["phase"])]}
            for row in records(summary(trials, patience=patience))
        ],
        "cells": columnar(
            with_quantities(shown.cells)[[*(r.name for r in grid.rulers), *CELL_COLUMNS]]
        ),
        "boundaries": [],
    }


def cell_trials(trials: pd.DataFrame, grid: Grid, labels: Mapping[str, str]) -> pd.DataFrame:
    """The trials of a cell by seed, with phase and flags; no rows where there is no such cell.

    Args:
        trials: all trials of the study.
        grid: of these trials.
        labels: of the cell, one for each axis.

    Raises: UsageError for labels of other axes than the grid's.
    """
    cell = grid.find(labels)
    rows = trials.iloc[[] if cell is None else grid.members(cell)]
    return phases.classify(rows).sort_values("seed", kind="stable")


def cell_answer(members: pd.DataFrame, readings: pd.DataFrame, every: pd.DataFrame) -> CellAnswer:
    """What a click on a cell asks for.

    Args:
        members: the trials to show: the first 24 of `cell_trials` at most.
        readings: of these trials, as `load_readings` gives them.
        every: all trials of the cell in the same order, with the columns that phases are made of.
    """
    return {
        "trials": records(rounded(members)),
        "total": len(every),
        "readings": columnar(curve_readings(members, readings)),
        "patience": cell_patience(every, len(members)),
    }


def cell_patience(every: pd.DataFrame, shown: int) -> list[CellPatience]:
    """A cell at each patience, the least first and as watched last.

    There is none for a cell without trials, or without weight decay: it has no decay time.

    Args:
        every: all trials of the cell.
        shown: how many of them are shown, the first ones.
    """
    if not (every["weight_decay"] > 0).any():
        return []
    found: list[CellPatience] = []
    for patience, name in PATIENCE_NAMES.items():
        labeled = phases.classify(every, patience=patience)
        found.append(
            {
                "patience": name,
                # As in `cells`: of the most frequent ones, the first of PHASES.
                "phase": str(labeled["phase"].value_counts(sort=False).idxmax()),
                "hatched": bool(2 * labeled["short_watched"].sum() >= len(labeled)),
                "trials": labeled["phase"].head(shown).tolist(),
            }
        )
    return found


def curve_readings(members: pd.DataFrame, readings: pd.DataFrame) -> pd.DataFrame:
    """Readings as a panel draws them: `trial` (the row in members), `epoch`, then the values.

    A column without a number is left out.

    Args:
        members: trials, with `trial_id`.
        readings: of these trials, as `load_readings` gives them.
    """
    row_of = pd.Series(range(len(members)), index=members["trial_id"].to_numpy())
    columns = [name for names in CURVES.values() for name in names]
    measured = [name for name in columns if name in readings and readings[name].notna().any()]
    frame = readings[["epoch", *measured]]
    frame.insert(0, "trial", readings["trial_id"].map(row_of).to_numpy())
    return rounded(frame.sort_values(["trial", "epoch"], kind="stable").reset_index(drop=True))


def accuracy_levels(trials: pd.DataFrame, manifest: Mapping[str, object]) -> list[Level]:
    """The accuracy of guessing, and the threshold of generalizing, where a study has one of each.

    Args:
        trials: as `load_trials` gives them.
        manifest: of the store, as JSON.
    """
    tasks = set(trials["task"].astype(str))
    moduli = trials["modulus"].dropna().unique().tolist() if "modulus" in trials else []
    found: list[Level] = []
    if tasks == {"parity"}:
        found.append({"value": 0.5, "text": "chance", "left": False})
    elif len(moduli) == 1 and trials["modulus"].notna().all():
        found.append({"value": 1 / float(moduli[0]), "text": "chance", "left": False})
    thresholds = {table["generalized"] for table in tables_of(manifest, "detect")}
    if len(thresholds) == 1:
        found.append({"value": float(str(thresholds.pop())), "text": "threshold", "left": True})
    return found


def facts(trials: pd.DataFrame, manifest: Mapping[str, object]) -> list[Fact]:
    """The foot of a page: how many trials ran, when, where, for how long, and why they ended.

    Args:
        trials: as `load_trials` gives them, at least one.
        manifest: of the store, as JSON.
    """
    started = str(manifest.get("started", ""))[:16].replace("T", " ")
    machines = records(
        trials.groupby(["device", "kernel"], observed=True, dropna=False)
        .size()
        .rename("trials")
        .reset_index()
    )
    trained_on = ", ".join(
        f"{machine['device']} ({machine['kernel']})"
        + (f", {machine['trials']:,}" if len(machines) > 1 else "")
        for machine in machines
    )
    seconds = float(trials["wall_seconds"].sum())
    endings = trials["ended"].astype(object).value_counts()
    listed: list[Fact] = [
        {"label": "trials", "text": f"{len(trials):,}"},
        {"label": "started", "text": f"{started} UTC" if started else ""},
        {"label": "trained on", "text": trained_on},
        {"label": "time in training", "text": duration_in_words(seconds) if seconds else ""},
        {
            "label": "ended",
            "text": ", ".join(f"{count:,} {reason}" for reason, count in endings.items()),
            "title": "\n".join(f"{end}: {end.sentence}" for end in Ended if end in endings),
        },
    ]
    return [fact for fact in listed if fact["text"]]


def columnar(frame: pd.DataFrame) -> Columns:
    """Columns as JSON takes them: computed numbers to 6 digits, None where there is no number."""
    return {str(name): _listed(frame[name]) for name in frame}


def rounded(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with its computed numbers to 6 significant digits; values of axes keep all."""
    computed = [n for n in frame if n not in TITLES and frame[n].dtype.kind == "f"]
    return frame.assign(**{str(name): _digits(frame[name]) for name in computed})


def _digits(values: pd.Series) -> pd.Series:
    numbers = values.to_numpy(float, na_value=np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.floor(np.log10(np.abs(numbers)))
        scale = 10.0 ** np.clip(DIGITS - 1 - np.where(np.isfinite(size), size, 0), -300, 300)
        short = np.round(numbers * scale) / scale
    return pd.Series(np.where(np.isfinite(short), short, numbers), index=values.index)


def _listed(values: pd.Series) -> list[JsonCell]:
    if values.dtype.kind == "f":
        values = values if values.name in TITLES else _digits(values)
        values = values.where(np.isfinite(values))
    listed: list[JsonCell]
    listed = values.astype(object).where(values.notna(), None).tolist()
    return listed


def _axis(ruler: Ruler, grid: Grid) -> AxisState:
    positions = grid.cells[ruler.name].to_numpy(np.intp)
    counts = np.bincount(positions, grid.cells["trials"], minlength=len(ruler.labels)).astype(int)
    return {
        "name": ruler.name,
        "title": TITLES[ruler.name],
        "scale": ruler.scale,
        "labels": list(ruler.labels),
        "spans": spans(ruler),
        "cuts": list(ruler.cuts),
        "trials": counts.tolist(),
        "channel": channel(ruler),
    }


def _labels_of(cell: int, grid: Grid) -> dict[str, str]:
    row = grid.cells.iloc[cell]
    return {ruler.name: ruler.labels[row[ruler.name]] for ruler in grid.rulers}
