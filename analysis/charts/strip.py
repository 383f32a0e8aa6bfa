"""The delay strip as a template: trials as lines from memorizing to generalizing, in rows.

The page, and `analysis.figures.strip_figures`, give the template its rows, `strip`, and lay the
axis of a study over it. `strip` has the columns of `StripLines.frame`, `label` of the position,
`trial_id`, and `said`, a sentence about the trial. The template has the parameter `thick`, the
width of a line in pixels.
"""

import copy
from collections.abc import Sequence

import altair as alt

from analysis.charts.theme import EPOCH_TICKS, INK, SHORT_NUMBER, Specification, legend, themed
from analysis.charts.theme import specification as as_json
from analysis.phases.classify import PHASES
from analysis.phases.palette import PHASE_COLORS
from analysis.phases.strip_lines import AT_ONCE, CENSORED

STRIP_PIXELS = 560  # height of all lines of a strip
STEPS = (2, 3, 4, 6)  # pixels from a line to the next: whole, so that all lines look alike
LEAST_WIDTH = 2  # pixels of a line; thinner ones lose their color
STRIP_CAPTION = (
    "Each line is a trial, from the epoch of memorizing to the epoch of generalizing. Arrow: not "
    "generalized by the end of its training. Dot: generalized no later than it memorized."
)
_STRIP_WIDTH = 720
GAP_PIXELS = 12  # between rows
_DRAWN = [name for name in PHASES if name != "confusion"]  # which has neither of the two events


def strip_template() -> Specification:
    """The template, without rows and without the axis up."""
    lines = alt.Chart(alt.NamedData("strip")).encode(
        y=alt.Y("label:N", scale=alt.Scale()),
        yOffset=alt.YOffset("place:Q", scale=alt.Scale(domain=[0, 1])),
        color=alt.Color(
            "phase:N",
            scale=alt.Scale(domain=_DRAWN, range=[PHASE_COLORS[name] for name in _DRAWN]),
            legend=legend(symbolType="square"),
        ),
        tooltip=[alt.Tooltip("said:N", title=" ")],
    )
    rules = lines.mark_rule(strokeWidth=alt.expr("thick"), cursor="pointer", aria=False)
    dots = lines.mark_circle(
        size=alt.expr("max(10, 1.5 * thick * thick)"), opacity=1, cursor="pointer"
    )
    arrows = lines.mark_point(
        shape="triangle-right",
        size=alt.expr("max(30, 3 * thick * thick)"),
        filled=True,
        opacity=1,
        cursor="pointer",
    )
    ends = alt.X("end:Q")
    chart = alt.layer(
        rules.transform_filter(f"datum.kind !== '{AT_ONCE}'").encode(
            x=_epochs("start:Q"), x2=alt.X2("end")
        ),
        dots.transform_filter(f"datum.kind === '{AT_ONCE}'").encode(x=ends),
        arrows.transform_filter(f"datum.kind === '{CENSORED}'").encode(x=ends),
        params=[alt.VariableParameter(name="thick", value=LEAST_WIDTH)],
    )
    return as_json(themed(chart, _STRIP_WIDTH, STRIP_PIXELS))


def _epochs(field: str) -> alt.X:
    """Epochs across. Unlike the axis of curves it begins where the first trial memorizes."""
    return alt.X(
        field,
        title="epoch",
        scale=alt.Scale(type="symlog", constant=1, zero=False, nice=False),
        axis=alt.Axis(
            values=EPOCH_TICKS,
            labelExpr=SHORT_NUMBER,
            labelOverlap="greedy",
            gridColor=INK,
            gridOpacity=0.12,
        ),
    )


def strip_laid_out(
    template: Specification, title: str, labels: Sequence[str], largest: int
) -> Specification:
    """The template with an axis laid over it; strip.js does the same.

    Args:
        template: of `strip_template`; it stays as it is.
        title: of the axis.
        labels: of the rows, from below.
        largest: lines of the largest row.
    """
    chart = copy.deepcopy(template)
    fitting = [step for step in STEPS if step * len(labels) * largest <= STRIP_PIXELS]
    step = max(fitting, default=STEPS[0])
    row = step * largest + GAP_PIXELS
    chart["height"] = row * len(labels)
    gaps: dict[str, object] = {
        "paddingInner": GAP_PIXELS / row,
        "paddingOuter": (GAP_PIXELS / 2) / row,
    }
    for layer in chart["layer"]:
        layer["encoding"]["y"] |= {"title": title, "sort": [*reversed(labels)], "scale": gaps}
    for param in chart["params"]:
        param["value"] = max(LEAST_WIDTH, step - 1)
    return chart
