"""The charts of a study that asks a question, if it has the trials for them."""

import pandas as pd

from analysis.charts.question_charts import collapse_chart
from analysis.charts.theme import specification
from analysis.figures.album import Drawing, Plate
from analysis.phases.watching import decay_times_watched
from analysis.questions.collapse import LEAST_N, Collapse, collapses_of
from analysis.questions.collapse_views import collapsed_cells, collapsed_curve
from analysis.questions.half_rows import HALF_WITHIN
from study.errors import UsageError

_LEAST_ROWS = 8  # dataset sizes of an n; fewer do not show a curve


def question_plates(trials: pd.DataFrame) -> list[Plate]:
    """The plates of a study that asks a question; none of any other study.

    Args:
        trials: as `load_trials` gives them.
    """
    return _collapse_plates(trials)


def _collapse_plates(trials: pd.DataFrame) -> list[Plate]:
    """A plate for each k whose waits may be one curve."""
    several = trials[trials["train_size"].notna()]
    patient = several[decay_times_watched(several, "budget_epochs") >= HALF_WITHIN[0]]
    sizes = patient.groupby(["k", "n"])["train_size"].nunique()
    finely = sizes[sizes >= _LEAST_ROWS].groupby("k").size()
    able = finely[finely >= LEAST_N].index
    if able.empty:
        return []
    try:
        collapses, _ = collapses_of(patient[patient["k"].isin(able)])
    except UsageError:  # other axes vary, or too few trials generalized
        return []
    return [_collapse_plate(collapse) for collapse in collapses if collapse.best.fit.converged]


def _collapse_plate(collapse: Collapse) -> Plate:
    cells = collapsed_cells(collapse)
    chart = specification(collapse_chart(cells, collapsed_curve(collapse, cells)))
    caption = (
        "Median wait from memorizing to generalizing, in decay times, of each cell; a triangle "
        "where half have not generalized yet. The line is the fitted form "
        f"({collapse.best.fit.model.form.formula}); half of the nets are in its band."
    )
    drawing = Drawing(f"collapse-k{collapse.k}", chart, cells)
    return Plate(f"Waits on one curve, k = {collapse.k}", caption, [drawing])
