"""The page of one trial's circuits, which `analysis circuits` writes."""

from collections.abc import Sequence
from pathlib import Path

from analysis.circuits.history import CIRCUITS, record_history
from analysis.circuits.replays import ReplayedTrial
from analysis.circuits.through_training import WHOLE_NET
from analysis.circuits.trial_circuits import TrialCircuits, trial_circuits
from analysis.figures.album import Plate, as_html, write_album
from analysis.figures.make import draw_panel
from analysis.figures.panels import (
    ACCURACY_PANEL,
    AGREEMENT_PANEL,
    DOMINANT_PANEL,
    NEURONS_PANEL,
    NORM_PANEL,
    SPARSITY_PANEL,
    Panel,
    circuits_panel,
)
from study.store.store import Store

_EVERY = (*CIRCUITS, WHOLE_NET)
_ALONE = Panel("alone", "accuracy alone", circuits_panel("accuracy", *_EVERY), ceiling=1)
_SENSITIVITY = Panel("sensitivity", "sensitivity, bits", circuits_panel("sensitivity", *_EVERY))

_CIRCUITS_CAPTION = (
    "; ".join(f"{name}: {meaning}" for name, meaning in CIRCUITS.items())
    + ". On test rows: how often each alone predicts like the whole net, how often it is right, "
    "and on how many single-bit flips its sign changes."
)

# The plates with charts: title, caption, panels.
_PLATES: Sequence[tuple[str, str, Sequence[Panel]]] = (
    (
        "Curves",
        "Accuracy, and how many neurons, by falling norm, predict like the whole net.",
        (ACCURACY_PANEL, SPARSITY_PANEL),
    ),
    (
        "Circuits",
        _CIRCUITS_CAPTION,
        (NORM_PANEL, AGREEMENT_PANEL, _ALONE, _SENSITIVITY),
    ),
    (
        "Neurons",
        "The neuron of the largest norm when the net memorized and that at the end; every neuron.",
        (DOMINANT_PANEL, NEURONS_PANEL),
    ),
)


def draw_circuits(store_url: str | Path, trial_id: str, output: str | Path) -> TrialCircuits:
    """Replay a trial, follow its circuits, train its tickets; write the page and its files.

    Args:
        store_url: path or URL of the store.
        trial_id: all of it, or a beginning that no other trial has.
        output: the HTML file; the files of the charts go into a folder beside it.

    Raises: UsageError, with ids that may be meant, where the id is that of no trial or of several;
    StoreError for the store; StudyError where a file cannot be written.
    """
    trial, replayed = trial_circuits(record_history(Store.open(store_url), trial_id))
    facts = trial.facts
    about = [f"seed {facts.seed}", f"{facts.epochs_run} epochs", facts.setting]
    lacking = [sentence[0].upper() + sentence[1:] for sentence in trial.lacking]
    write_album(
        output,
        title=f"Circuits of {facts.trial_id}",
        facts=" · ".join([*(part for part in about if part), *lacking]),
        plates=[*_chart_plates(replayed), *_table_plates(trial)],
        footer=trial.replay_sentence,
    )
    return trial


def _chart_plates(replayed: ReplayedTrial) -> list[Plate]:
    plates = []
    for title, caption, panels in _PLATES:
        drawings = [draw_panel(panel, panel.name, [replayed]) for panel in panels]
        plates.append(Plate(title, caption, [d for d in drawings if d is not None]))
    return plates


def _table_plates(trial: TrialCircuits) -> list[Plate]:
    return [
        Plate("At the end", "Each circuit alone, on test rows.", table=as_html(trial.circuits)),
        Plate(
            "What the surviving neurons compute",
            "Their weights on the relevant bits, and the largest on any other bit, as a size.",
            table=as_html(trial.survivors),
        ),
        Plate(
            "Tickets",
            "Circuits rewound to their initial weights and trained alone on the same rows in the "
            "same order, beside the whole net.",
            table=as_html(trial.tickets),
        ),
    ]
