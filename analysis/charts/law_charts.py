"""Frames of `analysis.laws.views` and `diagnostics` as charts of the section "Transition times".

A triangle stands for a median that was not reached: the time lies above the triangle.
"""

import textwrap

import altair as alt
import pandas as pd

from analysis.charts.theme import (
    CURVE_COLORS,
    EPOCH_TICKS,
    INK,
    SHORT_NUMBER,
    legend,
    named,
    themed,
)
from analysis.laws.diagnostics import HALF_LOSS
from analysis.phases.axis_scales import TITLES

_SIZE = (420, 260)
_ROW_HEIGHT = 17  # of a forest
_BAR_HEIGHT = 30  # of the shares of axes
_HEADING_LETTERS = 38  # of a line above a forest's labels; more do not fit a phone
_OWN, _MARKED = CURVE_COLORS["train"], CURVE_COLORS["test"]
# The ends of the scheme are left out: one would vanish on a dark page, the other on a light page.
_SERIES = alt.Scale(scheme=alt.SchemeParams(name="viridis", extent=[0.25, 0.85]))


def law_lines_chart(
    lines: pd.DataFrame, cells: pd.DataFrame, x: str, series: str
) -> alt.LayerChart:
    """The law's median with its band, and the medians of cells.

    Args:
        lines: the law: the axis, `series`, `steps`, `low` and `high`, as `views.law_curves` gives
            them.
        cells: the medians, from the same function: the axis, `series`, `steps`, `reached`,
            `events` and `trials`.
        x: the axis across.
        series: the title of the legend.
    """
    across = alt.X(f"{x}:Q", title=TITLES[x], scale=alt.Scale(type="log"), axis=_across())
    color = alt.Color("series:O", scale=_SERIES, sort=None, legend=legend(series, symbolOpacity=1))
    law = alt.Chart(named("law", lines)).encode(x=across, color=color)
    band = law.mark_area(opacity=0.18).encode(y=_steps("low"), y2=alt.Y2("high:Q"))
    line = law.mark_line().encode(y=_steps("steps"))
    points = (
        alt.Chart(named("cells", cells))
        .mark_point(filled=True, size=60)
        .encode(
            x=across,
            y=_steps("steps"),
            color=color,
            shape=_reached(),
            tooltip=[
                alt.Tooltip(f"{x}:Q"),
                alt.Tooltip("series:N"),
                alt.Tooltip("steps:Q"),
                alt.Tooltip("events:Q"),
                alt.Tooltip("trials:Q"),
            ],
        )
    )
    return themed(alt.layer(band, line, points), *_SIZE)


def survival_chart(curves: pd.DataFrame, by: str) -> alt.LayerChart:
    """The share without the event against steps, one curve for each cell.

    Args:
        curves: `steps`, `share`, `censored` (drawn as ticks) and the axis, as
            `views.survival_steps` gives them.
        by: the axis whose values tell the cells apart.
    """
    base = alt.Chart(named("survival", curves)).encode(
        x=alt.X("steps:Q", scale=alt.Scale(type="log"), axis=_axis()),
        y=alt.Y("share:Q", title="share not yet", scale=alt.Scale(domain=[0, 1])),
        color=alt.Color(f"{by}:O", scale=_SERIES, sort=None, legend=legend(TITLES[by])),
    )
    lines = base.mark_line(interpolate="step-after")
    ticks = base.transform_filter("datum.censored").mark_tick(
        thickness=2, size=10, orient="vertical"
    )
    return themed(alt.layer(lines, ticks), *_SIZE)


