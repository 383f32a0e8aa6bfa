"""The section "Transition times" of the report: a table of laws, and charts of the best.

Only a few laws are fitted: a report is also the end of every `study run`, and should not take
longer than the study. `analysis laws` fits them all.
"""

import html
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from analysis.charts import law_charts
from analysis.laws import views
from analysis.laws.compare import HARDER, fit_laws
from analysis.laws.features import varying_axes
from analysis.laws.fit import Fit
from analysis.laws.study_fits import by_regime, in_words
from analysis.laws.terms import EXPONENT
from analysis.phases.grid import TITLES
from study.errors import UsageError

LAWS_SHOWN = ("constant", "power", "decay_time", "critical_rows", "saturating")
EVENT = "generalized"
MAX_TRIALS = 4_000  # fitted for the page in seconds; all of them are for the command


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart with its title and a sentence that says how to read it; `axis` if it is along one."""

    title: str
    caption: str
    chart: alt.LayerChart
    axis: str | None = None


def law_section(trials: pd.DataFrame) -> tuple[str, list[Figure]]:
    """HTML of the section's text and table, and its charts; a sentence where no law can be fitted.

    Of a study with several regimes the first: multi-pass.
    """
    regime, part = next(iter(by_regime(trials).items()))
    whole, part = len(part), _some(part)
    some = "" if len(part) == whole else f" of {whole:,}, a sample of points and their first seeds"
    try:
        fits, _ = fit_laws(part, LAWS_SHOWN, EVENT)
    except UsageError as error:
        return f"<p>No law was fitted: {html.escape(str(error))}</p>", []
    fit = fits[0]
    text = (
        f"<p>Steps until test accuracy passes its threshold, {regime} trials: {fit.events:,} "
        f"events in {fit.trials:,}{some}; {fit.censored:,} had none by their last reading "
        "and count as censored there. Errors are log-normal, intervals 95%; those after “points” "
        "allow for scatter between points. Laws are ranked by how well they predict the hardest "
        "third of each axis.</p>"
    )
    drawn = fit.converged and varying_axes(part)  # a chart is along an axis
    return text + _table(fits), _figures(fits, part) if drawn else []


def _some(trials: pd.DataFrame) -> pd.DataFrame:
    """At most so many trials: the first seeds of each point, of one seed each not every point."""
    points = trials["point_id"].nunique()
    if points > MAX_TRIALS:  # ids are hashes: their order is as good as chance
        kept = np.sort(trials["point_id"].unique())[:: -(-points // MAX_TRIALS)]
        trials, points = trials[trials["point_id"].isin(kept)], len(kept)
    seeds = max(1, MAX_TRIALS // points)
    part: pd.DataFrame = (
        trials.sort_values("seed", kind="stable").groupby("point_id", observed=True).head(seeds)
    )
    return part


def _table(fits: list[Fit]) -> str:
    rows = []
    for fit in fits:
        score = "" if fit.heldout is None else f"{fit.heldout:.3f}"
        shown = [
            f"{html.escape(name)} {html.escape(in_words(found))}"
            for name, found in fit.parameters.items()
            if found.estimate is not None and name not in {"log_a", "sigma"}
        ]
        said = "<br>".join(shown) or ("" if fit.converged else "not determined by these trials")
        formula = f"<small class='soft'>{html.escape(fit.law.formula)}</small>"
        head = f"<th scope='row'>{fit.law.name}<br>{formula}</th>"
        rows.append(f"<tr>{head}<td>{score}</td><td>{said}</td></tr>")
    head = "".join(
        f"<th scope='col'>{word}</th>" for word in ("law", "held-out score", "parameters")
    )
    body = "".join(rows)
    return (
        "<div class='scroll' tabindex='0' role='group' aria-label='Table of laws'>"
        f"<table class='laws'><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _figures(fits: list[Fit], part: pd.DataFrame) -> list[Figure]:
    fit = fits[0]
    first, second = views.axes_to_draw(part)
    axes = [first, *(axis for axis in varying_axes(part) if axis != first)]
    figures = [
        figure
        for axis in axes
        for figure in _along(fit, part, axis, second if axis == first else first)
    ]
    name = fit.law.name
    figures.append(
        Figure(
            "Residuals",
            f"Cox-Snell residuals of {name}: on the diagonal where law and errors hold.",
            law_charts.residuals(views.cox_snell(fit)),
        )
    )
    for other in fits:
        curves = views.profile_curves(other) if other.converged else pd.DataFrame()
        if len(curves):
            one = curves[curves["parameter"] == curves["parameter"].iloc[0]]
            caption = "Log-likelihood lost; the interval is where it lies below the dashes."
            title = f"How well {other.law.name} knows its parameter"
            figures.append(Figure(title, caption, law_charts.profile(one)))
            break
    if first in HARDER and part[first].nunique() > 2:
        frame = views.extrapolation([f for f in fits if f.converged], part, first)
        caption = "Fitted without the hardest third (full points), the laws predict it."
        chart = law_charts.beyond(frame, first)
        figures.append(Figure(f"Beyond what was fitted: {TITLES[first]}", caption, chart))
    parameter = exponent_of(fit)
    if parameter:
        frame = views.drift(part, name, EVENT, fit.errors, parameter)
        word = parameter.replace("_", " ")
        moved = "It moves with the budget." if frame["moves"].any() else "It stands still."
        caption = f"Fitted as if training had stopped earlier; diamonds differ. {moved}"
        chart = law_charts.drift(frame, "budget", word)
        figures.append(Figure(f"{word} against the budget", caption, chart))
        chart = law_charts.drift(frame, "threshold", word)
        caption = "Fitted to first crossings of other test accuracies."
        figures.append(Figure(f"{word} against the threshold", caption, chart))
    return figures


def _along(fit: Fit, part: pd.DataFrame, axis: str, series: str | None) -> list[Figure]:
    """The law and the survival curves along one axis."""
    lines, cells = views.law_curves(fit, part, axis, series)
    survival = views.survival(views.slice_of(part, EVENT, axis), EVENT, axis)
    title = TITLES[axis]
    return [
        Figure(
            f"The law {fit.law.name} against the trials: {title}",
            "Lines and 95% bands: the law. Points: Kaplan-Meier medians; a triangle is a cell "
            "whose median was not reached, at the steps it was watched.",
            law_charts.law_against_data(lines, cells, axis, TITLES[series] if series else ""),
            axis,
        ),
        Figure(
            f"Not yet generalised: {title}",
            "Kaplan-Meier curves along this axis, the others fixed; ticks are censored trials.",
            law_charts.kaplan_meier(survival, axis),
            axis,
        ),
    ]


def exponent_of(fit: Fit) -> str | None:
    """The parameter of a law to watch: its exponent if that is identified, or the first slope."""
    known = [name for name, found in fit.parameters.items() if found.identified]
    found = [name for name in known if name.startswith(EXPONENT)]
    found += [name for name in known if name.startswith("slope")]
    return found[0] if found else None


def specifications(figures: list[Figure]) -> list[dict[str, Any]]:
    """The figures as data for the page."""
    return [
        {
            "title": figure.title,
            "caption": figure.caption,
            "axis": figure.axis,
            "chart": figure.chart.to_dict(validate=False),
        }
        for figure in figures
    ]
