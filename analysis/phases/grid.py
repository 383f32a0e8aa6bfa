"""Trials on the axes of a study: each axis as positions, each trial in one cell.

A cell is one position on every axis that varies, so that one list of cells serves a diagram of any
two axes, whose other axes choose a slice. An axis of many values, as random search makes, falls
into bins, and of a study with too many cells the longest axes do.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.phases import classify as phases
from analysis.phases.axes import choose_axes
from study.errors import UsageError, unknown
from study.vocabulary.axes import AXES, ONLINE

MAX_POSITIONS = 24  # more and the counts in the cells are no longer readable
BINS = 12  # then; wide enough that a few hundred random points meet in some
MAX_CELLS = 4_000  # that hold trials; each is some 60 bytes of a compressed page
THINNEST = 1 / 60  # of an axis: closer values would be slivers, and are drawn evenly spaced

_WORDS = {
    "n": "input bits n",
    "k": "relevant bits k",
    "train_size": "training rows",
    "init_scale": "initial scale",
}
TITLES = {name: _WORDS.get(name, name.replace("_", " ")) for name in ("setting", *AXES)}


@dataclass(frozen=True, slots=True)
class Ruler:
    """An axis as positions 0, 1, ... in numeric order, each with a label.

    `scale` is "log", "linear" or, where positions have no place on a line (text, fresh rows every
    step, values too close), "ordinal": then `centres` and `edges`, one more, are empty. `cuts` lie
    between the positions of numbers; `online` is the position of null, after all numbers.
    """

    name: str
    scale: str
    labels: tuple[str, ...]
    centres: tuple[float, ...] = ()
    edges: tuple[float, ...] = ()
    cuts: tuple[float, ...] = ()
    binned: bool = False

    def positions(self, values: pd.Series) -> NDArray[np.intp]:
        """The position of each value of a column of trials."""
        if self.name == "setting":
            places = {label: place for place, label in enumerate(self.labels)}
            codes, names = pd.factorize(values)
            known = [places[_named(name)] for name in names]
            return np.array([*known, places.get(_named(None), -1)], np.intp)[codes]
        numbers = values.to_numpy(float, na_value=np.nan)
        codes = np.searchsorted(np.array(self.cuts), numbers, side="right")
        codes[np.isnan(numbers)] = len(self.labels) - 1
        return codes


@dataclass(frozen=True, slots=True)
class Grid:
    """Cells that hold trials, and the cell of each trial.

    `cells`: a row a cell in the order of its positions, a column an axis with the position, and the
    columns of `analysis.phases.classify.cells`. `cell_of`: for each trial the row of its cell.
    """

    rulers: tuple[Ruler, ...]
    cells: pd.DataFrame
    cell_of: NDArray[np.int32]

    @property
    def aggregated(self) -> bool:
        """Whether an axis fell into bins."""
        return any(ruler.binned for ruler in self.rulers)

    def find(self, labels: Mapping[str, str]) -> int | None:
        """The cell at these labels, one an axis, or None where there is none.

        Raises UsageError for a name that is no axis of this grid, or an axis without a label.
        """
        names = [ruler.name for ruler in self.rulers]
        for name in labels:
            if name not in names:
                raise unknown("an axis", name, names)
        here = np.ones(len(self.cells), bool)
        for ruler in self.rulers:
            if ruler.name not in labels:
                raise UsageError(f"{ruler.name}: no label; a cell has one on every axis. Add it.")
            if labels[ruler.name] not in ruler.labels:
                return None
            here &= self.cells[ruler.name] == ruler.labels.index(labels[ruler.name])
        found = np.flatnonzero(here)
        return int(found[0]) if len(found) else None

    def members(self, cell: int) -> NDArray[np.intp]:
        """The rows of the trials in a cell."""
        return np.flatnonzero(self.cell_of == cell)


def make_grid(trials: pd.DataFrame, preset: str = "default") -> Grid:
    """Lay trials out on every axis that varies; on weight decay and dataset size if fewer than two.

    Args: trials as `load_trials` gives them, at least one.
    """
    rulers = [make_ruler(axis, trials[axis]) for axis in _axes(trials)]
    codes = [ruler.positions(trials[ruler.name]) for ruler in rulers]
    while len(np.unique(flat := _flat(rulers, codes))) > MAX_CELLS:
        numeric = [i for i, ruler in enumerate(rulers) if len(ruler.cuts) > 1]
        if not numeric:
            break
        longest = max(numeric, key=lambda i: len(rulers[i].cuts))
        axis, bins = rulers[longest].name, (len(rulers[longest].cuts) + 2) // 2
        rulers[longest] = make_ruler(axis, trials[axis], bins)
        codes[longest] = rulers[longest].positions(trials[axis])
    cells = phases.cells(trials.assign(_cell=flat), ["_cell"], preset)
    places = np.unravel_index(cells.pop("_cell").to_numpy(np.intp), _shape(rulers))
    for i, ruler in enumerate(rulers):
        cells.insert(i, ruler.name, places[i])
    cell_of = np.unique(flat, return_inverse=True)[1].astype(np.int32)
    return Grid(tuple(rulers), cells, cell_of)


def _flat(rulers: list[Ruler], codes: list[NDArray[np.intp]]) -> NDArray[np.intp]:
    """One number for the positions of each trial."""
    return np.ravel_multi_index(tuple(codes), _shape(rulers)).astype(np.intp)


def _shape(rulers: list[Ruler]) -> tuple[int, ...]:
    return tuple(len(ruler.labels) for ruler in rulers)


def _axes(trials: pd.DataFrame) -> list[str]:
    """The axes that vary, in order of the columns, at least two."""
    varying = {axis for axis in TITLES if trials[axis].nunique(dropna=False) > 1}
    for axis in ("weight_decay", "train_size"):
        if len(varying) < 2:
            varying.add(axis)
    return [axis for axis in TITLES if axis in varying]


def diagram_axes(rulers: tuple[Ruler, ...], x: str | None, y: str | None) -> tuple[str, str]:
    """The two axes of a diagram: weight decay and dataset size, or others that vary.

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


