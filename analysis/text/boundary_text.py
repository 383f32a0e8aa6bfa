"""The boundaries of a study as lines for people."""

import numpy as np
import pandas as pd

from analysis.formats import as_table
from analysis.phases.slices import StudyBoundary

BANDS = (
    "Pointwise: 95% of the true line is inside. "
    "Simultaneous: in 95% of studies the whole true line is inside."
)
POINTS_SHOWN = 13  # points of each piece of a contour


def boundary_lines(study: StudyBoundary) -> list[str]:
    """For each slice: an empty line, a heading, and points of the contour or why there is none.

    Where a slice has points, the last lines say what the bands are.
    """
    lines = []
    for part in study.slices:
        where = ", ".join(f"{name} {value}" for name, value in part.at.items())
        heading = f"boundary of {study.event}, {part.trials} trials: {where}"
        lines += ["", heading.rstrip(": ")]
        if part.points is None:
            lines.append(part.lacking)
        elif part.points.empty:
            lines.append("the fitted surface has no contour at one half")
        else:
            lines.append(as_table(_titled(_some_points(part.points), study)))
    if any(part.points is not None and not part.points.empty for part in study.slices):
        lines += ["", f"low to high: in {study.y}; left to right: in {study.x}. {BANDS}"]
    return lines


def _titled(points: pd.DataFrame, study: StudyBoundary) -> pd.DataFrame:
    """Points with three digits, each end of a band below the name of the band."""
    titles = {"x": ("", study.x), "y": ("", study.y)}
    for end in ("low", "high", "left", "right"):
        titles[end] = ("95% pointwise", end)
        titles[f"simultaneous_{end}"] = ("95% simultaneous", end)
    columns = pd.MultiIndex.from_tuples([titles[str(name)] for name in points])
    return points.map(lambda value: float(f"{value:.3g}")).set_axis(columns, axis="columns")


def _some_points(points: pd.DataFrame) -> pd.DataFrame:
    """At most `POINTS_SHOWN` points of each piece, evenly spaced, its ends included."""
    pieces = []
    for _, piece in points.groupby("piece"):
        at = np.unique(np.linspace(0, len(piece) - 1, POINTS_SHOWN).round().astype(int))
        pieces.append(piece.iloc[at])
    return pd.concat(pieces).drop(columns="piece")
