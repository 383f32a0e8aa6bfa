"""How the cells of a phase diagram may be colored: by phase, or by a quantity."""

from dataclasses import dataclass
from typing import Any

import altair as alt

from analysis.charts.theme import INK, PAPER, SHORT_NUMBER, legend
from analysis.phases.palette import PHASE_COLORS
from analysis.phases.quantities import QUANTITIES

TEXT_ON_CELL = "#0b1620"  # has a contrast of at least 7:1 on each of PHASE_COLORS

# To the eye these are TEXT_ON_CELL and white. By these colors page.css finds what is on and below
# cells of confusion. On a light page such a cell is nearly white; on a dark page it is dark.
TEXT_ON_CONFUSION, BELOW_CONFUSION = "#0b1621", PAPER

# Of the stages of `phases.stages`, in their order.
STAGE_COLORS = {
    "learning": PHASE_COLORS["confusion"],
    "waiting": PHASE_COLORS["memorization"],
    "grokked": PHASE_COLORS["grokking"],
    "soon": PHASE_COLORS["comprehension"],
    "broken": "#566270",
}

# A cell of confusion has the color of its kind; the other kinds are phases.
KIND_COLORS = {
    **{name: color for name, color in PHASE_COLORS.items() if name != "confusion"},
    "collapsed": STAGE_COLORS["broken"],
    "partial": "#c9a06a",
    "neither": PHASE_COLORS["confusion"],
}

# What a menu calls each coloring.
COLORINGS = {"phase": "phase", **{name: q.title for name, q in QUANTITIES.items()}}
TEMPLATES = ("phase", "quantity")  # all quantities have one; its scale is laid over it

CHANGE = "change"  # of two studies: the ratio of a number of each cell
CHANGE_COLORS = ("#1f5fae", "#dde1e6", "#d9730d")  # of less, the same and more

_KNOWN = "isValid(datum.value)"
_NEITHER = "datum.kind === 'neither'"
_FAINT = 0.07  # opacity of the ground below cells that may have no color


def _on_white(color: str, opacity: str) -> str:
    """An expression: a color with some opacity on white, both given as expressions."""
    parts = ", ".join(f"255 - {opacity} * (255 - rgb({color}).{part})" for part in "rgb")
    return f"'' + rgb({parts})"


_HALO_OF_KIND = _on_white("scale('color', datum.kind)", "scale('opacity', datum.phase_share)")
_HALO_OF_VALUE = f"{_KNOWN} ? scale('color', datum.value) : '{BELOW_CONFUSION}'"


@dataclass(frozen=True, slots=True)
class Coloring:
    """How cells are filled, and the text on them.

    Attributes:
        color: what the color stands for, with scale and legend.
        text: what is written in a cell, a name in `charts.diagram.TEXTS`.
        text_color: of this text.
        filled: which cells have the color, a condition as an expression.
        ground: the color below.
        ground_opacity: of the ground.
        opacity: what the opacity of the color stands for, if anything.
        hatching: the color of the lines across hatched cells.
        told: what a tooltip says of the color, a name in `charts.diagram.TEXTS`; "" for nothing.
        halo: the color around the text, that of its cell, as an expression.
        sentence: what a screen reader says of a cell, as an expression; "": as in
            `charts.diagram.TEXTS`.
    """

    color: alt.Color
    text: str
    text_color: Any
    halo: str
    filled: str = "true"
    ground: Any = INK
    ground_opacity: Any = _FAINT
    opacity: Any = alt.Undefined
    hatching: Any = INK
    told: str = "value_text"
    sentence: str = ""


def coloring_of(name: str) -> Coloring:
    """One of `TEMPLATES`, or CHANGE."""
    return {"phase": _by_phase, "quantity": _by_quantity, CHANGE: _by_change}[name]()


def template_of(coloring: str) -> str:
    """The name in `TEMPLATES` that one of `COLORINGS` is drawn with."""
    return "phase" if coloring == "phase" else "quantity"


def _by_phase() -> Coloring:
    scale = alt.Scale(domain=list(KIND_COLORS), range=list(KIND_COLORS.values()))
    pale = alt.Scale(domain=[0.25, 1], range=[0.3, 1])
    text = alt.when("datum.kind === 'collapsed'").then(alt.value("white"))
    text = text.when(_NEITHER).then(alt.value(TEXT_ON_CONFUSION))
    return Coloring(
        alt.Color("kind:N", scale=scale, legend=legend(symbolType="square")),
        "count_text",
        text.otherwise(alt.value(TEXT_ON_CELL)),
        # A cell of neither is recolored by the page, as a whole.
        f"{_NEITHER} ? '{KIND_COLORS['neither']}' : {_HALO_OF_KIND}",
        ground=alt.expr(f"{_NEITHER} ? '{BELOW_CONFUSION}' : 'white'"),
        ground_opacity=alt.Undefined,
        opacity=alt.Opacity("phase_share:Q", scale=pale, legend=None),
        hatching=alt.expr(f"{_NEITHER} ? '{TEXT_ON_CONFUSION}' : '{TEXT_ON_CELL}'"),
        told="",  # every tooltip has the phase
    )


def _by_quantity() -> Coloring:
    color = alt.Color(
        "value:Q",
        scale=alt.Scale(scheme="viridis", clamp=True),
        legend=legend(
            labelExpr=SHORT_NUMBER,
            gradientLength=180,
            tickCount=4,
            titleOrient="left",
            titlePadding=8,
        ),
    )
    text_color = _readable("datum.value", f"!{_KNOWN}")
    return Coloring(color, "value_text", text_color, _HALO_OF_VALUE, filled=_KNOWN)


def _by_change() -> Coloring:
    """The logarithm to base 2 of a ratio: two colors, and none of both at a ratio of 1."""
    color = alt.Color(
        "value:Q",
        scale=alt.Scale(range=list(CHANGE_COLORS), interpolate="rgb", clamp=True),
        legend=legend(
            labelExpr="datum.value < 0 ? '1/' + pow(2, -datum.value) : '' + pow(2, datum.value)",
            gradientLength=230,
            titleOrient="left",
            titlePadding=8,
        ),
    )
    text_color = _readable("datum.value", f"!{_KNOWN}")
    return Coloring(
        color, "said", text_color, _HALO_OF_VALUE, filled=_KNOWN, sentence="datum.words"
    )


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
