"""Frames to Altair charts. Charts draw, they never compute: their numbers come tested.

One theme for all: ink is the page's text colour, so that light and dark need one drawing. A diagram
and curves are drawn without rows here, as templates: the page, or `analysis.figures.study`, gives
them named rows and lays the axes of the study over them (`laid_out`).
"""

import copy
import json
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from analysis.charts.theme import (
    CURVE_COLORS,
    CURVE_DASHES,
    EPOCH_TICKS,
    INK,
    SHORT_NUMBER,
    epoch_axis,
    legend,
    named,
    themed,
)
from analysis.phases.classify import FLAGS, PHASES
from analysis.phases.grid import TITLES, Ruler

ON_CELL = "#0b1620"  # text on the colour of a phase: at least 7:1 on each of them

# At least 20 apart in CIELAB with each kind of dichromacy, and light enough for dark text.
PHASE_COLORS = dict(zip(PHASES, ("#4fb89a", "#ffb000", "#9fb0ff", "#dde1e6"), strict=True))

WIDTH, HEIGHT = 460, 320  # pixels of a diagram
STEPS = (22, 58)  # pixels of a cell, smallest and largest
CURVES_SIZE = (420, 200)

CROSS = "M-1,-1L1,1M-1,1L1,-1"

# How a diagram may be coloured, and what a menu calls it.
COLORINGS = {
    "phase": "phase",
    "share": "share that generalised",
    "median": "median epoch of generalising",
}


def _listing(names: Sequence[str]) -> str:
    """An expression: the counts of a cell that are not zero, with their names."""
    parts = (
        f"(datum.{name} ? ', ' + datum.{name} + ' {name.replace('_', '-')}' : '')" for name in names
    )
    return f"slice({' + '.join(parts)}, 2)"


# What is written in a cell and said about it, as Vega expressions.
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
    "said": (
        "datum.trials ? datum.place + ': ' + datum.phase + ', ' + datum.generalized + '/' + "
        "datum.trials + ' generalised, median epoch ' + datum.median_text "
        ": datum.place + ': no trials'"
    ),
}
_TOOLTIP = {
    "place": "cell",
    "phase": "phase",
    "phases_text": "trials",
    "flags_text": "flags",
    "count_text": "generalised",
    "interval_text": "95% (Wilson)",
    "median_text": "median epoch",
}
_ACROSS = "abs(scale('x', datum.x1) - scale('x', datum.x0))"
_DOWN = "abs(scale('y', datum.y1) - scale('y', datum.y0))"


def diagram(coloring: str) -> dict[str, Any]:
    """The template of a diagram, coloured by phase, share or median: a specification without rows.

    Its rows, `cells`, are positions of two axes: edges x0, x1, y0, y1 and middles xm, ym in units
    of the axes, `at` (a name of the position), `place` (its labels as text), and the columns of
    `analysis.phases.classify.cells`, `trials` 0 where there is none. `boundary` has x, y, low,
    high, `piece` and `order`. The parameters `cell` and `cursor` are the `at` that is outlined,
    and that the keyboard is on.
    """
    color, filled, text, on_text = _colorings()[coloring]
    base = alt.Chart(alt.NamedData("cells"))
    for name, expression in TEXTS.items():
        base = base.transform_calculate(**{name: expression})
    rects = base.encode(x="x0:Q", x2="x1", y="y0:Q", y2="y1", description="said:N")
    some = rects.transform_filter("datum.trials > 0").encode(
        tooltip=[alt.Tooltip(f"{name}:N", title=title) for name, title in _TOOLTIP.items()]
    )
    none = rects.transform_filter("datum.trials == 0").encode(
        tooltip=alt.Tooltip("said:N", title=" ")
    )
    gap: dict[str, Any] = {"xOffset": 1, "x2Offset": -1, "yOffset": -1, "y2Offset": 1}
    square = {"cornerRadius": 3, **gap}
    middles = base.encode(x="xm:Q", y="ym:Q")
    ground = {"fill": "white"} if coloring == "phase" else {"fill": INK, "opacity": 0.07}
    hatched = base.transform_filter("datum.hatched")
    diagonals = [
        hatched.mark_rule(
            stroke=INK if coloring != "phase" else ON_CELL, opacity=0.3, aria=False
        ).encode(
            x=f"{left}:Q", x2=right, y=f"{low}:Q", y2=high
        )
        for left, low, right, high in (
            ("x0", "ym", "xm", "y1"), ("x0", "y0", "x1", "y1"), ("xm", "y0", "x1", "ym"),
        )
    ]  # fmt: skip
    letters = f"min({_DOWN} / 1.8, {_ACROSS} / (0.62 * max(3, length(datum.{text}))))"
    written = middles.transform_filter("datum.trials > 0").mark_text(
        fontWeight=600,
        fontSize=alt.expr(f"min(13, {letters})"),
        opacity=alt.expr(f"{letters} < 8 ? 0 : 1"),
        aria=False,
    )
    outline = {"filled": False, "stroke": INK, **square}
    edge = alt.Chart(alt.NamedData("boundary")).encode(x="x:Q", detail="piece:N")
    layers = [
        none.mark_rect(fill="transparent", stroke=INK, strokeDash=[2, 2], opacity=0.3, **square),
        middles.transform_filter("datum.trials == 0").mark_point(
            shape=CROSS, size=36, stroke=INK, strokeWidth=1.2, opacity=0.35, aria=False
        ),
        some.mark_rect(**ground, **square),
        some.transform_filter(filled).mark_rect(**square).encode(**color),
        *diagonals,
        edge.mark_area(fill=INK, opacity=0.18, clip=True, aria=False).encode(y="low:Q", y2="high"),
        edge.mark_line(stroke=INK, strokeWidth=2.5, clip=True, aria=False).encode(
            y="y:Q", order="order:Q"
        ),
        written.encode(text=f"{text}:N", color=on_text),
        rects.transform_filter("datum.at === cursor").mark_rect(
            strokeWidth=2, strokeDash=[4, 3], aria=False, **outline
        ),
        rects.transform_filter("datum.at === cell").mark_rect(strokeWidth=3, aria=False, **outline),
    ]
    params = [alt.param(name=name, value="") for name in ("cell", "cursor")]
    return themed(alt.layer(*layers).add_params(*params), WIDTH, HEIGHT).to_dict(validate=False)


