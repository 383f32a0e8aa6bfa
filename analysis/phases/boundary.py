"""The boundary of an event, along which half of the networks have the event, and its two bands.

A logistic surface in two log axes is fitted to the cells of a study. The boundary is the contour of
the surface at one half. The bands come from the posterior of the same surface: `phases.band`.
"""

import itertools
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from contourpy import contour_generator
from numpy.typing import NDArray

from analysis.phases.band import BandLevels, band_ends, simulated_errors
from analysis.phases.boundary_checks import check_boundary_axes, check_boundary_trials
from study.search.surface import Features, Surface, fit_surface

Floats = NDArray[np.float64]

GRID_SIDE = 121  # positions on each axis of the grid from which a contour is drawn
DRAWS = 200  # simulated studies, from which the levels of the bands come
# What the evidence chooses from: for each axis a length, in half sides of the window, and one
# scale in log odds. The axes have lengths of their own because a line may bend often along one axis
# while the log odds rise evenly along the other.
BOUNDARY_LENGTHS = (0.15, 0.3, 0.6, 1.2)
BOUNDARY_SCALES = (3.0, 6.0, 12.0)
# The axis of each column of `boundary`: 0 across, 1 up.
_AXIS_OF = {
    "x": 0, "y": 1, "low": 1, "high": 1, "left": 0, "right": 0,
    "simultaneous_low": 1, "simultaneous_high": 1, "simultaneous_left": 0, "simultaneous_right": 0,
}  # fmt: skip


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
        draws: simulated studies, from which the levels of the bands come.
        seed: of the simulated studies.

    Returns: a row for each vertex of the contour, in order, and no row where the surface has no
    contour. A band that reaches the end of an axis is open. Columns:
        piece: 0, 1, ...: which line of the contour.
        x, y: the vertex.
        low, high: the pointwise 95% band in y at this x: 95% of the true line is inside.
        left, right: the pointwise 95% band in x at this y.
        simultaneous_low, simultaneous_high: the simultaneous 95% band in y at this x: in 95% of
            studies the whole true line is inside.
        simultaneous_left, simultaneous_right: the simultaneous 95% band in x at this y.
    Raises: UsageError for an axis or event that cannot be used, and where all trials are on one
    side, with where to widen.
    """
    check_boundary_axes(trials, x, y, event)
    check_boundary_trials(trials, x, y, event)
    cells = _Cells.of(trials, x, y, event)
    contour = _contour(cells, draws, seed)
    for name, axis in _AXIS_OF.items():
        share = contour[name] / (GRID_SIDE - 1)
        contour[name] = np.exp(cells.low[axis] + share * (cells.high[axis] - cells.low[axis]))
    return contour


def boundary_surface(points: Floats, events: Floats, trials: Floats) -> Surface:
    """The surface whose contour is a boundary.

    Args:
        points: on the square [-1, 1]^2, [C, 2].
        events: trials of each point that had the event, [C].
        trials: of each point, [C].
    """
    return fit_surface(points, events, trials, _smoothness())


@cache
def _smoothness() -> tuple[Features, ...]:
    """What the evidence chooses from: lengths of both axes, and a scale."""
    lengths = itertools.product(BOUNDARY_LENGTHS, repeat=2)
    return tuple(Features.make(pair, scale) for pair in lengths for scale in BOUNDARY_SCALES)


def _contour(cells: _Cells, draws: int, seed: int) -> pd.DataFrame:
    """The frame of `boundary` in grid steps.

    Args:
        cells: of the study.
        draws: simulated studies.
        seed: of the simulated studies.
    """
    surface = boundary_surface(cells.points, cells.events, cells.trials)
    side = np.linspace(-1, 1, GRID_SIDE)
    grid = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)
    phi = surface.features.at(grid)
    log_odds = phi @ surface.weights
    lines = zero_lines(log_odds.reshape(GRID_SIDE, GRID_SIDE))
    if not lines:
        return pd.DataFrame(columns=["piece", *_AXIS_OF], dtype=float)
    vertices = np.concatenate(lines)
    in_cube = 2 * vertices / (GRID_SIDE - 1) - 1
    levels = BandLevels.of_errors(
        simulated_errors(surface, cells.points, cells.trials, in_cube, draws=draws, seed=seed)
    )
    sureness = (log_odds / surface.deviations(phi)).reshape(GRID_SIDE, GRID_SIDE)
    line = {
        "piece": np.repeat(np.arange(len(lines)), [len(line) for line in lines]),
        "x": vertices[:, 0],
        "y": vertices[:, 1],
    }
    pointwise = _band(sureness, vertices, levels.pointwise)
    simultaneous = _band(sureness, vertices, levels.simultaneous).add_prefix("simultaneous_")
    return pd.concat([pd.DataFrame(line), pointwise, simultaneous], axis=1)


def _band(sureness: Floats, vertices: Floats, level: float) -> pd.DataFrame:
    """A band in grid steps: low and high along y, left and right along x.

    Args:
        sureness: on the grid, [GRID_SIDE, GRID_SIDE].
        vertices: of the contour, in grid steps, [V, 2].
        level: the sureness at the ends.
    """
    across, up = vertices.T
    low, high = band_ends(sureness, across, up, level)
    left, right = band_ends(sureness.T, up, across, level)
    return pd.DataFrame({"low": low, "high": high, "left": left, "right": right})


def zero_lines(heights: Floats) -> list[Floats]:
    """Where a function given on a grid is zero, as lines.

    A line that closes ends where it began.

    Args:
        heights: values of the function on the grid, [R, C].

    Returns: each line as (row, column) in fractions of grid steps, [points, 2].
    """
    lines = contour_generator(z=heights).lines(0.0)
    return [np.asarray(line)[:, ::-1] for line in lines]  # contourpy has (column, row)
