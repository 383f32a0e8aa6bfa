"""The phase diagram as a template: no rows, and no axes of a study.

The page, and `analysis.figures.study`, give the template its rows, `cells` and `boundary`, and lay
the axes of a study over it (`charts.layout.laid_out`).

`cells` has one row for each position of the two axes:
    position: the indices of the position on its axes, joined by commas.
    cell_name: the labels on all axes, as text.
    x0, x1, xm, y0, y1, ym: the edges and the middle, in the units of the scales that are laid
        over the template.
    trials: how many the position holds; 0 for a position without a cell.
    coming, in_training: how many trials of a plan are still to come, and how many of these are in
        training; they may be left out.
    dimmed: whether none of its trials is selected; it may be left out.
    value: of the quantity that the cells are colored by; null where there is none.
    And the columns of `analysis.phases.cells.cells`, and `kind` of `with_quantities`.
`boundary` has one row for each point: x, y, the pointwise band from low to high, the simultaneous
band from simultaneous_low to simultaneous_high, the piece of the line that the point is on, and the
order of the point within the piece. The columns of the bands of a boundary whose axes have changed
places begin with turned_.
`facets` has one row for each of several diagrams in the same plane: x and y of its upper left
corner, and its name as text.

The template has four parameters: `cell`, the position that is outlined; `cursor`, the position
that the keyboard is on; `form`, the number format of a value; and `waits`, whether a cell without a
value has not come to it yet.
"""

from collections.abc import Sequence
from typing import Any

import altair as alt

from analysis.charts.coloring import Coloring, coloring_of
from analysis.charts.layout import DIAGRAM_SIZE
from analysis.charts.theme import INK, Specification, specification, themed
from analysis.phases.classify import FLAGS, PHASES

# Flags with a mark in a corner of cells: its shape, and whether it lies at the right, and above.
# Cells whose trials are short-watched are hatched, and those that collapsed have a color.
CORNERS: tuple[tuple[tuple[str, ...], str, bool, bool], ...] = (
    (("ungrokked",), "triangle-down", False, True),
    (("semi_grokking",), "diamond", True, True),
    (("collapsed", "diverged"), "circle", True, False),
)
_DIM = alt.expr("datum.dimmed ? 0.15 : 1")
LEAST_WITH_CORNERS = 30  # pixels of a cell
_HALO_PIXELS = 5  # the width of a stroke: half of it lies outside of a letter

_CROSS = "M-1,-1L1,1M-1,1L1,-1"


def _listing(names: Sequence[str]) -> str:
    """An expression: the counts of a cell that are not zero, with their names."""
    parts = (
        f"(datum.{name} ? ', ' + datum.{name} + ' {name.replace('_', '-')}' : '')" for name in names
    )
    return f"slice({' + '.join(parts)}, 2)"


# Texts of a cell, as Vega expressions of its row. diagram.js writes the same sentence.
_MEDIAN = (
    "isValid(datum.generalized_median_epoch) ? format(datum.generalized_median_epoch, ',') : "
    "'> ' + format(datum.watched_epochs, ',')"
)
TEXTS = {
    "count_text": "datum.generalized + '/' + datum.trials",
    "median_text": _MEDIAN,
    "value_text": (
        "isValid(datum.value) ? format(datum.value, form) : "
        "waits ? '> ' + format(datum.watched_epochs, ',') : ''"
    ),
    "interval_text": (
        "format(datum.generalized_low, '.0%') + ' to ' + format(datum.generalized_high, '.0%')"
    ),
    "watched_text": (
        "format(datum.watched_epochs, ',') + ' epochs' + (isValid(datum.watched_decay_times) ? "
        "', ' + format(datum.watched_decay_times, '.2~r') + ' decay times' : '')"
    ),
    "phases_text": _listing(list(PHASES)),
    "flags_text": _listing(list(FLAGS)),
    "coming_text": (
        "datum.coming + ' to come' + "
        "(datum.in_training ? ', ' + (datum.in_training === datum.coming ? 'all' : "
        "datum.in_training) + ' in training' : '')"
    ),
    "sentence": (
        "datum.trials ? datum.cell_name + ': ' + datum.phase + ', ' + datum.generalized + '/' + "
        "datum.trials + ' generalized, median epoch ' + datum.median_text + "
        "(datum.hatched ? ', short-watched' : '') + (datum.coming ? ', ' + datum.coming_text : '')"
        " : datum.cell_name + ': ' + (datum.coming ? datum.coming_text : 'no trials')"
    ),
}
_TOOLTIP = {
    "cell_name": "cell",
    "phase": "phase",
    "phases_text": "trials",
    "flags_text": "flags",
    "count_text": "generalized",
    "interval_text": "95% (Wilson)",
    "median_text": "median epoch",
    "watched_text": "watched at most",
}