def make_ruler(name: str, values: pd.Series, bins: int | None = None) -> Ruler:
    """The positions of an axis: one a value, or so many bins (12 where values are over 24)."""
    if name == "setting":
        return Ruler(name, "ordinal", tuple(sorted({_named(label) for label in values.unique()})))
    numbers = values.to_numpy(float, na_value=np.nan)
    distinct = np.unique(numbers[~np.isnan(numbers)])
    if bins is None and len(distinct) > MAX_POSITIONS:
        bins = BINS
    ruler = _numeric(name, distinct, bins)
    if not np.isnan(numbers).any():
        return ruler
    labels = (*ruler.labels, ONLINE)
    return replace(ruler, scale="ordinal", labels=labels, centres=(), edges=())


def _named(setting: object) -> str:
    return str(setting) if isinstance(setting, str) and setting else "unnamed"


def _numeric(name: str, distinct: NDArray[np.float64], bins: int | None) -> Ruler:
    if len(distinct) < 2:
        return Ruler(name, "ordinal", tuple(_labels(distinct)))
    log = _is_log(distinct)
    line = np.log(distinct) if log else distinct  # where distances are those that are drawn
    middles = (line[1:] + line[:-1]) / 2
    ends = line[[0, -1]] + [line[0] - middles[0], line[-1] - middles[-1]]
    edges = np.concatenate([ends[:1], middles, ends[1:]])
    if bins is not None:
        edges = np.linspace(ends[0], ends[1], bins + 1)
        line = (edges[1:] + edges[:-1]) / 2
    centres, edges = (np.exp(line), np.exp(edges)) if log else (line, edges)
    if bins is None:
        centres = distinct
    labels = tuple(f"~{label}" if bins else label for label in _labels(centres))
    cuts = tuple(edges[1:-1].tolist())
    thin = np.diff(np.log(edges) if log else edges).min() < THINNEST * (ends[1] - ends[0])
    if thin:
        return Ruler(name, "ordinal", labels, cuts=cuts, binned=bins is not None)
    scale = "log" if log else "linear"
    places = tuple(centres.tolist()), tuple(edges.tolist())
    return Ruler(name, scale, labels, *places, cuts, bins is not None)


def _is_log(distinct: NDArray[np.float64]) -> bool:
    """Whether the middle value lies nearer to the middle of the axis on a logarithmic one."""
    if distinct[0] <= 0:
        return False
    low, middle, high = distinct[0], float(np.median(distinct)), distinct[-1]
    if len(distinct) == 2:
        return bool(high >= 10 * low)
    linear = (middle - low) / (high - low)
    logarithmic = np.log(middle / low) / np.log(high / low)
    return bool(abs(logarithmic - 0.5) < abs(linear - 0.5))


def _labels(numbers: NDArray[np.float64]) -> list[str]:
    """The shortest texts that tell the numbers apart."""
    if all(number == int(number) for number in numbers):
        return [f"{int(number):,}" for number in numbers]
    for digits in range(2, 18):
        labels = [f"{number:.{digits}g}" for number in numbers]
        if len(set(labels)) == len(labels) and np.allclose(np.array(labels, float), numbers, 0.02):
            break
    return labels
