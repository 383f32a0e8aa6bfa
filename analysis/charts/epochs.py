"""Charts of what trials do over epochs: means with the range over seeds, and every neuron.

As in `analysis.charts.diagram`, frames come tested and nothing is computed; a chart that is drawn
to a file uses only marks that look the same there.
"""

from typing import Any, NamedTuple

import altair as alt
import pandas as pd

from analysis.charts.theme import CURVE_COLORS, INK, SHORT_NUMBER, epoch_axis, legend, themed
from analysis.formats import records

Specification = dict[str, Any]  # of Vega-Lite, with its rows

WIDTH, HEIGHT = 330, 220
DECADES = [1, 10, 100, 1_000, 10_000]


class Style(NamedTuple):
    """How a series is drawn: its name in the legend, its colour, its dashes."""

    label: str
    color: str
    dash: tuple[int, int] = (1, 0)


# Told apart by lightness and dashes, too: nobody needs to see the colours.
STYLES = {
    "train": Style("training rows", CURVE_COLORS["train"]),
    "test": Style("test rows", CURVE_COLORS["test"], (6, 3)),
    "generalizing": Style("generalizing", "#d6455d"),
    "complementary": Style("complementary", "#5b7fd4", (6, 3)),
    "control": Style("control", "#8b949e", (2, 2)),
    "memorizing": Style("memorizing", "#9b6dd6", (8, 2)),
    "whole": Style("whole net", "#3aa17e", (3, 1)),
    "memorized": Style("largest when memorised", "#5b7fd4", (6, 3)),
    "final": Style("largest at the end", "#d6455d"),
}


def bands(
    frame: pd.DataFrame,
    events: pd.DataFrame,
    title: str,
    *,
    log: bool = False,
    ceiling: float | None = None,
) -> Specification:
    """A line for the mean of each series, its range over seeds as a shade, and where events are.

    Args: frame with epoch, series (of STYLES), mean, low, high; events with epoch and event; title
    of the vertical axis, which is logarithmic with `log` and ends at the ceiling, if it has one.
    """
    shown = [name for name in STYLES if name in set(frame["series"])]
    labels = [STYLES[name].label for name in shown]
    colors = [STYLES[name].color for name in shown]
    dashes = [list(STYLES[name].dash) for name in shown]
    drawn = frame.assign(label=frame["series"].map({n: STYLES[n].label for n in shown}))
    base = alt.Chart(alt.NamedData("rows")).encode(
        x=epoch_axis(),
        color=alt.Color(
            "label:N",
            scale=alt.Scale(domain=labels, range=colors),
            legend=_key(symbolType="stroke"),
        ),
    )
    shade = base.mark_area(opacity=0.16).encode(
        y=_up(title, log=log, ceiling=ceiling, field="low:Q"), y2="high:Q"
    )
    line = base.mark_line(strokeWidth=1.8).encode(
        y=_up(title, log=log, ceiling=ceiling, field="mean:Q"),
        strokeDash=alt.StrokeDash(
            "label:N", scale=alt.Scale(domain=labels, range=dashes), legend=_key()
        ),
    )
    return _filled(alt.layer(*_rules(), shade, line), rows=drawn, events=events)


def neurons(frame: pd.DataFrame, events: pd.DataFrame, title: str) -> Specification:
    """The norm of every neuron: a line each, those that end in the generalizing circuit on top.

    Args: frame with epoch, neuron, norm and circuit; events and title as in `bands`.
    """
    some = [name for name in ("generalizing", "complementary") if name in set(frame["circuit"])]
    scale = alt.Scale(
        domain=[STYLES[name].label for name in some], range=[STYLES[name].color for name in some]
    )
    layers = []
    for name in reversed(some):
        many = name == "complementary"
        layers.append(
            alt.Chart(alt.NamedData(name))
            .mark_line(strokeWidth=0.5 if many else 1.8, strokeOpacity=0.25 if many else 1)
            .encode(
                x=epoch_axis(),
                y=_up(title, log=False, ceiling=None, field="norm:Q"),
                detail="neuron:N",
                color=alt.Color("label:N", scale=scale, legend=_key(symbolType="stroke")),
            )
        )
    drawn = frame.assign(label=frame["circuit"].map({n: STYLES[n].label for n in some}))
    rows = {name: drawn[drawn["circuit"] == name] for name in some}
    return _filled(alt.layer(*_rules(), *layers), events=events, **rows)


