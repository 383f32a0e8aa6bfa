"""The records of a page's state, as JSON takes them. types.d.ts describes them to the scripts."""

from collections.abc import Mapping
from typing import NotRequired, TypedDict

from analysis.charts.theme import Channel
from analysis.formats import JsonCell, JsonRow
from analysis.phases.quantities import Ramp
from analysis.report.opening import Opening

Columns = dict[str, list[JsonCell]]


class Fact(TypedDict):
    """One fact of a study at the page's foot; `title` explains it, as a tooltip."""

    label: str
    text: str
    title: NotRequired[str]


class AxisState(TypedDict):
    """An axis of the study; a list has an item for each position.

    Attributes:
        name: of the axis.
        title: in words.
        scale: as `Ruler.scale`.
        labels: of the positions.
        spans: where each position is drawn, as `layout.spans` gives them.
        cuts: the values between positions, as `Ruler.cuts`.
        trials: how many are at each position.
        channel: how a chart draws the axis.
    """

    name: str
    title: str
    scale: str
    labels: list[str]
    spans: list[tuple[float, float, float]]
    cuts: list[float]
    trials: list[int]
    channel: Channel


class PatienceState(TypedDict):
    """The part of the page's state that depends on the patience.

    Attributes:
        patience: in decay times, as the address bar has it; "" for trials as they were watched.
        patience_said: above the phases: what is shown, and what it lacks; "" as watched.
        hatching_said: below the diagram: which cells are hatched.
        phases: a row for each phase, with its meaning.
        cells: columns with a value for each cell.
        boundaries: empty; `LawState` has them, for trials as they were watched.
    """

    patience: str
    patience_said: str
    hatching_said: str
    phases: list[JsonRow]
    cells: Columns
    boundaries: list[object]


class Level(TypedDict):
    """An accuracy to compare curves with."""

    value: float
    text: str
    left: bool  # whether the text is at the left end


class PageState(PatienceState):
    """All that the page shows before a click, but for boundaries and laws.

    Attributes:
        name: of the study.
        opening: the first sentences.
        facts: of the foot.
        status: as `study_status` answers; None for a report.
        versions: of the packages that the study ran with.
        command: that ran the study.
        trials: how many there are.
        axes: that the cells are laid out on.
        x: the axis across to begin with.
        y: the axis up to begin with.
        facets: the axes to begin with a diagram of each value of.
        start: labels of the cell to begin with, by axis.
        ramps: the color scale of each quantity, by the name of the coloring.
        levels: accuracies to compare curves with.
        aggregated: whether an axis fell into bins.
        so_far: whether trials of the plan are still to come.
    """

    name: str
    opening: Opening
    facts: list[Fact]
    status: Mapping[str, object] | None
    versions: dict[str, str]
    command: str
    trials: int
    axes: list[AxisState]
    x: str
    y: str
    facets: list[str]
    start: dict[str, str]
    ramps: dict[str, Ramp]
    levels: list[Level]
    aggregated: bool
    so_far: bool


class CellPatience(TypedDict):
    """A cell as it would be, had none of its trials been watched for longer.

    Attributes:
        patience: as in `PatienceState`.
        phase: of the cell.
        hatched: whether at least half of its trials are short-watched.
        trials: the phase of each trial that is shown.
    """

    patience: str
    phase: str
    hatched: bool
    trials: list[str]


class CellAnswer(TypedDict):
    """What a click on a cell asks for.

    Attributes:
        trials: some of the cell's trials.
        total: how many trials it holds.
        readings: of `trials`.
        patience: the cell at each patience, the least first and as watched last; none without
            weight decay.
    """

    trials: list[JsonRow]
    total: int
    readings: Columns
    patience: list[CellPatience]
