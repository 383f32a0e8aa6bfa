"""The boundaries of a study as lines for people."""

import numpy as np
import pandas as pd

from analysis.formats import as_table
from analysis.phases.slices import StudyBoundary

POINTS_SHOWN = 13  # points of each piece of a contour


def boundary_lines(study: StudyBoundary) -> list[str]:
    """For each slice: an empty line, a heading, and points of the contour or why there is none."""
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
            table = _some_points(part.points).rename(columns={"x": study.x, "y": study.y})
            lines.append(as_table(table.map(lambda value: float(f"{value:.3g}"))))
    return lines


def _some_points(points: pd.DataFrame) -> pd.DataFrame:
    """At most `POINTS_SHOWN` points of each piece, evenly spaced, its ends included."""
    pieces = []
    for _, piece in points.groupby("piece"):
        at = np.unique(np.linspace(0, len(piece) - 1, POINTS_SHOWN).round().astype(int))
        pieces.append(piece.iloc[at])
    return pd.concat(pieces).drop(columns="piece")