# Width and height of a cell in pixels, and the letter size at which a text fits into the cell.
_ACROSS = "abs(scale('x', datum.x1) - scale('x', datum.x0))"
_DOWN = "abs(scale('y', datum.y1) - scale('y', datum.y0))"
# A text leaves 3 pixels at each side and counts as long as "24/24" at least: of cells of one size
# either all have their texts or none has.
_LETTERS = f"min({_DOWN} / 1.8, ({_ACROSS} - 6) / (0.62 * max(5, length(datum.{{text}}))))"


def diagram_template(name: str) -> Specification:
    """One of `charts.coloring.TEMPLATES`, or `charts.coloring.CHANGE`."""
    style = coloring_of(name)
    cells = alt.Chart(alt.NamedData("cells"))
    texts = TEXTS | ({"sentence": style.sentence} if style.sentence else {})
    for column, expression in texts.items():
        cells = cells.transform_calculate(**{column: expression})
    boundary = alt.Chart(alt.NamedData("boundary")).encode(
        x=alt.X("x:Q"), detail=alt.Detail("piece:N")
    )
    layers = [
        *_empty_layers(cells),
        *_filled_layers(cells, style),
        *_bands(boundary, "simultaneous_"),
        *_bands(boundary, ""),
        boundary.mark_line(stroke=INK, strokeWidth=2.5, clip=True, aria=False).encode(
            y=alt.Y("y:Q"), order=alt.Order("order:Q")
        ),
        *_text_layers(cells, style),
        *_corner_layers(cells, style),
        *_training_layers(cells, style),
        _facet_names(),
        *_outline_layers(cells),
    ]
    first = {"cell": "", "cursor": "", "form": "", "waits": False}
    params = [alt.VariableParameter(name=name, value=value) for name, value in first.items()]
    return specification(themed(alt.layer(*layers, params=params), *DIAGRAM_SIZE))


def _bands(boundary: alt.Chart, prefix: str) -> list[alt.Chart]:
    """A band of the boundary, along the axis up or, of a turned boundary, along the axis across.

    A boundary has the columns of one of the two, and the other band is empty. Where both the
    pointwise and the simultaneous band lie it is darker.

    Args:
        boundary: with its axis across.
        prefix: of the band's columns.
    """
    area: dict[str, Any] = {"fill": INK, "opacity": 0.13, "clip": True, "aria": False}
    low, high = f"{prefix}low", f"{prefix}high"
    up: alt.Chart = boundary.mark_area(**area).encode(y=alt.Y(f"{low}:Q"), y2=alt.Y2(high))
    across: alt.Chart = boundary.mark_area(orient="horizontal", **area).encode(
        x=alt.X(f"turned_{low}:Q"), x2=alt.X2(f"turned_{high}"), y=alt.Y("y:Q")
    )
    return [up, across]


def _rounded(squares: alt.Chart, **options: Any) -> alt.Chart:
    """Squares with round corners and a gap between them; options as `mark_rect` has them."""
    marked: alt.Chart = squares.mark_rect(
        cornerRadius=3, xOffset=1, x2Offset=-1, yOffset=-1, y2Offset=1, **options
    )
    return marked


def _squares(cells: alt.Chart) -> alt.Chart:
    return cells.encode(
        x=alt.X("x0:Q"),
        x2=alt.X2("x1"),
        y=alt.Y("y0:Q"),
        y2=alt.Y2("y1"),
        description=alt.Description("sentence:N"),
    )


def _middles(cells: alt.Chart) -> alt.Chart:
    return cells.encode(x=alt.X("xm:Q"), y=alt.Y("ym:Q"))


def _empty_layers(cells: alt.Chart) -> list[alt.Chart]:
    """Positions without trials: dashed with a cross, or outlined where trials are to come."""
    squares = _squares(cells).encode(tooltip=alt.Tooltip("sentence:N", title=" "))
    crosses = _middles(cells).transform_filter("datum.trials == 0 && !datum.coming")
    return [
        _rounded(
            squares.transform_filter("datum.trials == 0"),
            fill="transparent",
            stroke=INK,
            strokeDash=alt.expr("datum.coming ? [] : [2, 2]"),
            opacity=alt.expr("datum.coming ? 0.45 : 0.3"),
        ),
        crosses.mark_point(
            shape=_CROSS, size=36, stroke=INK, strokeWidth=1.2, opacity=0.35, aria=False
        ),
    ]


