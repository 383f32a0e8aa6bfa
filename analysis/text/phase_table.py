"""The table of phases for people: trials, share, and the median epochs with their ratio."""

from collections.abc import Mapping, Sequence

import pandas as pd

_LATER = 2  # the least ratio of the medians that is said in words


def phase_table_lines(table: pd.DataFrame, watched: Mapping[str, int]) -> list[str]:
    """The lines of a table, the first with the names of its columns.

    Args:
        table: a row for each phase, as `phases.cells.summary` gives them.
        watched: the most epochs that a trial of each phase was watched.
    """
    rows = [("phase", "trials", "share", "memorized", "generalized", "")]
    for row in table.to_dict("records"):
        memorized, generalized = row["memorized_median_epoch"], row["generalized_median_epoch"]
        last = watched.get(row["phase"], 0)
        ratio = generalized / memorized if pd.notna(memorized) and pd.notna(generalized) else 0
        rows.append(
            (
                row["phase"],
                f"{row['trials']:,}",
                f"{row['share']:.0%}",
                _epoch(memorized, 0),
                _epoch(generalized, last if pd.notna(memorized) else 0),
                f"{ratio:,.{int(ratio < 10)}f}x later" if ratio >= _LATER else "",
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(_aligned(row, widths)).rstrip() for row in rows]


def watched_epochs(labeled: pd.DataFrame) -> dict[str, int]:
    """The most epochs that a trial of each phase was watched, of trials with their phase."""
    most = labeled.groupby("phase", observed=True)["epochs_run"].max()
    return {str(phase): int(epochs) for phase, epochs in most.items()}


def _aligned(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    """The name at the left of its column, every other text at the right."""
    first, *others = zip(row, widths, strict=True)
    return [first[0].ljust(first[1]), *(text.rjust(width) for text, width in others)]


def _epoch(median: float, last: int) -> str:
    """A median epoch with its unit; of one that was not reached, until when nobody saw it."""
    if pd.notna(median):
        return f"epoch {median:,.0f}"
    return f"not by {last:,}" if last else "-"
