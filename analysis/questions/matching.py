"""Which trials of A and B a comparison counts: those of cells that both sides have.

Axes that have one value in A and another in B are what is compared: no cell has them. A *cell* is a
position on every other axis along which A and B have values in common. Trials of both sides that
share their data are counted in pairs where each has one partner.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.phases.axis_scales import TITLES
from analysis.phases.grid import Grid, make_grid
from analysis.questions.sides import ComparedSide
from study.errors import UsageError

_Flags = NDArray[np.bool_]
_Codes = NDArray[np.intp]


class Pairing(Enum):
    """How trials of A and B belong together; the value says it in words."""

    PAIRED = (
        "paired: each trial of A with the trial of B in its cell that has its seed, and so its "
        "hidden bits, rows and initial weights"
    )
    TOGETHER = (
        "not in pairs, but seed by seed: trials of A and B with one seed share their hidden bits "
        "and rows, and are drawn together for intervals"
    )
    APART = "not paired: trials of A and B have different hidden bits and rows"


@dataclass(frozen=True, slots=True)
class Matching:
    """The trials of both sides, laid out on common axes; T trials.

    Attributes:
        sides: A and B.
        trials: those of A, then those of B.
        is_b: whether a trial is of B, [T].
        apart: the axes that have one value in A and another in B.
        grid: of all trials, on every axis but those apart.
        cells: of all trials, on the axes that cells are compared along.
        counted: which trials are compared, [T].
        cluster: the number of each trial's data, [T]; trials of one cluster share them.
        stratum: the number of the point that the data of each cluster are of, [clusters].
        pairing: how trials belong together.
    """

    sides: tuple[ComparedSide, ComparedSide]
    trials: pd.DataFrame
    is_b: _Flags
    apart: tuple[str, ...]
    grid: Grid
    cells: Grid
    counted: _Flags
    cluster: _Codes
    stratum: _Codes
    pairing: Pairing

    def on(self, side: int) -> _Codes:
        """The trials of A (0) or B (1) that are compared; of pairs in the same order."""
        rows = np.flatnonzero(self.counted & (self.is_b == bool(side)))
        keys = np.lexsort((self.cluster[rows], self.cells.cell_of[rows]))
        return rows[keys]

    @property
    def axes(self) -> list[str]:
        """The axes along which cells are compared, if they vary."""
        return [ruler.name for ruler in self.cells.rulers if len(ruler.labels) > 1]


def match(a: ComparedSide, b: ComparedSide) -> Matching:
    """Lay both sides out, and find what they have in common.

    Raises: UsageError where no cell is on both sides.
    """
    trials = pd.concat([a.trials, b.trials], ignore_index=True)
    trials = trials.assign(setting=trials["setting"].astype(object))
    is_b = np.arange(len(trials)) >= len(a.trials)
    apart = tuple(axis for axis in TITLES if _is_apart(trials[axis], is_b))
    grid = make_grid(trials, without=apart)
    disjoint = _disjoint(grid, is_b)
    cells = make_grid(trials, without=(*apart, *disjoint)) if disjoint else grid
    varying = [ruler.name for ruler in grid.rulers if len(ruler.labels) > 1]
    common = np.isin(cells.cell_of, cells.cell_of[is_b])
    common &= np.isin(cells.cell_of, cells.cell_of[~is_b])
    if not common.any() or (varying and set(varying) <= set(disjoint)):
        raise UsageError(_nothing_common(grid, is_b, disjoint))
    data = pd.concat([a.data_ids(), b.data_ids()], ignore_index=True)
    cluster, found = pd.factorize(pd.MultiIndex.from_arrays([data, trials["seed"]]))
    stratum = pd.factorize(found.get_level_values(0))[0]
    counted, pairing = _pairs(common, is_b, cluster, cells.cell_of)
    return Matching(
        (a, b),
        trials,
        is_b,
        apart,
        grid,
        cells,
        counted,
        cluster.astype(np.intp),
        stratum.astype(np.intp),
        pairing,
    )


def _is_apart(values: pd.Series, is_b: _Flags) -> bool:
    """Whether an axis has one value in A and another in B."""
    known = values.astype(object).where(values.notna(), None)
    a, b = set(known[~is_b]), set(known[is_b])
    return len(a) == len(b) == 1 and a != b


def _disjoint(grid: Grid, is_b: _Flags) -> list[str]:
    """The axes of a grid along which A and B have no position in common."""
    found = []
    for ruler in grid.rulers:
        positions = grid.cells[ruler.name].to_numpy()[grid.cell_of]
        if not np.intersect1d(positions[is_b], positions[~is_b]).size:
            found.append(ruler.name)
    return found


def _nothing_common(grid: Grid, is_b: _Flags, disjoint: Sequence[str]) -> str:
    """The sentence for sides without a common cell."""
    parts = []
    for ruler in grid.rulers:
        if ruler.name not in disjoint:
            continue
        positions = grid.cells[ruler.name].to_numpy()[grid.cell_of]
        spans = [
            f"{ruler.labels[side.min()]} to {ruler.labels[side.max()]} in {letter}"
            for letter, side in zip("AB", (positions[~is_b], positions[is_b]), strict=True)
        ]
        parts.append(f"{TITLES[ruler.name]} is {' and '.join(spans)}")
    where = f": {', '.join(parts)}" if parts else ""
    return (
        f"A and B have no cell in common{where}; cells are compared along an axis with values on "
        "both sides. Choose sides that share some."
    )


def _pairs(
    common: _Flags, is_b: _Flags, cluster: _Codes, cell_of: NDArray[np.integer]
) -> tuple[_Flags, Pairing]:
    """Which trials are compared, and how they belong together.

    Trials are compared in pairs where each has one partner at most, and half of the smaller side
    have one.
    """
    keys = pd.MultiIndex.from_arrays([cluster, cell_of])
    single = not any(keys[common & side].has_duplicates for side in (is_b, ~is_b))
    partners = common & np.where(
        is_b, keys.isin(keys[common & ~is_b]), keys.isin(keys[common & is_b])
    )
    smaller = min(int((common & side).sum()) for side in (is_b, ~is_b))
    if single and partners.sum() >= smaller:
        return partners, Pairing.PAIRED
    if np.intersect1d(cluster[common & is_b], cluster[common & ~is_b]).size:
        return common, Pairing.TOGETHER
    return common, Pairing.APART
