"""The page of two sides: their diagrams side by side, the difference by cell, what changed.

It is one file without a script. All diagrams of the page have the same axes and colors.
"""

import html
from dataclasses import replace
from pathlib import Path

import pandas as pd

from analysis.charts import layout
from analysis.charts.change_cells import change_cell, change_ramp
from analysis.charts.coloring import CHANGE
from analysis.charts.diagram import diagram_template
from analysis.charts.theme import Channel
from analysis.figures.album import Drawing, Plate, as_html, plate_html, still_page
from analysis.figures.study import plane, study_diagram
from analysis.formats import JsonRow, records
from analysis.phases.axis_scales import TITLES, Ruler
from analysis.phases.first_view import first_cell, interesting_cell
from analysis.phases.grid import Grid, diagram_axes, part_of
from analysis.phases.quantities import ramps, with_quantities
from analysis.questions.contrast import Contrast
from analysis.questions.matching import Matching
from analysis.report.sections import BOUNDARY_CAPTION, boundary_points
from analysis.tables.output import write_whole
from analysis.text.contrast_text import (
    Compared,
    change_rows,
    changed_in_words,
    counted_in_words,
    differs_in_words,
)

_PHASES_CAPTION = (
    "The most frequent phase of each cell, paler where fewer of its trials share it, and how many "
    f"generalized of all. {BOUNDARY_CAPTION}"
)
_MEDIANS_CAPTION = (
    "Kaplan-Meier medians of the epoch of generalizing; > is the epoch until which fewer than half "
    "had come so far."
)
_CHANGE_CAPTION = (
    "The median epoch of generalizing in B over that in A, of the trials that are compared: blue "
    "where B is sooner, orange where B is later. < and > are bounds, where half had not "
    "generalized on one side when training ended; ? is a bound that tells no direction. Cells with "
    "trials on one side alone say so."
)
_TABLE_CAPTION = (
    "B against A: of shares the difference, of epochs the ratio, with 95% intervals. Medians are "
    "those of Kaplan and Meier over all trials that are compared. Within cells: one ratio for all "
    "cells, each of which has a time of its own; trials without the event count as censored."
)


def write_comparison(
    found: Compared, output: str | Path, x: str | None = None, y: str | None = None
) -> None:
    """Write the page of a comparison.

    Args:
        found: the two sides, and what changed.
        output: the HTML file.
        x: the axis across; None: weight decay where it varies.
        y: the axis up; None: dataset size where it varies.

    Raises: UsageError for a name that is no axis, one that does not vary, or one axis twice;
        StudyError where the file cannot be written.
    """
    matching = found.contrast.matching
    axes = diagram_axes(matching.grid.rulers, x, y)
    table = as_html(change_rows(found.contrast))
    plates = [
        Plate("What changed", _TABLE_CAPTION, table=table),
        *_side_plates(matching, axes),
    ]
    change = _change_plate(found.contrast, axes)
    plates.append(change)
    content = "\n".join(plate_html(plate, None) for plate in plates)
    names = dict.fromkeys(str(name) for name in matching.trials["study"])
    title = f"{' and '.join(names)}: A and B compared"
    write_whole(output, still_page(title, _head(found), content, ""))


def _head(found: Compared) -> str:
    """The sentences below the title."""
    names = "".join(
        f"<dt>{side.letter}</dt><dd>{html.escape(side.name)}, {len(side.trials):,} trials</dd>"
        for side in found.sides
    )
    words = differs_in_words(found.differs), changed_in_words(found.contrast)
    lead = f'<p class="lead">{html.escape(" ".join(words))}</p>'
    counted = f'<p class="soft">{html.escape(counted_in_words(found.contrast))}</p>'
    return f'<dl class="sides">{names}</dl>{lead}{counted}'


def _side_plates(matching: Matching, axes: tuple[str, str]) -> list[Plate]:
    """The diagrams of both sides: by phase, and by the median epoch of generalizing."""
    parts = (~matching.is_b, matching.is_b)
    grids = [part_of(matching.grid, matching.trials, part) for part in parts]
    starts = [_start(matching, grid, axes) for grid in grids]
    scales = ramps(pd.concat([with_quantities(grid.cells) for grid in grids]))
    rows = [plane(grid, *axes, start=start) for grid, start in zip(grids, starts, strict=True)]
    lines = [
        _boundary(matching.trials[part], grid, start, axes)
        for part, grid, start in zip(parts, grids, starts, strict=True)
    ]
    where = _slice_words(matching.grid, starts, axes)
    across, up = _rulers(matching.grid, axes)
    plates = []
    for title, coloring, caption in (
        ("Phases", "phase", _PHASES_CAPTION),
        ("Median epoch of generalizing", "median", _MEDIANS_CAPTION),
    ):
        if coloring == "phase" or coloring in scales:
            drawings = [
                Drawing(
                    f"{coloring}-{side.letter}",
                    study_diagram(coloring, part, across, up, line, scales.get(coloring)),
                    part,
                    f"{side.letter}: {side.name}",
                )
                for side, part, line in zip(matching.sides, rows, lines, strict=True)
            ]
            plates.append(Plate(title, f"{caption} {where}".strip(), drawings))
    return plates