def _filled_layers(cells: alt.Chart, style: Coloring) -> list[alt.Chart]:
    """Cells with trials: the ground, the color, and diagonals across those that are hatched."""
    told = {**_TOOLTIP, style.told: "color"} if style.told else _TOOLTIP
    squares = (
        _squares(cells)
        .transform_filter("datum.trials > 0")
        .encode(tooltip=[alt.Tooltip(f"{name}:N", title=title) for name, title in told.items()])
    )
    diagonals = (("x0", "ym", "xm", "y1"), ("x0", "y0", "x1", "y1"), ("xm", "y0", "x1", "ym"))
    hatched = cells.transform_filter("datum.hatched").mark_rule(
        stroke=style.hatching, opacity=0.55, aria=False
    )
    return [
        _rounded(
            squares,
            fill=style.ground,
            opacity=style.ground_opacity,
            fillOpacity=_DIM,
        ),
        _rounded(squares.transform_filter(style.filled), fillOpacity=_DIM).encode(
            color=style.color, opacity=style.opacity
        ),
        *(
            hatched.encode(
                x=alt.X(f"{left}:Q"), x2=alt.X2(right), y=alt.Y(f"{low}:Q"), y2=alt.Y2(high)
            )
            for left, low, right, high in diagonals
        ),
    ]


def _text_layers(cells: alt.Chart, style: Coloring) -> list[alt.Chart]:
    """The text of each cell, where letters of 8 pixels fit, on a halo of the color of its cell.

    Without the halo the boundary and the lines of hatched cells would strike the text through.
    """
    letters = _LETTERS.format(text=style.text)
    texts = (
        _middles(cells)
        .transform_filter("datum.trials > 0")
        .encode(text=alt.Text(f"{style.text}:N"))
    )
    mark: dict[str, Any] = {"fontWeight": 600, "fontSize": alt.expr(f"min(13, {letters})")}
    opacity = f"{letters} < 8 ? 0 : datum.dimmed ? {{dimmed}} : 1"
    halo = texts.mark_text(
        filled=False,
        stroke=alt.expr(style.halo),
        strokeWidth=_HALO_PIXELS,
        strokeJoin="round",
        opacity=alt.expr(opacity.format(dimmed=0)),
        aria=False,
        **mark,
    )
    written = texts.mark_text(opacity=alt.expr(opacity.format(dimmed=0.3)), aria=False, **mark)
    return [halo, written.encode(color=style.text_color)]


def _corner_layers(cells: alt.Chart, style: Coloring) -> list[alt.Chart]:
    """Marks in the corners of cells for flags of some of their trials, where there is room."""
    marks = []
    for flags, shape, right, upper in CORNERS:
        some = " || ".join(f"datum.{flag} > 0" for flag in flags)
        cell = cells.transform_filter(f"({some}) && datum.kind !== 'collapsed'")
        mark = cell.mark_point(
            shape=shape,
            size=26,
            filled=True,
            color=style.hatching,
            xOffset=-7 if right else 7,
            yOffset=7 if upper else -7,
            opacity=alt.expr(f"min({_ACROSS}, {_DOWN}) < {LEAST_WITH_CORNERS} ? 0 : 0.8"),
            aria=False,
        )
        marks.append(
            mark.encode(x=alt.X("x1:Q" if right else "x0:Q"), y=alt.Y("y1:Q" if upper else "y0:Q"))
        )
    return marks


def _training_layers(cells: alt.Chart, style: Coloring) -> list[alt.Chart]:
    """A triangle, as on a button that plays, where trials are in training.

    It is in the middle of a cell without trials, and else in the lower left corner.
    """
    busy = cells.transform_filter("datum.in_training > 0")
    empty = _middles(busy.transform_filter("datum.trials == 0"))
    filled = busy.transform_filter("datum.trials > 0").encode(x=alt.X("x0:Q"), y=alt.Y("y0:Q"))
    mark: dict[str, Any] = {"shape": "triangle-right", "filled": True, "aria": False}
    return [
        empty.mark_point(size=70, color=INK, opacity=0.55, **mark),
        filled.mark_point(
            size=30,
            color=style.hatching,
            xOffset=7,
            yOffset=-7,
            opacity=alt.expr(f"min({_ACROSS}, {_DOWN}) < {LEAST_WITH_CORNERS} ? 0 : 0.8"),
            **mark,
        ),
    ]


def _facet_names() -> alt.Chart:
    """The name of each facet above its cells."""
    names: alt.Chart = (
        alt.Chart(alt.NamedData("facets"))
        .mark_text(align="left", baseline="bottom", dx=2, dy=-5, fontSize=12, fontWeight=600)
        .encode(x=alt.X("x:Q"), y=alt.Y("y:Q"), text=alt.Text("text:N"), color=alt.value(INK))
    )
    return names


def _outline_layers(cells: alt.Chart) -> list[alt.Chart]:
    """The squares around the cursor and around the chosen cell."""
    cursor, chosen = (
        _squares(cells).transform_filter(f"datum.position === {name}")
        for name in ("cursor", "cell")
    )
    return [
        _rounded(cursor, strokeWidth=2, strokeDash=[4, 3], filled=False, stroke=INK, aria=False),
        _rounded(chosen, strokeWidth=3, filled=False, stroke=INK, aria=False),
    ]
