"""Charts of the studies that ask a question: waits on one curve, forecasts, ratios of pairs.

A triangle stands for a median that was not reached: the wait lies above the triangle.
"""

import altair as alt
import pandas as pd

from analysis.charts.theme import INK, legend, named, themed

_SIZE = (420, 300)
_ROW_HEIGHT = 28  # of a forest: a line of text, and a bar below it
_SERIES = alt.Scale(scheme=alt.SchemeParams(name="viridis", extent=[0.15, 0.9]))


def collapse_chart(cells: pd.DataFrame, curve: pd.DataFrame) -> alt.LayerChart:
    """The median waits of cells against rows / N_c, on the fitted curve.

    Args:
        cells: as `collapse_views.collapsed_cells` gives them.
        curve: as `collapse_views.collapsed_curve` gives it; its band holds half of the nets.
    """
    wait = alt.Y("wait:Q", title="wait, decay times", scale=alt.Scale(type="log"), axis=_plain())
    ends = [float(cells["over"].min()) / 1.05, float(cells["over"].max()) * 1.05]
    scale = alt.Scale(type="log", domain=ends, nice=False)
    over = alt.X("over:Q", title="rows / N_c", scale=scale, axis=_plain())
    base = alt.Chart(named("curve", curve)).encode(y=wait)
    band = base.mark_area(opacity=0.12, color=INK, clip=True, orient="horizontal").encode(
        x=alt.X("low:Q", title="rows / N_c", scale=scale, axis=_plain()), x2="high:Q"
    )
    line = base.mark_line(color=INK, clip=True, strokeWidth=1.5).encode(x=over, order="wait:Q")
    points = (
        alt.Chart(named("cells", cells))
        .mark_point(filled=True, size=30, opacity=0.75)
        .encode(
            x=over,
            y=wait,
            color=alt.Color("n:O", scale=_SERIES, legend=legend("n", symbolOpacity=1)),
            shape=alt.Shape(
                "reached:N",
                scale=alt.Scale(domain=[True, False], range=["circle", "triangle-up"]),
                legend=None,
            ),
            tooltip=[f"{name}:Q" for name in cells.columns],
        )
    )
    return themed(alt.layer(band, line, points), *_SIZE)


def _plain() -> alt.Axis:
    return alt.Axis(format="~g", labelOverlap="greedy", tickCount=6, grid=False)


def ratio_chart(rows: pd.DataFrame, margin: float) -> alt.LayerChart:
    """A forest of ratios with their intervals; the shade is where ratios count as equal.

    Args:
        rows: `label`, `ratio`, `low`, `high` and `verdict`, one for each pair.
        margin: above 1; the shade goes from 1 / margin to margin.
    """
    height = max(_ROW_HEIGHT * len(rows), 140)
    ends = [min(float(rows["low"].min()), 0.8) / 1.02, max(float(rows["high"].max()), 1.25) * 1.02]
    scale = alt.Scale(type="log", domain=ends, nice=False)

    def across(field: str) -> alt.X:
        title = "ratio of medians"
        return alt.X(f"{field}:Q", title=title, scale=scale, axis=_plain())

    shade = alt.Chart(named("margin", pd.DataFrame({"low": [1 / margin], "high": [margin]})))
    band = shade.mark_rect(opacity=0.12, color=INK).encode(
        x=across("low"), x2="high:Q", y=alt.value(0), y2=alt.value(height)
    )
    color = alt.Color("verdict:N", legend=legend(), scale=alt.Scale(scheme="tableau10"))
    base = alt.Chart(named("ratios", rows)).encode(
        y=alt.Y("label:N", title=None, sort=None, axis=None),
        tooltip=["label:N", "ratio:Q", "low:Q", "high:Q", "verdict:N"],
    )
    # A label stands above its bar: beside the plot it would leave a phone no room for the plot.
    label = base.mark_text(align="left", dy=-5, fontSize=11, color=INK, limit=alt.expr("width"))
    bars = base.mark_rule(clip=True, yOffset=7).encode(x=across("low"), x2="high:Q", color=color)
    dots = base.mark_point(filled=True, size=36, opacity=1, yOffset=7)
    drawn = [
        label.encode(x=alt.value(0), text="label:N"),
        bars,
        dots.encode(x=across("ratio"), color=color),
    ]
    return themed(alt.layer(band, *drawn), _SIZE[0], height)


def ungrok_chart(shares: pd.DataFrame) -> alt.LayerChart:
    """The share of nets that know the parity at the end, against the rows that were left.

    Args:
        shares: `cell`, `begins`, `rows` and `knows`, one for each point.
    """
    ends = [float(shares["rows"].min()) / 1.05, float(shares["rows"].max()) * 1.05]
    base = alt.Chart(named("shares", shares)).encode(
        x=alt.X(
            "rows:Q",
            title="rows left",
            scale=alt.Scale(type="log", domain=ends, nice=False),
            axis=_plain(),
        ),
        y=alt.Y("knows:Q", title="share that knows at the end", axis=alt.Axis(format="%")),
        color=alt.Color("cell:N", sort=None, legend=legend(columns=1, labelLimit=_SIZE[0])),
        tooltip=["cell:N", "begins:N", "rows:Q", "knows:Q", "nets:Q"],
    )
    # In the corner of the chart that is always empty: on the fewest rows no net knows.
    inside = alt.Legend(title=None, orient="top-left", columns=1, symbolType="stroke")
    dash = alt.Scale(domain=["grokked", "new"], range=[[1, 0], [5, 4]])
    lines = base.mark_line(strokeWidth=2).encode(
        strokeDash=alt.StrokeDash("begins:N", scale=dash, legend=inside)
    )
    dots = base.mark_point(filled=True, size=30, opacity=1).encode(detail="begins:N")
    return themed(alt.layer(lines, dots), *_SIZE)


def forecast_chart(rows: pd.DataFrame) -> alt.LayerChart:
    """Concordance within points of several models at each landmark, with intervals.

    Args:
        rows: `landmark`, `model`, `within`, `low` and `high`.
    """
    base = alt.Chart(named("forecast", rows)).encode(
        x=alt.X("landmark:O", title="landmark, x memorizing", axis=alt.Axis(labelAngle=0)),
        xOffset=alt.XOffset("model:N", sort=None),
        color=alt.Color("model:N", sort=None, legend=legend(columns=2)),
        tooltip=["model:N", "landmark:O", "within:Q", "low:Q", "high:Q"],
    )
    concordance = "concordance within points"
    bars = base.mark_rule(strokeWidth=1.5).encode(
        y=alt.Y("low:Q", title=concordance, scale=alt.Scale(zero=False)), y2="high:Q"
    )
    dots = base.mark_point(filled=True, size=50, opacity=1).encode(
        y=alt.Y("within:Q", title=concordance)
    )
    chance = alt.Chart(named("chance", pd.DataFrame({"within": [0.5]})))
    line = chance.mark_rule(strokeDash=[4, 4], color=INK, opacity=0.6).encode(y="within:Q")
    return themed(alt.layer(line, bars, dots), *_SIZE)
