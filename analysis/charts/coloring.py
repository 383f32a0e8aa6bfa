"""How the cells of a phase diagram may be colored: by phase, by share, by median epoch."""

from dataclasses import dataclass
from typing import Any

import altair as alt

from analysis.charts.theme import INK, SHORT_NUMBER, legend
from analysis.phases.classify import PHASES
from analysis.phases.palette import PHASE_COLORS

TEXT_ON_CELL = "#0b1620"  # has a contrast of at least 7:1 on each of PHASE_COLORS

# Of the stages of `phases.stages`, in their order.
STAGE_COLORS = {
    "learning": PHASE_COLORS["confusion"],
    "waiting": PHASE_COLORS["memorization"],
    "grokked": PHASE_COLORS["grokking"],
    "soon": PHASE_COLORS["comprehension"],
    "broken": "#566270",
}

# What a menu calls each coloring.
COLORINGS = {
    "phase": "phase",
    "share": "share that generalized",
    "median": "median epoch of generalizing",
}

_REACHED = "isValid(datum.generalized_median_epoch)"
_FAINT = 0.07  # opacity of the ground below cells that may have no color


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
    """

    color: alt.Color
    text: str
    text_color: Any
    filled: str = "true"
    ground: str = INK
    ground_opacity: Any = _FAINT
    opacity: Any = alt.Undefined
    hatching: str = INK


def coloring_of(name: str) -> Coloring:
    """One of `COLORINGS`."""
    return {"phase": _by_phase, "share": _by_share, "median": _by_median}[name]()


def _by_phase() -> Coloring:
    scale = alt.Scale(domain=list(PHASES), range=list(PHASE_COLORS.values()))
    pale = alt.Scale(domain=[0.25, 1], range=[0.3, 1])
    return Coloring(
        alt.Color("phase:N", scale=scale, legend=legend(symbolType="square")),
        "count_text",
        alt.value(TEXT_ON_CELL),
        ground="white",
        ground_opacity=alt.Undefined,
        opacity=alt.Opacity("phase_share:Q", scale=pale, legend=None),
        hatching=TEXT_ON_CELL,
    )


def _by_share() -> Coloring:
    color = alt.Color(
        "share:Q",
        scale=alt.Scale(scheme="viridis", domain=[0, 1]),
        legend=legend(format=".0%", gradientLength=180),
    )
    return Coloring(color, "count_text", _readable("datum.share"))


def _by_median() -> Coloring:
    color = alt.Color(
        "generalized_median_epoch:Q",
        scale=alt.Scale(type="log", scheme="viridis"),
        legend=legend(labelExpr=SHORT_NUMBER, gradientLength=180),
    )
    text_color = _readable("datum.generalized_median_epoch", f"!{_REACHED}")
    return Coloring(color, "median_text", text_color, filled=_REACHED)


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
