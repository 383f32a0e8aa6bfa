"""The figures of a store: the page's charts, and the paper's figures that it has trials for.

`make_figures` does the work of `analysis figures`. The paper's figures replay their trials.
docs/findings.md quotes what the figures say of the trials, `Findings`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from analysis.charts import epochs as epoch_charts
from analysis.circuits.replays import ReplayedTrial, replay_side_by_side
from analysis.figures.album import Drawing, FigurePart, Plate, make_folder, write_album
from analysis.figures.modular_part import modular_part
from analysis.figures.panels import NEURONS_PANEL, Panel, one_seed
from analysis.figures.paper import (
    PAPER_FIGURES,
    PaperFigure,
    choose_settings,
    median_events,
    paper_findings,
    paper_summary,
)
from analysis.figures.study import study_plates
from analysis.tables.frames import some_trials
from study.store.store import Store


@dataclass(frozen=True, slots=True)
class Findings:
    """What the paper's figures say of a store's trials.

    Attributes:
        trials: a row for each trial.
        summary: a row for each setting and finding.
        left_out: a sentence for each figure and panel that the store has no trials for.
        folder: has the files of the charts.
    """

    trials: pd.DataFrame
    summary: pd.DataFrame
    left_out: Sequence[str]
    folder: Path


def make_figures(
    store_url: str | Path, output: str | Path, x: str | None = None, y: str | None = None
) -> Findings:
    """Draw a study's diagrams, laws and circuits, and the paper's figures where it has them.

    Trials of parity are replayed. For trials modulo a number, the stored readings are drawn.

    Args:
        store_url: path or URL of the store.
        output: the HTML file; the files of the charts go into a folder beside it.
        x: the axis across of the diagrams; None: weight decay where it varies.
        y: the axis up of the diagrams; None: dataset size where it varies.

    Raises: UsageError for axes that are not right; StoreError for the store, also where it holds no
    trials yet; StudyError where a file cannot be written.
    """
    trials = some_trials(store_url)
    plates = study_plates(store_url, trials, x, y)
    make_folder(output)
    circuits = _circuit_part(store_url, trials)
    modular = modular_part(store_url, trials)
    parts = [part for part in (circuits, modular) if part is not None]
    left_out = [sentence for part in parts for sentence in part.left_out]
    if not parts:
        left_out = ["the paper's figures are left out; two_circuits and modular make them"]
    folder = write_album(
        output,
        title=f"{trials['study'].iloc[0]}: figures",
        facts=""
        if circuits is None
        else "The paper's: lines are means over seeds, shades reach "
        "from the lowest to the highest.",
        plates=[*plates, *(plate for part in parts for plate in part.plates)],
        footer=str(Store.open(store_url).manifest().get("command", "")),
    )
    rows = [part.trials for part in parts] or [pd.DataFrame()]
    summaries = [part.summary for part in parts] or [pd.DataFrame()]
    return Findings(
        pd.concat(rows, ignore_index=True),
        pd.concat(summaries, ignore_index=True),
        left_out,
        folder,
    )


def _circuit_part(store_url: str | Path, trials: pd.DataFrame) -> FigurePart | None:
    """The paper's figures of circuits, or None where the store has no trials for them."""
    chosen, left_out = choose_settings(trials)
    if not chosen:
        return None
    replayed = replay_side_by_side(store_url, pd.concat(chosen.values()))
    plates = []
    for figure in PAPER_FIGURES:
        seeds = [trial for trial in replayed if trial.facts.setting == figure.setting]
        if seeds:
            plates.append(_paper_plate(figure, seeds, chosen[figure.setting], left_out))
    findings = paper_findings(replayed)
    return FigurePart(plates, findings, paper_summary(findings), left_out)


def draw_panel(panel: Panel, name: str, seeds: Sequence[ReplayedTrial]) -> Drawing | None:
    """A panel of some seeds as a drawing, or None where the panel has no rows.

    Args:
        panel: to draw.
        name: of the drawing in files.
        seeds: trials of one point.
    """
    frame = panel.frame(seeds)
    if frame.empty:
        return None
    if panel is NEURONS_PANEL:
        chart = epoch_charts.neurons(frame, median_events(one_seed(seeds)), panel.title)
    else:
        events = median_events(seeds)
        chart = epoch_charts.bands(frame, events, panel.title, log=panel.log, ceiling=panel.ceiling)
    return Drawing(name, chart, frame)


def _paper_plate(
    figure: PaperFigure,
    seeds: Sequence[ReplayedTrial],
    trials: pd.DataFrame,
    left_out: list[str],
) -> Plate:
    """A figure of the paper with the panels that its seeds have.

    Args:
        figure: of the paper.
        seeds: the replayed trials.
        trials: their rows of the table `trials`.
        left_out: gets a sentence for each panel without rows.
    """
    drawings = []
    for panel in figure.panels:
        drawing = draw_panel(panel, f"figure-{figure.number}-{panel.name}", seeds)
        if drawing is None:
            why = "no seed has generalized and kept its circuit"
            left_out.append(f"figure {figure.number} is left without its {panel.name}: {why}")
        else:
            drawings.append(drawing)
    point = trials.iloc[0]
    setting = (
        f"({point['n']}, {point['k']})-parity, {point['width']} neurons, weight decay "
        f"{point['weight_decay']:g}; {_count(seeds)}"
    )
    return Plate(
        f"Figure {figure.number}. {figure.title}", f"{figure.caption} {setting}.", drawings
    )


def _count(seeds: Sequence[ReplayedTrial]) -> str:
    """The number of seeds, and how many generalized unless all did, in words."""
    generalized = sum(trial.facts.generalized_epoch is not None for trial in seeds)
    some = "" if generalized == len(seeds) else f", of which {generalized} generalized"
    return f"{len(seeds)} seed{'s' if len(seeds) > 1 else ''}{some}"
