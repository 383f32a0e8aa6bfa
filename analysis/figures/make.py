"""The figures of a store: the page's charts of any study, and the paper's for which it has trials.

The latter replay their trials. `make_figures` is what `analysis figures` does; what it says of a
store's trials, `Findings`, is what docs/findings.md quotes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from analysis.charts import epochs as lines
from analysis.circuits import modular as commuting
from analysis.circuits.replays import Studied, study_trials
from analysis.figures import paper
from analysis.figures.album import Drawing, Plate, make_folder, write_album
from analysis.figures.paper import FIGURES, NEURONS, Figure, Panel
from analysis.figures.study import study_plates
from analysis.tables.frames import load_readings, some_trials
from study.store.store import Store


@dataclass(frozen=True, slots=True)
class Findings:
    """A row a trial, a row a setting and finding, figures left out, and where the files are."""

    trials: pd.DataFrame
    summary: pd.DataFrame
    left_out: Sequence[str]
    folder: Path


def make_figures(
    store_url: str | Path, output: str | Path, x: str | None = None, y: str | None = None
) -> Findings:
    """Draw a study's diagrams, laws and circuits, and the paper's figures where it has them.

    Of these, trials of parity are replayed; of those modulo a number, readings are drawn.

    Args: x and y, the axes of the diagrams (weight decay and dataset size where they vary).
    Raises: UsageError for axes that are not right; StoreError for the store, also where it holds no
    trials yet; StudyError where a file cannot be written.
    """
    trials = some_trials(store_url)
    plates = study_plates(trials, x, y)
    make_folder(output)
    modular, no_modular = commuting.choose(trials)
    chosen, no_circuits = paper.choose(trials)
    left_out, tables, summaries = [], [], []
    if chosen:
        left_out += no_circuits
        studied = study_trials(store_url, pd.concat(chosen.values()))
        for figure in FIGURES:
            seeds = [one for one in studied if one.facts["setting"] == figure.setting]
            if seeds:
                plates.append(_plate(figure, seeds, chosen[figure.setting], left_out))
        tables.append(paper.findings(studied))
        summaries.append(paper.summary(tables[-1]))
    if modular:
        left_out += no_modular
        readings = load_readings(store_url, pd.concat(modular.values()))
        tables.append(commuting.findings(pd.concat(modular.values()), readings))
        summaries.append(commuting.summary(tables[-1]))
        plates.append(_modular_plate(modular, readings))
    if not tables:
        left_out = ["the paper's figures are left out; two_circuits and modular make them"]
        tables = summaries = [pd.DataFrame()]
    command = str(Store.open(store_url).manifest().get("command", ""))
    facts = "The paper's: lines are means over seeds, shades reach from the lowest to the highest."
    title = f"{trials['study'].iloc[0]}: figures"
    folder = write_album(output, title, facts if chosen else "", plates, command)
    found, said = (pd.concat(parts, ignore_index=True) for parts in (tables, summaries))
    return Findings(found, said, left_out, folder)


def _modular_plate(modular: Mapping[str, pd.DataFrame], readings: pd.DataFrame) -> Plate:
    """Figure 4: a panel a task, with the level that commuting reaches."""
    drawings = []
    for task, trials in modular.items():
        frame = commuting.curves(trials, readings)
        level = float(trials["commuting_share"].mean())
        chart = lines.seeds(frame, level, f"accuracy, {task}")
        drawings.append(Drawing(f"figure-4-{task}", chart, frame))
    point = next(iter(modular.values())).iloc[0]
    layers = "" if pd.isna(point["layers"]) else f"layers {point['layers']}, "
    caption = (
        "Before it groks, addition sits at the share of test equations whose numbers, swapped, are "
        "a training equation (dashed); division does not commute. "
        f"Modulo {point['modulus']}, {point['train_fraction']:.0%} for training; {point['net']}, "
        f"{layers}width {point['width']}, weight decay {point['weight_decay']:g}, "
        f"{point['batch_size']} equations a batch. A line is a seed."
    )
    return Plate("Figure 4. Addition and division modulo a prime", caption, drawings)


def drawing(panel: Panel, name: str, seeds: Sequence[Studied]) -> Drawing | None:
    """A panel of some seeds as a drawing, or None where they have nothing to show in it."""
    frame = panel.frame(seeds)
    if frame.empty:
        return None
    if panel is NEURONS:
        chart = lines.neurons(frame, paper.events(paper.one_seed(seeds)), panel.title)
    else:
        events = paper.events(seeds)
        chart = lines.bands(frame, events, panel.title, log=panel.log, ceiling=panel.ceiling)
    return Drawing(name, chart, frame)


def _plate(
    figure: Figure, seeds: Sequence[Studied], trials: pd.DataFrame, left_out: list[str]
) -> Plate:
    """A figure with the panels that its seeds have; what is missing joins `left_out`."""
    drawings = []
    for panel in figure.panels:
        drawn = drawing(panel, f"figure-{figure.number}-{panel.name}", seeds)
        if drawn is None:
            why = "no seed has generalised and kept its circuit"
            left_out.append(f"figure {figure.number} is left without its {panel.name}: {why}")
        else:
            drawings.append(drawn)
    point = trials.iloc[0]
    setting = (
        f"({point['n']}, {point['k']})-parity, {point['width']} neurons, weight decay "
        f"{point['weight_decay']:g}; {_count(seeds)}"
    )
    return Plate(
        f"Figure {figure.number}. {figure.title}", f"{figure.caption} {setting}.", drawings
    )


def _count(seeds: Sequence[Studied]) -> str:
    grown = sum(one.facts["generalized_epoch"] is not None for one in seeds)
    some = "" if grown == len(seeds) else f", of which {grown} generalised"
    return f"{len(seeds)} seed{'s' if len(seeds) > 1 else ''}{some}"
