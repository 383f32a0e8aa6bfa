"""The curves of a cell: one reading against epoch, a line for each trial, as a template.

The page gives the template its rows; a part without rows is not drawn. `curves` has trial, seed,
set ("train", "test" or ""), epoch and value. `band` has set, epoch, and the quartiles of trials as
low, median and high. `events` has epoch and event, the text above the rule, and `shift`, how many
pixels right of the rule the text begins; it may be left out. `levels` has value, text, and `left`,
whether the text is at the left end. `names` has set, epoch, value, and `above`, whether the name
goes above. `cross` has the epoch under the mouse. The parameter `trial` is the trial that stands
out, "" for none.
"""

from collections.abc import Sequence
from typing import Any

import altair as alt

from analysis.charts.theme import (
    CURVE_COLORS,
    CURVE_DASHES,
    INK,
    PAPER,
    Specification,
    epoch_axis,
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
        drawn = _by_set(drawn)
        targets = targets.encode(strokeDash=alt.StrokeDash("set:N"))
    else:
        drawn = drawn.encode(color=alt.value(CURVE_COLORS["train"]))
    events = alt.Chart(alt.NamedData("events")).encode(x=epoch_axis())
    rules = events.mark_rule(stroke=INK, strokeDash=[2, 3], opacity=0.6, aria=False)
    cross = alt.Chart(alt.NamedData("cross")).encode(x=epoch_axis())
    layers = [rules, *_band_layers(title, columns), drawn, targets]
    layers.append(cross.mark_rule(stroke=INK, strokeWidth=1, opacity=0.7, aria=False))
    if title == "accuracy":
        layers += [*_level_layers(), _names_of_events(events), *_names_of_sets()]
    chart = alt.layer(*layers, params=[alt.VariableParameter(name="trial", value="")])
    return specification(themed(chart, *_SIZE))


def _scale(title: str, columns: Sequence[str]) -> alt.Scale:
    """Accuracies end at 1, sparsities are logarithmic."""
    if any("sparsity" in name for name in columns):
        return alt.Scale(type="log", nice=False)
    return alt.Scale(zero=False, domainMax=1) if title == "accuracy" else alt.Scale(zero=False)


def _by_set(lines: alt.Chart) -> alt.Chart:
    """Training and test rows told apart by color and by dashes."""
    dash = alt.Scale(domain=list(CURVE_COLORS), range=list(CURVE_DASHES.values()))
    return lines.encode(
        color=_set_color(), strokeDash=alt.StrokeDash("set:N", scale=dash, legend=None)
    )


def _set_color() -> alt.Color:
    colors = alt.Scale(domain=list(CURVE_COLORS), range=list(CURVE_COLORS.values()))
    return alt.Color("set:N", scale=colors, legend=None)


def _band_layers(title: str, columns: Sequence[str]) -> list[alt.Chart]:
    """The median of many trials, and the area between their quartiles."""
    band = alt.Chart(alt.NamedData("band")).encode(x=epoch_axis())
    color = _set_color() if len(columns) == 2 else alt.value(CURVE_COLORS["train"])
    area = band.mark_area(opacity=0.25, aria=False).encode(
        y=alt.Y("low:Q", title=title), y2=alt.Y2("high"), color=color
    )
    line = band.mark_line(strokeWidth=2.2, aria=False).encode(y=alt.Y("median:Q", title=title))
    return [area, _by_set(line) if len(columns) == 2 else line.encode(color=color)]


def _level_layers() -> list[alt.Chart]:
    """Accuracies to compare with: of a coin, and the threshold."""
    levels = alt.Chart(alt.NamedData("levels")).encode(y=alt.Y("value:Q", title="accuracy"))
    names = levels.mark_text(
        color=INK,
        align=alt.expr("datum.left ? 'left' : 'right'"),
        x=alt.expr("datum.left ? 2 : width - 2"),
        baseline=alt.expr("datum.left ? 'top' : 'bottom'"),
        dy=alt.expr("datum.left ? 2 : -2"),
        fontSize=10,
    )
    return [
        levels.mark_rule(stroke=INK, strokeDash=[1, 3], opacity=0.5, aria=False),
        names.encode(text=alt.Text("text:N")),
    ]


def _names_of_events(events: alt.Chart) -> alt.Chart:
    """The name of each event above its rule."""
    names: alt.Chart = events.mark_text(
        color=INK,
        align="left",
        dx=alt.expr("isValid(datum.shift) ? datum.shift : 2"),
        baseline="bottom",
        fontSize=11,
    ).encode(text=alt.Text("event:N"), y=alt.value(-3))
    return names


def _names_of_sets() -> list[alt.Chart]:
    """The names of training and test rows beside their curves, where these are far apart.

    Each stands on a halo of the color of the paper: the curves of other trials may cross it.
    """
    names = alt.Chart(alt.NamedData("names")).encode(
        x=epoch_axis(), y=alt.Y("value:Q", title="accuracy"), text=alt.Text("set:N")
    )
    style: dict[str, Any] = {
        "fontSize": 12,
        "fontWeight": 600,
        "align": "center",
        "baseline": alt.expr("datum.above ? 'bottom' : 'top'"),
        "dy": alt.expr("datum.above ? -7 : 7"),
    }
    halo = names.mark_text(
        filled=False, stroke=PAPER, strokeWidth=4, strokeJoin="round", aria=False, **style
    )
    return [halo, names.mark_text(**style).encode(color=_set_color())]
