"""Which rows of a store count: Arrow tables in, Arrow tables out.

A trial may have been trained twice: by a retry, by a second writer, to a larger budget, or because
its readings were lost. Its latest row of the largest budget counts, with the readings of the same
part.
"""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

PART = "part"  # the column with the name of the part that a row is from; it is never stored
CHOOSING = ("trial_id", "budget_epochs")  # the columns that `winners` needs beside `PART`
_STAMP = r"^.*-([0-9a-f]{16})(-\d+)?\.parquet$"  # when a part was written, in the names of parts


def winners(trials: pa.Table) -> pa.Table:
    """One row for each trial: the row with the largest budget, and of equal budgets the latest.

    A trial is trained again to the same budget where its readings were lost: the latest row has
    readings.

    Args:
        trials: rows with the columns `trial_id`, `budget_epochs` and `part`.
    """
    stamps = pc.replace_substring_regex(trials[PART], _STAMP, r"\1")
    order = [
        ("trial_id", "ascending"),
        ("budget_epochs", "descending"),
        ("written", "descending"),
        (PART, "ascending"),
    ]
    stamped = trials.append_column("written", stamps).sort_by(order)
    return first_of_each(stamped, ["trial_id"]).drop_columns(["written"])


def sources(table: pa.Table) -> pa.Array:
    """Trial and part of each row, as one text; a row and its readings have the same source."""
    return pc.binary_join_element_wise(table["trial_id"], table[PART], " ")


def first_of_each(table: pa.Table, keys: Sequence[str]) -> pa.Table:
    """The first row of each group of rows with equal keys.

    Args:
        table: sorted by the keys.
        keys: names of columns.
    """
    if not table.num_rows:
        return table
    changes = None
    for key in keys:
        values = table[key].combine_chunks()
        change = pc.not_equal(values[1:], values[:-1])
        changes = change if changes is None else pc.or_(changes, change)
    return table.filter(pa.concat_arrays([pa.array([True]), changes]))