def _rulers(grid: Grid, axes: tuple[str, str]) -> tuple[Ruler, Ruler]:
    by_name = {ruler.name: ruler for ruler in grid.rulers}
    return by_name[axes[0]], by_name[axes[1]]


def _start(matching: Matching, side: Grid, axes: tuple[str, str]) -> pd.Series:
    """The cell whose slice is shown of a side: as on the other side wherever both have values."""
    common = _common_start(matching, axes)
    cells = side.cells
    for name in matching.axes:
        if name not in axes and (cells[name] == common[name]).any():
            cells = cells[cells[name] == common[name]]
    return side.cells.iloc[interesting_cell(cells)]


def _common_start(matching: Matching, axes: tuple[str, str]) -> pd.Series:
    """The cell of both sides whose slice is shown of the difference."""
    grid = matching.cells
    both = sorted({*grid.cell_of[matching.counted & matching.is_b]})
    return grid.cells.iloc[first_cell(replace(grid, cells=grid.cells.loc[both]), *axes)]


def _boundary(
    trials: pd.DataFrame, grid: Grid, start: pd.Series, axes: tuple[str, str]
) -> list[JsonRow]:
    """The boundary of one side in its slice; an ordinal axis has none."""
    if not all(ruler.edges for ruler in _rulers(grid, axes)):
        return []
    holds = pd.Series(data=True, index=trials.index)
    for ruler in grid.rulers:
        if ruler.name not in axes:
            holds &= grid.cells[ruler.name].to_numpy()[grid.cell_of] == start[ruler.name]
    return boundary_points(trials[holds], *axes)


def _slice_words(grid: Grid, starts: list[pd.Series], axes: tuple[str, str]) -> str:
    """The values of the axes that are not drawn, of both sides where they differ."""
    said = []
    for ruler in grid.rulers:
        if ruler.name not in axes:
            labels = [ruler.labels[int(start[ruler.name])] for start in starts]
            both = labels[0] if labels[0] == labels[1] else "{} in A, {} in B".format(*labels)
            said.append(f"{TITLES[ruler.name]} {both}")
    return f"Shown: {', '.join(said)}." if said else ""


def _change_plate(found: Contrast, axes: tuple[str, str]) -> Plate:
    """The ratio of the medians of each cell, in the plane of the axes that both sides have."""
    matching, grid = found.matching, found.matching.cells
    names = [ruler.name for ruler in grid.rulers]
    x, y = (axis if axis in names else None for axis in axes)
    drawn = diagram_axes(grid.rulers, x, y)
    start = _common_start(matching, drawn)
    across, up = _rulers(grid, drawn)
    rows = _change_cells(found, plane(grid, *drawn, start=start), start, drawn)
    ramp = change_ramp([value for value in rows["value"] if value is not None])
    chart = layout.laid_out(
        diagram_template(CHANGE),
        _channel(across),
        _channel(up),
        ramp,
        layout.size_of(len(across.labels), len(up.labels)),
    )
    chart["datasets"] = {"cells": records(rows), "boundary": [], "facets": []}
    pooled = [TITLES[r.name] for r in matching.grid.rulers if r.name not in names]
    more = f" Each cell has all values of {' and '.join(pooled)} of its side." if pooled else ""
    where = _slice_words(grid, [start, start], drawn)
    caption = f"{_CHANGE_CAPTION}{more} {where}".strip()
    return Plate("Difference by cell", caption, [Drawing("difference", chart, rows, "B over A")])


def _channel(ruler: Ruler) -> Channel:
    """An axis of the difference; one of a single position is there because a diagram has two."""
    channel = layout.channel(ruler)
    if len(ruler.labels) == 1:
        channel |= {"title": "", "axis": {"values": []}}
    return channel


def _change_cells(
    found: Contrast, rows: pd.DataFrame, start: pd.Series, axes: tuple[str, str]
) -> pd.DataFrame:
    """The rows of the plane with what each cell shows of the change."""
    matching, grid = found.matching, found.matching.cells
    inside = grid.cells
    for ruler in grid.rulers:
        if ruler.name not in axes:
            inside = inside[inside[ruler.name] == start[ruler.name]]
    positions = inside[axes[0]].astype(str) + "," + inside[axes[1]].astype(str)
    cell_at = dict(zip(positions, inside.index.tolist(), strict=True))
    compared = dict(zip(found.cells["cell"], found.cells.to_dict("records"), strict=True))
    on = [set(grid.cell_of[~matching.is_b]), set(grid.cell_of[matching.is_b])]
    changes = []
    for position, name in zip(rows["position"], rows["cell_name"], strict=True):
        cell = cell_at.get(position)
        shown = change_cell(compared.get(cell), (cell in on[0], cell in on[1]))
        changes.append({**shown, "words": f"{name}: {shown['words']}"})
    kept = rows[["position", "x0", "x1", "xm", "y0", "y1", "ym", "cell_name", "trials"]]
    return kept.join(pd.DataFrame(changes, dtype=object))
