"""The scale of an axis: positions 0, 1, ... in numeric order, each with a label.

Each value of an axis has a position of its own. The values of an axis that has many, as random
search makes them, are put into bins. The record of one axis is a `Ruler`.
"""

import re
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from study.vocabulary.axes import AXES, ONLINE

MAX_POSITIONS = 24  # with more, the counts in the cells are no longer readable
BINS = 12  # of an axis with more values; so few that some of a few hundred random points share one
THINNEST = 1 / 60  # share of an axis; if a position is thinner, positions are drawn evenly spaced

_WORDS = {
    "n": "input bits n",
    "k": "relevant bits k",
    "train_size": "training rows",
    "init_scale": "initial scale",
}
TITLES = {name: _WORDS.get(name, name.replace("_", " ")) for name in ("setting", *AXES)}


@dataclass(frozen=True, slots=True)
class Ruler:
    """One axis as positions.

    A scale is "ordinal" where positions are not points of a line: for text, for fresh rows every
    step, and for values too close to each other. An ordinal ruler has no centers and no edges.

    Attributes:
        name: of the axis.
        scale: "log", "linear" or "ordinal".
        labels: of each position; the label of null, ONLINE, comes after all numbers.
        centers: of each position.
        edges: of the positions, one more than there are positions.
        cuts: the values between the positions of numbers.
        binned: whether a position holds a range of values.
    """

    name: str
    scale: str
    labels: tuple[str, ...]
    centers: tuple[float, ...] = ()
    edges: tuple[float, ...] = ()
    cuts: tuple[float, ...] = ()
    binned: bool = False

    def positions(self, values: pd.Series) -> NDArray[np.intp]:
        """The position of each value of a column of trials, [trials]."""
        if self.name == "setting":
            position_of = {label: position for position, label in enumerate(self.labels)}
            codes, names = pd.factorize(values)
            # `factorize` gives null the code -1, which indexes the last position of the array.
            by_code = [position_of[_label_of(name)] for name in names]
            unnamed = position_of.get(_label_of(None), -1)
            return np.array([*by_code, unnamed], np.intp)[codes]
        numbers = values.to_numpy(float, na_value=np.nan)
        positions = np.searchsorted(np.array(self.cuts), numbers, side="right")
        positions[np.isnan(numbers)] = len(self.labels) - 1
        return positions


def _by_numbers(label: str) -> tuple[list[str | int], str]:
    """A key that sorts labels by their whole numbers: "rows 90" comes before "rows 110"."""
    parts = re.split(r"([0-9]+)", label)  # a text, a number, a text, ...
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], label


def make_ruler(name: str, values: pd.Series, bins: int | None = None) -> Ruler:
    """The ruler of an axis.

    Args:
        name: of the axis.
        values: its column of trials.
        bins: how many positions there are; None: one for each value, or BINS where there are more
            than MAX_POSITIONS values.
    """
    if name == "setting":
        labels = {_label_of(label) for label in values.unique()}
        return Ruler(name, "ordinal", tuple(sorted(labels, key=_by_numbers)))
    numbers = values.to_numpy(float, na_value=np.nan)
    distinct = np.unique(numbers[~np.isnan(numbers)])
    if bins is None and len(distinct) > MAX_POSITIONS:
        bins = BINS
    ruler = _numeric(name, distinct, bins)
    if not np.isnan(numbers).any():
        return ruler
    labels_and_online = (*ruler.labels, ONLINE)
    return replace(ruler, scale="ordinal", labels=labels_and_online, centers=(), edges=())


def _label_of(setting: object) -> str:
    return setting if isinstance(setting, str) and setting else "unnamed"


def _numeric(name: str, distinct: NDArray[np.float64], bins: int | None) -> Ruler:
    """The ruler of numbers.

    Args:
        name: of the axis.
        distinct: its values in rising order, [values].
        bins: how many positions there are; None: one for each value.
    """
    if len(distinct) < 2:
        return Ruler(name, "ordinal", tuple(_labels(distinct)))
    log = _is_log(distinct)
    line = np.log(distinct) if log else distinct  # the values as they are spaced on the chart
    middles = (line[1:] + line[:-1]) / 2
    ends = line[[0, -1]] + [line[0] - middles[0], line[-1] - middles[-1]]
    edges = np.concatenate([ends[:1], middles, ends[1:]])
    if bins is not None:
        edges = np.linspace(ends[0], ends[1], bins + 1)
        line = (edges[1:] + edges[:-1]) / 2
    thin = np.diff(edges).min() < THINNEST * (ends[1] - ends[0])
    centers, edges = (np.exp(line), np.exp(edges)) if log else (line, edges)
    if bins is None:
        centers = distinct
    labels = tuple(f"~{label}" if bins else label for label in _labels(centers))
    cuts = tuple(edges[1:-1].tolist())
    if thin:
        return Ruler(name, "ordinal", labels, cuts=cuts, binned=bins is not None)
    return Ruler(
        name,
        "log" if log else "linear",
        labels,
        tuple(centers.tolist()),
        tuple(edges.tolist()),
        cuts,
        bins is not None,
    )


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
