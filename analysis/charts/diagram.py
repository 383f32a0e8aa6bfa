"""The phase diagram: a template without rows, and the axes of a study laid over it.

The page, and `analysis.figures.study`, give the template its rows, `cells` and `boundary`.

`cells` has one row for each position of the two axes:
    position: the indices on both axes, "i,j".
    cell_name: the labels on all axes, as text.
    x0, x1, xm, y0, y1, ym: its edges and its middle in units of the axes, as `spans` gives them.
    trials: how many it holds; 0 for a position without a cell.
    And the columns of `analysis.phases.cells.cells`.
`boundary` has one row for each point: x, y, the band from low to high, the piece of the line that
the point is on, and its order there.

The template has two parameters: `cell`, the position that is outlined, and `cursor`, the position
that the keyboard is on.
"""

import copy
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import altair as alt

from analysis.charts.theme import (
    INK,
    SHORT_NUMBER,
    Channel,
    Specification,
    legend,
    specification,
    themed,
)
from analysis.phases.classify import FLAGS, PHASES
from analysis.phases.rulers import TITLES, Ruler

TEXT_ON_CELL = "#0b1620"  # on the color of a phase: a contrast of at least 7:1 on each of them

# At least 20 apart in CIELAB with each kind of dichromacy, and light enough for dark text.
PHASE_COLORS = dict(zip(PHASES, ("#4fb89a", "#ffb000", "#9fb0ff", "#dde1e6"), strict=True))

DIAGRAM_SIZE = (460, 320)  # pixels of a diagram: width, height
CELL_PIXELS = (22, 58)  # width of a cell, smallest and largest

_CROSS = "M-1,-1L1,1M-1,1L1,-1"
_GAP: dict[str, Any] = {"xOffset": 1, "x2Offset": -1, "yOffset": -1, "y2Offset": 1}
_SQUARE: dict[str, Any] = {"cornerRadius": 3, **_GAP}

# How a diagram may be colored, and what a menu calls it.
COLORINGS = {
    "phase": "phase",
    "share": "share that generalized",
    "median": "median epoch of generalizing",
}


def _listing(names: Sequence[str]) -> str:
    """An expression: the counts of a cell that are not zero, with their names."""
    parts = (
        f"(datum.{name} ? ', ' + datum.{name} + ' {name.replace('_', '-')}' : '')" for name in names
    )
    return f"slice({' + '.join(parts)}, 2)"


