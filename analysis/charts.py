"""Frames to Altair charts. Charts draw, they never compute: their numbers come tested.

One theme for all: ink is the page's text colour, so that light and dark need one drawing. The
parameter `cell` is the number of the outlined cell; whoever shows a chart may set it.
"""

from typing import Any, cast

import altair as alt
import pandas as pd

from analysis.diagram import TITLES, Diagram, interesting_cell
from analysis.formats import records
from analysis.phases import PHASES

INK = "currentColor"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
ON_CELL = "#0b1620"  # text on the colour of a phase: at least 7:1 on each of them

# At least 20 apart in CIELAB with each kind of dichromacy, and light enough for dark text.
PHASE_COLORS = dict(zip(PHASES, ("#4fb89a", "#ffb000", "#9fb0ff", "#dde1e6"), strict=True))
CURVE_COLORS = {"train": "#3f83d6", "test": "#e8730c"}
CURVE_DASHES = {"train": [1, 0], "test": [6, 3]}
# Each number by itself: a format of the axis would write 30 beside 1k as 0k.
SHORT_NUMBER = "format(datum.value, '~s')"
EPOCH_TICKS = [0, *(digit * 10**power for power in range(8) for digit in (1, 3))]

WIDTH, HEIGHT = 460, 320  # pixels of the curves; diagrams keep to the same room
STEPS = (22, 58)  # pixels of a cell, smallest and largest

CROSS = "M-1,-1L1,1M-1,1L1,-1"
# Diagonals across the square from -1 to 1: Vega has no hatched fill.
HATCH = "".join(
    f"M{max(-1, c - 1)},{min(1, c + 1)}L{min(1, c + 1)},{max(-1, c - 1)}"
    for c in (-1.5, -1, -0.5, 0, 0.5, 1, 1.5)
)


def phase_diagram(diagram: Diagram) -> alt.LayerChart:
    """The most frequent phase of each cell, paler where fewer of its trials share it."""
    scale = alt.Scale(domain=list(PHASES), range=list(PHASE_COLORS.values()))
    color = alt.Color("phase:N", scale=scale, legend=legend(symbolType="square"))
    opacity = alt.Opacity(
        "phase_share:Q", scale=alt.Scale(domain=[0.25, 1], range=[0.3, 1]), legend=None
    )
    ground = {"fill": "white"}  # beneath, so that paler is paler on a dark page, too
    fill = {"color": color, "opacity": opacity}
    text = alt.Text("count_text:N"), alt.value(ON_CELL)
    return _grid_chart(
        diagram, ground=ground, filled="datum.trials > 0", fill=fill, hatch=ON_CELL, text=text
    )


def time_map(diagram: Diagram) -> alt.LayerChart:
    """The Kaplan-Meier median epoch of generalising, where half of a cell's trials reach it."""
    epochs = diagram.cells["generalized_median_epoch"].dropna()
    low, high = (int(epochs.min()), int(epochs.max())) if len(epochs) else (1, 10)
    scale = alt.Scale(type="log", scheme="viridis", domain=[max(low, 1), max(high, 2 * low, 2)])
    ticks = [tick for tick in EPOCH_TICKS if low <= tick <= high]
    key = legend(gradientLength=180, values=ticks, labelExpr=SHORT_NUMBER)
    color = alt.Color("generalized_median_epoch:Q", scale=scale, legend=key)
    reached = "isValid(datum.generalized_median_epoch)"
    bright = "luminance(scale('color', datum.generalized_median_epoch)) > 0.25"
    text_color = (
        alt.when(f"!{reached}")
        .then(alt.value(INK))
        .when(bright)
        .then(alt.value(ON_CELL))
        .otherwise(alt.value("white"))
    )
    text = alt.Text("median_text:N"), text_color
    ground = {"fill": INK, "opacity": 0.07}
    return _grid_chart(
        diagram, ground=ground, filled=reached, fill={"color": color}, hatch=INK, text=text
    )


def curves(readings: pd.DataFrame, events: pd.DataFrame) -> alt.LayerChart:
    """Accuracy against epoch, a line a seed and set, and where the cell's events are.

    Args: readings with `seed`, `set` ("train" or "test"), `epoch` and `accuracy`; events with
    `epoch` and `event`, the text beside it.
    """
    x = epoch_axis()
    y = alt.Y("accuracy:Q", title="accuracy", scale=alt.Scale(zero=False, domainMax=1))
    sets = list(CURVE_COLORS)
    lines = (
        alt.Chart(named("curves", readings))
        .mark_line(strokeWidth=1.6, opacity=0.85)
        .encode(
            x=x,
            y=y,
            detail="seed:N",
            color=alt.Color(
                "set:N",
                scale=alt.Scale(domain=sets, range=list(CURVE_COLORS.values())),
                legend=legend(symbolType="stroke"),
            ),
            strokeDash=alt.StrokeDash(
                "set:N",
                scale=alt.Scale(domain=sets, range=list(CURVE_DASHES.values())),
                legend=legend(),
            ),
            tooltip=[
                alt.Tooltip("seed:N"),
                alt.Tooltip("set:N", title="rows"),
                alt.Tooltip("epoch:Q"),
                alt.Tooltip("accuracy:Q", format=".4f"),
            ],
        )
    )
    marked = alt.Chart(named("events", events)).encode(x=x)
    rules = marked.mark_rule(stroke=INK, strokeDash=[2, 3], opacity=0.6)
    names = marked.mark_text(
        color=INK, align="left", baseline="bottom", angle=270, dx=-HEIGHT + 6, dy=-4, fontSize=11
    ).encode(text="event:N", y=alt.value(0))
    return themed(alt.layer(rules, lines, names), WIDTH, HEIGHT)


