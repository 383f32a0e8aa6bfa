"""The paper's figures as numbers: the trials and the panels of each, and the findings.

`PAPER_FIGURES` lists which setting and which panels make which figure. Nothing is drawn here.

Source: arXiv 2303.11873, figures 1 to 9; figure 4 is in `analysis.circuits.modular`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import pandas as pd

from analysis.circuits.replays import ReplayedTrial
from analysis.figures.panels import (
    ACCURACY_PANEL,
    AGREEMENT_PANEL,
    DOMINANT_PANEL,
    LOSS_PANEL,
    NEURONS_PANEL,
    NORM_PANEL,
    SPARSITY_PANEL,
    TAKEOVER_PANEL,
    Panel,
)
from analysis.statistics import spreads


@dataclass(frozen=True, slots=True)
class PaperFigure:
    """A figure of the paper, before it is drawn: its number, whose trials it shows, its panels."""

    number: int
    setting: str  # the label of the setting
    title: str
    caption: str
    panels: tuple[Panel, ...]


_CURVES = "All three change together: the net becomes sparse as it generalizes."
_SUBNETWORKS = (
    "Generalizing: the final active subnetwork. Complementary: all other neurons. Control: random "
    "neurons, as many as are generalizing. Norms are of incoming weights; agreement is with the "
    "whole net on test rows."
)
_READINGS = (ACCURACY_PANEL, LOSS_PANEL, SPARSITY_PANEL)
_CIRCUITS = (NORM_PANEL, AGREEMENT_PANEL)
PAPER_FIGURES = (
    PaperFigure(
        1,
        "standard",
        "A dense circuit memorizes, a sparse one takes over",
        "How often each circuit alone predicts like the whole net on test rows: the few neurons "
        "that remain at the end (generalizing), and all others (complementary).",
        (TAKEOVER_PANEL,),
    ),
    PaperFigure(2, "standard", "Accuracy, loss and sparsity", _CURVES, _READINGS),
    PaperFigure(3, "standard", "Two subnetworks and a control", _SUBNETWORKS, _CIRCUITS),
    PaperFigure(
        5,
        "standard",
        "Neurons",
        "Left: the neuron of the largest norm when the net memorized, and that of the largest norm "
        "at the end. Right: every neuron of one seed; most go to 0.",
        (DOMINANT_PANEL, NEURONS_PANEL),
    ),
    PaperFigure(6, "weight decay 0.001", "Small weight decay", _CURVES, _READINGS),
    PaperFigure(
        7, "weight decay 0.001", "Small weight decay: subnetworks", _SUBNETWORKS, _CIRCUITS
    ),
    PaperFigure(8, "k = 4", "Parity of four bits", _CURVES, _READINGS),
    PaperFigure(9, "k = 4", "Parity of four bits: subnetworks", _SUBNETWORKS, _CIRCUITS),
)
PAPER_SETTINGS = tuple(dict.fromkeys(figure.setting for figure in PAPER_FIGURES))

# The columns that a summary of the findings describes, each with its meaning.
PAPER_FINDINGS = {
    "memorized_epoch": "memorized at epoch",
    "generalized_epoch": "generalized at epoch",
    "sparsity_memorized": "effective sparsity when memorized",
    "sparsity_generalized": "effective sparsity when generalized",
    "sparsity_final": "effective sparsity at the end",
    "kinds": "kinds of neurons at the end, by the signs of their relevant weights",
    "halved_lead": "epochs from half of the neurons sufficing to generalizing",
    "tenth_lead": "epochs from a tenth of the neurons sufficing to generalizing",
    "separated_lead": "epochs from norms of twice the others' to generalizing",
    "overlap": "overlap (Jaccard) of memorizing and generalizing circuit",
    "contained": "share of generalizing neurons that are memorizing, too",
}


def choose_settings(trials: pd.DataFrame) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """The trials of each setting that has figures, and which figures are left out, with the reason.

    A setting is identified by its label. Its figures show the seeds of one point.
    """
    chosen, left_out = {}, []
    for label in PAPER_SETTINGS:
        rows = trials[trials["setting"] == label].sort_values("seed", kind="stable")
        points = rows["point_id"].nunique()
        if points == 1:
            chosen[label] = rows
            continue
        numbers = " and ".join(str(f.number) for f in PAPER_FIGURES if f.setting == label)
        why = f"{points} points; a figure shows the seeds of one" if points else "no trials"
        left_out.append(f"figures {numbers} are left out: setting {label!r} has {why}")
    return chosen, left_out


def median_events(seeds: Sequence[ReplayedTrial]) -> pd.DataFrame:
    """The median epoch of each event over the seeds that had the event: epoch, event."""
    epochs = {
        "memorized": [trial.facts.memorized_epoch for trial in seeds],
        "generalized": [trial.facts.generalized_epoch for trial in seeds],
    }
    rows = []
    for event, of_seeds in epochs.items():
        happened = [epoch for epoch in of_seeds if epoch is not None]
        if happened:
            rows.append({"epoch": float(pd.Series(happened).median()), "event": event})
    return pd.DataFrame(rows, columns=["epoch", "event"])


def paper_findings(trials: Sequence[ReplayedTrial]) -> pd.DataFrame:
    """The facts of each trial as a row, and the leads.

    `halved_lead`, `tenth_lead` and `separated_lead` are epochs before generalizing; negative where
    the net generalized first.
    """
    frame = pd.DataFrame([asdict(trial.facts) for trial in trials])
    names = [str(name) for name in frame]
    whole = [name for name in names if name.endswith("_epoch") or name.startswith("sparsity_")]
    frame = frame.astype(dict.fromkeys([*whole, "kinds"], pd.Int64Dtype()))
    for name in ("halved", "tenth", "separated"):
        frame[f"{name}_lead"] = frame["generalized_epoch"] - frame[f"{name}_epoch"]
    return frame


def paper_summary(findings: pd.DataFrame) -> pd.DataFrame:
    """For each setting and each row of PAPER_FINDINGS: trials that have it, median, least, most."""
    return spreads(findings, PAPER_FINDINGS)
