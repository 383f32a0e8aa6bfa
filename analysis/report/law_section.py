"""The section "Transition times" of the report: a table of laws, and charts of the best.

Only a few laws are fitted: a report is also the end of every `study run`, and should not take
longer than the study. `analysis laws` fits all laws.
"""

import html
from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import pandas as pd

from analysis.charts.theme import Specification, specification
from analysis.laws.compare import fit_laws
from analysis.laws.features import reals_of
from analysis.laws.fit import Fit
from analysis.laws.sample import first_seeds, whole_strata
from analysis.laws.study_fits import by_regime, with_warnings
from analysis.phases.drawn_axes import axes_that_vary
from analysis.report.law_figures import SLOPE_OF, SectionFigure, law_figures
from analysis.text.law_text import adequacy_in_brief, in_words
from study.errors import UsageError

LAWS_SHOWN = ("constant", "power", "decay_time", "critical_rows", "saturating")
EVENT = "generalized"
NULL = "constant"  # the law that states nothing; where it is the best, the next is shown, too
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
    trials_of_regime, zeros = _with_logarithms(trials_of_regime)
    sample = first_seeds(trials_of_regime, MAX_SAMPLE)
    count = len(trials_of_regime)
    of_how_many = (
        "" if len(sample) == count else f" of {count:,}, a sample of points and their first seeds"
    )
    try:
        fits, _ = fit_laws(sample, LAWS_SHOWN, EVENT)
    except UsageError as error:
        return f"<p>No law was fitted: {html.escape(str(error))}</p>", []
    fit = fits[0]
    shown = with_warnings(_shown(fits), sample)
    text = (
        f"<p>{verdict_sentence(fits)}Steps until test accuracy passes its threshold, {regime} "
        f"trials: {fit.events:,} events in {fit.trials:,}{of_how_many}; {fit.censored:,} had none "
        f"by their last reading and count as censored there.{zeros} Errors are log-normal, "
        "intervals 95%; "
        f"those after “{fit.clusters}” allow for scatter between {fit.clusters}. Laws are ranked "
        "by how well they predict the hardest third of each axis. A law is rejected where its "
        "deviance, beside a free median for every point, is larger than chance allows.</p>"
    )
    figures = []
    if fit.converged and axes_that_vary(sample):  # a chart needs an axis that varies
        figures = law_figures(
            fits, shown, sample, whole_strata(trials_of_regime, SLOPE_OF, MAX_IN_STRATA)
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
    """A sentence as HTML where the best law is rejected; "" where it is not, or none can tell.

    Args:
        fits: laws, best first.
    """
    rejected = [fit.adequacy is not None and fit.adequacy.rejected for fit in fits if fit.converged]
    if not rejected or not rejected[0]:
        return ""
    which = f"The best law, {fits[0].law.name}, is rejected: its"
    if all(rejected):
        which = "Every law below is rejected: their"
    return (
        f"<strong>{which} numbers describe no network, and must not be read as a test of what was "
        "published.</strong> "
    )


def _with_logarithms(trials: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The trials without those that are at 0 on an axis that varies, and a sentence if some are."""
    zero = np.zeros(len(trials), bool)
    for axis in axes_that_vary(trials):
        zero |= reals_of(trials, axis) <= 0
    if not zero.any():
        return trials, ""
    count = f"{int(zero.sum()):,} trials that are at 0 on an axis"
    return trials[~zero], f" {count} are left out, because laws take logarithms."


def _shown(fits: Sequence[Fit]) -> list[Fit]:
    """The best law, and the next where the best states nothing."""
    count = 2 if fits[0].law.name == NULL else 1
    return [fit for fit in fits[:count] if fit.converged]


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
