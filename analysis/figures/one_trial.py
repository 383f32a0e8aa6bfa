"""One trial's circuits, said and drawn: what `analysis circuits` prints, and the page it writes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.circuits.history import CIRCUITS, find_circuits, lacking, watch
from analysis.circuits.replays import Studied, studied_of
from analysis.circuits.through_training import WHOLE, likeness, sensitivities, survivors
from analysis.circuits.tickets import tickets
from analysis.figures import paper
from analysis.figures.album import Plate, as_html, write_album
from analysis.figures.make import drawing
from analysis.figures.paper import Panel, circuits_panel
from study.store.store import Store


@dataclass(frozen=True, slots=True)
class Portrait:
    """A trial: its facts, and as frames its circuits at the end, what is left, and its tickets.

    `survivors` are the neurons of the generalizing circuit with their weights; no rows where there
    is none. `lacking` says, a sentence each, what it has not.
    """

    facts: dict[str, Any]
    circuits: pd.DataFrame
    survivors: pd.DataFrame
    tickets: pd.DataFrame
    lacking: Sequence[str]


_EVERY = (*CIRCUITS, WHOLE)
ALONE = Panel("alone", "accuracy alone", circuits_panel("accuracy", *_EVERY), ceiling=1)
SENSITIVITY = Panel("sensitivity", "sensitivity, bits", circuits_panel("sensitivity", *_EVERY))

_CIRCUITS = (
    "; ".join(f"{name}: {meaning}" for name, meaning in CIRCUITS.items())
    + ". On test rows: how often each alone predicts like the whole net, how often it is right, "
    "and on how many single-bit flips its sign changes."
)

# The plates of a trial's page: title, caption, panels.
PLATES = (
    (
        "Curves",
        "Accuracy, and how many neurons, by falling norm, predict like the whole net.",
        (paper.ACCURACY, paper.SPARSITY),
    ),
    (
        "Circuits",
        _CIRCUITS,
        (paper.NORM, paper.AGREEMENT, ALONE, SENSITIVITY),
    ),
    (
        "Neurons",
        "The neuron of the largest norm when the net memorised and that at the end; every neuron.",
        (paper.DOMINANT, paper.NEURONS),
    ),
)


def draw_circuits(store_url: str | Path, trial_id: str, output: str | Path) -> Portrait:
    """Replay a trial, follow its circuits, train its tickets; write the page and its files.

    Args: trial_id, all of it or a beginning that no other trial has.
    Raises: UsageError, with ids that are meant, where that is no trial or several; StoreError for
    the store; StudyError where a file cannot be written.
    """
    history = watch(Store.open(store_url), trial_id)
    circuits = find_circuits(history)
    studied = studied_of(history, circuits)
    followed = studied.circuits.merge(sensitivities(history, circuits), on=["epoch", "circuit"])
    last = followed[followed["epoch"] == followed["epoch"].max()].drop(columns="epoch")
    sizes = {**{name: len(part) for name, part in circuits.items()}, WHOLE: history.row["width"]}
    last.insert(1, "neurons", last["circuit"].map(sizes))
    circuit = circuits.get("generalizing", np.array([], dtype=np.int64))
    near = likeness(history, circuit)
    portrait = Portrait(
        facts={
            **studied.facts,
            "moved": dict(history.moved),
            "construction": None if near is None else near._asdict(),
        },
        circuits=last.reset_index(drop=True),
        survivors=survivors(history, circuit),
        tickets=tickets(history, circuits),
        lacking=lacking(history),
    )
    _write(output, portrait, replace(studied, circuits=followed))
    return portrait


def _write(output: str | Path, portrait: Portrait, studied: Studied) -> None:
    plates = []
    for title, caption, panels in PLATES:
        drawn = [drawing(panel, panel.name, [studied]) for panel in panels]
        plates.append(Plate(title, caption, [one for one in drawn if one is not None]))
    facts = portrait.facts
    plates += [
        Plate("At the end", "Each circuit alone, on test rows.", table=as_html(portrait.circuits)),
        Plate(
            "What the surviving neurons compute",
            "Their weights on the relevant bits, and the largest on any other bit, as a size.",
            table=as_html(portrait.survivors),
        ),
        Plate(
            "Tickets",
            "Circuits rewound to their initial weights and trained alone on the same rows in the "
            "same order, beside the whole net.",
            table=as_html(portrait.tickets),
        ),
    ]
    said = [f"seed {facts['seed']}", f"{facts['epochs_run']} epochs", facts["setting"]]
    lacks = [sentence[0].upper() + sentence[1:] for sentence in portrait.lacking]
    line = " · ".join([*(part for part in said if part), *lacks])
    write_album(output, f"Circuits of {facts['trial_id']}", line, plates, replay_text(facts))


def replay_text(facts: Mapping[str, Any]) -> str:
    """How the replay compares with the readings stored."""
    if facts["exact"]:
        return "replayed exactly"
    moved = ", ".join(f"{name} by up to {by:.3g}" for name, by in facts["moved"].items())
    return f"the replay moved: {moved}"
