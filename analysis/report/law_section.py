"""The section "Transition times" of the report: a table of laws, and charts of the best.

Only a few laws are fitted: a report is also the end of every `study run`, and should not take
longer than the study. `analysis laws` fits all laws.
"""

import html
from collections.abc import Sequence
from typing import TypedDict

import pandas as pd

from analysis.charts.theme import Specification, specification
from analysis.laws.compare import best_inside, fit_laws
from analysis.laws.fit import Fit
from analysis.laws.positive import above_zero
from analysis.laws.sample import first_seeds, whole_strata
from analysis.laws.study_fits import by_regime, with_warnings
from analysis.phases.drawn_axes import axes_that_vary
from analysis.report.law_figures import SLOPE_OF, SectionFigure, law_figures
from analysis.text.law_text import adequacy_in_brief, in_words
from study.errors import UsageError

LAWS_SHOWN = ("constant", "power", "decay_time", "critical_rows", "saturating")
EVENT = "generalized"
NULL = "constant"  # the law that states nothing
MAX_SAMPLE = 4_000  # trials; fitting so many takes seconds
MAX_IN_STRATA = 25_000  # trials; the slopes of so many in their strata take a second


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
    trials_of_regime, zeros = above_zero(trials_of_regime)
    sample = first_seeds(trials_of_regime, MAX_SAMPLE)
    count = len(trials_of_regime)
    of_how_many = (
        "" if len(sample) == count else f" of {count:,}, a sample of points and their first seeds"
    )
    try:
        fits, _ = fit_laws(sample, LAWS_SHOWN, EVENT)
    except UsageError as error:
        return f"<p>No law was fitted: {html.escape(str(error))}</p>", []
    fit = best_inside(fits)
    shown = with_warnings([fit] if fit.converged else [], sample)
    text = (
        f"{verdict_sentence(fits)}<p class='soft'>Steps until test accuracy passes its "
        f"threshold, {regime} trials: {fit.events:,} events in {fit.trials:,}{of_how_many}; "
        f"{fit.censored:,} had none by their last reading and count as censored there"
        f"{f'; {zeros}' if zeros else ''}. "
        "Errors are log-normal, "
        "intervals 95%; "
        f"those after “{fit.clusters}” allow for scatter between {fit.clusters}. The table has the "
        f"{len(fits)} laws that a page fits, in the order in which they predict the hardest third "
        "of each axis; <code>analysis laws</code> fits more. The charts are of the law that fits "
        "best inside the data. A law is rejected where its deviance, beside a free median for "
        "every point, is larger than chance allows.</p>"
    )
    figures = []
    if fit.converged and axes_that_vary(sample):  # a chart needs an axis that varies
        figures = law_figures(
            [fit, *(other for other in fits if other is not fit)],
            shown,
            sample,
            whole_strata(trials_of_regime, SLOPE_OF, MAX_IN_STRATA),
        )
    return text + _table(fits) + _warnings(shown), figures


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


def verdict_sentence(fits: Sequence[Fit]) -> str:
    """Which law fits best inside the data, whether it extrapolates, and whether it is rejected.

    HTML; "" where no law converged.

    Args:
        fits: laws, those first that predict the hardest third of each axis best.
    """
    inside = best_inside(fits)
    if not inside.converged:
        return ""
    others = [fit.aic for fit in fits if fit.converged and fit.trials == inside.trials]
    gap = sorted(others)[1] - inside.aic if len(others) > 1 else None
    lead = "" if gap is None else f" (AIC lower by {gap:,.0f} than the next)"
    return (
        f"<p><strong>Of {len(fits)} laws, {inside.law.name} fits best inside the data{lead}."
        f"</strong> {_extrapolates(inside, fits)}{_rejected(inside, fits)}</p>"
    )


def _extrapolates(inside: Fit, fits: Sequence[Fit]) -> str:
    """What the held-out scores say of the law that fits best inside the data."""
    scored = [fit for fit in fits if fit.converged and fit.heldout is not None]
    if not scored or inside.heldout is None:
        return "No axis has the three values that it takes to ask whether it extrapolates. "
    if scored[0] is inside:
        return "It also predicts the hardest third of each axis best. "
    if scored[0].law.name == NULL:
        return "No law extrapolates: a constant predicts the hardest third of each axis best. "
    return f"The hardest third of each axis is predicted best by the law {scored[0].law.name}. "


def _rejected(inside: Fit, fits: Sequence[Fit]) -> str:
    """Whether the law that fits best is rejected; "" where it is not, or none can tell."""
    rejected = {fit.law.name: fit.adequacy is not None and fit.adequacy.rejected for fit in fits}
    if not rejected[inside.law.name]:
        return ""
    all_are = all(rejected[fit.law.name] for fit in fits if fit.converged)
    which = "But every law below is rejected: their" if all_are else "But it is rejected: its"
    return (
        f"<strong>{which} numbers describe no network, and must not be read as a test of what was "
        "published.</strong>"
    )


def _table(fits: Sequence[Fit]) -> str:
    """The laws as an HTML table: formula, whether rejected, held-out score, parameters."""
    heads = ("law", "does it fit", "held-out score", "parameters")
    head = "".join(f"<th scope='col'>{word}</th>" for word in heads)
    return (
        "<div class='scroll' tabindex='0' role='group' aria-label='Table of laws'>"
        f"<table class='laws'><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(map(_row, fits))}</tbody></table></div>"
    )


def _row(fit: Fit) -> str:
    """The row of a law in the table."""
    verdict, _, deviance = adequacy_in_brief(fit.adequacy).partition(": ")
    fits = f"{verdict}<br><small class='soft'>{deviance}</small>" if fit.converged else ""
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
    return f"<tr>{head}<td>{fits}</td><td>{score}</td><td>{estimates}</td></tr>"


def _warnings(fits: Sequence[Fit]) -> str:
    """A list of the slopes of some laws that mislead; "" where none does."""
    items = [
        f"<li><code>{html.escape(name)}</code> of {fit.law.name}: {html.escape(why)}</li>"
        for fit in fits
        for name, why in fit.warnings.items()
    ]
    if not items:
        return ""
    head = "Slopes over all trials that mislead, because most strata have others:"
    return f"<p>{head}</p><ul>{''.join(items)}</ul>"
