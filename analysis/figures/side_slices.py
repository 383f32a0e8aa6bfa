"""What the diagrams of a comparison show: a slice of each side, and a slice of both together.

A slice is one position on every axis that is not drawn. The axes that are drawn have the values
that trials of the slice have, and no others.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.phases.axis_scales import TITLES, Ruler, make_ruler
from analysis.phases.first_view import first_cell, interesting_cell
from analysis.phases.grid import Grid, grid_on
from analysis.questions.matching import Matching

Axes = tuple[str, str]  # across and up


@dataclass(frozen=True, slots=True)
class SideSlice:
    """The trials that a diagram shows.

    Attributes:
        rows: which trials, [T] of the matching.
        grid: of these trials, on the two axes.
        words: the values of the other axes, with their names.
    """

    rows: NDArray[np.bool_]
    grid: Grid
    words: str


def side_slices(matching: Matching, axes: Axes) -> tuple[SideSlice, SideSlice]:
    """The slices of A and of B, on the same axes: at the same values wherever both have some.

    Args:
        matching: of both sides.
        axes: that are drawn, of `matching.grid`.
    """
    grid = matching.grid
    common = _common_start(matching, axes)
    starts = []
    for side in (~matching.is_b, matching.is_b):
        inside = grid.cells.iloc[np.unique(grid.cell_of[side])]
        for name in matching.axes:
            if name not in axes and (inside[name] == common[name]).any():
                inside = inside[inside[name] == common[name]]
        starts.append(grid.cells.iloc[interesting_cell(inside)])
    rows = [
        _holds(grid, start, axes) & side
        for start, side in zip(starts, (~matching.is_b, matching.is_b), strict=True)
    ]
    rulers = _rulers_of(matching.trials[rows[0] | rows[1]], grid, axes)
    a, b = (
        SideSlice(side, grid_on(matching.trials[side], rulers), _words(grid, starts, axes))
        for side in rows
    )
    return a, b


def common_slice(matching: Matching, axes: Axes) -> SideSlice:
    """The slice of both sides together, in the axes that cells are compared along.

    Args:
        matching: of both sides.
        axes: that are drawn, of `matching.cells`.
    """
    grid = matching.cells
    start = _common_start(matching, axes)
    rows = _holds(grid, start, axes)
    trials = matching.trials[rows]
    return SideSlice(
        rows, grid_on(trials, _rulers_of(trials, grid, axes)), _words(grid, [start], axes)
    )


def _common_start(matching: Matching, axes: Axes) -> pd.Series:
    """The cell of both sides whose slice is shown."""
    grid = matching.cells
    both = np.unique(grid.cell_of[matching.counted & matching.is_b])
    return grid.cells.iloc[first_cell(replace(grid, cells=grid.cells.iloc[both]), *axes)]


def _holds(grid: Grid, start: pd.Series, axes: Axes) -> NDArray[np.bool_]:
    """Which trials of a grid lie in the slice of a cell."""
    inside = np.ones(len(grid.cells), bool)
    for ruler in grid.rulers:
        if ruler.name not in axes:
            inside &= (grid.cells[ruler.name] == start[ruler.name]).to_numpy()
    return np.asarray(inside[grid.cell_of])


def _rulers_of(trials: pd.DataFrame, grid: Grid, axes: Axes) -> tuple[Ruler, Ruler]:
    """The axes with the values of some trials alone; axes in bins stay as they are."""
    by_name = {ruler.name: ruler for ruler in grid.rulers}
    across, up = (
        by_name[name] if by_name[name].binned else make_ruler(name, trials[name]) for name in axes
    )
    return across, up


def _words(grid: Grid, starts: Sequence[pd.Series], axes: Axes) -> str:
    """The values of the axes that are not drawn, of both sides where they differ."""
    said = []
    for ruler in grid.rulers:
        if ruler.name not in axes:
            labels = dict.fromkeys(ruler.labels[int(start[ruler.name])] for start in starts)
            at = " and ".join(labels) if len(labels) < 2 else "{} in A, {} in B".format(*labels)
            said.append(f"{TITLES[ruler.name]} {at}")
    return f"Shown: {', '.join(said)}." if said else ""
