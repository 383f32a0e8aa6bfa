"""The charts of the section "Transition times": a law along each axis, and whether it fits."""

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import pandas as pd

from analysis.charts import law_charts
from analysis.laws import diagnostics, views
from analysis.laws.compare import HARDER
from analysis.laws.fit import Fit
from analysis.laws.importance import importance
from analysis.laws.regimes import regime_of
from analysis.laws.statements import GROKKING, published_slope
from analysis.laws.strata import SlopesWithin, slopes_within
from analysis.laws.terms import EXPONENT
from analysis.phases.axis_scales import TITLES
from analysis.phases.drawn_axes import axes_that_vary
from analysis.report.state import rounded
from analysis.text.law_text import adequacy_in_brief, number_in_words
from study.errors import UsageError

SLOPE_OF = "weight_decay"  # the axis of the forest: most of what was published is of its slope


@dataclass(frozen=True, slots=True)
class SectionFigure:
    """A chart of a section with its title, and a caption that says how to read it.

    Attributes:
        name: what the chart shows, a part of the names of files.
        title: above the chart.
        caption: below the title.
        chart: with its rows.
        axis: the horizontal axis; None where that is no axis of the study.
    """

    name: str
    title: str
    caption: str
    chart: alt.LayerChart
    axis: str | None = None


def law_figures(
    fits: Sequence[Fit], shown: Sequence[Fit], trials: pd.DataFrame, every: pd.DataFrame
) -> list[SectionFigure]:
    """All charts of the section.

    Args:
        fits: the laws, best first.
        shown: the laws whose points are drawn; the first is the best law.
        trials: that the laws were fitted to.
        every: trials for slopes within strata, which may be more.
    """
    fit = fits[0]
    first, second = views.longest_axes(trials)
    axes = [first, *(axis for axis in axes_that_vary(trials) if axis != first)]
    return [
        *(_along(fit, trials, axis, second if axis == first else first) for axis in axes),
        *(_calibration(one, trials) for one in shown),
        *_importance(trials, fit.event),
        *_forest(every, fit.event, fit.errors),
        *(_survival(fit.event, trials, axis) for axis in axes),
        _residuals(fit),
        *_profile(fits),
        *_extrapolation(fits, trials, first),
        *_drifts(fit, trials),
    ]


def exponent_of(fit: Fit) -> str | None:
    """The parameter of a law to watch: its identified exponent, or else its first slope."""
    identified = [name for name, parameter in fit.parameters.items() if parameter.identified]
    for prefix in (EXPONENT, "slope"):
        for name in identified:
            if name.startswith(prefix):
                return name
    return None


def _along(fit: Fit, trials: pd.DataFrame, axis: str, series: str | None) -> SectionFigure:
    """The law along one axis; a second axis gives the series."""
    lines, cells = views.law_curves(fit, trials, axis, series)
    return SectionFigure(
        f"along-{axis}",
        f"The law {fit.law.name} against the trials: {TITLES[axis]}",
        "Lines and 95% bands: the law. Points: Kaplan-Meier medians; a triangle is a cell whose "
        "median was not reached, at the steps it was watched.",
        law_charts.law_lines_chart(lines, cells, axis, TITLES[series] if series else ""),
        axis,
    )


def _importance(trials: pd.DataFrame, event: str) -> list[SectionFigure]:
    """How much of the variance of log time each axis explains; none where that is not known."""
    try:
        found = importance(trials, event)
    except UsageError:
        return []
    rows = found.frame.assign(
        label=found.frame["axis"].map(TITLES), share=found.frame["share"].clip(0), is_rest=False
    )
    rest = {"label": "seeds, interactions", "share": found.rest, "is_rest": True}
    caption = (
        "Effects of each axis on log time in an additive model with censoring: how much of the "
        "variance it explains beyond the other axes. Lines: 95% intervals."
    )
    if found.never:
        caption += f" Without {found.never:,} trials at values where none {event}."
    if found.tied:
        names = ", ".join(TITLES[axis] for axis in found.tied)
        caption += f" No share has what moves only together with other axes: {names}."
    return [
        SectionFigure(
            "importance",
            "What the time depends on",
            caption,
            law_charts.importance_chart(pd.concat([rows, pd.DataFrame([rest])])),
        )
    ]


def _calibration(fit: Fit, trials: pd.DataFrame) -> SectionFigure:
    """Each point against a law."""
    points, count = rounded(views.calibration_points(fit, trials)), int(fit.points.max()) + 1
    verdict = adequacy_in_brief(fit.adequacy)
    caption = (
        f"{verdict.capitalize()}{' degrees of freedom' if fit.adequacy else ''}. Each point: the "
        "median of its trials (Turnbull's estimate) against that of the law, alike on the dashes. "
        "A triangle is a median that was not reached, at the steps watched."
    )
    if points["stated"].isna().any():
        caption += " At the right edge the law says never."
    if len(points) < count:
        caption += f" {len(points):,} of {count:,} points are on show."
    return SectionFigure(
        f"calibration-{fit.law.name}",
        f"Each point against the law {fit.law.name}: {verdict.split(':')[0]}",
        caption,
        law_charts.calibration_chart(points),
    )


