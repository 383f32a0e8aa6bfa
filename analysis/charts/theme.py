"""The look that all charts share: ink, font, colors, axes of epochs and legends."""

from typing import Any, cast

import altair as alt
import pandas as pd

from analysis.formats import records

INK = "currentColor"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
CURVE_COLORS = {"train": "#3f83d6", "test": "#e8730c"}
CURVE_DASHES = {"train": [1, 0], "test": [6, 3]}
# Each number by itself: a format of the axis would write 30 beside 1k as 0k.
SHORT_NUMBER = "format(datum.value, '~s')"
EPOCH_TICKS = [0, *(digit * 10**power for power in range(8) for digit in (1, 3))]


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
            labelColor=INK,
            titleColor=INK,
            labelFontSize=12,
            symbolStrokeWidth=2.5,
            offset=10,
            symbolSize=140,
        ),
    )
    return cast("alt.LayerChart", themed)
