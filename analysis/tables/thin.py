"""A thin store, small enough to keep beside code: all trials, and the readings at memorizing.

Laws and phases need no more. Curves are left out unless `curves` is true. The stores in
`analysis/data` were made by `thin_store`.
"""

from pathlib import Path

from analysis.formats import records
from analysis.tables.frames import load_readings, some_trials
from study.errors import StudyError
from study.store.schema import READINGS
from study.store.store import Store

THIN_COLUMNS = ["trial_id", "epoch", "step", "weight_norm"]


def thin_store(source: str | Path, target: str | Path, *, curves: bool = False) -> None:
    """Copy a study to a new store of one part: manifest, trials, and norms at memorizing.

    Args:
        source: path or URL of a store.
        target: path or URL of a folder that holds no study yet.
        curves: whether to copy all readings.

    Raises: StoreError for the source; StudyError where the target holds trials.
    """
    trials = some_trials(source)
    new = Store(target)
    if len(new.trials(columns=["trial_id"])):
        raise StudyError(f"{target}: a store; a thin one is new. Choose another folder.")
    readings = load_readings(source, trials)
    if not curves:
        keys = trials[["trial_id", "memorized_epoch"]].dropna()
        keys = keys.rename(columns={"memorized_epoch": "epoch"})
        readings = readings[THIN_COLUMNS].merge(keys, on=["trial_id", "epoch"])
    rows = records(readings)
    new.write_manifest(Store.open(source).manifest())
    new.tables.write_rows(
        "thin",
        records(trials),
        {name: [row[name] for row in rows] for name in READINGS.names if name in readings},
    )
