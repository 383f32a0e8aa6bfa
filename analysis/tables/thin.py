"""A thin store, small enough to keep beside code: all trials, and a few of their readings.

The stores in `analysis/data` were made by `thin_store`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from analysis.formats import records
from analysis.tables.frames import load_readings, some_trials
from study.errors import StudyError
from study.store.schema import READINGS
from study.store.store import Store
from study.vocabulary.axes import AXES

Kept = Literal["all", "norms", "none"]
_MEMORIZING_COLUMNS = ["trial_id", "epoch", "step", "weight_norm"]
# Columns of trials that neither phases and laws nor the analyses of docs/questions.md read: when
# and where a trial ran, losses, and crossings, which are there for other accuracies.
_LEAST_UNUSED = r"pack_id|wall_seconds|code_version|.*_loss|.*_epoch_\d\d"


def thin_store(
    source: str | Path,
    target: str | Path,
    *,
    readings: Kept | Sequence[float] = "norms",
    least: bool = False,
) -> None:
    """Copy a study to a new store of one part: manifest, trials and some readings.

    Args:
        source: path or URL of a store.
        target: path or URL of a folder that holds no study yet.
        readings: which to copy: "all"; "norms", those at memorizing, which laws use; "none"; or
            multiples of the epoch of memorizing: the last readings by each, with all columns.
        least: whether to leave the columns of `_LEAST_UNUSED` empty, and to round numbers to
            float32.

    Raises: StoreError for the source; StudyError where the target holds trials.
    """
    trials = some_trials(source)
    new = Store(target)
    if len(new.trials(columns=["trial_id"])):
        raise StudyError(f"{target}: a store; a thin one is new. Choose another folder.")
    copied = load_readings(source, trials if readings != "none" else trials.head(0))
    if readings == "norms":
        copied = _at_memorizing(trials, copied)
    elif not isinstance(readings, str):
        copied = _at_landmarks(trials, copied, readings)
    if least:
        unused = trials.columns[trials.columns.str.fullmatch(_LEAST_UNUSED)]
        trials, copied = _rounded(trials.drop(columns=unused)), _rounded(copied)
    rows = records(copied)
    new.write_manifest(Store.open(source).manifest())
    new.tables.write_rows(
        "thin",
        records(trials),
        {name: [row[name] for row in rows] for name in READINGS.names if name in copied},
    )


def _at_memorizing(trials: pd.DataFrame, readings: pd.DataFrame) -> pd.DataFrame:
    """The norms of the readings at the epochs of memorizing."""
    keys = trials[["trial_id", "memorized_epoch"]].dropna()
    keys = keys.rename(columns={"memorized_epoch": "epoch"})
    return readings[_MEMORIZING_COLUMNS].merge(keys, on=["trial_id", "epoch"])


def _at_landmarks(
    trials: pd.DataFrame, readings: pd.DataFrame, landmarks: Sequence[float]
) -> pd.DataFrame:
    """The last reading of each trial by each landmark, in the readings' order."""
    readings = readings.reset_index(drop=True)
    memorized = trials.set_index("trial_id")["memorized_epoch"].dropna().astype(float)
    limits = readings["trial_id"].map(memorized).to_numpy(float, na_value=np.nan)
    kept: set[int] = set()
    for landmark in landmarks:
        by_then = readings[readings["epoch"].to_numpy(float) <= landmark * limits]
        kept.update(by_then.groupby("trial_id")["epoch"].idxmax())
    return readings.loc[sorted(kept)]


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    """The table with its columns of numbers as float32 has them."""
    columns = table.select_dtypes("float64").columns.difference(list(AXES))
    return table.assign(**{name: table[name].astype("float32").astype(float) for name in columns})