def _colorings() -> dict[str, tuple[dict[str, Any], str, str, Any]]:
    """Of each colouring: what is encoded, of which cells, the text, and its colour."""
    reached = "isValid(datum.generalized_median_epoch)"
    phase = alt.Scale(domain=list(PHASES), range=list(PHASE_COLORS.values()))
    pale = alt.Scale(domain=[0.25, 1], range=[0.3, 1])
    ramp: dict[str, Any] = {"gradientLength": 180}
    return {
        "phase": (
            {
                "color": alt.Color("phase:N", scale=phase, legend=legend(symbolType="square")),
                "opacity": alt.Opacity("phase_share:Q", scale=pale, legend=None),
            },
            "true",
            "count_text",
            alt.value(ON_CELL),
        ),
        "share": (
            {
                "color": alt.Color(
                    "share:Q",
                    scale=alt.Scale(scheme="viridis", domain=[0, 1]),
                    legend=legend(format=".0%", **ramp),
                )
            },
            "true",
            "count_text",
            _readable("datum.share"),
        ),
        "median": (
            {
                "color": alt.Color(
                    "generalized_median_epoch:Q",
                    scale=alt.Scale(type="log", scheme="viridis"),
                    legend=legend(labelExpr=SHORT_NUMBER, **ramp),
                )
            },
            reached,
            "median_text",
            _readable("datum.generalized_median_epoch", f"!{reached}"),
        ),
    }


def _readable(value: str, unfilled: str = "false") -> Any:
    """The colour of text on the colour of a value; on an unfilled cell, ink."""
    bright = f"luminance(scale('color', {value})) > 0.25"
    return (
        alt.when(unfilled)
        .then(alt.value(INK))
        .when(bright)
        .then(alt.value(ON_CELL))
        .otherwise(alt.value("white"))
    )


def channel(ruler: Ruler) -> dict[str, Any]:
    """How an axis of the study is laid out in either direction: title, scale and ticks."""
    places = list(ruler.centres or range(len(ruler.labels)))
    edges = ruler.edges or (-0.5, len(ruler.labels) - 0.5)
    kind = {"type": "log"} if ruler.scale == "log" else {"type": "linear", "zero": False}
    written = f"{json.dumps(ruler.labels)}[indexof({json.dumps(places)}, datum.value)]"
    return {
        "title": TITLES[ruler.name],
        "scale": {**kind, "domain": [edges[0], edges[-1]], "nice": False},
        "axis": {
            "values": places,
            "labelExpr": written,
            "grid": False,
            "labelOverlap": "greedy",
            "labelSeparation": 3,
            "labelFontSize": 11,
        },
    }


def laid_out(
    template: Mapping[str, Any],
    x: Mapping[str, Any],
    y: Mapping[str, Any],
    epochs: Mapping[str, Any],
    size: tuple[int, int],
) -> dict[str, Any]:
    """A diagram's template laid over a study; diagram.js does the same.

    Args: x and y, the channels of its axes; epochs, the color scale of median epochs as
    `page_data.epoch_ramp` gives it; size, width and height in pixels.
    """
    width, height = size
    chart: dict[str, Any] = {**copy.deepcopy(dict(template)), "width": width, "height": height}
    for layer in chart["layer"]:
        layer["encoding"]["x"] |= x
        layer["encoding"]["y"] |= y
        color = layer["encoding"].get("color", {})
        if color.get("field") == "generalized_median_epoch":
            color["scale"]["domain"] = epochs["domain"]
            color["legend"]["values"] = epochs["values"]
    return chart