# Texts of a cell, as Vega expressions of its row. diagram.js writes the sentence likewise.
_MEDIAN = (
    "isValid(datum.generalized_median_epoch) ? format(datum.generalized_median_epoch, ',') : "
    "'> ' + format(datum.watched_epochs, ',')"
)
TEXTS = {
    "share": "datum.generalized / datum.trials",
    "count_text": "datum.generalized + '/' + datum.trials",
    "median_text": _MEDIAN,
    "interval_text": (
        "format(datum.generalized_low, '.0%') + ' to ' + format(datum.generalized_high, '.0%')"
    ),
    "phases_text": _listing(list(PHASES)),
    "flags_text": _listing(list(FLAGS)),
    "sentence": (
        "datum.trials ? datum.cell_name + ': ' + datum.phase + ', ' + datum.generalized + '/' + "
        "datum.trials + ' generalized, median epoch ' + datum.median_text "
        ": datum.cell_name + ': no trials'"
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
}

# Width and height of a cell in pixels, and the letter size at which a text fits into the cell.
_ACROSS = "abs(scale('x', datum.x1) - scale('x', datum.x0))"
_DOWN = "abs(scale('y', datum.y1) - scale('y', datum.y0))"
_LETTERS = f"min({_DOWN} / 1.8, {_ACROSS} / (0.62 * max(3, length(datum.{{text}}))))"


@dataclass(frozen=True, slots=True)
class _Coloring:
    """How cells are filled: by which channels, which of them, on what, and the text on them."""

    channels: dict[str, Any]
    filled: str  # a condition, as an expression
    ground: dict[str, Any]
    text: str  # one of TEXTS
    text_color: Any
    hatching: str = INK


def diagram_template(coloring: str) -> Specification:
    """The template of a diagram in one of `COLORINGS`."""
    style = _colorings()[coloring]
    cells = alt.Chart(alt.NamedData("cells"))
    for name, expression in TEXTS.items():
        cells = cells.transform_calculate(**{name: expression})
    boundary = alt.Chart(alt.NamedData("boundary")).encode(x="x:Q", detail="piece:N")
    layers = [
        *_empty_layers(cells),
        *_filled_layers(cells, style),
        boundary.mark_area(fill=INK, opacity=0.18, clip=True, aria=False).encode(
            y="low:Q", y2="high:Q"
        ),
        boundary.mark_line(stroke=INK, strokeWidth=2.5, clip=True, aria=False).encode(
            y="y:Q", order="order:Q"
        ),
        _text_layer(cells, style),
        *_outline_layers(cells),
    ]
    params = [alt.param(name=name, value="") for name in ("cell", "cursor")]
    return specification(themed(alt.layer(*layers).add_params(*params), *DIAGRAM_SIZE))


def _squares(cells: alt.Chart) -> alt.Chart:
    return cells.encode(x="x0:Q", x2="x1", y="y0:Q", y2="y1", description="sentence:N")


def _middles(cells: alt.Chart) -> alt.Chart:
    return cells.encode(x="xm:Q", y="ym:Q")


def _empty_layers(cells: alt.Chart) -> list[alt.Chart]:
    """Positions without trials: a dashed square with a cross."""
    squares = _squares(cells).transform_filter("datum.trials == 0")
    crosses = _middles(cells).transform_filter("datum.trials == 0")
    return [
        squares.encode(tooltip=alt.Tooltip("sentence:N", title=" ")).mark_rect(
            fill="transparent", stroke=INK, strokeDash=[2, 2], opacity=0.3, **_SQUARE
        ),
        crosses.mark_point(
            shape=_CROSS, size=36, stroke=INK, strokeWidth=1.2, opacity=0.35, aria=False
        ),
    ]


def _filled_layers(cells: alt.Chart, style: _Coloring) -> list[alt.Chart]:
    """Cells with trials: the ground, the color, and diagonals across those that are hatched."""
    squares = (
        _squares(cells)
        .transform_filter("datum.trials > 0")
        .encode(tooltip=[alt.Tooltip(f"{name}:N", title=title) for name, title in _TOOLTIP.items()])
    )
    diagonals = (("x0", "ym", "xm", "y1"), ("x0", "y0", "x1", "y1"), ("xm", "y0", "x1", "ym"))
    hatched = cells.transform_filter("datum.hatched").mark_rule(
        stroke=style.hatching, opacity=0.3, aria=False
    )
    return [
        squares.mark_rect(**style.ground, **_SQUARE),
        squares.transform_filter(style.filled).mark_rect(**_SQUARE).encode(**style.channels),
        *(
            hatched.encode(x=f"{left}:Q", x2=right, y=f"{low}:Q", y2=high)
            for left, low, right, high in diagonals
        ),
    ]


def _text_layer(cells: alt.Chart, style: _Coloring) -> alt.Chart:
    """The text of each cell, where letters of 8 pixels fit."""
    letters = _LETTERS.format(text=style.text)
    written: alt.Chart = (
        _middles(cells)
        .transform_filter("datum.trials > 0")
        .mark_text(
            fontWeight=600,
            fontSize=alt.expr(f"min(13, {letters})"),
            opacity=alt.expr(f"{letters} < 8 ? 0 : 1"),
            aria=False,
        )
    )
    shown: alt.Chart = written.encode(text=f"{style.text}:N", color=style.text_color)
    return shown


def _outline_layers(cells: alt.Chart) -> list[alt.Chart]:
    """The squares around the cursor and around the chosen cell."""
    outline: dict[str, Any] = {"filled": False, "stroke": INK, "aria": False, **_SQUARE}
    cursor, chosen = (
        _squares(cells).transform_filter(f"datum.position === {name}")
        for name in ("cursor", "cell")
    )
    return [
        cursor.mark_rect(strokeWidth=2, strokeDash=[4, 3], **outline),
        chosen.mark_rect(strokeWidth=3, **outline),
    ]


def _colorings() -> dict[str, _Coloring]:
    reached = "isValid(datum.generalized_median_epoch)"
    phase = alt.Scale(domain=list(PHASES), range=list(PHASE_COLORS.values()))
    pale = alt.Scale(domain=[0.25, 1], range=[0.3, 1])
    faint: dict[str, Any] = {"fill": INK, "opacity": 0.07}
    by_share = alt.Color(
        "share:Q",
        scale=alt.Scale(scheme="viridis", domain=[0, 1]),
        legend=legend(format=".0%", gradientLength=180),
    )
    by_median = alt.Color(
        "generalized_median_epoch:Q",
        scale=alt.Scale(type="log", scheme="viridis"),
        legend=legend(labelExpr=SHORT_NUMBER, gradientLength=180),
    )
    return {
        "phase": _Coloring(
            {
                "color": alt.Color("phase:N", scale=phase, legend=legend(symbolType="square")),
                "opacity": alt.Opacity("phase_share:Q", scale=pale, legend=None),
            },
            "true",
            {"fill": "white"},
            "count_text",
            alt.value(TEXT_ON_CELL),
            hatching=TEXT_ON_CELL,
        ),
        "share": _Coloring(
            {"color": by_share}, "true", faint, "count_text", _readable("datum.share")
        ),
        "median": _Coloring(
            {"color": by_median},
            reached,
            faint,
            "median_text",
            _readable("datum.generalized_median_epoch", f"!{reached}"),
        ),
    }


def _readable(value: str, unfilled: str = "false") -> Any:
    """The color of a text on the color of a value; ink on a cell that is not filled.

    Args:
        value: what the cell is colored by, as an expression.
        unfilled: whether the cell has no color, as an expression.
    """
    bright = f"luminance(scale('color', {value})) > 0.25"
    return (
        alt.when(unfilled)
        .then(alt.value(INK))
        .when(bright)
        .then(alt.value(TEXT_ON_CELL))
        .otherwise(alt.value("white"))
    )


def spans(ruler: Ruler) -> list[tuple[float, float, float]]:
    """The low end, the high end and the middle of each position, in units of the axis.

    The middle is the middle of the drawing: on a logarithmic axis the geometric mean. Positions
    that are no line of numbers are 1 apart.
    """
    if not ruler.edges:
        return [(i - 0.5, i + 0.5, i) for i in range(len(ruler.labels))]
    return [
        (low, high, math.sqrt(low * high) if ruler.scale == "log" else (low + high) / 2)
        for low, high in zip(ruler.edges, ruler.edges[1:], strict=False)
    ]


def channel(ruler: Ruler) -> Channel:
    """How an axis of the study is drawn, across or up: its title, scale and ticks."""
    ticks = list(ruler.centers or range(len(ruler.labels)))
    edges = ruler.edges or (-0.5, len(ruler.labels) - 0.5)
    kind = {"type": "log"} if ruler.scale == "log" else {"type": "linear", "zero": False}
    label = f"{json.dumps(ruler.labels)}[indexof({json.dumps(ticks)}, datum.value)]"
    return {
        "title": TITLES[ruler.name],
        "scale": {**kind, "domain": [edges[0], edges[-1]], "nice": False},
        "axis": {
            "values": ticks,
            "labelExpr": label,
            "grid": False,
            "labelOverlap": "greedy",
            "labelSeparation": 3,
            "labelFontSize": 11,
        },
    }


class EpochRamp(TypedDict):
    """The color scale of median epochs: its domain, low and high, and the values of its legend."""

    domain: list[float]
    values: list[float]


def laid_out(
    template: Specification, x: Channel, y: Channel, epochs: EpochRamp, size: tuple[int, int]
) -> Specification:
    """A diagram's template with the axes of a study laid over it; diagram.js does the same.

    Args:
        template: of `diagram_template`; it stays as it is.
        x: the channel of the axis across.
        y: the channel of the axis up.
        epochs: the color scale of median epochs.
        size: width and height in pixels.
    """
    chart = copy.deepcopy(template)
    chart["width"], chart["height"] = size
    for layer in chart["layer"]:
        encoding = layer["encoding"]
        encoding["x"] |= x
        encoding["y"] |= y
        if encoding.get("color", {}).get("field") == "generalized_median_epoch":
            encoding["color"]["scale"]["domain"] = epochs["domain"]
            encoding["color"]["legend"]["values"] = epochs["values"]
    return chart


def size_of(columns: int, rows: int) -> tuple[int, int]:
    """The width and height, in pixels, of a diagram of so many positions across and up."""
    width, height = DIAGRAM_SIZE
    smallest, largest = CELL_PIXELS
    cell = max(smallest, min(largest, width // columns, height // rows))
    return cell * columns, cell * rows
