"""Which rows of a store count: Arrow tables in, Arrow tables out.

A trial may have been trained twice, by a retry, a second writer, to a larger budget, or because its
readings were lost: its latest row of the largest budget counts, with the readings of the same part.
"""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

PART = "part"  # the last column of rows whose part is asked for
_STAMP = r"^.*-([0-9a-f]{16})(-\d+)?\.parquet$"  # when a part was written, in the names of parts


def winners(trials: pa.Table) -> pa.Table:
    """One row a trial, of rows with their part: that with the larger budget; of equals, the latest.

    The latest, because a trial is trained again to the same budget where its readings were lost.
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
    """Trial and part of each row, as one text: the readings of a row are those of its source."""
    return pc.binary_join_element_wise(table["trial_id"], table[PART], " ")


def first_of_each(table: pa.Table, keys: Sequence[str]) -> pa.Table:
    """Of rows sorted by some keys, the first of each."""
    if not table.num_rows:
        return table
    changes = None
    for key in keys:
        values = table[key].combine_chunks()
        change = pc.not_equal(values[1:], values[:-1])
        changes = change if changes is None else pc.or_(changes, change)
    return table.filter(pa.concat_arrays([pa.array([True]), changes]))
