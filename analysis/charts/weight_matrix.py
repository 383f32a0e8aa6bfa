"""The weights of a network's neurons as a matrix: a row a neuron, a column a bit."""

import altair as alt
import pandas as pd

from analysis.charts.theme import INK, named, themed

_STEP = 22  # pixels of a row
_COLUMN = 74  # pixels of a column
_PLUS, _MINUS = "#e8730c", "#7b5bd6"


def learned_weights_chart() -> alt.LayerChart:
    """A template without rows; the page fills in `weights` and moves them with the epoch.

    Rows: `neuron` and `column`, both words, in their order; `weight`; `share`, the weight over the
    largest weight at the last epoch; and `size`, the share without its sign.
    """
    row = {"neuron": "", "column": "", "weight": 0.0, "share": 0.0, "size": 0.0}
    empty = pd.DataFrame([row])
    base = alt.Chart(named("weights", empty)).encode(
        x=alt.X(
            "column:N",
            title=None,
            sort=None,
            axis=alt.Axis(orient="top", labelAngle=0, domain=False, labelLimit=_COLUMN + 10),
        ),
        y=alt.Y("neuron:N", title=None, sort=None, axis=alt.Axis(domain=False)),
        tooltip=[alt.Tooltip("neuron:N"), alt.Tooltip("column:N"), alt.Tooltip("weight:Q")],
    )
    # The sign is the color and the size the opacity, so that 0 is the page's own ground.
    squares = base.mark_rect(cornerRadius=3).encode(
        color=alt.condition("datum.share > 0", alt.value(_PLUS), alt.value(_MINUS)),
        opacity=alt.Opacity(
            "size:Q", scale=alt.Scale(domain=[0, 1], range=[0.04, 0.85], clamp=True), legend=None
        ),
    )
    numbers = base.mark_text(fontSize=11, color=INK).encode(
        text=alt.Text("weight:Q", format="+.2f")
    )
    return themed(alt.layer(squares, numbers), 4 * _COLUMN, 8 * _STEP)
