"""The charts of a study that asks a question, if it has the trials for them."""

import re
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.charts.question_charts import (
    collapse_chart,
    forecast_chart,
    ratio_chart,
    ungrok_chart,
)
from analysis.phases.axis_scales import TITLES
from analysis.phases.watching import decay_times_watched
from analysis.questions.collapse import LEAST_N, Collapse, collapses_of
from analysis.questions.collapse_views import collapsed_cells, collapsed_curve
from analysis.questions.forecast import AXES_ALONE, HELD_OUT, foresights
from analysis.questions.half_rows import HALF_WITHIN
from analysis.questions.pairs import MARGIN_OF_RATIO, pairs_of
from analysis.questions.ungrokking import ungrokking_of
from analysis.report.law_figures import SectionFigure
from analysis.tables.frames import load_readings
from analysis.text.forecast_text import foresight_table
from analysis.text.pairs_text import mean_in_words
from analysis.text.ungrok_text import axes_in_words
from study.errors import UsageError
from study.vocabulary.axes import AXES
from study.vocabulary.measures import MEASURES

MOST_ASKED = 50_000  # trials; fitting so many takes half a minute
_LEAST_SIZES, _LEAST_SEEDS = 2, 10  # of a forecast
_LEAST_ROWS = 8  # dataset sizes of an n; fewer do not show a curve


def question_figures(store_url: str | Path, trials: pd.DataFrame) -> list[SectionFigure]:
    """The charts of a study that asks a question; none of any other study.

    Args:
        store_url: path or URL of the store, for readings.
        trials: as `load_trials` gives them. With more than MOST_ASKED there is no chart: the
            commands of `analysis` take all of them.
    """
    if len(trials) > MOST_ASKED:
        return []
    return [
        *_collapse_figures(trials),
        *_pairs_figures(trials),
        *_forecast_figures(store_url, trials),
        *_ungrok_figures(trials),
    ]


def _collapse_figures(trials: pd.DataFrame) -> list[SectionFigure]:
    """A chart for each k whose waits may be one curve."""
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
    return [_collapse_figure(collapse) for collapse in collapses if collapse.best.fit.converged]


def _collapse_figure(collapse: Collapse) -> SectionFigure:
    cells = collapsed_cells(collapse)
    return SectionFigure(
        f"collapse-k{collapse.k}",
        f"Waits on one curve, k = {collapse.k}",
        "Median wait from memorizing to generalizing, in decay times, of each cell; a triangle "
        "where half have not generalized yet. The line is the fitted form "
        f"({collapse.best.fit.model.form.formula}); half of the nets are in its band.",
        collapse_chart(cells, collapsed_curve(collapse, cells)),
    )


def _pairs_figures(trials: pd.DataFrame) -> list[SectionFigure]:
    """A chart for each setting with points that agree in learning_rate x weight_decay."""
    try:
        answers = pairs_of(trials, "generalized")
    except UsageError:  # no pairs
        return []
    figures = []
    for number, pairs in enumerate(answers):
        rows = pairs.table.dropna(subset=["ratio", "low", "high"])
        if len(rows):
            axes = [name for name in rows if name in AXES]
            varying = [name for name in axes if rows[name].nunique(dropna=False) > 1]
            labels = [_pair_label(row, varying) for row in rows.to_dict("records")]
            rows = rows.assign(label=labels)
            same = _cell_in_words(rows.iloc[0].to_dict(), [a for a in axes if a not in varying])
            caption = (
                "Ratio of median times to generalize, the larger learning rate over the smaller, "
                "with its 95% interval over seeds; the shade is 10%. "
                f"{mean_in_words(pairs).capitalize()}."
                + (f" All pairs have {same}." if same else "")
            )
            title = f"Equal learning rate x weight decay{', ' * bool(pairs.setting)}{pairs.setting}"
            name, chart = _pairs_name(number, pairs.setting), ratio_chart(rows, MARGIN_OF_RATIO)
            figures.append(SectionFigure(name, title, caption, chart))
    return figures


def _pairs_name(number: int, setting: str) -> str:
    """A name for files: labels may hold any text, and two may differ in what no file name has."""
    return "-".join(["pairs", str(number), *re.findall(r"[A-Za-z0-9]+", setting)])


def _pair_label(row: Mapping[Hashable, Any], axes: Sequence[str]) -> str:
    """A pair in words: its rates, and its cell on some axes."""
    rates = f"rate {row['rate']:g} / {row['other_rate']:g} at {row['product']:.3g}"
    return ", ".join(filter(None, [rates, _cell_in_words(row, axes)]))


def _cell_in_words(row: Mapping[Hashable, Any], axes: Sequence[str]) -> str:
    known = [name for name in axes if pd.notna(row[name])]
    return ", ".join(f"{TITLES[name]} {row[name]:g}" for name in known)


def _forecast_figures(store_url: str | Path, trials: pd.DataFrame) -> list[SectionFigure]:
    """Landmark models, of a study of many seeds whose readings have measures."""
    several = trials[trials["train_size"].notna()]
    seeds = several.groupby("point_id", observed=True).size()
    if several["n"].nunique() < _LEAST_SIZES or seeds.median() < _LEAST_SEEDS:
        return []
    first = load_readings(store_url, several.head(1))
    if not any(first[name].notna().any() for row in MEASURES.values() for name in row.columns):
        return []
    try:
        answers = foresights(several, load_readings(store_url, several))
    except UsageError:  # too few trials generalized after a landmark
        return []
    table = foresight_table(answers)
    alone = ~table["model"].str.contains(" + ", regex=False) & (table["model"] != AXES_ALONE)
    caption = (
        "How often the seed of a point that is foretold to generalize later does, from what nets "
        "show at a multiple of the epoch of memorizing, by models of the others. 0.5 is chance."
    )
    foretold = {"n": "the largest n", "seeds": "half of the seeds"}
    return [
        SectionFigure(
            f"forecast-{how}",
            f"When will it generalize: {foretold[how]}",
            caption,
            forecast_chart(rows),
        )
        for how in HELD_OUT
        if len(rows := table[(table["held_out"] == how) & alone])
    ]


def _ungrok_figures(trials: pd.DataFrame) -> list[SectionFigure]:
    """What nets keep, of a study whose nets were left with fewer rows."""
    if trials["fewer_rows"].isna().all():
        return []
    cells = ungrokking_of(trials)
    # All rows are named only where cells differ in nothing else.
    short = [{axis: v for axis, v in one.cell.items() if axis != "train_size"} for one in cells]
    alike = len({tuple(axes.items()) for axes in short}) < len(cells)
    names = [
        axes_in_words(one.cell if alike else axes) for one, axes in zip(cells, short, strict=True)
    ]
    parts = [one.shares.assign(cell=name) for one, name in zip(cells, names, strict=True)]
    return [
        SectionFigure(
            "ungrok",
            "What nets keep on fewer rows",
            "Share of nets whose last test accuracy is above 0.98, against the training rows that "
            "were left: nets that had them from the start, and nets that had generalized on all.",
            ungrok_chart(pd.concat(parts, ignore_index=True)),
        )
    ]
