"""What of a page takes seconds, as data: boundaries, transition times with their laws, circuits.

`analysis.report.state` takes a moment; these a live page renews seldom.
"""

from typing import Any

import pandas as pd

from analysis.charts import diagram as charts
from analysis.formats import records
from analysis.phases.boundary import boundary
from analysis.phases.grid import TITLES, Ruler, diagram_axes, make_grid, make_ruler
from analysis.report.law_section import Figure, law_section, specifications
from analysis.report.state import interesting_cell, rounded
from study.errors import UsageError

BOUNDARY = "The line, with its 95% band: half of the trials generalise."  # where one is drawn
MAX_SLICES = 12  # of a diagram, with a boundary each: a third of a second


def law_state(trials: pd.DataFrame, x: str | None = None, y: str | None = None) -> dict[str, Any]:
    """`laws` and `circuits`, charts with their captions, and `laws_html`, the text above them.

    And `boundaries`, of the diagram in x and y, or in those that it begins with.
    """
    text, figures = law_section(trials)
    return {
        "boundaries": boundary_state(trials, x, y),
        "laws_html": text,
        "laws": specifications(figures),
        "circuits": specifications(circuit_figures(trials)),
    }


def boundary_state(trials: pd.DataFrame, x: str | None, y: str | None) -> list[dict[str, Any]]:
    """Where half of a slice's trials generalise: x, y, `slice` (its labels) and `points`.

    Of slices with trials on both sides of it 12: that of the cell to begin with, then the first.
    """
    grid = make_grid(trials)
    x, y = diagram_axes(grid.rulers, x, y)
    others = [ruler for ruler in grid.rulers if ruler.name not in {x, y}]
    places = pd.DataFrame({r.name: r.positions(trials[r.name]) for r in others}, trials.index)
    parts: Any = trials.groupby([places[name] for name in places]) if others else [((), trials)]
    cell = grid.cells.iloc[interesting_cell(grid.cells)]
    start = tuple(cell[ruler.name] for ruler in others)
    found: list[dict[str, Any]] = []
    for key, part in sorted(parts, key=lambda keyed: keyed[0] != start):
        labels = {ruler.name: ruler.labels[at] for ruler, at in zip(others, key, strict=True)}
        points = boundary_points(part, x, y)
        if points:
            found.append({"x": x, "y": y, "slice": labels, "points": points})
        if len(found) == MAX_SLICES:
            break
    return found


def boundary_points(trials: pd.DataFrame, x: str, y: str) -> list[dict[str, Any]]:
    """The boundary of one slice as rows for `charts.diagram`; none where it has no boundary."""
    try:
        points = boundary(trials, x, y)
    except UsageError:  # all on one side, or an axis that is not logarithmic
        return []
    return records(rounded(points.assign(order=range(len(points)))))


SPARSITY = "final_effective_sparsity_train"


def circuit_figures(trials: pd.DataFrame) -> list[Figure]:
    """Effective sparsity at the end of training along each axis; none where it was not measured."""
    known = trials[trials[SPARSITY].notna() & trials["ended"].isin(["decided", "budget"])]
    if known.empty:
        return []
    rulers = [ruler for ruler in make_grid(known).rulers if len(ruler.labels) > 1]
    rulers = rulers or [make_ruler("setting", known["setting"])]
    return [
        Figure(
            f"Neurons that predict like the whole net: {TITLES[ruler.name]}",
            "A dot is a number of trials, larger where there are more; the line is their median.",
            charts.sparsity(sparsities(known, ruler), ruler),
            ruler.name,
        )
        for ruler in rulers
    ]


def sparsities(trials: pd.DataFrame, ruler: Ruler) -> pd.DataFrame:
    """How often each effective sparsity was found at each position of an axis.

    Columns: `label`, `order` (the position), `neurons`, `trials`, and `median` of the position.
    """
    place = ruler.positions(trials[ruler.name])
    frame = pd.DataFrame({"order": place, "neurons": trials[SPARSITY].to_numpy(int)})
    medians = frame.groupby("order")["neurons"].median()
    counts = frame.value_counts(["order", "neurons"], sort=False).rename("trials").reset_index()
    labels = [ruler.labels[at] for at in counts["order"]]
    return counts.assign(label=labels, median=counts["order"].map(medians))