def calibration_chart(points: pd.DataFrame) -> alt.LayerChart:
    """What a law states of each point against what was seen there; alike on the diagonal.

    Points of which the law says never are at the right edge, in another color.

    Args:
        points: `point`, `stated`, `steps`, `reached`, `trials` and `events`, as
            `views.calibration_points` gives them.
    """
    times = points[["stated", "steps"]]
    ends = [float(times.min().min()) / 1.3, float(times.max().max()) * 1.3]
    scale = alt.Scale(type="log", domain=ends, nice=False)
    diagonal = (
        alt.Chart(named("diagonal", pd.DataFrame({"stated": ends, "steps": ends})))
        .mark_line(strokeDash=[4, 4], color=INK, opacity=0.6)
        .encode(x=alt.X("stated:Q"), y=alt.Y("steps:Q"))
    )
    seen = alt.Chart(named("points", points)).encode(
        y=alt.Y("steps:Q", title="steps, as observed", scale=scale, axis=_axis()),
        shape=_reached(),
        size=_size_of("trials", points["trials"]),
        tooltip=[
            alt.Tooltip("point:N"),
            alt.Tooltip("stated:Q"),
            alt.Tooltip("steps:Q"),
            alt.Tooltip("events:Q"),
            alt.Tooltip("trials:Q"),
        ],
    )
    across = alt.X("stated:Q", title="steps, by the law", scale=scale, axis=_axis(grid=False))
    dots = seen.transform_filter("isValid(datum.stated)").mark_point(
        filled=True, opacity=0.65, color=_OWN
    )
    never = seen.transform_filter("!isValid(datum.stated)").mark_point(
        filled=True, opacity=0.65, color=_MARKED
    )
    layers = [diagonal, alt.layer(dots.encode(x=across), never.encode(x=alt.value("width")))]
    if points["stated"].isna().any():
        word = alt.Chart(named("edge", pd.DataFrame({"word": ["never"]})))
        layers.append(
            word.mark_text(align="right", baseline="bottom", color=_MARKED, fontSize=12).encode(
                text=alt.Text("word:N"), x=alt.value("width"), y=alt.value(-6)
            )
        )
    return themed(alt.layer(*layers), _SIZE[0], 300)


def forest_chart(rows: pd.DataFrame, heading: str, claim: float | None) -> alt.LayerChart:
    """The slope of each stratum with its interval, and their mean as a diamond and a band.

    Args:
        rows: `label`, `slope`, `low`, `high`, `trials`, `events` and `is_mean`, as `views.forest`
            gives them.
        heading: stands above the labels.
        claim: a slope that was published, drawn as a dashed line.
    """
    height = max(_ROW_HEIGHT * len(rows), 140)
    scale = alt.Scale(domain=_span(rows, claim), nice=False)

    def across(field: str) -> alt.X:
        return alt.X(f"{field}:Q", title="slope", scale=scale, axis=_few())

    base = alt.Chart(named("slopes", rows)).encode(
        x=across("slope"),
        y=alt.Y("label:N", title=None, sort=None, axis=_row_labels()),
        tooltip=[
            alt.Tooltip("label:N"),
            alt.Tooltip("slope:Q"),
            alt.Tooltip("low:Q"),
            alt.Tooltip("high:Q"),
            alt.Tooltip("events:Q"),
            alt.Tooltip("trials:Q"),
        ],
    )
    mean, own = base.transform_filter("datum.is_mean"), base.transform_filter("!datum.is_mean")
    band = mean.mark_rect(color=_MARKED, opacity=0.16, clip=True).encode(
        x=across("low"), x2=alt.X2("high:Q"), y=alt.value(0), y2=alt.value(height)
    )
    bars = own.mark_rule(opacity=0.7, color=_OWN, clip=True).encode(
        x=across("low"), x2=alt.X2("high:Q")
    )
    dots = own.mark_point(filled=True, size=36, opacity=1, color=_OWN)
    diamond = mean.mark_point(filled=True, size=150, opacity=1, shape="diamond", color=_MARKED)
    layers = [alt.layer(band, bars, dots, diamond)]
    if claim is not None:
        line = alt.Chart(named("claim", pd.DataFrame({"slope": [claim]})))
        layers.insert(0, line.mark_rule(strokeDash=[4, 4], color=INK).encode(x=across("slope")))
    words = textwrap.wrap(heading, _HEADING_LETTERS)
    title = alt.Title(words, anchor="start", frame="bounds", fontSize=12, fontWeight=600, color=INK)
    return themed(alt.layer(*layers).properties(title=title), _SIZE[0], height)