def _grid_chart(
    diagram: Diagram,
    *,
    ground: dict[str, Any],
    filled: str,
    fill: dict[str, Any],
    hatch: str,
    text: tuple[alt.Text, Any],
) -> alt.LayerChart:
    """Cells on two axes, in layers: without trials, ground, fill, hatch, text, outline.

    `ground` draws every cell with trials, `fill` encodes those for which `filled` holds; `hatch` is
    the colour of the diagonals; `text` is what is written, and in which colour.
    """
    columns, rows = diagram.labels[diagram.x], diagram.labels[diagram.y]
    step = _step(len(columns), len(rows))
    base = alt.Chart(named("cells", diagram.cells)).encode(
        x=_axis(alt.X, diagram.x, columns),
        y=_axis(alt.Y, diagram.y, rows[::-1]),
        description="said:N",
    )
    some = base.transform_filter("datum.trials > 0").encode(tooltip=_tooltip())
    none = base.transform_filter("datum.trials == 0").encode(
        tooltip=alt.Tooltip("said:N", title=" ")
    )
    square: dict[str, Any] = {"cornerRadius": 3}
    layers = [
        none.mark_rect(fill="transparent", stroke=INK, strokeDash=[2, 2], opacity=0.3, **square),
        none.mark_point(shape=CROSS, size=40, stroke=INK, strokeWidth=1.2, opacity=0.35),
        some.mark_rect(**ground, **square),
        some.transform_filter(filled).mark_rect(**square).encode(**fill),
        some.transform_filter("datum.hatched").mark_point(
            shape=HATCH, size=(0.94 * step) ** 2, stroke=hatch, strokeWidth=1, opacity=0.3
        ),
        some.mark_text(fontSize=_font_size(step), fontWeight=600).encode(
            text=text[0], color=text[1]
        ),
        base.transform_filter("datum.cell === cell").mark_rect(
            fill="transparent", stroke=INK, strokeWidth=3, **square
        ),
    ]
    chart = alt.layer(*layers).add_params(alt.param(name="cell", value=interesting_cell(diagram)))
    return themed(chart, step * len(columns), step * len(rows))


def _step(columns: int, rows: int) -> int:
    smallest, largest = STEPS
    return max(smallest, min(largest, WIDTH // columns, HEIGHT // rows))


def _font_size(step: int) -> int:
    return max(8, min(13, step // 4))


def _axis(channel: Any, axis: str, labels: list[str]) -> Any:
    scale = alt.Scale(domain=labels, paddingInner=0.05, paddingOuter=0.02)
    return channel(
        f"{axis}:N",
        title=TITLES[axis],
        scale=scale,
        axis=alt.Axis(labelAngle=0, labelOverlap=True, labelSeparation=8),
    )


def _tooltip() -> list[alt.Tooltip]:
    titles = {
        "place": "cell",
        "phase": "phase",
        "phases_text": "trials",
        "flags_text": "flags",
        "count_text": "generalised",
        "interval_text": "95% (Wilson)",
        "median_text": "median epoch",
    }
    return [alt.Tooltip(f"{name}:N", title=title) for name, title in titles.items()]


def epoch_axis() -> alt.X:
    """Epochs across, logarithmic but for the first, which is 0."""
    return alt.X(
        "epoch:Q",
        title="epoch",
        scale=alt.Scale(type="symlog", constant=1),
        axis=alt.Axis(
            values=EPOCH_TICKS, labelExpr=SHORT_NUMBER, grid=False, labelOverlap="greedy"
        ),
    )


def named(name: str, frame: pd.DataFrame) -> alt.InlineData:
    """The rows under a name by which a page can replace them."""
    return alt.InlineData(values=records(frame), name=name)


def legend(title: str | None = None, **options: Any) -> alt.Legend:
    """A legend above the chart, in one row."""
    return alt.Legend(title=title, orient="top", direction="horizontal", **options)


def themed(chart: Any, width: int, height: int) -> alt.LayerChart:
    """The chart in the one theme, so many pixels large."""
    themed = chart.properties(width=width, height=height).configure(
        background="transparent",
        font=FONT,
        padding=4,
        view=alt.ViewConfig(stroke=None),
        axis=alt.AxisConfig(
            labelColor=INK,
            titleColor=INK,
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight=600,
            titlePadding=10,
            domain=False,
            ticks=False,
            labelPadding=6,
            gridColor=INK,
            gridOpacity=0.12,
        ),
        legend=alt.LegendConfig(
            labelColor=INK, labelFontSize=12, symbolStrokeWidth=2.5, offset=10, symbolSize=140
        ),
    )
    return cast("alt.LayerChart", themed)
