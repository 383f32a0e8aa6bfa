"""How many neurons predict like the whole net, along one axis of a study."""

import altair as alt
import numpy as np
import pandas as pd

from analysis.charts.theme import CURVE_COLORS, EPOCH_TICKS, INK, legend, named, themed
from analysis.phases.axis_scales import TITLES, Ruler

_LONGEST = 8  # letters of a label that is written straight


def sparsity_chart(frame: pd.DataFrame, ruler: Ruler) -> alt.LayerChart:
    """Dots for how often each number of neurons was measured, and the median of each position.

    Args:
        frame: `label` of the position, `neurons`, `trials` (with so many neurons), and
            `median` of the position.
        ruler: the axis across.
    """
    # Names of settings are long, and some are left out where they would touch.
    slanted = max(map(len, ruler.labels)) > _LONGEST
    axis = alt.Axis(
        labelAngle=-40 if slanted else 0,
        labelOverlap="greedy",
        labelSeparation=6,
        labelPadding=10,
    )
    base = alt.Chart(named("sparsity", frame)).encode(
        x=alt.X("label:N", title=TITLES[ruler.name], sort=list(ruler.labels), axis=axis)
    )
    dots = base.mark_circle(color=CURVE_COLORS["train"], opacity=0.6).encode(
        y=_up("neurons:Q"),
        size=alt.Size(
            "trials:Q",
            scale=alt.Scale(range=[20, 320], zero=False),
            legend=legend("trials", values=_whole_ticks(frame["trials"]), format="d"),
        ),
        tooltip=[
            alt.Tooltip("label:N"),
            alt.Tooltip("neurons:Q"),
            alt.Tooltip("trials:Q"),
            alt.Tooltip("median:Q"),
        ],
    )
    line = base.mark_tick(color=INK, thickness=2.5, size=24).encode(y=_up("median:Q"))
    return themed(alt.layer(dots, line), 420, 260)


def _up(field: str) -> alt.Y:
    axis = alt.Axis(values=EPOCH_TICKS[1:])
    return alt.Y(field, title="neurons", scale=alt.Scale(type="log"), axis=axis)


def _whole_ticks(counts: pd.Series) -> list[int]:
    """At most four whole numbers from the smallest count to the largest, for a legend of sizes."""
    ends = np.linspace(counts.min(), counts.max(), 4).round()
    return [int(count) for count in np.unique(ends)]