def importance_chart(rows: pd.DataFrame) -> alt.LayerChart:
    """The share of each axis in the variance of log time as a bar, with its interval.

    Args:
        rows: `label`, `share`, `low`, `high` and `is_rest`, in the order of the bars.
    """
    base = alt.Chart(named("importance", rows)).encode(
        y=alt.Y("label:N", title=None, sort=None, axis=alt.Axis(labelLimit=180)),
        tooltip=[
            alt.Tooltip("label:N", title=" "),
            *(alt.Tooltip(f"{name}:Q", format=".1%") for name in ("share", "low", "high")),
        ],
    )
    color = alt.when("datum.is_rest").then(alt.value(INK)).otherwise(alt.value(_OWN))
    faint = alt.when("datum.is_rest").then(alt.value(0.25)).otherwise(alt.value(0.8))
    bars = base.mark_bar(cornerRadius=2).encode(
        x=alt.X(
            "share:Q",
            title="share of variance",
            scale=alt.Scale(domain=[0, 1]),
            axis=alt.Axis(format=".0%", values=[0, 0.5, 1]),
        ),
        color=color,
        opacity=faint,
    )
    ends = base.transform_filter("isValid(datum.low)").mark_rule(strokeWidth=1.5, color=INK)
    intervals = ends.encode(x=alt.X("low:Q"), x2=alt.X2("high:Q"))
    chart = alt.layer(bars, intervals)
    return themed(chart, _SIZE[0], _BAR_HEIGHT * len(rows))


def residual_chart(points: pd.DataFrame) -> alt.LayerChart:
    """Cox-Snell residuals: on the diagonal where the law holds."""
    top = float(points[["expected", "hazard"]].max().max())
    diagonal = (
        alt.Chart(named("diagonal", pd.DataFrame({"expected": [0, top], "hazard": [0, top]})))
        .mark_line(strokeDash=[4, 4], color=INK, opacity=0.6)
        .encode(x=alt.X("expected:Q"), y=alt.Y("hazard:Q"))
    )
    dots = (
        alt.Chart(named("residuals", points))
        .mark_circle(size=22)
        .encode(
            x=alt.X("expected:Q", title="cumulative hazard by the law", axis=_few()),
            y=alt.Y("hazard:Q", title="as observed", axis=_few()),
        )
    )
    return themed(alt.layer(diagonal, dots), *_SIZE)


def profile_chart(curve: pd.DataFrame) -> alt.LayerChart:
    """Log-likelihood lost along one parameter; the rule marks the ends of the 95% interval."""
    title = str(curve["parameter"].iloc[0]).replace("_", " ")
    line = (
        alt.Chart(named("profile", curve))
        .mark_line(clip=True)
        # A loss can be astronomic, and browsers stall on a path of so many pixels.
        .transform_calculate(shown="min(datum.loss, 24)")
        .encode(
            x=alt.X("value:Q", title=title, scale=alt.Scale(zero=False), axis=_few()),
            y=alt.Y("shown:Q", title="log-likelihood lost", scale=alt.Scale(domain=[0, 8])),
        )
    )
    rule = (
        alt.Chart(named("level", pd.DataFrame({"loss": [HALF_LOSS]})))
        .mark_rule(strokeDash=[4, 4], color=INK, opacity=0.6)
        .encode(y=alt.Y("loss:Q"))
    )
    return themed(alt.layer(line, rule), *_SIZE)


