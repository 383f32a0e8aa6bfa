"""The columns of the tables `trials` and `readings`, in order: what readers outside rely on.

Columns are added, never renamed. Times are epochs. A null event column means censored; no column
holds -1 or infinity for "never". `study.store.schema` makes Arrow schemas of these tables.
"""

from typing import Literal

from study.vocabulary.axes import AXES, AxisRule
from study.vocabulary.measures import MEASURES, Measure

ColumnKind = Literal["text", "whole", "real"]

SCHEMA_VERSION = 2

# Accuracy levels, in percent. The first crossing of each level is stored beside the events.
CROSSINGS = (90, 95, 98, 99)


def _kind(row: AxisRule | Measure) -> ColumnKind:
    return "whole" if row.integer else "real"


_IDENTITY = ("study", "setting", "trial_id", "point_id", "pack_id", "task", "net")
_COUNTS = (
    "seed",
    "test_size",
    "fewer_rows",
    "fewer_from",
    "steps_per_epoch",
    "budget_epochs",
    "epochs_run",
)

# Columns of the table `trials` with the epoch of an event, null until the event happens. A search
# of kind "boundary" looks for the points where half of the seeds have the event.
EVENT_COLUMNS = (
    "memorized_epoch",
    "generalized_epoch",
    *(f"memorized_epoch_{level}" for level in CROSSINGS),
    *(f"generalized_epoch_{level}" for level in CROSSINGS),
)


def after_column(event: str) -> str:
    """The column with the last reading before an event: the open end of its interval.

    Args:
        event: the column with the event's epoch.
    """
    return event.replace("_epoch", "_after_epoch")


TRIAL_COLUMNS: dict[str, ColumnKind] = {
    **dict.fromkeys(_IDENTITY, "text"),
    **{name: _kind(rule) for name, rule in AXES.items()},
    **dict.fromkeys(_COUNTS, "whole"),
    "ended": "text",
    "commuting_share": "real",
    "memorized_epoch": "whole",
    "memorized_after_epoch": "whole",
    "generalized_epoch": "whole",
    "generalized_after_epoch": "whole",
    **dict.fromkeys(EVENT_COLUMNS[2:], "whole"),
    **dict.fromkeys(map(after_column, EVENT_COLUMNS[2:]), "whole"),
    "ungrokked_epoch": "whole",
    "ungrokked_after_epoch": "whole",
    "final_train_accuracy": "real",
    "final_test_accuracy": "real",
    "final_train_loss": "real",
    "final_test_loss": "real",
    "final_weight_norm": "real",
    "final_effective_sparsity_train": "whole",
    "final_effective_sparsity_test": "whole",
    "device": "text",
    "kernel": "text",
    "wall_seconds": "real",
    "code_version": "text",
    "schema_version": "whole",
}

READING_COLUMNS: dict[str, ColumnKind] = {
    "trial_id": "text",
    "epoch": "whole",
    "step": "whole",
    "train_accuracy": "real",
    "test_accuracy": "real",
    "train_loss": "real",
    "test_loss": "real",
    "weight_norm": "real",
    **{column: _kind(measure) for measure in MEASURES.values() for column in measure.columns},
}

# The columns that two runs of one trial must agree on, if both are judged at the same epochs
# ([detect] and `readings.every`). Which readings are stored makes no difference. Judged at other
# epochs, the intervals of an event overlap: it lies after `after_column` and no later than itself.
RESULT_COLUMNS = tuple(
    name
    for name in TRIAL_COLUMNS
    if name not in {"pack_id", "device", "kernel", "wall_seconds", "code_version"}
)

# By version, the columns that came with it: null in rows of earlier versions.
_ADDED = {2: {"ungrokked_after_epoch", *map(after_column, EVENT_COLUMNS[2:])}}


def comparable_columns(schema_version: int) -> tuple[str, ...]:
    """The columns of `RESULT_COLUMNS` in which a row written now must equal an earlier one.

    Args:
        schema_version: of the earlier row.
    """
    later = {"schema_version"}.union(
        *(names for version, names in _ADDED.items() if version > schema_version)
    )
    return tuple(name for name in RESULT_COLUMNS if name not in later)


# What a search can look for: the columns that are numbers of the trial, not bookkeeping.
OBJECTIVES = tuple(
    name
    for name, kind in TRIAL_COLUMNS.items()
    if kind != "text" and name not in {"seed", "wall_seconds", "schema_version"}
)
