"""What a diagram begins with: the axes that it has facets of, and the cell that is chosen.

A slice is one position on each axis that is neither drawn nor a facet. The diagram begins with the
slice that holds the most cells, so that a study of several settings does not open on empty places.
"""

import pandas as pd

from analysis.phases.grid import Grid

GAIN = 1.5  # facets show at least so many times the cells of one diagram
MOST_CELLS = 300  # of all facets that a diagram begins with; more take longer to draw than to read


def first_facets(grid: Grid, x: str, y: str) -> list[str]:
    """The axis whose positions a diagram begins with side by side; none where that shows no more.

    It is the axis with whose facets a slice holds the most cells.

    Args:
        grid: of the study.
        x: the axis across.
        y: the axis up.
    """
    others = _others(grid, x, y)
    held = {name: _fullest(grid.cells, [n for n in others if n != name]) for name in others}
    best = max(others, key=lambda name: len(held[name]), default=None)
    if best is None or len(held[best]) > MOST_CELLS:
        return []
    return [best] if len(held[best]) >= GAIN * len(_fullest(grid.cells, others)) else []


def first_cell(grid: Grid, x: str, y: str) -> int:
    """The row of the cell to begin with: `interesting_cell` of the slice with the most cells.

    Args:
        grid: of the study.
        x: the axis across.
        y: the axis up.
    """
    facets = first_facets(grid, x, y)
    return interesting_cell(
        _fullest(grid.cells, [name for name in _others(grid, x, y) if name not in facets])
    )


def interesting_cell(cells: pd.DataFrame) -> int:
    """The row of the cell that shows best what a study is about.

    Among the cells whose phase is grokking, it is the cell with the largest share of that phase.
    Where no cell grokked, it is the cell with the largest share of its own phase. Among equal
    shares, the latest median epoch decides.

    Args:
        cells: of a grid, or some of them.
    """
    grokked = cells[cells["phase"] == "grokking"]
    order = ["phase_share", "generalized_median_epoch", "trials"]
    best = (cells if grokked.empty else grokked).sort_values(order, ascending=False, kind="stable")
    return int(best.index[0])


def _others(grid: Grid, x: str, y: str) -> list[str]:
    return [ruler.name for ruler in grid.rulers if ruler.name not in {x, y}]


def _fullest(cells: pd.DataFrame, axes: list[str]) -> pd.DataFrame:
    """The cells of the slice that holds the most; a slice is one position on each of some axes."""
    if not axes:
        return cells
    sizes = cells.groupby(axes)["trials"].transform("size")
    fullest: pd.DataFrame = cells[sizes == sizes.max()]
    start = fullest.loc[interesting_cell(fullest)]
    for axis in axes:
        fullest = fullest[fullest[axis] == start[axis]]
    return fullest
