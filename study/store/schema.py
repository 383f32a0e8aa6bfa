"""The columns of the two tables, in order: the contract that readers outside rely on.

Columns are added, never renamed. A null event column means censored, never -1 or infinity; times
are epochs. `RESULT_COLUMNS` are those that two runs of one trial must agree on.
"""

import pyarrow as pa

from study.vocabulary.axes import AXES
from study.vocabulary.measures import MEASURES

SCHEMA_VERSION = 1

# Accuracy levels, in percent, whose first crossings are kept beside the events proper.
CROSSINGS = (90, 95, 98, 99)

_TEXT, _WHOLE, _REAL = pa.string(), pa.int64(), pa.float64()

TRIALS = pa.schema(
    [
        *(
            (name, _TEXT)
            for name in ("study", "setting", "trial_id", "point_id", "pack_id", "task", "net")
        ),
        *((name, _WHOLE if rule.integer else _REAL) for name, rule in AXES.items()),
        *(
            (name, _WHOLE)
            for name in ("seed", "test_size", "steps_per_epoch", "budget_epochs", "epochs_run")
        ),
        ("ended", _TEXT),
        ("commuting_share", _REAL),
        ("memorized_epoch", _WHOLE),
        ("memorized_after_epoch", _WHOLE),
        ("generalized_epoch", _WHOLE),
        ("generalized_after_epoch", _WHOLE),
        *((f"memorized_epoch_{level}", _WHOLE) for level in CROSSINGS),
        *((f"generalized_epoch_{level}", _WHOLE) for level in CROSSINGS),
        ("ungrokked_epoch", _WHOLE),
        ("final_train_accuracy", _REAL),
        ("final_test_accuracy", _REAL),
        ("final_train_loss", _REAL),
        ("final_test_loss", _REAL),
        ("final_weight_norm", _REAL),
        ("final_effective_sparsity_train", _WHOLE),
        ("final_effective_sparsity_test", _WHOLE),
        ("device", _TEXT),
        ("kernel", _TEXT),
        ("wall_seconds", _REAL),
        ("code_version", _TEXT),
        ("schema_version", _WHOLE),
    ]
)

# What a search can look for: the columns that are numbers of the trial, not of its bookkeeping.
OBJECTIVES = tuple(
    field.name
    for field in TRIALS
    if field.type != _TEXT and field.name not in {"seed", "wall_seconds", "schema_version"}
)

READINGS = pa.schema(
    [
        ("trial_id", _TEXT),
        ("epoch", _WHOLE),
        ("step", _WHOLE),
        ("train_accuracy", _REAL),
        ("test_accuracy", _REAL),
        ("train_loss", _REAL),
        ("test_loss", _REAL),
        ("weight_norm", _REAL),
        *(
            (column, _WHOLE if measure.whole else _REAL)
            for measure in MEASURES.values()
            for column in measure.columns
        ),
    ]
)

RESULT_COLUMNS = tuple(
    name
    for name in TRIALS.names
    if name not in {"pack_id", "device", "kernel", "wall_seconds", "code_version"}
)
