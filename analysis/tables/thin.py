"""A store small enough to keep beside code: all trials, and of the readings those of memorising.

That is what laws and phases need; curves are lost, unless they are asked for. The stores in
`analysis/data` were made by it.
"""

from pathlib import Path

from analysis.formats import records
from analysis.tables.frames import load_readings, some_trials
from study.errors import StudyError
from study.store.schema import READINGS
from study.store.store import Store

KEPT = ["trial_id", "epoch", "step", "weight_norm"]


def thin_store(source: str | Path, target: str | Path, *, curves: bool = False) -> None:
    """Copy a study to a new store of one part: manifest, trials, and norms at memorising.

    Args: source, path or URL of a store; target, of a folder that holds no study yet; curves, to
    copy all readings.
    Raises: StoreError for the source; StudyError where the target is taken.
    """
    trials = some_trials(source)
    new = Store(target)
    if len(new.trials(columns=["trial_id"])):
        raise StudyError(f"{target}: a store; a thin one is new. Choose another folder.")
    readings = load_readings(source, trials)
    kept = readings
    if not curves:
        keys = trials[["trial_id", "memorized_epoch"]].dropna()
        keys = keys.rename(columns={"memorized_epoch": "epoch"})
        kept = readings[KEPT].merge(keys, on=["trial_id", "epoch"])
    rows = records(kept)
    new.write_manifest(Store.open(source).manifest())
    new.tables.write_rows(
        "thin",
        records(trials),
        {name: [row[name] for row in rows] for name in READINGS.names if name in kept},
    )
