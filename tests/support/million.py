"""A store of as many trials as wanted, written column by column: for tests of size, not of science.

The ids are those of the study, so that its status is right; times and curves are made up.
"""

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from simulated import MANIFEST

from study.spec.file import resolve
from study.store.schema import READINGS, TRIALS
from study.store.store import Store
from study.trials.expand import each
from study.vocabulary.axes import AXES

MILLION: dict[str, Any] = {
    "name": "million",
    "seeds": 5,
    "axes": {
        "n": 40,
        "k": [2, 3, 4, 5],
        "width": [100, 200, 500, 1000],
        "train_size": {"log": [200, 4000], "points": 16},
        "weight_decay": {"log": [1e-4, 1e-1], "points": 40},
        "learning_rate": {"log": [1e-2, 1], "points": 20},
    },
    "budget": {"steps": 20_000},
}
PACK = 256
EPOCHS = np.unique(np.geomspace(1, 2_000, 20).round()).astype(np.int64)


def write_million(path: Path, study: dict[str, Any] = MILLION) -> int:
    """Write the study's store in packs of 256; how many trials there are."""
    spec = resolve(study)
    store = Store(path)
    store.write_manifest({"spec": spec.model_dump(mode="json"), **MANIFEST})
    for table in ("trials", "readings"):
        (path / table).mkdir()
    trials, rng = each(spec), np.random.default_rng(6)
    count = number = 0
    while members := list(islice(trials, PACK)):
        number, count = number + 1, count + len(members)
        pack_id = f"{number:020x}"
        part = f"part-{pack_id}-{number:x}.parquet"
        ids = [trial.trial_id for trial in members]
        for table, rows in (
            ("trials", _rows(members, ids, pack_id, rng)),
            ("readings", _readings(ids, rng)),
        ):
            pq.write_table(rows, path / table / part, compression="zstd")
    return count


def _rows(members, ids, pack_id, rng) -> pa.Table:
    size = len(members)
    memorized = rng.integers(5, 50, size)
    generalized = memorized + rng.integers(1, 3_000, size)
    watched = np.full(size, 2_000)
    never = generalized > watched
    columns = {name: [getattr(trial.point, name) for trial in members] for name in AXES}
    columns |= {
        "study": ["million"] * size,
        "setting": [""] * size,
        "trial_id": ids,
        "point_id": [trial.point_id for trial in members],
        "pack_id": [pack_id] * size,
        "task": ["parity"] * size,
        "seed": [trial.seed for trial in members],
        "test_size": [2048] * size,
        "steps_per_epoch": [trial.steps_per_epoch for trial in members],
        "budget_epochs": [trial.budget_epochs for trial in members],
        "epochs_run": watched,
        "ended": np.where(never, "budget", "decided"),
        "memorized_epoch": memorized,
        "memorized_after_epoch": memorized - 1,
        "generalized_epoch": pa.array(generalized, mask=never),
        "generalized_after_epoch": np.minimum(generalized - 1, watched),
        "final_test_accuracy": np.where(never, 0.5, 1.0),
        "wall_seconds": rng.random(size),
        "device": ["cpu"] * size,
        "kernel": ["none"] * size,
        "code_version": ["0.1.0"] * size,
        "schema_version": [1] * size,
    }
    return _table(columns, size, TRIALS)


def _readings(ids, rng) -> pa.Table:
    size = len(ids) * len(EPOCHS)
    columns = {
        "trial_id": np.repeat(ids, len(EPOCHS)),
        "epoch": np.tile(EPOCHS, len(ids)),
        **{name: rng.random(size) for name in ("train_accuracy", "test_accuracy", "weight_norm")},
    }
    return _table(columns, size, READINGS)


def _table(columns: dict[str, Any], size: int, schema: pa.Schema) -> pa.Table:
    arrays = [
        pa.array(columns[field.name], field.type)
        if field.name in columns
        else pa.nulls(size, field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)
