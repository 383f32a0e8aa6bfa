"""The boundary of an event: the line along which half of the networks have the event, and its band.

A logistic surface in two log axes is fitted to the cells of a study. The boundary is the contour of
the surface at one half. The band comes from resampled studies. Points are resampled, not seeds,
because a point has too few seeds to show their spread.
"""

import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd
from contourpy import contour_generator
from numpy.typing import NDArray

from analysis.phases.boundary_checks import check_boundary_axes, check_boundary_trials
from study.search.surface import Surface, fit_surface, fit_weights

Floats = NDArray[np.float64]

GRID_SIDE = 121  # positions on each axis of the grid from which a contour is drawn
DRAWS = 200  # resampled studies
UNDECIDED = (0.025, 0.975)  # shares of resampled surfaces between which a side is undecided
# The axis of each column of `boundary`: 0 across, 1 up.
_AXIS_OF = {"x": 0, "y": 1, "low": 1, "high": 1, "left": 0, "right": 0}


@dataclass(frozen=True, slots=True)
class _Cells:
    """The C points of a study on the square [-1, 1]^2 of two log axes, with their counts."""

    points: Floats  # [C, 2]
    events: Floats  # trials that had the event, [C]
    trials: Floats  # [C]
    low: Floats  # log of the smallest value on both axes, [2]
    high: Floats  # log of the largest value, [2]

    @classmethod
    def of(cls, trials: pd.DataFrame, x: str, y: str, event: str) -> "_Cells":
        happened = trials.assign(happened=trials[event].notna()).groupby([x, y])["happened"]
        counted = happened.agg(["sum", "size"]).reset_index().astype(float)
        logs = np.log(counted[[x, y]].to_numpy())
        low, high = logs.min(axis=0), logs.max(axis=0)
        points = 2 * (logs - low) / (high - low) - 1
        return cls(points, counted["sum"].to_numpy(), counted["size"].to_numpy(), low, high)


def boundary(
    trials: pd.DataFrame,
    x: str,
    y: str,
    event: str = "generalized_epoch",
    draws: int = DRAWS,
    seed: int = 0,
) -> pd.DataFrame:
    """The contour along which half of the networks have an event by the end of their budget.

    Args:
        trials: as `load_trials` gives them, alike in all other axes.
        x: the axis across; it varies.
        y: the axis up; it varies.
        event: a column that is null where the event did not happen.
        draws: resampled studies of the band.
        seed: of the resampling.

    Returns: a row for each point of the contour, in order, and no row where the surface has no
    contour. Columns:
        piece: 0, 1, ...: which line of the contour.
        x, y: the point.
        low, high: the 95% band in y at this x; beyond it, resampled studies agree on the side.
        left, right: the 95% band in x at this y. A band that reaches the end of an axis is open.
    Raises: UsageError for an axis or event that cannot be used, and where all trials are on one
    side, with where to widen.
    """
    check_boundary_axes(trials, x, y, event)
    check_boundary_trials(trials, x, y, event)
    cells = _Cells.of(trials, x, y, event)
    surface = fit_surface(cells.points, cells.events, cells.trials)
    side = np.linspace(-1, 1, GRID_SIDE)
    grid = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)
    lines = zero_lines(surface.log_odds(grid).reshape(GRID_SIDE, GRID_SIDE))
    above = _shares_above(surface, cells, grid, draws, seed)
    undecided = (above > UNDECIDED[0]) & (above < UNDECIDED[1])
    rows = [
        (piece, row, column, *_band(undecided, row, column), *_band(undecided.T, column, row))
        for piece, line in enumerate(lines)
        for row, column in line
    ]
    contour = pd.DataFrame(rows, columns=["piece", *_AXIS_OF])
    for name, axis in _AXIS_OF.items():
        share = contour[name].astype(float) / (GRID_SIDE - 1)
        contour[name] = np.exp(cells.low[axis] + share * (cells.high[axis] - cells.low[axis]))
    return contour


def zero_lines(heights: Floats) -> list[Floats]:
    """Where a function given on a grid is zero, as lines.

    A line that closes ends where it began.

    Args:
        heights: values of the function on the grid, [R, C].

    Returns: each line as (row, column) in fractions of grid steps, [points, 2].
    """
    lines = contour_generator(z=heights).lines(0.0)
    return [np.asarray(line)[:, ::-1] for line in lines]  # contourpy has (column, row)


def _shares_above(surface: Surface, cells: _Cells, grid: Floats, draws: int, seed: int) -> Floats:
    """The share of resampled surfaces that are above one half at each position of the grid.

    Args:
        surface: fitted to all cells.
        cells: to draw from, with replacement.
        grid: positions, [GRID_SIDE^2, 2].
        draws: resampled studies.
        seed: of the resampling.

    Returns: shares, [GRID_SIDE, GRID_SIDE].
    """
    rng = np.random.default_rng(seed)
    features = surface.features.at(grid)
    above = np.zeros(len(grid))
    count = len(cells.points)
    for _ in range(draws):
        times = np.bincount(rng.integers(count, size=count), minlength=count)
        drawn = fit_weights(
            surface.features,
            cells.points,
            times * cells.events,
            times * cells.trials,
            # Each draw has a prior of its own. A common prior would smooth all draws alike: of
            # simulated boundaries a band of 95% then holds 83%, instead of 85%.
            prior=rng.standard_normal(len(surface.weights)),
            start=surface.weights,
        )
        above += features @ drawn.weights > 0
    return (above / draws).reshape(GRID_SIDE, GRID_SIDE)


def _band(undecided: NDArray[np.bool_], row: float, column: float) -> tuple[float, float]:
    """The ends of the run of undecided positions of a row that a point of the contour lies in.

    Args:
        undecided: positions of the grid, [rows, columns].
        row: of the point, in grid steps.
        column: of the point, in grid steps.
    """
    in_row = undecided[round(row)]
    low, high = int(np.floor(column)), int(np.ceil(column))
    below = itertools.takewhile(lambda i: in_row[i], range(low, -1, -1))
    beyond = itertools.takewhile(lambda i: in_row[i], range(high, len(in_row)))
    return float(min(below, default=column)), float(max(beyond, default=column))
