"""Small stores of real studies: some trials of the tables in analysis/data, with their readings."""

import json
from pathlib import Path

from analysis.tables.frames import load_readings, load_trials
from study.store.schema import READINGS, TRIALS
from study.store.store import Store

DATA = Path(__file__).parents[2] / "analysis" / "data"


def thinned(path: Path, name: str, where: str | None = None) -> Path:
    """Write the trials of a bundled study that pass a filter as a store at a path."""
    trials = load_trials(DATA / name, where)
    readings = load_readings(DATA / name, trials)
    store = Store(path)
    store.write_manifest(json.loads((DATA / name / "study.json").read_text()))
    rows = trials[[column for column in TRIALS.names if column in trials]].astype(object)
    columns = readings[[column for column in READINGS.names if column in readings]].astype(object)
    store.tables.write_rows(
        "thinned",
        rows.where(rows.notna(), None).to_dict("records"),
        {
            column: columns[column].where(columns[column].notna(), None).tolist()
            for column in columns
        },
    )
    return path
