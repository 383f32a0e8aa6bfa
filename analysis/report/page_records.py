"""The records of a page's state, as JSON takes them. types.d.ts describes them to the scripts."""

from collections.abc import Mapping
from typing import NotRequired, TypedDict

from analysis.charts.layout import EpochRamp
from analysis.charts.theme import Channel
from analysis.formats import JsonCell, JsonRow

Columns = dict[str, list[JsonCell]]


class Fact(TypedDict):
    """One fact of a study in the page's header; `title` explains it, as a tooltip."""

    label: str
    text: str
    title: NotRequired[str]


class AxisState(TypedDict):
    """An axis of the study; `trials` counts those at each position."""

    name: str
    title: str
    scale: str
    labels: list[str]
    spans: list[tuple[float, float, float]]
    cuts: list[float]
    trials: list[int]
    channel: Channel


class PageState(TypedDict):
    """All that the page shows before a click, but for boundaries and laws.

    `start` names the cell to begin with by its labels. `cells` are columns, one row a cell.
    """

    name: str
    facts: list[Fact]
    status: Mapping[str, object] | None
    phases: list[JsonRow]
    versions: dict[str, str]
    command: str
    trials: int
    axes: list[AxisState]
    x: str
    y: str
    start: dict[str, str]
    cells: Columns
    boundaries: list[object]
    epochs: EpochRamp
    aggregated: bool


class CellAnswer(TypedDict):
    """What a click on a cell asks for: how many trials it holds, some of them, their readings."""

    trials: list[JsonRow]
    total: int
    readings: Columns
