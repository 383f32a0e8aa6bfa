"""The curves of a cell: one reading against epoch, a line for each trial, as a template.

The page gives the template its rows. `curves` has trial, seed, set ("train", "test" or ""), epoch
and value. `events` has epoch and event, the text beside the rule. The parameter `trial` is the
trial that stands out, "" for none.
"""

from collections.abc import Sequence

import altair as alt

from analysis.charts.theme import (
    CURVE_COLORS,
    CURVE_DASHES,
    INK,
    Specification,
    epoch_axis,
    legend,
    specification,
    themed,
)

_SIZE = (420, 200)


def curve_template(title: str, columns: Sequence[str]) -> Specification:
    """The template of one chart.

    Args:
        title: of the chart and of its axis up.
        columns: the readings that it shows. Two are of training rows and of test rows.
    """
    lines = (
        alt.Chart(alt.NamedData("curves"))
        .encode(
            x=epoch_axis(),
            y=alt.Y(
                "value:Q", title=title, scale=_scale(title, columns), axis=alt.Axis(tickCount=5)
            ),
            detail=alt.Detail("trial:N"),
            tooltip=[alt.Tooltip("seed:N"), alt.Tooltip("set:N", title="rows")],
        )
        .transform_filter("isValid(datum.value)")
    )
    drawn = lines.mark_line(
        strokeWidth=alt.expr("trial !== '' && datum.trial === trial ? 3 : 1.6"),
        opacity=alt.expr("trial === '' || datum.trial === trial ? 0.85 : 0.2"),
    )
    # Invisible lines, wide enough for a mouse to hit.
    targets = lines.mark_line(strokeWidth=12, strokeOpacity=0, cursor="pointer", aria=False)
    if len(columns) == 2:
        drawn = _by_set(drawn, with_legend=title == "accuracy")
        targets = targets.encode(strokeDash=alt.StrokeDash("set:N"))
    else:
        drawn = drawn.encode(color=alt.value(CURVE_COLORS["train"]))
    events = alt.Chart(alt.NamedData("events")).encode(x=epoch_axis())
    rules = events.mark_rule(stroke=INK, strokeDash=[2, 3], opacity=0.6, aria=False)
    layers = [rules, drawn, targets]
    if title == "accuracy":
        names = events.mark_text(
            color=INK, align="left", baseline="bottom", angle=270, dx=6, dy=-4, fontSize=11
        ).encode(text=alt.Text("event:N"), y=alt.value(_SIZE[1]))
        layers.append(names)
    chart = alt.layer(*layers, params=[alt.VariableParameter(name="trial", value="")])
    return specification(themed(chart, *_SIZE))


def _scale(title: str, columns: Sequence[str]) -> alt.Scale:
    """Accuracies end at 1, sparsities are logarithmic."""
    if any("sparsity" in name for name in columns):
        return alt.Scale(type="log", nice=False)
    return alt.Scale(zero=False, domainMax=1) if title == "accuracy" else alt.Scale(zero=False)


def _by_set(lines: alt.Chart, *, with_legend: bool) -> alt.Chart:
    """Training and test rows told apart by color and by dashes."""
    sets = list(CURVE_COLORS)
    key = legend(symbolType="stroke", symbolOpacity=1) if with_legend else None
    color = alt.Scale(domain=sets, range=list(CURVE_COLORS.values()))
    dash = alt.Scale(domain=sets, range=list(CURVE_DASHES.values()))
    return lines.encode(
        color=alt.Color("set:N", scale=color, legend=key),
        strokeDash=alt.StrokeDash("set:N", scale=dash, legend=key),
    )
