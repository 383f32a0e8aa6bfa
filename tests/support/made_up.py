"""Rows of the trials table, written out: a test gives the columns it needs, the others default."""

import pandas as pd

from analysis.tables.frames import DTYPES
from study.store.schema import TRIALS

DEFAULTS = {
    "setting": "", "n": 30, "k": 2, "width": 100, "weight_decay": 0.01, "train_size": 320,
    "learning_rate": 0.1, "batch_size": 32, "init_scale": 1.0, "steps_per_epoch": 10, "seed": 0,
    "epochs_run": 600, "ended": "budget", "final_test_accuracy": 0.5,
}  # fmt: skip


def trials(*rows):
    """Trials of one point, unless a row says otherwise. Their 600 epochs are 6 decay times."""
    frame = pd.DataFrame([DEFAULTS | row for row in rows], columns=TRIALS.names)
    return frame.astype({field.name: DTYPES.get(field.type, "float64") for field in TRIALS})


def event(memorized=None, generalized=None, **more):
    """The columns of the two events of a trial, watched for 600 epochs, and other columns."""
    after = {} if generalized is not None else {"generalized_after_epoch": 600}
    times = {"memorized_epoch": memorized, "generalized_epoch": generalized}
    return {**times, **after, **more}
