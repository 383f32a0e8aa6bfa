"""The page's charts as files: what `analysis figures` draws of any study.

The page lays its templates out in the browser. Here a template is laid out once, for the two axes
and the slice that the page begins with.
"""

from pathlib import Path
from typing import TypedDict

import pandas as pd

from analysis.charts import layout
from analysis.charts.coloring import template_of
from analysis.charts.diagram import diagram_template
from analysis.charts.layout import spans
from analysis.charts.theme import Specification, specification
from analysis.figures.album import Drawing, Plate
from analysis.figures.motion import MOTION_CAPTION, motion_picture
from analysis.figures.opening_slice import opening_slice
from analysis.figures.strip_figures import strip_plates
from analysis.formats import JsonRow, records
from analysis.phases.axis_scales import TITLES, Ruler
from analysis.phases.first_view import first_cell
from analysis.phases.grid import Grid
from analysis.phases.quantities import Ramp, ramps, with_quantities
from analysis.report.law_figures import SectionFigure
from analysis.report.law_section import law_section
from analysis.report.question_figures import question_figures
from analysis.report.sections import BOUNDARY_CAPTION, circuit_figures

DRAWN = ("phase", "share", "median")  # the colorings of the diagram


class _NamedRows(TypedDict):
    """Rows in a specification that have a name."""

    name: str
    values: list[JsonRow]


def study_plates(
    store_url: str | Path, trials: pd.DataFrame, x: str | None = None, y: str | None = None
) -> list[Plate]:
    """The diagram, still and in motion, delays, laws, sparsities and questions, with their rows.

    Args:
        store_url: path or URL of the store, for readings.
        trials: as `load_trials` gives them, at least one.
        x: the axis across of the diagram; None: weight decay where it varies.
        y: the axis up of the diagram; None: dataset size where it varies.

    Raises: UsageError for a name that is no axis, one that does not vary, or one axis twice.
    """
    plates = [*_diagram_plates(trials, x, y), *strip_plates(trials)]
    figures = [("law", figure) for figure in law_section(trials)[1]]
    figures += [("circuits", figure) for figure in circuit_figures(trials)]
    figures += [("question", figure) for figure in question_figures(store_url, trials)]
    plates += [
        Plate(figure.title, figure.caption, [_section_drawing(f"{kind}-{figure.name}", figure)])
        for kind, figure in figures
    ]
    return plates


def _diagram_plates(trials: pd.DataFrame, x: str | None, y: str | None) -> list[Plate]:
    """The diagram as it stands at the end of training, and while nets train."""
    shown = opening_slice(trials, x, y)
    grid, across, up, line = shown.grid, shown.across, shown.up, shown.boundary
    rows, scales = plane(grid, across.name, up.name), ramps(with_quantities(grid.cells))
    caption = ["Most frequent phase, share that generalized, and median epoch of that."]
    caption += [BOUNDARY_CAPTION] if line else []
    drawings = [
        Drawing(
            f"diagram-{coloring}",
            study_diagram(coloring, rows, across, up, line, scales.get(coloring)),
            filled_cells(rows),
        )
        for coloring in DRAWN
        if coloring == "phase" or coloring in scales
    ]
    axes = [across.name, up.name]
    places = grid.cells[axes].iloc[grid.cell_of[shown.holds]].reset_index(drop=True)
    return [
        Plate("Phase diagram", " ".join([*caption, shown.words]).strip(), drawings),
        Plate(
            "While nets train",
            f"{MOTION_CAPTION} {shown.words}".strip(),
            pictures={"motion": motion_picture(trials[shown.holds], across, up, places)},
        ),
    ]


def plane(grid: Grid, x: str, y: str) -> pd.DataFrame:
    """Every position of two axes in the slice of the cell that the page begins with.

    plane.js makes the same rows in the browser.

    Args:
        grid: of the study.
        x: the axis across.
        y: the axis up.

    Returns: the rows `cells` of `analysis.charts.diagram`, with the label on each of the two axes.
    """
    across, up = (next(r for r in grid.rulers if r.name == name) for name in (x, y))
    start = grid.cells.iloc[first_cell(grid, x, y)]
    slices = [ruler for ruler in grid.rulers if ruler.name not in {x, y}]
    cells = with_quantities(grid.cells)
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
        whole[ruler.name] = [ruler.labels[position] for position in whole[ruler.name]]
    return whole


def filled_cells(rows: pd.DataFrame) -> pd.DataFrame:
    """The cells of a plane that hold trials, as a table for people."""
    of_the_drawing = ["position", "x0", "x1", "xm", "y0", "y1", "ym", "cell_name"]
    return rows[rows["trials"] > 0].drop(columns=of_the_drawing)


def study_diagram(
    coloring: str,
    rows: pd.DataFrame,
    across: Ruler,
    up: Ruler,
    line: list[JsonRow],
    ramp: Ramp | None,
) -> Specification:
    """A diagram with its rows.

    Args:
        coloring: one of `COLORINGS`.
        rows: of the cells, as `plane` gives them.
        across: the ruler of the axis across.
        up: the ruler of the axis up.
        line: the rows of the boundary.
        ramp: the color scale of the quantity; None for phases.
    """
    size = layout.size_of(len(across.labels), len(up.labels))
    channels = layout.channel(across), layout.channel(up)
    chart = layout.laid_out(diagram_template(template_of(coloring)), *channels, ramp, size)
    rows = rows.assign(value=None if ramp is None else rows[ramp["column"]])
    chart["datasets"] = {"cells": records(rows), "boundary": line, "facets": []}
    return chart


def _section_drawing(name: str, figure: SectionFigure) -> Drawing:
    """A figure of the report as a drawing.

    Its frame has the rows of all parts of the chart, one part below the other; the first column,
    `part`, names the part.
    """
    chart = specification(figure.chart)
    frames = [pd.DataFrame(part["values"]).assign(part=part["name"]) for part in _named_rows(chart)]
    rows = pd.concat(frames, ignore_index=True)
    return Drawing(name, chart, rows[["part", *rows.columns.drop("part")]])


def _named_rows(chart: object) -> list[_NamedRows]:
    """The named rows in a specification, each once."""
    by_name: dict[str, _NamedRows] = {}

    def look(inside: object) -> None:
        if isinstance(inside, dict):
            if "values" in inside and "name" in inside:
                by_name[inside["name"]] = _NamedRows(name=inside["name"], values=inside["values"])
            else:
                for value in inside.values():
                    look(value)
        elif isinstance(inside, list):
            for value in inside:
                look(value)

    look(chart)
    return list(by_name.values())
