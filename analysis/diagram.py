"""The numbers of a phase diagram: two axes, a full grid of cells, a slice for all else that varies.

Axes become positions with labels, in numeric order; an axis of many values, as random search makes,
falls into bins. Cells without trials are rows too, so that a chart can show them as such.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import phases
from study.axes import AXES, ONLINE
from study.errors import UsageError, unknown

MAX_POSITIONS = 24  # more and the counts in the cells are no longer readable
MAX_CELLS = 4_000  # of all slices, those without trials included; a cell is half a kilobyte of page
BINS = 12  # then; wide enough that a few hundred random points meet in some

TITLES = {
    "setting": "setting",
    "n": "input bits n",
    "k": "relevant bits k",
    "width": "width",
    "weight_decay": "weight decay",
    "train_size": "training rows",
    "learning_rate": "learning rate",
    "batch_size": "batch size",
    "init_scale": "initial scale",
}


@dataclass(frozen=True, slots=True)
class Diagram:
    """Cells on two axes.

    `slices`: further axes that vary; a diagram shows one value of each, so no cell is a mixture.
    `labels`: of each axis, its positions in order. `cells`: a row a cell of every slice, empty ones
    included, numbered by `cell`, with a label column an axis and texts to draw. `members`: trials
    with phase, flags and their `cell`.
    """

    x: str
    y: str
    slices: tuple[str, ...]
    labels: dict[str, list[str]]
    cells: pd.DataFrame
    members: pd.DataFrame


def make_diagram(
    trials: pd.DataFrame, x: str | None = None, y: str | None = None, preset: str = "default"
) -> Diagram:
    """Lay trials out on two axes: weight decay and dataset size, or others that vary.

    Args: trials as `load_trials` gives them, at least one; x and y, names of axes.
    Raises: UsageError for a name that is no axis, or one axis twice.
    """
    x, y, slices = _choose_axes(trials, x, y)
    axes = [*slices, y, x]
    labels, codes = {}, {}
    for axis in axes:
        labels[axis], codes[_place(axis)] = positions(trials[axis])
    places = list(codes)
    grid = phases.cells(trials.assign(**codes), places, preset)
    grid = _complete(grid, places[:-2], {_place(axis): len(labels[axis]) for axis in (y, x)})
    keys = pd.DataFrame(codes).merge(grid[[*places, "cell"]], on=places, how="left")
    members = phases.classify(trials, preset).assign(cell=keys["cell"].to_numpy())
    for axis in axes:
        grid[axis] = np.array(labels[axis], object)[grid.pop(_place(axis))]
    return Diagram(x, y, slices, labels, _with_texts(grid, axes), members)


def _place(axis: str) -> str:
    return f"{axis}_position"


def _choose_axes(
    trials: pd.DataFrame, x: str | None, y: str | None
) -> tuple[str, str, tuple[str, ...]]:
    """The two axes to draw, and the others that vary."""
    for name in (x, y):
        if name is not None and name not in TITLES:
            raise unknown("an axis", name, TITLES)
    if x is not None and x == y:
        raise UsageError(f"{x!r} twice; a diagram has two axes. Choose another x or y.")
    varying = [axis for axis in TITLES if trials[axis].nunique(dropna=False) > 1]

    def pick(preferred: str, taken: str | None) -> str:
        free = [axis for axis in (preferred, *varying, *AXES) if axis != taken]
        return next((axis for axis in free if axis in varying), free[0])

    x = x or pick("weight_decay", y or "train_size")
    y = y or pick("train_size", x)
    return x, y, tuple(axis for axis in varying if axis not in {x, y})


def positions(values: pd.Series) -> tuple[list[str], NDArray[np.intp]]:
    """Labels of the positions on an axis, in order, and the position of each value.

    Null, fresh rows every step, is the position after all numbers.
    """
    if values.dtype == "string":
        codes, names = pd.factorize(values, sort=True)
        return [name or "unnamed" for name in names], codes
    numbers = values.to_numpy(float, na_value=np.nan)
    distinct = np.unique(numbers[~np.isnan(numbers)])
    if len(distinct) > MAX_POSITIONS:
        edges, centres = _bins(distinct)
        labels = [f"~{label}" for label in _labels(centres)]
        codes = np.searchsorted(edges, numbers)
    else:
        labels = _labels(distinct)
        codes = np.searchsorted(distinct, numbers)
    missing = np.isnan(numbers)
    codes[missing] = len(labels)
    return labels + [ONLINE] * bool(missing.any()), codes


def _bins(distinct: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Inner edges and centres of equal bins: of logarithms where values span a factor of 10."""
    low, high = distinct[0], distinct[-1]
    log = low > 0 and high >= 10 * low
    if log:
        low, high = np.log(low), np.log(high)
    edges = np.linspace(low, high, BINS + 1)
    inner, centres = edges[1:-1], (edges[1:] + edges[:-1]) / 2
    return (np.exp(inner), np.exp(centres)) if log else (inner, centres)


