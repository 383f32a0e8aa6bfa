"""The look that all charts share: ink, font, colors, axes of epochs, legends.

Charts draw and never compute: the numbers of their frames are tested as numbers. One theme serves
all. Its ink is the text color of the page around a chart, so that light and dark need one drawing.
"""

from collections.abc import Sequence
from typing import Any, TypedDict, cast

import altair as alt
import pandas as pd

from analysis.formats import records

INK = "currentColor"
PAPER = "#fffffe"  # white, and on a dark page the color of a card: see page.css
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
CURVE_COLORS = {"train": "#3f83d6", "test": "#e8730c"}
CURVE_DASHES = {"train": [1, 0], "test": [6, 3]}
# A Vega expression that writes one tick. A format of the whole axis writes 30 as 0k beside 1k.
SHORT_NUMBER = "format(datum.value, '~s')"
EPOCH_TICKS = [0, *(digit * 10**power for power in range(8) for digit in (1, 3))]


class Channel(TypedDict, total=False):
    """What a Vega-Lite layer draws along one direction or by color: the keys that are set here."""

    field: str
    title: str
    sort: Sequence[str]
    scale: dict[str, object]
    axis: dict[str, object]
    legend: dict[str, object]


class Layer(TypedDict, total=False):
    """One layer of a Vega-Lite chart: its channels by name."""

    encoding: dict[str, Channel]


class ChartParameter(TypedDict):
    """A parameter of a chart: its name, and the value that it begins with."""

    name: str
    value: object


class Specification(TypedDict, total=False):
    """A Vega-Lite chart as JSON: the keys that are read or changed here; it has others."""

    width: int
    height: int
    config: dict[str, dict[str, object]]
    layer: list[Layer]
    params: list[ChartParameter]
    datasets: dict[str, Sequence[object]]


def epoch_axis() -> alt.X:
    """Epochs across, on a logarithmic scale that also has 0."""
    return alt.X(
        "epoch:Q",
        title="epoch",
        scale=alt.Scale(type="symlog", constant=1),
        axis=alt.Axis(
            values=EPOCH_TICKS, labelExpr=SHORT_NUMBER, grid=False, labelOverlap="greedy"
        ),
    )


def named(name: str, frame: pd.DataFrame) -> alt.InlineData:
    """The rows of a frame as data with a name; the page saves named rows as CSV.

    Args:
        name: of the data in the chart, and of the file.
        frame: the rows.
    """
    # A tuple, because each method of a chart copies its lists, and all rows in them.
    return alt.InlineData(values=tuple(records(frame)), name=name)


def legend(title: str | None = None, **options: Any) -> alt.Legend:
    """A legend above the chart, in one row; options as `alt.Legend` has them."""
    return alt.Legend(title=title, orient="top", direction="horizontal", **options)


# Charts of Altair are made of channels, never of texts such as "epoch:Q": for each text Altair
# compares all of its thousand classes, which takes 6 ms.
def themed(chart: alt.LayerChart | alt.FacetChart, width: int, height: int) -> alt.LayerChart:
    """The chart in the theme. It is changed in place, as Altair's own methods copy a chart whole.

    Args:
        chart: without a size.
        width: in pixels.
        height: in pixels.
    """
    chart.width, chart.height = width, height
    chart.config = alt.Config(
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
    return cast("alt.LayerChart", chart)


def specification(chart: alt.LayerChart) -> Specification:
    """A chart as JSON, unchecked: checking each row takes Altair seconds."""
    return cast("Specification", chart.to_dict(validate=False))
