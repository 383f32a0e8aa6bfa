"""Trials on the axes of a study: an axis is a row of positions, and a trial is in one cell.

A cell is one position on every axis that varies. One list of cells serves a diagram of any two
axes; the other axes choose a slice. In a study with too many cells the longest axes fall into bins.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.phases.axis_scales import TITLES, Ruler, make_ruler
from analysis.phases.cells import cells
from analysis.phases.drawn_axes import choose_axes
from analysis.phases.quantities import FINALS, final_medians
from study.errors import UsageError, unknown
from study.vocabulary.axes import COMMON

MAX_CELLS = 4_000  # that hold trials; a cell takes some 60 bytes of a compressed page


@dataclass(frozen=True, slots=True)
class Grid:
    """The cells that hold trials, and the cell of each trial.

    A row of `cells` has a column for each axis, with the position, and the columns of
    `analysis.phases.cells.cells` and `final_medians`. The rows are in the order of their positions.
    """

    rulers: tuple[Ruler, ...]
    cells: pd.DataFrame
    cell_of: NDArray[np.int32]  # the row of each trial's cell, [trials]

    @property
    def aggregated(self) -> bool:
        """Whether an axis fell into bins."""
        return any(ruler.binned for ruler in self.rulers)

    def find(self, labels: Mapping[str, str]) -> int | None:
        """The row of the cell at these labels; None where no trial is there.

        Args:
            labels: one for each axis, by the axis's name.

        Raises: UsageError for a name that is no axis of this grid, and for an axis without a label.
        """
        names = [ruler.name for ruler in self.rulers]
        for name in labels:
            if name not in names:
                raise unknown("an axis", name, names)
        matching = np.ones(len(self.cells), bool)
        for ruler in self.rulers:
            if ruler.name not in labels:
                raise UsageError(f"{ruler.name}: no label; a cell has one on every axis. Add it.")
            if labels[ruler.name] not in ruler.labels:
                return None
            matching &= self.cells[ruler.name] == ruler.labels.index(labels[ruler.name])
        rows = np.flatnonzero(matching)
        return int(rows[0]) if len(rows) else None

    def members(self, cell: int) -> NDArray[np.intp]:
        """The indices of the trials in a cell."""
        return np.flatnonzero(self.cell_of == cell)


def make_grid(
    trials: pd.DataFrame,
    preset: str = "default",
    planned: pd.DataFrame | None = None,
    without: Collection[str] = (),
) -> Grid:
    """Lay trials out on every axis that varies; on weight decay and dataset size if fewer than two.

    Args:
        trials: as `load_trials` gives them, at least one.
        preset: of `classify`.
        planned: the axes of points that may have no trial yet: positions on the axes are theirs,
            too, so that the grid stays as it is while trials come. There may then be no trial.
        without: axes that trials are not laid out on; a cell has all of their values.
    """
    every = trials if planned is None else pd.concat([trials[list(TITLES)], planned])
    rulers = [make_ruler(axis, every[axis]) for axis in _grid_axes(every, without)]
    positions = [ruler.positions(every[ruler.name]) for ruler in rulers]
    while len(np.unique(_flat(rulers, positions))) > MAX_CELLS:
        numeric = [i for i, ruler in enumerate(rulers) if len(ruler.cuts) > 1]
        if not numeric:
            break
        longest = max(numeric, key=lambda i: len(rulers[i].cuts))
        axis, bins = rulers[longest].name, (len(rulers[longest].cuts) + 2) // 2
        rulers[longest] = make_ruler(axis, every[axis], bins)
        positions[longest] = rulers[longest].positions(every[axis])
    return grid_on(trials, rulers, preset)


def grid_on(trials: pd.DataFrame, rulers: Sequence[Ruler], preset: str = "default") -> Grid:
    """Lay trials out on axes that are given.

    Args:
        trials: as `load_trials` gives them.
        rulers: of the axes, which have positions for all values of the trials.
        preset: of `classify`.
    """
    flat = _flat(rulers, [ruler.positions(trials[ruler.name]) for ruler in rulers])
    table = cells(trials.assign(_cell=flat), ["_cell"], preset)
    columns = np.unravel_index(table.pop("_cell").to_numpy(np.intp), _shape(rulers))
    for i, ruler in enumerate(rulers):
        table.insert(i, ruler.name, columns[i])
    cell_of = np.unique(flat, return_inverse=True)[1].astype(np.int32)
    table = table.join(final_medians(trials, cell_of))
    return Grid(tuple(rulers), table, cell_of)


def pending_cells(
    grid: Grid, planned: pd.DataFrame, coming: NDArray[np.intp], in_training: NDArray[np.intp]
) -> pd.DataFrame:
    """The cells of a plan with trials that are still to come, in the order of their positions.

    Args:
        grid: that was made with these points.
        planned: the axes of points.
        coming: how many trials of each point are still to come, [points].
        in_training: how many of these are in training, [points].

    Returns: a column for each axis with the position, then `coming` and `in_training`.
    """
    some = np.flatnonzero(coming)
    positions = {r.name: r.positions(planned[r.name].iloc[some]) for r in grid.rulers}
    counts = {"coming": coming[some], "in_training": in_training[some]}
    cells = pd.DataFrame({**positions, **counts}).groupby(list(positions), sort=True)
    return cells.sum().reset_index()


def with_pending(grid: Grid, pending: pd.DataFrame) -> Grid:
    """The grid with a row of `cells` for each cell of a plan, null but for its positions.

    For questions about positions alone: no trial is counted in the added rows.

    Args:
        grid: of the trials so far.
        pending: as `pending_cells` gives them.
    """
    axes = [ruler.name for ruler in grid.rulers]
    merged = grid.cells.merge(pending[axes], how="outer", on=axes)
    return replace(grid, cells=merged)


def at_patience(grid: Grid, trials: pd.DataFrame, patience: float) -> Grid:
    """The grid with the cells as they would be, had no trial been watched for longer.

    Args:
        grid: of the trials, by the default preset.
        trials: as `make_grid` had them.
        patience: in decay times.
    """
    table = cells(trials.assign(_cell=grid.cell_of), ["_cell"], patience=patience)
    kept = [ruler.name for ruler in grid.rulers] + [f"{name}_median" for name in FINALS]
    positions = grid.cells[kept]
    return replace(grid, cells=positions.join(table.drop(columns="_cell")))


def _flat(rulers: Sequence[Ruler], positions: Sequence[NDArray[np.intp]]) -> NDArray[np.intp]:
    """One number for the positions of each trial, [trials].

    Args:
        rulers: of all axes.
        positions: of the trials on each axis, [trials] each.
    """
    return np.ravel_multi_index(tuple(positions), _shape(rulers)).astype(np.intp)


def _shape(rulers: Sequence[Ruler]) -> tuple[int, ...]:
    return tuple(len(ruler.labels) for ruler in rulers)


def _grid_axes(trials: pd.DataFrame, without: Collection[str]) -> list[str]:
    """The axes that vary, in order of the columns, at least two; null is a value."""
    free = [axis for axis in TITLES if axis not in without]
    varying = {axis for axis in free if trials[axis].nunique(dropna=False) > 1}
    for axis in ("weight_decay", "train_size", *COMMON):
        if len(varying) < 2 and axis in free:
            varying.add(axis)
    return [axis for axis in free if axis in varying]


def diagram_axes(rulers: tuple[Ruler, ...], x: str | None, y: str | None) -> tuple[str, str]:
    """The two axes of a diagram: weight decay and dataset size, or others that vary.

    Args:
        rulers: of the grid.
        x: the axis across if the user named one.
        y: the axis up if the user named one.

    Raises: UsageError for a name that is no axis, one that does not vary, or one axis twice.
    """
    if x is not None and x == y:
        raise UsageError(f"{x!r} twice; a diagram has two axes. Choose another x or y.")
    names = [ruler.name for ruler in rulers]
    for name in (x, y):
        if name is not None and name not in TITLES:
            raise unknown("an axis", name, TITLES)
        if name is not None and name not in names:
            raise UsageError(
                f"{name!r} has one value here; a diagram's axis varies. Use one of "
                f"{', '.join(names)}."
            )
    return choose_axes(names, x, y)