def seeds(frame: pd.DataFrame, level: float | None, title: str) -> Specification:
    """A line a seed and series against updates, and a dashed level across where there is one.

    Args: frame with step, seed, series ("train" or "test") and value; level and its unit, of the
    vertical axis; title of that axis, which ends at 1.
    """
    shown = [name for name in STYLES if name in set(frame["series"])]
    labels = [STYLES[name].label for name in shown]
    colors = [STYLES[name].color for name in shown]
    drawn = frame.assign(label=frame["series"].map({n: STYLES[n].label for n in shown}))
    updates = epoch_axis()
    updates["shorthand"], updates["title"] = "step:Q", "updates"
    line = (
        alt.Chart(alt.NamedData("rows"))
        .mark_line(strokeWidth=1.3, strokeOpacity=0.85)
        .encode(
            x=updates,
            y=_up(title, log=False, ceiling=1, field="value:Q"),
            detail="seed:N",
            color=alt.Color(
                "label:N",
                scale=alt.Scale(domain=labels, range=colors),
                legend=legend(symbolType="stroke", symbolOpacity=1),
            ),
        )
    )
    marked = alt.Chart(alt.NamedData("level"))
    rule = marked.mark_rule(stroke=INK, strokeDash=[7, 4], strokeWidth=1.4).encode(y="level:Q")
    said = marked.mark_text(
        color=INK, align="left", baseline="bottom", dx=4, dy=-9, fontSize=10.5
    ).encode(y="level:Q", x=alt.value(0), text="label:N")
    levels = [] if level is None else [{"level": level, "label": "by commuting"}]
    across = pd.DataFrame(levels, columns=["level", "label"])
    return _filled(alt.layer(line, rule, said), rows=drawn, level=across)


def _filled(chart: Any, **rows: pd.DataFrame) -> Specification:
    """The chart with its rows, which Altair would check one by one: 10 s for a thousand neurons."""
    datasets = {name: records(frame) for name, frame in rows.items()}
    return {**themed(chart, WIDTH, HEIGHT).to_dict(), "datasets": datasets}


def _up(title: str, *, log: bool, ceiling: float | None, field: str) -> alt.Y:
    scale = alt.Scale(type="log") if log else alt.Scale(zero=ceiling is None)
    if ceiling is not None:
        scale = alt.Scale(zero=False, domainMax=ceiling)
    axis = alt.Axis(tickCount=5)
    if log:
        axis = alt.Axis(values=DECADES, labelExpr=SHORT_NUMBER)
    return alt.Y(field, title=title, scale=scale, axis=axis)


def _key(**options: Any) -> alt.Legend:
    """A legend as strong as its lines, with room below it for the names of events."""
    room = {"offset": 32, "columnPadding": 22, "columns": 3}
    return legend(symbolOpacity=1, **{**options, **room})


def _rules() -> list[alt.Chart]:
    """Where events are: a dotted line, and its name above the chart, each on a line of its own."""
    marked = alt.Chart(alt.NamedData("events")).encode(x=epoch_axis())
    layers = [marked.mark_rule(stroke=INK, strokeDash=[2, 3], opacity=0.45)]
    for above, event in ((4, "memorised"), (17, "generalised")):
        layers.append(
            marked.transform_filter(alt.datum.event == event)
            .mark_text(color=INK, opacity=0.75, fontSize=10.5, baseline="bottom", dy=-above)
            .encode(text="event:N", y=alt.value(0))
        )
    return layers
