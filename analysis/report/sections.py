"""The slow parts of a page, as data: boundaries, transition times with their laws, circuits.

They take seconds, so a live page renews them seldom. `analysis.report.state` takes a moment and is
renewed often.
"""

from collections.abc import Hashable
from pathlib import Path
from typing import TypedDict, cast

import pandas as pd

from analysis.charts.sparsity import sparsity_chart
from analysis.formats import JsonRow, records
from analysis.phases.axis_scales import TITLES, Ruler, make_ruler
from analysis.phases.boundary import boundary
from analysis.phases.first_view import first_cell
from analysis.phases.grid import Grid, diagram_axes, make_grid
from analysis.report.law_figures import SectionFigure
from analysis.report.law_section import FigureState, law_section, section_state
from analysis.report.question_figures import question_figures
from analysis.report.state import rounded
from study.errors import UsageError
from study.vocabulary.outcomes import Ended

BOUNDARY_CAPTION = (
    "The line: half of the trials generalize. The dark band is pointwise: 95% of the true line is "
    "inside. The light band is simultaneous: in 95% of studies the whole true line is inside."
)
MAX_SLICES = 12  # of a diagram; each has a boundary, which takes a fifth of a second
BOUNDARY_READS = ("generalized_epoch", "final_test_accuracy")
SPARSITY_COLUMN = "final_effective_sparsity_train"


class BoundaryState(TypedDict):
    """The boundary in one slice of the diagram of x and y; `slice` has the labels of the others."""

    x: str
    y: str
    slice: dict[str, str]
    points: list[JsonRow]


class LawState(TypedDict):
    """The slow parts of a page; `laws_html` is what stands above the charts of the laws."""

    boundaries: list[BoundaryState]
    laws_html: str
    laws: list[FigureState]
    circuits: list[FigureState]
    questions: list[FigureState]


def law_state(
    store_url: str | Path,
    trials: pd.DataFrame,
    x: str | None = None,
    y: str | None = None,
    grid: Grid | None = None,
) -> LawState:
    """The slow parts of a page.

    Args:
        store_url: path or URL of the store, for readings.
        trials: as `load_trials` gives them, at least one.
        x: the axis across of the diagram whose boundaries are drawn; weight decay where it varies.
        y: the axis up; dataset size where it varies.
        grid: of these trials, where it has been made before.

    Raises: UsageError for a name that is no axis, or one that does not vary.
    """
    text, figures = law_section(trials)
    return {
        "boundaries": boundary_state(trials, x, y, grid),
        "laws_html": text,
        "laws": section_state(figures),
        "circuits": section_state(circuit_figures(trials)),
        "questions": section_state(question_figures(store_url, trials)),
    }


def boundary_state(
    trials: pd.DataFrame, x: str | None, y: str | None, grid: Grid | None = None
) -> list[BoundaryState]:
    """The line where half of the trials generalize, in each slice with trials on both sides.

    There are MAX_SLICES boundaries at most. The slice of the cell to begin with comes first.

    Args:
        trials: as `load_trials` gives them, at least one.
        x: the axis across; None: weight decay where it varies.
        y: the axis up; None: dataset size where it varies.
        grid: of these trials, where it has been made before.
    """
    grid = grid or make_grid(trials)
    x, y = diagram_axes(grid.rulers, x, y)
    others = [ruler for ruler in grid.rulers if ruler.name not in {x, y}]
    boundaries: list[BoundaryState] = []
    # The trials of a slice are copied, with the columns that a boundary reads.
    for positions, part in _slices(trials[[*TITLES, *BOUNDARY_READS]], grid, x, y):
        points = boundary_points(part, x, y)
        if points:
            labels = {r.name: r.labels[at] for r, at in zip(others, positions, strict=True)}
            boundaries.append({"x": x, "y": y, "slice": labels, "points": points})
        if len(boundaries) == MAX_SLICES:
            break
    return boundaries


def _slices(
    trials: pd.DataFrame, grid: Grid, x: str, y: str
) -> list[tuple[tuple[int, ...], pd.DataFrame]]:
    """The trials at each combination of positions on the other axes.

    The slice of the cell to begin with comes first, then those that differ from it on one axis.
    """
    others = [ruler for ruler in grid.rulers if ruler.name not in {x, y}]
    if not others:
        return [((), trials)]
    positions = pd.DataFrame(
        {ruler.name: ruler.positions(trials[ruler.name]) for ruler in others}, trials.index
    )
    parts = trials.groupby([positions[ruler.name] for ruler in others])
    cell = grid.cells.iloc[first_cell(grid, x, y)]
    start = tuple(cell[ruler.name] for ruler in others)
    keyed = [(_key(key), part) for key, part in parts]

    def differing(pair: tuple[tuple[int, ...], pd.DataFrame]) -> int:
        return sum(a != b for a, b in zip(pair[0], start, strict=True))

    return sorted(keyed, key=differing)


def _key(key: Hashable) -> tuple[int, ...]:
    return cast("tuple[int, ...]", key)  # the stubs say Hashable


def boundary_points(trials: pd.DataFrame, x: str, y: str) -> list[JsonRow]:
    """The boundary of one slice as rows of `charts.diagram`; no rows where it has no boundary.

    A slice has no boundary where all of its trials are on one side, or where an axis has a value
    without a logarithm.

    Args:
        trials: of the slice.
        x: the axis across.
        y: the axis up.
    """
    try:
        points = boundary(trials, x, y)
    except UsageError:
        return []
    return records(rounded(points.assign(order=range(len(points)))))


def circuit_figures(trials: pd.DataFrame) -> list[SectionFigure]:
    """Effective sparsity at the end of training along each axis; none where it was not measured."""
    whole = trials["ended"].isin([Ended.DECIDED, Ended.BUDGET])
    measured = trials[trials[SPARSITY_COLUMN].notna() & whole]
    if measured.empty:
        return []
    rulers = [ruler for ruler in make_grid(measured).rulers if len(ruler.labels) > 1]
    rulers = rulers or [make_ruler("setting", measured["setting"])]
    return [
        SectionFigure(
            f"sparsity-{ruler.name}",
            f"Neurons that predict like the whole net: {TITLES[ruler.name]}",
            "A dot is a number of trials, larger where there are more; the line is their median.",
            sparsity_chart(sparsity_counts(measured, ruler), ruler),
            ruler.name,
        )
        for ruler in rulers
    ]


def sparsity_counts(trials: pd.DataFrame, ruler: Ruler) -> pd.DataFrame:
    """How many trials have each effective sparsity, at each position of an axis.

    Columns: `label` and `order` of the position, `neurons`, `trials`, and `median` of the position.

    Args:
        trials: with a measured `SPARSITY_COLUMN`.
        ruler: of the axis.
    """
    positions = ruler.positions(trials[ruler.name])
    frame = pd.DataFrame({"order": positions, "neurons": trials[SPARSITY_COLUMN].to_numpy(int)})
    medians = frame.groupby("order")["neurons"].median()
    counts = frame.value_counts(["order", "neurons"], sort=False).rename("trials").reset_index()
    labels = [ruler.labels[position] for position in counts["order"]]
    return counts.assign(label=labels, median=counts["order"].map(medians))