def curves(title: str, columns: Sequence[str]) -> dict[str, Any]:
    """The template of one reading against epoch, a line a trial and set of rows.

    Its rows, `curves`, have `trial`, `seed`, `set` ("train", "test" or ""), `epoch` and `value`;
    `events` have `epoch` and `event`, the text beside it. The parameter `trial` is the one that
    stands out, "" if none does.
    """
    kept = "trial === '' || datum.trial === trial"
    scale = alt.Scale(zero=False, domainMax=1) if title == "accuracy" else alt.Scale(zero=False)
    if any("sparsity" in name for name in columns):
        scale = alt.Scale(type="log", nice=False)
    lines = alt.Chart(alt.NamedData("curves")).encode(
        x=epoch_axis(),
        y=alt.Y("value:Q", title=title, scale=scale, axis=alt.Axis(tickCount=5)),
        detail="trial:N",
        tooltip=[alt.Tooltip("seed:N"), alt.Tooltip("set:N", title="rows")],
    )
    lines = lines.transform_filter("isValid(datum.value)")
    drawn = lines.mark_line(
        strokeWidth=alt.expr("trial !== '' && datum.trial === trial ? 3 : 1.6"),
        opacity=alt.expr(f"{kept} ? 0.85 : 0.2"),
    )
    wide = lines.mark_line(strokeWidth=12, strokeOpacity=0, cursor="pointer", aria=False)
    if len(columns) == 2:
        sets = list(CURVE_COLORS)
        color = alt.Scale(domain=sets, range=list(CURVE_COLORS.values()))
        dash = alt.Scale(domain=sets, range=list(CURVE_DASHES.values()))
        key = None if title != "accuracy" else legend(symbolType="stroke", symbolOpacity=1)
        drawn = drawn.encode(
            color=alt.Color("set:N", scale=color, legend=key),
            strokeDash=alt.StrokeDash("set:N", scale=dash, legend=key),
        )
        wide = wide.encode(strokeDash="set:N")
    else:
        drawn = drawn.encode(color=alt.value(CURVE_COLORS["train"]))
    marked = alt.Chart(alt.NamedData("events")).encode(x=epoch_axis())
    rules = marked.mark_rule(stroke=INK, strokeDash=[2, 3], opacity=0.6, aria=False)
    layers = [rules, drawn, wide]
    if title == "accuracy":
        names = marked.mark_text(
            color=INK, align="left", baseline="bottom", angle=270, dx=6, dy=-4, fontSize=11
        ).encode(text="event:N", y=alt.value(CURVES_SIZE[1]))
        layers.append(names)
    chart = alt.layer(*layers).add_params(alt.param(name="trial", value=""))
    return themed(chart, *CURVES_SIZE).to_dict(validate=False)


def sparsity(frame: pd.DataFrame, ruler: Ruler) -> alt.LayerChart:
    """Dots for how often each size was found at each position of an axis, and the median.

    Args: frame with `label`, `neurons`, `trials` and `median`; the axis.
    """
    base = alt.Chart(named("sparsity", frame)).encode(
        x=alt.X(
            "label:N",
            title=TITLES[ruler.name],
            sort=list(ruler.labels),
            axis=alt.Axis(labelAngle=0, labelOverlap="greedy"),
        )
    )
    up: dict[str, Any] = {
        "title": "neurons",
        "scale": alt.Scale(type="log"),
        "axis": alt.Axis(values=EPOCH_TICKS[1:]),
    }
    dots = base.mark_circle(color=CURVE_COLORS["train"], opacity=0.6).encode(
        y=alt.Y("neurons:Q", **up),
        size=alt.Size(
            "trials:Q",
            scale=alt.Scale(range=[20, 320], zero=False),
            legend=legend("trials", values=_whole_ticks(frame["trials"]), format="d"),
        ),
        tooltip=["label:N", "neurons:Q", "trials:Q", "median:Q"],
    )
    line = base.mark_tick(color=INK, thickness=2.5, size=24).encode(y=alt.Y("median:Q", **up))
    return themed(alt.layer(dots, line), 420, 260)


def _whole_ticks(counts: pd.Series) -> list[int]:
    """At most four whole numbers from the smallest count to the largest, for a legend of sizes."""
    ends = np.linspace(counts.min(), counts.max(), 4).round()
    return [int(count) for count in np.unique(ends)]


def steps(columns: int, rows: int, width: int = WIDTH, height: int = HEIGHT) -> tuple[int, int]:
    """The size of a diagram of so many positions, in pixels."""
    smallest, largest = STEPS
    step = max(smallest, min(largest, width // columns, height // rows))
    return step * columns, step * rows
