"""The page of two sides: their diagrams side by side, the difference by cell, what changed.

It is one file without a script. All diagrams of the page have the same axes and colors.
"""

import html
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.charts import layout
from analysis.charts.change_cells import change_cell, change_ramp
from analysis.charts.coloring import CHANGE
from analysis.charts.diagram import diagram_template
from analysis.charts.theme import Channel
from analysis.figures.album import Drawing, Plate, as_html, plate_html, still_page
from analysis.figures.side_slices import Axes, SideSlice, common_slice, side_slices
from analysis.figures.study import plane, study_diagram
from analysis.formats import listed, records
from analysis.phases.axis_scales import TITLES, Ruler
from analysis.phases.grid import Grid, diagram_axes
from analysis.phases.quantities import ramps, with_quantities
from analysis.questions.contrast import Contrast
from analysis.questions.matching import Matching
from analysis.questions.what_differs import Difference
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
        _change_plate(found.contrast, axes),
        *_differing(found.differs),
    ]
    figures = "\n".join(plate_html(plate, None) for plate in plates)
    content = f'<div class="compared">{figures}</div>'
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


def _differing(differs: Sequence[Difference]) -> list[Plate]:
    """The table of all in which A and B differ; none where they differ in nothing."""
    rows = pd.DataFrame([(one.what, one.a, one.b) for one in differs], columns=["", "A", "B"])
    caption = "Keys of the study files, values of axes, and seeds."
    return [Plate("What A and B differ in", caption, table=as_html(rows))] if differs else []


def _side_plates(matching: Matching, axes: Axes) -> list[Plate]:
    """The diagrams of both sides: by phase, and by the median epoch of generalizing."""
    slices = side_slices(matching, axes)
    across, up = _drawn(slices[0].grid, axes)
    scales = ramps(pd.concat([with_quantities(part.grid.cells) for part in slices]))
    rows = [plane(part.grid, *axes) for part in slices]
    # An ordinal axis has no line on which a boundary could lie.
    lines = [
        boundary_points(matching.trials[part.rows], *axes) if across.edges and up.edges else []
        for part in slices
    ]
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
            plates.append(Plate(title, f"{caption} {slices[0].words}".strip(), drawings))
    return plates


def _drawn(grid: Grid, axes: Axes) -> tuple[Ruler, Ruler]:
    """The rulers of the axes across and up."""
    by_name = {ruler.name: ruler for ruler in grid.rulers}
    return by_name[axes[0]], by_name[axes[1]]


def _change_plate(found: Contrast, axes: Axes) -> Plate:
    """The ratio of the medians of each cell, in the plane of the axes that both sides have."""
    matching = found.matching
    names = [ruler.name for ruler in matching.cells.rulers]
    x, y = (axis if axis in names else None for axis in axes)
    drawn = diagram_axes(matching.cells.rulers, x, y)
    shown = common_slice(matching, drawn)
    across, up = _drawn(shown.grid, drawn)
    rows = _change_cells(found, shown, plane(shown.grid, *drawn), drawn)
    chart = layout.laid_out(
        diagram_template(CHANGE),
        _channel(across),
        _channel(up),
        change_ramp([value for value in rows["value"] if value is not None]),
        layout.size_of(len(across.labels), len(up.labels)),
    )
    chart["datasets"] = {"cells": records(rows), "boundary": [], "facets": []}
    pooled = [TITLES[r.name] for r in matching.grid.rulers if r.name not in names]
    more = f"Each cell has all values of {listed(pooled)} of its side." if pooled else ""
    caption = " ".join(filter(None, [_CHANGE_CAPTION, more, shown.words]))
    return Plate("Difference by cell", caption, [Drawing("difference", chart, rows, "B over A")])


def _channel(ruler: Ruler) -> Channel:
    """An axis of the difference; one of a single position is there because a diagram has two."""
    channel = layout.channel(ruler)
    if len(ruler.labels) == 1:
        channel |= {"title": "", "axis": {"values": []}}
    return channel


def _change_cells(
    found: Contrast, shown: SideSlice, rows: pd.DataFrame, axes: Axes
) -> pd.DataFrame:
    """The rows of a plane with what each cell shows of the change."""
    matching = found.matching
    positions = shown.grid.cells[list(axes)].astype(str).agg(",".join, axis=1)
    compared_at, sides_at = {}, {}
    of_cell = dict(zip(found.cells["cell"], found.cells.to_dict("records"), strict=True))
    for number, position in enumerate(positions):
        trials = np.flatnonzero(shown.rows)[shown.grid.members(number)]
        compared_at[position] = of_cell.get(int(matching.cells.cell_of[trials[0]]))
        is_b = matching.is_b[trials]
        sides_at[position] = bool((~is_b).any()), bool(is_b.any())
    changes = []
    for position, name in zip(rows["position"], rows["cell_name"], strict=True):
        sides = sides_at.get(position, (False, False))
        cell = change_cell(compared_at.get(position), sides)
        changes.append({**cell, "words": f"{name}: {cell['words'] if any(sides) else 'no trials'}"})
    kept = rows[["position", "x0", "x1", "xm", "y0", "y1", "ym", "cell_name", "trials"]]
    return kept.join(pd.DataFrame(changes, dtype=object))
