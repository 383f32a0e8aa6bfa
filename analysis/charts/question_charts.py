"""Charts of the studies that ask a question: waits on one curve, forecasts, ratios of pairs.

A triangle stands for a median that was not reached: the wait lies above the triangle.
"""

import altair as alt
import pandas as pd

from analysis.charts.theme import INK, legend, named, themed

_SIZE = (420, 300)
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
