"""The slice of a study that its diagrams show where nobody chooses one."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.formats import JsonRow
from analysis.phases.axis_scales import TITLES, Ruler
from analysis.phases.first_view import first_cell
from analysis.phases.grid import Grid, diagram_axes, make_grid
from analysis.report.sections import boundary_points


@dataclass(frozen=True, slots=True)
class OpeningSlice:
    """The slice of the cell that the page begins with.

    Attributes:
        grid: of all trials.
        across: the axis across.
        up: the axis up.
        holds: whether each trial lies in the slice, [trials].
        boundary: where half of the slice's trials generalize; no rows where there is none.
        words: the values of the other axes, with their names.
    """

    grid: Grid
    across: Ruler
    up: Ruler
    holds: NDArray[np.bool_]
    boundary: list[JsonRow]
    words: str


def opening_slice(trials: pd.DataFrame, x: str | None, y: str | None) -> OpeningSlice:
    """The slice that diagrams of some trials show.

    Args:
        trials: as `load_trials` gives them, at least one.
        x: the axis across; None: weight decay where it varies.
        y: the axis up; None: dataset size where it varies.

    Raises: UsageError for a name that is no axis.
    """
    grid = make_grid(trials)
    x, y = diagram_axes(grid.rulers, x, y)
    across, up = (next(r for r in grid.rulers if r.name == name) for name in (x, y))
    others = [ruler for ruler in grid.rulers if ruler.name not in {x, y}]
    start = grid.cells.iloc[first_cell(grid, x, y)]
    holds = np.ones(len(trials), bool)
    for ruler in others:
        holds &= (grid.cells[ruler.name] == start[ruler.name]).to_numpy()[grid.cell_of]
    # An ordinal axis has no line on which a boundary could lie.
    line = boundary_points(trials[holds], x, y) if across.edges and up.edges else []
    words = ", ".join(f"{TITLES[ruler.name]} {ruler.labels[start[ruler.name]]}" for ruler in others)
    return OpeningSlice(grid, across, up, holds, line, words)
