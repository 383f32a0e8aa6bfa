"""Level lines of a function on a grid: marching squares, chained into pieces that can be drawn."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_Edge = tuple[int, int, int]  # row, column, and whether it goes along rows (0) or columns (1)


def zero_lines(heights: Floats) -> list[Floats]:
    """Where a function given on a grid (R, C) is zero, as lines of (row, column) places.

    Places are fractions of grid steps, linear along a grid line. A line that closes ends where it
    began. Where a square has zeros on all four sides, its middle decides who is joined.
    """
    above = heights > 0
    joined: dict[_Edge, list[_Edge]] = {}
    mixed = above[:-1, :-1] + 0 + above[1:, :-1] + above[:-1, 1:] + above[1:, 1:]
    for row, column in np.argwhere((mixed > 0) & (mixed < 4)).tolist():
        for one, other in _segments(above, heights, row, column):
            joined.setdefault(one, []).append(other)
            joined.setdefault(other, []).append(one)
    lines = []
    while joined:
        first = next((edge for edge, others in joined.items() if len(others) == 1), None)
        closed = first is None
        edge: _Edge | None = next(iter(joined)) if first is None else first
        line = []
        while edge is not None:
            line.append(_crossing(heights, edge))
            others = joined.pop(edge)
            for other in others:
                joined[other].remove(edge)
            edge = others[0] if others else None
        lines.append(np.array(line + line[:1] * closed))
    return lines


def _segments(above: Any, heights: Floats, row: int, column: int) -> list[tuple[_Edge, _Edge]]:
    """Which sides of a square the zero line joins."""
    top, bottom = (row, column, 1), (row + 1, column, 1)
    left, right = (row, column, 0), (row, column + 1, 0)
    corners = above[row : row + 2, column : column + 2]
    crossed = [
        edge
        for edge, apart in (
            (top, corners[0, 0] != corners[0, 1]),
            (right, corners[0, 1] != corners[1, 1]),
            (bottom, corners[1, 0] != corners[1, 1]),
            (left, corners[0, 0] != corners[1, 0]),
        )
        if apart
    ]
    if len(crossed) == 2:
        return [(crossed[0], crossed[1])]
    middle = heights[row : row + 2, column : column + 2].mean() > 0
    if middle == corners[0, 0]:  # that corner reaches the middle: lines cut off the two others
        return [(top, right), (bottom, left)]
    return [(top, left), (bottom, right)]


def _crossing(heights: Floats, edge: _Edge) -> tuple[float, float]:
    row, column, along = edge
    here = heights[row, column]
    there = heights[row, column + 1] if along else heights[row + 1, column]
    share = here / (here - there)
    return (row, column + share) if along else (row + share, column)