def _labels(numbers: NDArray[np.float64]) -> list[str]:
    """The shortest texts that tell the numbers apart."""
    if all(number == int(number) for number in numbers):
        return [f"{int(number):,}" for number in numbers]
    for digits in range(2, 18):
        labels = [f"{number:.{digits}g}" for number in numbers]
        if len(set(labels)) == len(labels) and np.allclose(np.array(labels, float), numbers, 0.02):
            break
    return labels


def _complete(grid: pd.DataFrame, slices: list[str], sizes: dict[str, int]) -> pd.DataFrame:
    """All positions of the two axes in each slice that has trials, numbered.

    Of many slices, only the positions of a slice's own trials: most of the page would be empty.
    """
    planes = [pd.DataFrame({axis: range(size)}) for axis, size in sizes.items()]
    full = planes[0].merge(planes[1], how="cross")
    if slices:
        distinct = grid[slices].drop_duplicates()
        if len(distinct) * len(full) <= MAX_CELLS:
            full = distinct.merge(full, how="cross")
        else:
            across, up = (grid[[*slices, axis]].drop_duplicates() for axis in sizes)
            full = across.merge(up, on=slices).sort_values([*slices, *sizes])
    whole = full.merge(grid, on=[*slices, *sizes], how="left")
    whole["trials"] = whole["trials"].fillna(0).astype(int)
    return whole.assign(cell=range(len(whole)))


def _with_texts(grid: pd.DataFrame, axes: list[str]) -> pd.DataFrame:
    """The cells with what is written in them and said about them."""
    return grid.assign(**pd.DataFrame([_texts(row, axes) for row in grid.to_dict("records")]))


def _texts(row: dict[Any, Any], axes: list[str]) -> dict[str, str]:
    place = ", ".join(f"{TITLES[axis]} {row[axis]}" for axis in axes)
    if not row["trials"]:
        return dict.fromkeys(_TEXTS, "") | {"place": place, "said": f"{place}: no trials"}
    count = f"{row['generalized']:.0f}/{row['trials']}"
    median = row["generalized_median_epoch"]
    reached = f"{median}" if pd.notna(median) else f">{row['watched_epochs']:.0f}"
    counts = {name: row[name] for name in (*phases.PHASES, *phases.FLAGS)}
    listed = {name: f"{number:.0f} {_word(name)}" for name, number in counts.items() if number}
    low, high = 100 * row["generalized_low"], 100 * row["generalized_high"]
    return {
        "place": place,
        "count_text": count,
        "median_text": reached,
        "interval_text": f"{low:.0f}% to {high:.0f}%",
        "phases_text": ", ".join(text for name, text in listed.items() if name in phases.PHASES),
        "flags_text": ", ".join(text for name, text in listed.items() if name in phases.FLAGS),
        "said": f"{place}: {row['phase']}, {count} generalised, median epoch {reached}",
    }


_TEXTS = (
    "place", "count_text", "median_text", "interval_text", "phases_text", "flags_text", "said",
)  # fmt: skip


def _word(name: str) -> str:
    return name.replace("_", "-")


def interesting_cell(diagram: Diagram) -> int:
    """A cell to begin with: the one that grokked most surely and latest, or the fullest."""
    grid = diagram.cells[diagram.cells["trials"] > 0]
    grokked = grid[grid["phase"] == "grokking"]
    order = ["phase_share", "generalized_median_epoch", "trials"]
    best = (grid if grokked.empty else grokked).sort_values(order, ascending=False)
    return int(best["cell"].iloc[0])
