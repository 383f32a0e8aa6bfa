"""The section "Transition times" of the report: a table of laws, and charts of the best.

Only a few laws are fitted: a report is also the end of every `study run`, and should not take
longer than the study. `analysis laws` fits all laws.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import altair as alt
import numpy as np
import pandas as pd

from analysis.charts import law_charts
from analysis.charts.theme import Specification, specification
from analysis.laws import diagnostics, views
from analysis.laws.compare import HARDER, fit_laws
from analysis.laws.fit import Fit
from analysis.laws.study_fits import by_regime
from analysis.laws.terms import EXPONENT
from analysis.phases.axis_scales import TITLES
from analysis.phases.drawn_axes import axes_that_vary
from analysis.text.law_text import in_words
from study.errors import UsageError

LAWS_SHOWN = ("constant", "power", "decay_time", "critical_rows", "saturating")
EVENT = "generalized"
MAX_SAMPLE = 4_000  # trials; fitting so many takes seconds


@dataclass(frozen=True, slots=True)
class SectionFigure:
    """A chart of a section with its title, and a caption that says how to read it.

    `axis` is the horizontal axis of the chart; None where that is no axis of the study.
    """

    title: str
    caption: str
    chart: alt.LayerChart
    axis: str | None = None


class FigureState(TypedDict):
    """A figure as the page takes it."""

    title: str
    caption: str
    axis: str | None
    chart: Specification


def law_section(trials: pd.DataFrame) -> tuple[str, list[SectionFigure]]:
    """HTML of the section's text and table, and its charts.

    Where no law can be fitted, the text is one sentence that says why. A study may have several
    regimes, each with its own laws; the section is about the first regime.
    """
    regime, trials_of_regime = next(iter(by_regime(trials).items()))
    sample = _sample(trials_of_regime)
    count = len(trials_of_regime)
    of_how_many = (
        "" if len(sample) == count else f" of {count:,}, a sample of points and their first seeds"
    )
    try:
        fits, _ = fit_laws(sample, LAWS_SHOWN, EVENT)
    except UsageError as error:
        return f"<p>No law was fitted: {html.escape(str(error))}</p>", []
    fit = fits[0]
    text = (
        f"<p>Steps until test accuracy passes its threshold, {regime} trials: {fit.events:,} "
        f"events in {fit.trials:,}{of_how_many}; {fit.censored:,} had none by their last reading "
        f"and count as censored there. Errors are log-normal, intervals 95%; those after "
        f"“{fit.clusters}” allow for scatter between {fit.clusters}. Laws are ranked by how well "
        "they predict the hardest third of each axis.</p>"
    )
    can_be_drawn = fit.converged and axes_that_vary(sample)  # a chart needs an axis that varies
    return text + _table(fits), _figures(fits, sample) if can_be_drawn else []


def section_state(figures: Sequence[SectionFigure]) -> list[FigureState]:
    """Figures as data for the page."""
    return [
        {
            "title": figure.title,
            "caption": figure.caption,
            "axis": figure.axis,
            "chart": specification(figure.chart),
        }
        for figure in figures
    ]


def exponent_of(fit: Fit) -> str | None:
    """The parameter of a law to watch: its identified exponent, or else its first slope."""
    identified = [name for name, parameter in fit.parameters.items() if parameter.identified]
    for prefix in (EXPONENT, "slope"):
        for name in identified:
            if name.startswith(prefix):
                return name
    return None


def _sample(trials: pd.DataFrame) -> pd.DataFrame:
    """At most `MAX_SAMPLE` trials: the first seeds of each point, or one seed of some points."""
    points = trials["point_id"].nunique()
    if points > MAX_SAMPLE:  # ids are hashes, so their order is random
        every = -(-points // MAX_SAMPLE)
        chosen = np.sort(trials["point_id"].unique())[::every]
        trials, points = trials[trials["point_id"].isin(chosen)], len(chosen)
    seeds = max(1, MAX_SAMPLE // points)
    sample: pd.DataFrame = (
        trials.sort_values("seed", kind="stable").groupby("point_id", observed=True).head(seeds)
    )
    return sample


def _table(fits: Sequence[Fit]) -> str:
    """The laws as an HTML table: formula, held-out score, parameters with their intervals."""
    rows = []
    for fit in fits:
        score = "" if fit.heldout is None else f"{fit.heldout:.3f}"
        lines = [
            f"{html.escape(name)} {html.escape(in_words(parameter, fit.clusters))}"
            for name, parameter in fit.parameters.items()
            if parameter.estimate is not None and name not in {"log_a", "sigma"}
        ]
        estimates = "<br>".join(lines)
        if not lines and not fit.converged:
            estimates = "not determined by these trials"
        formula = f"<small class='soft'>{html.escape(fit.law.formula)}</small>"
        head = f"<th scope='row'>{fit.law.name}<br>{formula}</th>"
        rows.append(f"<tr>{head}<td>{score}</td><td>{estimates}</td></tr>")
    head = "".join(
        f"<th scope='col'>{word}</th>" for word in ("law", "held-out score", "parameters")
    )
    body = "".join(rows)
    return (
        "<div class='scroll' tabindex='0' role='group' aria-label='Table of laws'>"
        f"<table class='laws'><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _figures(fits: Sequence[Fit], trials: pd.DataFrame) -> list[SectionFigure]:
    """All charts of the section.

    Args:
        fits: the laws, best first.
        trials: that the laws were fitted to.
    """
    fit = fits[0]
    first, second = views.longest_axes(trials)
    axes = [first, *(axis for axis in axes_that_vary(trials) if axis != first)]
    along = [
        figure
        for axis in axes
        for figure in _along(fit, trials, axis, second if axis == first else first)
    ]
    residuals = SectionFigure(
        "Residuals",
        f"Cox-Snell residuals of {fit.law.name}: on the diagonal where law and errors hold.",
        law_charts.residual_chart(diagnostics.cox_snell(fit)),
    )
    return [
        *along,
        residuals,
        *_profile(fits),
        *_extrapolation(fits, trials, first),
        *_drifts(fit, trials),
    ]


def _along(fit: Fit, trials: pd.DataFrame, axis: str, series: str | None) -> list[SectionFigure]:
    """The law and the survival curves along one axis; a second axis gives the series."""
    lines, cells = views.law_curves(fit, trials, axis, series)
    survival = views.survival(views.slice_of(trials, EVENT, axis), EVENT, axis)
    title = TITLES[axis]
    return [
        SectionFigure(
            f"The law {fit.law.name} against the trials: {title}",
            "Lines and 95% bands: the law. Points: Kaplan-Meier medians; a triangle is a cell "
            "whose median was not reached, at the steps it was watched.",
            law_charts.law_chart(lines, cells, axis, TITLES[series] if series else ""),
            axis,
        ),
        SectionFigure(
            f"Not yet generalized: {title}",
            "Kaplan-Meier curves along this axis, the others fixed; ticks are censored trials.",
            law_charts.survival_chart(survival, axis),
            axis,
        ),
    ]


def _profile(fits: Sequence[Fit]) -> list[SectionFigure]:
    """The profile likelihood of the best law that has one."""
    for fit in fits:
        curves = diagnostics.profile_curves(fit) if fit.converged else pd.DataFrame()
        if len(curves):
            first = curves[curves["parameter"] == curves["parameter"].iloc[0]]
            caption = "Log-likelihood lost; the interval is where it lies below the dashes."
            title = f"How well {fit.law.name} knows its parameter"
            return [SectionFigure(title, caption, law_charts.profile_chart(first))]
    return []


def _extrapolation(fits: Sequence[Fit], trials: pd.DataFrame, axis: str) -> list[SectionFigure]:
    """What laws that were not fitted to the hardest third of an axis predict there."""
    if axis not in HARDER or trials[axis].nunique() <= 2:
        return []
    frame = diagnostics.extrapolation([fit for fit in fits if fit.converged], trials, axis)
    caption = "Fitted without the hardest third (full points), the laws predict it."
    chart = law_charts.extrapolation_chart(frame, axis)
    return [SectionFigure(f"Beyond what was fitted: {TITLES[axis]}", caption, chart)]


def _drifts(fit: Fit, trials: pd.DataFrame) -> list[SectionFigure]:
    """How the law's exponent moves with the budget and with the threshold."""
    parameter = exponent_of(fit)
    if parameter is None:
        return []
    frame = diagnostics.drift(trials, fit.law.name, EVENT, fit.errors, parameter)
    title = parameter.replace("_", " ")
    moves = "It moves with the budget." if frame["moves"].any() else "It stands still."
    return [
        SectionFigure(
            f"{title} against the budget",
            f"Fitted as if training had stopped earlier; diamonds differ. {moves}",
            law_charts.drift_chart(frame, "budget", title),
        ),
        SectionFigure(
            f"{title} against the threshold",
            "Fitted to first crossings of other test accuracies.",
            law_charts.drift_chart(frame, "threshold", title),
        ),
    ]
