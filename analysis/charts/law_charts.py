"""Frames of `analysis.laws.views` to Altair charts, in the theme of `analysis.charts.diagram`.

A triangle is a median that was not reached: the time lies above it.
"""

import altair as alt
import pandas as pd

from analysis.charts.theme import EPOCH_TICKS, INK, SHORT_NUMBER, legend, named, themed
from analysis.laws.views import HALF_LOSS
from analysis.phases.grid import TITLES

SIZE = (420, 260)
UP = "triangle-up"
# Neither end, which would vanish on a dark page or on a light one.
_SERIES = alt.Scale(scheme=alt.SchemeParams(name="viridis", extent=[0.25, 0.85]))


def law_against_data(
    lines: pd.DataFrame, cells: pd.DataFrame, x: str, series: str
) -> alt.LayerChart:
    """The law's median with its band, and the medians of cells; triangles were not reached."""
    across = alt.X(f"{x}:Q", title=TITLES[x], scale=alt.Scale(type="log"), axis=_across())
    color = alt.Color("series:O", scale=_SERIES, sort=None, legend=legend(series, symbolOpacity=1))
    law = alt.Chart(named("law", lines)).encode(x=across, color=color)
    band = law.mark_area(opacity=0.18).encode(y=_steps("low"), y2="high:Q")
    line = law.mark_line().encode(y=_steps("steps"))
    points = (
        alt.Chart(named("cells", cells))
        .mark_point(filled=True, size=60)
        .encode(
            x=across,
            y=_steps("steps"),
            color=color,
            shape=_reached(),
            tooltip=[f"{x}:Q", "series:N", "steps:Q", "events:Q", "trials:Q"],
        )
    )
    return themed(alt.layer(band, line, points), *SIZE)


def kaplan_meier(curves: pd.DataFrame, by: str) -> alt.LayerChart:
    """The share without the event against steps, a curve a cell; ticks are censored trials."""
    base = alt.Chart(named("survival", curves)).encode(
        x=alt.X("steps:Q", scale=alt.Scale(type="log"), axis=_axis()),
        y=alt.Y("share:Q", title="share not yet", scale=alt.Scale(domain=[0, 1])),
        color=alt.Color(f"{by}:O", scale=_SERIES, sort=None, legend=legend(TITLES[by])),
    )
    lines = base.mark_line(interpolate="step-after")
    ticks = base.transform_filter("datum.censored").mark_tick(
        thickness=2, size=10, orient="vertical"
    )
    return themed(alt.layer(lines, ticks), *SIZE)


def residuals(points: pd.DataFrame) -> alt.LayerChart:
    """Cox-Snell: on the diagonal where the law holds."""
    top = float(points[["expected", "hazard"]].max().max())
    diagonal = (
        alt.Chart(named("diagonal", pd.DataFrame({"expected": [0, top], "hazard": [0, top]})))
        .mark_line(strokeDash=[4, 4], color=INK, opacity=0.6)
        .encode(x="expected:Q", y="hazard:Q")
    )
    dots = (
        alt.Chart(named("residuals", points))
        .mark_circle(size=22)
        .encode(
            x=alt.X("expected:Q", title="cumulative hazard by the law", axis=_few()),
            y=alt.Y("hazard:Q", title="as observed", axis=_few()),
        )
    )
    return themed(alt.layer(diagonal, dots), *SIZE)


def profile(curve: pd.DataFrame) -> alt.LayerChart:
    """Log-likelihood lost along one parameter; the rule marks the ends of the 95% interval."""
    title = str(curve["parameter"].iloc[0]).replace("_", " ")
    line = (
        alt.Chart(named("profile", curve))
        .mark_line(clip=True)
        # Beyond a wall the loss is astronomic: a path of as many pixels stalls what measures it.
        .transform_calculate(shown="min(datum.loss, 24)")
        .encode(
            x=alt.X("value:Q", title=title, scale=alt.Scale(zero=False), axis=_few()),
            y=alt.Y("shown:Q", title="log-likelihood lost", scale=alt.Scale(domain=[0, 8])),
        )
    )
    rule = (
        alt.Chart(named("level", pd.DataFrame({"loss": [HALF_LOSS]})))
        .mark_rule(strokeDash=[4, 4], color=INK, opacity=0.6)
        .encode(y="loss:Q")
    )
    return themed(alt.layer(line, rule), *SIZE)


def beyond(frame: pd.DataFrame, axis: str) -> alt.LayerChart:
    """What laws say of the part of an axis that they were not fitted to, beside what was seen."""
    base = alt.Chart(named("beyond", frame)).encode(
        x=alt.X(f"{axis}:Q", title=TITLES[axis], scale=alt.Scale(type="log"), axis=_across()),
        y=_steps("steps"),
    )
    seen = base.transform_filter("datum.law === 'seen'")
    laws = base.transform_filter("datum.law !== 'seen'")
    lines = laws.mark_line().encode(color=alt.Color("law:N", legend=legend(columns=3)))
    dots = seen.mark_point(size=60, color=INK).encode(
        shape=_reached(), opacity=alt.condition("datum.held_out", alt.value(1), alt.value(0.35))
    )
    return themed(alt.layer(lines, dots), *SIZE)


def drift(frame: pd.DataFrame, kind: str, title: str) -> alt.LayerChart:
    """An exponent against the threshold or the budget; those that move are hollow diamonds."""
    words = {"threshold": "threshold, percent", "budget": "share of the budget"}
    base = alt.Chart(named("drift", frame[frame["kind"] == kind])).encode(
        x=alt.X("at:O", title=words[kind], axis=alt.Axis(labelAngle=0)),
        y=alt.Y("estimate:Q", title=title, scale=alt.Scale(zero=False)),
    )
    bars = base.mark_rule().encode(y="low:Q", y2="high:Q")
    shape = alt.Shape(
        "moves:N",
        scale=alt.Scale(domain=[False, True], range=["circle", "diamond"]),
        legend=None,
    )
    return themed(alt.layer(bars, base.mark_point(size=70, filled=True).encode(shape=shape)), *SIZE)


def _steps(field: str) -> alt.Y:
    return alt.Y(f"{field}:Q", title="steps", scale=alt.Scale(type="log"), axis=_axis())


def _across() -> alt.Axis:
    return alt.Axis(format="~g", labelOverlap="greedy", tickCount=6, grid=False)


def _axis() -> alt.Axis:
    return alt.Axis(labelExpr=SHORT_NUMBER, labelOverlap="greedy", values=EPOCH_TICKS[1:])


def _few() -> alt.Axis:
    return alt.Axis(tickCount=5, labelOverlap="greedy")


def _reached() -> alt.Shape:
    scale = alt.Scale(domain=[True, False], range=["circle", UP])
    return alt.Shape("reached:N", scale=scale, legend=None)
