"""The page's charts as files: what `analysis figures` draws of any study.

The page lays templates out in the browser; here it is done once, for the two axes to begin with and
the slice of the cell to begin with.
"""

from typing import Any

import numpy as np
import pandas as pd

from analysis.charts import diagram as charts
from analysis.charts.diagram import EpochRamp, spans
from analysis.charts.theme import Specification, specification
from analysis.figures.album import Drawing, Plate
from analysis.formats import records
from analysis.phases.grid import Grid, diagram_axes, make_grid
from analysis.phases.rulers import TITLES, Ruler
from analysis.report.law_section import SectionFigure, law_section
from analysis.report.sections import BOUNDARY_CAPTION, boundary_points, circuit_figures
from analysis.report.state import epoch_ramp, interesting_cell


def study_plates(trials: pd.DataFrame, x: str | None = None, y: str | None = None) -> list[Plate]:
    """The diagram in its three colours, the laws and the sparsities, each chart with its rows.

    Raises: UsageError for axes that are not right.
    """
    plates = [_diagrams(trials, x, y)]
    figures = [("law", figure) for figure in law_section(trials)[1]]
    figures += [("circuits", figure) for figure in circuit_figures(trials)]
    plates += [
        Plate(figure.title, figure.caption, [_drawing(f"{kind}-{number}", figure)])
        for number, (kind, figure) in enumerate(figures, 1)
    ]
    return plates


def _diagrams(trials: pd.DataFrame, x: str | None, y: str | None) -> Plate:
    grid = make_grid(trials)
    x, y = diagram_axes(grid.rulers, x, y)
    across, up = (next(r for r in grid.rulers if r.name == name) for name in (x, y))
    others = [ruler for ruler in grid.rulers if ruler.name not in {x, y}]
    start = grid.cells.iloc[interesting_cell(grid.cells)]
    inside = np.ones(len(trials), bool)
    for ruler in others:
        inside &= (grid.cells[ruler.name] == start[ruler.name]).to_numpy()[grid.cell_of]
    # Where positions are no places on a line, there is none for a boundary either.
    line = boundary_points(trials[inside], x, y) if across.edges and up.edges else []
    rows, epochs = plane(grid, x, y), epoch_ramp(grid.cells)
    said = ["Most frequent phase, share that generalised, and median epoch of that."]
    said += [BOUNDARY_CAPTION] if line else []
    said += [", ".join(f"{TITLES[one.name]} {one.labels[start[one.name]]}" for one in others)]
    drawings = [
        Drawing(
            f"diagram-{coloring}",
            study_diagram(coloring, rows, across, up, line, epochs),
            filled_cells(rows),
        )
        for coloring in charts.COLORINGS
    ]
    return Plate("Phase diagram", " ".join(said).strip(), drawings)


def plane(grid: Grid, x: str, y: str) -> pd.DataFrame:
    """Every position of two axes in the slice of the cell to begin with: rows for `charts.diagram`.

    diagram.js makes the same rows in the browser.
    """
    across, up = (next(r for r in grid.rulers if r.name == name) for name in (x, y))
    start = grid.cells.iloc[interesting_cell(grid.cells)]
    slices = [ruler for ruler in grid.rulers if ruler.name not in {x, y}]
    cells = grid.cells
    for ruler in slices:
        cells = cells[cells[ruler.name] == start[ruler.name]]
    rows = pd.DataFrame(
        {
            x: i,
            y: j,
            "position": f"{i},{j}",
            **dict(zip(("x0", "x1", "xm"), spans(across)[i], strict=True)),
            **dict(zip(("y0", "y1", "ym"), spans(up)[j], strict=True)),
            "cell_name": ", ".join(
                f"{TITLES[r.name]} {r.labels[{x: i, y: j}.get(r.name, start[r.name])]}"
                for r in grid.rulers
            ),
        }
        for j in range(len(up.labels))
        for i in range(len(across.labels))
    )
    whole = rows.merge(cells.drop(columns=[r.name for r in slices]), on=[x, y], how="left")
    whole["trials"] = whole["trials"].fillna(0).astype(int)
    for ruler in (across, up):
        whole[ruler.name] = [ruler.labels[at] for at in whole[ruler.name]]
    return whole


def filled_cells(rows: pd.DataFrame) -> pd.DataFrame:
    """The cells of a plane that hold trials, as a table for people."""
    drawn = ["position", "x0", "x1", "xm", "y0", "y1", "ym", "cell_name"]
    return rows[rows["trials"] > 0].drop(columns=drawn)


def study_diagram(
    coloring: str,
    rows: pd.DataFrame,
    across: Ruler,
    up: Ruler,
    line: list[dict[str, Any]],
    epochs: EpochRamp,
) -> Specification:
    """A diagram with its rows, those of its boundary, and the scale of its median epochs."""
    size = charts.size_of(len(across.labels), len(up.labels))
    channels = charts.channel(across), charts.channel(up)
    chart = charts.laid_out(charts.diagram_template(coloring), *channels, epochs, size)
    chart["datasets"] = {"cells": records(rows), "boundary": line}
    return chart


def _drawing(name: str, figure: SectionFigure) -> Drawing:
    """A figure with the rows of its parts, one below the other."""
    chart = specification(figure.chart)
    parts = {"name": "part"}
    frames = [
        pd.DataFrame(layer["values"]).assign(part=layer["name"]) for layer in _datasets(chart)
    ]
    rows = pd.concat(frames, ignore_index=True)
    return Drawing(name, chart, rows[[parts["name"], *rows.columns.drop("part")]])


def _datasets(part: Any) -> list[dict[str, Any]]:
    """The named data in a specification, each once."""
    found: dict[str, dict[str, Any]] = {}

    def look(inside: Any) -> None:
        if isinstance(inside, dict):
            if "values" in inside and "name" in inside:
                found[inside["name"]] = inside
            else:
                for value in inside.values():
                    look(value)
        elif isinstance(inside, list):
            for value in inside:
                look(value)

    look(part)
    return list(found.values())