def extrapolation_chart(frame: pd.DataFrame, axis: str) -> alt.LayerChart:
    """What laws predict on a part of an axis that they were not fitted to, beside the medians.

    Args:
        frame: the axis, `law` ("seen" for the medians), `steps`, `reached` and `held_out`, as
            `diagnostics.extrapolation` gives them.
        axis: the axis across.
    """
    base = alt.Chart(named("beyond", frame)).encode(
        x=alt.X(f"{axis}:Q", title=TITLES[axis], scale=alt.Scale(type="log"), axis=_across()),
        y=_steps("steps"),
    )
    seen = base.transform_filter("datum.law === 'seen'")
    laws = base.transform_filter("datum.law !== 'seen'")
    lines = laws.mark_line().encode(color=alt.Color("law:N", legend=legend(columns=2)))
    dots = seen.mark_point(size=60, color=INK).encode(
        shape=_reached(), opacity=alt.condition("datum.held_out", alt.value(1), alt.value(0.35))
    )
    return themed(alt.layer(lines, dots), *_SIZE)


def drift_chart(frame: pd.DataFrame, kind: str, title: str) -> alt.LayerChart:
    """An exponent with its interval against the threshold or the budget; diamonds differ.

    Args:
        frame: `kind`, `at`, `estimate`, `low`, `high` and `moves`, as `diagnostics.drift` gives
            them.
        kind: "threshold" or "budget".
        title: of the axis up: the exponent's name in words.
    """
    words = {"threshold": "threshold, percent", "budget": "share of the budget"}
    base = alt.Chart(named("drift", frame[frame["kind"] == kind])).encode(
        x=alt.X("at:O", title=words[kind], axis=alt.Axis(labelAngle=0)),
        y=alt.Y("estimate:Q", title=title, scale=alt.Scale(zero=False)),
    )
    bars = base.mark_rule(color=INK).encode(y=alt.Y("low:Q"), y2=alt.Y2("high:Q"))
    shape = alt.Shape(
        "moves:N",
        scale=alt.Scale(domain=[False, True], range=["circle", "diamond"]),
        legend=None,
    )
    return themed(
        alt.layer(bars, base.mark_point(size=70, filled=True).encode(shape=shape)), *_SIZE
    )


def _steps(field: str) -> alt.Y:
    return alt.Y(f"{field}:Q", title="steps", scale=alt.Scale(type="log"), axis=_axis())


def _across() -> alt.Axis:
    return alt.Axis(format="~g", labelOverlap="greedy", tickCount=6, grid=False)


def _axis(*, grid: bool = True) -> alt.Axis:
    return alt.Axis(
        labelExpr=SHORT_NUMBER,
        labelOverlap="greedy",
        labelSeparation=8,
        values=EPOCH_TICKS[1:],
        grid=grid,
    )


def _row_labels() -> alt.Axis:
    return alt.Axis(labelFontSize=11, labelOverlap=False, labelLimit=240)


def _span(rows: pd.DataFrame, claim: float | None) -> list[float]:
    """The ends of the slopes in a forest; an interval is cut where it would squeeze the others."""
    slopes = [*rows["slope"], *([] if claim is None else [claim])]
    least, most = min(slopes), max(slopes)
    reach = (most - least) or 1.0
    low, high = min(least, rows["low"].min()), max(most, rows["high"].max())
    ends = max(low, least - reach), min(high, most + reach)
    margin = (ends[1] - ends[0]) / 25
    return [float(ends[0] - margin), float(ends[1] + margin)]


def _size_of(field: str, counts: pd.Series) -> alt.Size:
    """Larger points for more trials; no legend where all have as many."""
    ends = sorted({int(counts.min()), int(counts.max())})
    shown = legend(field, values=ends, format="d") if len(ends) > 1 else None
    scale = alt.Scale(domain=[0, ends[-1]], range=[20, 70])
    return alt.Size(f"{field}:Q", scale=scale, legend=shown)


def _few() -> alt.Axis:
    return alt.Axis(tickCount=5, labelOverlap="greedy")


def _reached() -> alt.Shape:
    scale = alt.Scale(domain=[True, False], range=["circle", "triangle-up"])
    return alt.Shape("reached:N", scale=scale, legend=None)