def _forest(trials: pd.DataFrame, event: str, errors: str) -> list[SectionFigure]:
    """Slopes within strata, where enough strata have one; of the strata that grok if possible."""
    for title, part in _regimes(trials):
        try:
            within = slopes_within(part, SLOPE_OF, event, errors)
        except UsageError:
            continue
        shown, claim = views.forest(within), published_slope(SLOPE_OF, event)
        chart = law_charts.forest_chart(rounded(shown.rows), shown.heading, claim)
        caption = _forest_caption(within, shown.left_out, claim)
        return [SectionFigure(f"slopes-{SLOPE_OF}", title, caption, chart)]
    return []


def _regimes(trials: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The title of a forest and its trials: where nets grok, if they do, then everywhere."""
    title = f"Slopes of {TITLES[SLOPE_OF]} within strata"
    try:
        grokking = [(f"{title} that grok", regime_of(trials, GROKKING).trials)]
    except UsageError:
        grokking = []
    return [*grokking, (title, trials)]


def _forest_caption(within: SlopesWithin, left_out: int, claim: float | None) -> str:
    strata = int(within.strata["slope"].notna().sum())
    mean, most = number_in_words(within.mean), within.predicted
    text = (
        f"A row is a stratum: trials alike in all but {TITLES[SLOPE_OF]}. Slope: the power of "
        f"{TITLES[SLOPE_OF]} that the time goes as, with its 95% interval. Diamond and band: the "
        f"mean of {strata} strata, {mean}; 95% of strata lie between {most.low:.3g} and "
        f"{most.high:.3g}."
    )
    text += f" {left_out} strata between those on show are left out." if left_out else ""
    return text + (f" Dashes: {claim:g}, as published of nets that grok." if claim else "")


def _survival(event: str, trials: pd.DataFrame, axis: str) -> SectionFigure:
    """The survival curves along one axis."""
    curves = views.survival_steps(views.slice_of(trials, event, axis), event, axis)
    return SectionFigure(
        f"survival-{axis}",
        f"Not yet {event}: {TITLES[axis]}",
        "Kaplan-Meier curves along this axis, the others fixed; ticks are censored trials.",
        law_charts.survival_chart(curves, axis),
        axis,
    )


def _residuals(fit: Fit) -> SectionFigure:
    return SectionFigure(
        "residuals",
        "Residuals",
        f"Cox-Snell residuals of {fit.law.name}: on the diagonal where law and errors hold.",
        law_charts.residual_chart(diagnostics.cox_snell(fit)),
    )


def _profile(fits: Sequence[Fit]) -> list[SectionFigure]:
    """The profile likelihood of the best law that has one."""
    for fit in fits:
        curves = diagnostics.profile_curves(fit) if fit.converged else pd.DataFrame()
        if len(curves):
            first = curves[curves["parameter"] == curves["parameter"].iloc[0]]
            caption = "Log-likelihood lost; the interval is where it lies below the dashes."
            title = f"How well {fit.law.name} knows its parameter"
            return [SectionFigure("profile", title, caption, law_charts.profile_chart(first))]
    return []


def _extrapolation(fits: Sequence[Fit], trials: pd.DataFrame, axis: str) -> list[SectionFigure]:
    """What laws that were not fitted to the hardest third of an axis predict there."""
    if axis not in HARDER or trials[axis].nunique() <= 2:
        return []
    frame = diagnostics.extrapolation([fit for fit in fits if fit.converged], trials, axis)
    return [
        SectionFigure(
            f"beyond-{axis}",
            f"Beyond what was fitted: {TITLES[axis]}",
            "Fitted without the hardest third (full points), the laws predict it.",
            law_charts.extrapolation_chart(frame, axis),
        )
    ]


def _drifts(fit: Fit, trials: pd.DataFrame) -> list[SectionFigure]:
    """How the law's exponent moves with the budget and with the threshold."""
    parameter = exponent_of(fit)
    if parameter is None:
        return []
    frame = diagnostics.drift(trials, fit.law.name, fit.event, fit.errors, parameter)
    title = parameter.replace("_", " ")
    moves = "It moves with the budget." if frame["moves"].any() else "It stands still."
    return [
        SectionFigure(
            "drift-budget",
            f"{title} against the budget",
            f"Fitted as if training had stopped earlier; diamonds differ. {moves}",
            law_charts.drift_chart(frame, "budget", title),
        ),
        SectionFigure(
            "drift-threshold",
            f"{title} against the threshold",
            "Fitted to first crossings of other test accuracies.",
            law_charts.drift_chart(frame, "threshold", title),
        ),
    ]
