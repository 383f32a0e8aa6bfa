"""Charts of what trials do over epochs, for files: means with the range over seeds, every neuron.

The numbers of the frames are computed, and tested, elsewhere. A chart that is drawn to a file uses
only marks that look the same in the file and in a browser.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import altair as alt
import pandas as pd

from analysis.charts.theme import (
    CURVE_COLORS,
    INK,
    SHORT_NUMBER,
    Specification,
    epoch_axis,
    legend,
    themed,
)
from analysis.formats import records

_SIZE = (330, 220)
_DECADES = [1, 10, 100, 1_000, 10_000]


class Style(NamedTuple):
    """How a series is drawn: its name in the legend, its color, its dashes."""

    label: str
    color: str
    dash: tuple[int, int] = (1, 0)


# Series differ in lightness and dashes, too, for readers who do not see the colors.
STYLES = {
    "train": Style("training rows", CURVE_COLORS["train"]),
    "test": Style("test rows", CURVE_COLORS["test"], (6, 3)),
    "generalizing": Style("generalizing", "#d6455d"),
    "complementary": Style("complementary", "#5b7fd4", (6, 3)),
    "control": Style("control", "#8b949e", (2, 2)),
    "memorizing": Style("memorizing", "#9b6dd6", (8, 2)),
    "whole": Style("whole net", "#3aa17e", (3, 1)),
    "memorized": Style("largest when memorized", "#5b7fd4", (6, 3)),
    "final": Style("largest at the end", "#d6455d"),
    "mirrored": Style("mirror trained on", "#3aa17e"),
    "unmirrored": Style("mirror not trained on", "#d6455d", (2, 2)),
}


def bands(
    frame: pd.DataFrame,
    events: pd.DataFrame,
    title: str,
    *,
    log: bool = False,
    ceiling: float | None = None,
) -> Specification:
    """A line for the mean of each series, its range over seeds as a shade, and rules at events.

    Args:
        frame: epoch, series (of STYLES), mean, low, high.
        events: epoch and event.
        title: of the axis up.
        log: whether the axis up is logarithmic.
        ceiling: where the axis up ends, if it has such an end.
    """
    shown = _present(STYLES, frame["series"])
    drawn = _labeled(frame, "series", shown)
    base = alt.Chart(alt.NamedData("rows")).encode(x=epoch_axis(), color=_color(shown))
    shade = base.mark_area(opacity=0.16).encode(
        y=_up(title, log=log, ceiling=ceiling, field="low:Q"), y2=alt.Y2("high:Q")
    )
    line = base.mark_line(strokeWidth=1.8).encode(
        y=_up(title, log=log, ceiling=ceiling, field="mean:Q"), strokeDash=_dash(shown)
    )
    return _with_rows(alt.layer(*_rules(epoch_axis()), shade, line), rows=drawn, events=events)


def neurons(frame: pd.DataFrame, events: pd.DataFrame, title: str) -> Specification:
    """A line for the norm of every neuron; neurons that end in the generalizing circuit are on top.

    Args:
        frame: epoch, neuron, norm, and circuit: "generalizing" or "complementary".
        events: epoch and event.
        title: of the axis up.
    """
    shown = _present(("generalizing", "complementary"), frame["circuit"])
    layers = []
    for name in reversed(shown):
        many = name == "complementary"
        layers.append(
            alt.Chart(alt.NamedData(name))
            .mark_line(strokeWidth=0.5 if many else 1.8, strokeOpacity=0.25 if many else 1)
            .encode(
                x=epoch_axis(),
                y=_up(title, log=False, ceiling=None, field="norm:Q"),
                detail=alt.Detail("neuron:N"),
                color=_color(shown),
            )
        )
    drawn = _labeled(frame, "circuit", shown)
    rows = {name: drawn[drawn["circuit"] == name] for name in shown}
    return _with_rows(alt.layer(*_rules(epoch_axis()), *layers), events=events, **rows)


def seeds(
    frame: pd.DataFrame, events: pd.DataFrame, title: str, level: float | None = None
) -> Specification:
    """A line for each seed and series against updates, rules at events, a dashed level across.

    Args:
        frame: step, seed, series (of STYLES) and value.
        events: step and event.
        title: of the axis up, which ends at 1.
        level: a value of the axis up, or None for no line across.
    """
    shown = _present(STYLES, frame["series"])
    updates = epoch_axis()
    updates["shorthand"], updates["title"] = "step:Q", "updates"
    line = (
        alt.Chart(alt.NamedData("rows"))
        .mark_line(strokeWidth=1.3, strokeOpacity=0.85)
        .encode(
            x=updates,
            y=_up(title, log=False, ceiling=1, field="value:Q"),
            detail=alt.Detail("seed:N"),
            color=_color(shown),
            strokeDash=_dash(shown),
        )
    )
    across = alt.Chart(alt.NamedData("level"))
    rule = across.mark_rule(stroke=INK, strokeDash=[7, 4], strokeWidth=1.4).encode(
        y=alt.Y("level:Q")
    )
    name = across.mark_text(
        color=INK, align="left", baseline="bottom", dx=4, dy=-9, fontSize=10.5
    ).encode(y=alt.Y("level:Q"), x=alt.value(0), text=alt.Text("label:N"))
    levels = [] if level is None else [{"level": level, "label": "by commuting"}]
    return _with_rows(
        alt.layer(*_rules(updates), line, rule, name),
        rows=_labeled(frame, "series", shown),
        events=events,
        level=pd.DataFrame(levels, columns=["level", "label"]),
    )


def _present(names: Sequence[str] | dict[str, Style], column: pd.Series) -> list[str]:
    """The names that a column holds, in their own order."""
    present = set(column)
    return [name for name in names if name in present]


def _labeled(frame: pd.DataFrame, column: str, names: list[str]) -> pd.DataFrame:
    """The frame with `label`, what the legend calls the series or circuit of a row."""
    return frame.assign(label=frame[column].map({name: STYLES[name].label for name in names}))


def _color(names: list[str]) -> alt.Color:
    """The color of each series, with a legend."""
    colors = alt.Scale(
        domain=[STYLES[name].label for name in names], range=[STYLES[name].color for name in names]
    )
    return alt.Color("label:N", scale=colors, legend=_key(symbolType="stroke"))


def _dash(names: list[str]) -> alt.StrokeDash:
    """The dashes of each series, in the legend of the colors."""
    dashes = alt.Scale(
        domain=[STYLES[name].label for name in names],
        range=[list(STYLES[name].dash) for name in names],
    )
    return alt.StrokeDash("label:N", scale=dashes, legend=_key())


def _with_rows(chart: alt.LayerChart | alt.FacetChart, **rows: pd.DataFrame) -> Specification:
    """The chart with its rows. Altair itself checks each row: 10 s for a thousand neurons."""
    drawing = cast("Specification", themed(chart, *_SIZE).to_dict())
    drawing["datasets"] = {name: records(frame) for name, frame in rows.items()}
    return drawing


def _up(title: str, *, log: bool, ceiling: float | None, field: str) -> alt.Y:
    scale = alt.Scale(type="log") if log else alt.Scale(zero=ceiling is None)
    if ceiling is not None:
        scale = alt.Scale(zero=False, domainMax=ceiling)
    axis = alt.Axis(tickCount=5)
    if log:
        axis = alt.Axis(values=_DECADES, labelExpr=SHORT_NUMBER)
    return alt.Y(field, title=title, scale=scale, axis=axis)


def _key(**options: Any) -> alt.Legend:
    """A legend as opaque as its lines, with room below for the names of events."""
    room = {"offset": 32, "columnPadding": 22, "columns": 3}
    return legend(symbolOpacity=1, **{**options, **room})


def _rules(across: alt.X) -> list[alt.Chart]:
    """Dotted rules at events; the names of the events are above the chart, each on its own line."""
    events = alt.Chart(alt.NamedData("events")).encode(x=across)
    layers = [events.mark_rule(stroke=INK, strokeDash=[2, 3], opacity=0.45)]
    for above, event in ((4, "memorized"), (17, "generalized")):
        layers.append(
            events.transform_filter(alt.datum.event == event)
            .mark_text(color=INK, opacity=0.75, fontSize=10.5, baseline="bottom", dy=-above)
            .encode(text=alt.Text("event:N"), y=alt.value(0))
        )
    return layers
