"""The paper's figures as numbers: which trials each shows, and a tidy frame for each panel.

A `Panel` turns replayed trials into one frame, the mean and range over seeds at each epoch, and
`FIGURES` lists which setting and panels make which figure. Nothing is drawn here.

Source: arXiv 2303.11873, figures 1 to 9; figure 4 is in `analysis.circuits.modular`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.circuits.replays import Studied
from analysis.statistics import spreads


def spread(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean, low and high over seeds: epoch, series, seed, value -> epoch, series, mean, low, high.

    `seeds` counts them. Only epochs are kept at which every seed still watched was looked at, so
    that no epoch near one seed's event is of that seed alone.
    """
    if rows.empty:
        return pd.DataFrame(columns=["epoch", "series", "mean", "low", "high", "seeds"])
    ends = rows.groupby(["series", "seed"])["epoch"].max()
    last = {series: np.sort(of_seeds) for series, of_seeds in ends.groupby("series")}
    named = {"mean": "mean", "low": "min", "high": "max", "seeds": "count"}
    grouped: Any = rows.groupby(["series", "epoch"], sort=False)["value"]
    frame: pd.DataFrame = grouped.agg(**named).reset_index()
    watched = [
        len(last[series]) - int(np.searchsorted(last[series], epoch))
        for series, epoch in zip(frame["series"], frame["epoch"], strict=True)
    ]
    frame = frame[frame["seeds"] == watched].sort_values(["series", "epoch"], kind="stable")
    return frame[["epoch", "series", "mean", "low", "high", "seeds"]].reset_index(drop=True)


def _over_seeds(of_one: Callable[[Studied], pd.DataFrame]) -> Callable[..., pd.DataFrame]:
    """A panel's frame from the rows (epoch, series, value) of each trial."""

    def frame(studied: Sequence[Studied]) -> pd.DataFrame:
        return spread(pd.concat([of_one(one).assign(seed=one.seed) for one in studied]))

    return frame


def _sets(column: str) -> Callable[..., pd.DataFrame]:
    """A reading on training and on test rows; `column` has a place for which."""

    def of_one(one: Studied) -> pd.DataFrame:
        parts = {part: one.curves[column.format(part)] for part in ("train", "test")}
        return pd.concat(
            [
                pd.DataFrame({"epoch": one.curves["epoch"], "series": part, "value": values})
                for part, values in parts.items()
            ]
        )

    return _over_seeds(of_one)


def circuits_panel(column: str, *names: str) -> Callable[..., pd.DataFrame]:
    """A column of the circuits followed, of those named that a trial has."""

    def of_one(one: Studied) -> pd.DataFrame:
        chosen = one.circuits[one.circuits["circuit"].isin(names)]
        return chosen.rename(columns={"circuit": "series", column: "value"})[
            ["epoch", "series", "value"]
        ]

    return _over_seeds(of_one)


def one_seed(studied: Sequence[Studied]) -> Sequence[Studied]:
    """The first seed that generalised, or the first."""
    grown = [one for one in studied if one.facts["generalized_epoch"] is not None]
    return (grown or studied)[:1]


def _neurons(studied: Sequence[Studied]) -> pd.DataFrame:
    [one] = one_seed(studied)
    return one.neurons.assign(seed=one.seed)


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart of a figure: its name in files, what its vertical axis says, its frame.

    `log` is about the vertical axis; `ceiling` is its end where it has one.
    """

    name: str
    title: str
    frame: Callable[[Sequence[Studied]], pd.DataFrame]
    log: bool = False
    ceiling: float | None = None


_FOLLOWED = ("generalizing", "complementary", "control")
TAKEOVER = Panel(
    "takeover",
    "agreement with the whole net",
    circuits_panel("agreement", "generalizing", "complementary"),
    ceiling=1,
)
ACCURACY = Panel("accuracy", "accuracy", _sets("{}_accuracy"), ceiling=1)
LOSS = Panel("loss", "loss", _sets("{}_loss"))
SPARSITY = Panel(
    "sparsity", "effective sparsity, neurons", _sets("effective_sparsity_{}"), log=True
)
NORM = Panel("norm", "mean neuron norm", circuits_panel("mean_norm", *_FOLLOWED))
AGREEMENT = Panel(
    "agreement", "agreement on test rows", circuits_panel("agreement", *_FOLLOWED), ceiling=1
)
DOMINANT = Panel("dominant", "neuron norm", _over_seeds(lambda one: one.dominant))
NEURONS = Panel("neurons", "neuron norm", _neurons)


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of the paper: its number, the setting by its label, a title, and its panels."""

    number: int
    setting: str
    title: str
    caption: str
    panels: tuple[Panel, ...]


_CURVES = "All three change together: the net becomes sparse as it generalises."
_SUBNETWORKS = (
    "Generalizing: the final active subnetwork. Complementary: all other neurons. Control: random "
    "neurons, as many as are generalizing. Norms are of incoming weights; agreement is with the "
    "whole net on test rows."
)
FIGURES = (
    Figure(
        1,
        "standard",
        "A dense circuit memorises, a sparse one takes over",
        "How often each circuit alone predicts like the whole net on test rows: the few neurons "
        "that remain at the end (generalizing), and all others (complementary).",
        (TAKEOVER,),
    ),
    Figure(2, "standard", "Accuracy, loss and sparsity", _CURVES, (ACCURACY, LOSS, SPARSITY)),
    Figure(3, "standard", "Two subnetworks and a control", _SUBNETWORKS, (NORM, AGREEMENT)),
    Figure(
        5,
        "standard",
        "Neurons",
        "Left: the neuron of the largest norm when the net memorised, and that of the largest norm "
        "at the end. Right: every neuron of one seed; most go to 0.",
        (DOMINANT, NEURONS),
    ),
    Figure(6, "weight decay 0.001", "Small weight decay", _CURVES, (ACCURACY, LOSS, SPARSITY)),
    Figure(
        7, "weight decay 0.001", "Small weight decay: subnetworks", _SUBNETWORKS, (NORM, AGREEMENT)
    ),
    Figure(8, "k = 4", "Parity of four bits", _CURVES, (ACCURACY, LOSS, SPARSITY)),
    Figure(9, "k = 4", "Parity of four bits: subnetworks", _SUBNETWORKS, (NORM, AGREEMENT)),
)
SETTINGS = tuple(dict.fromkeys(figure.setting for figure in FIGURES))


def choose(trials: pd.DataFrame) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """The trials of each setting that has figures, and which figures are left out, with the reason.

    A setting is known by its label and shows the seeds of one point.
    """
    chosen, left_out = {}, []
    for label in SETTINGS:
        rows = trials[trials["setting"] == label].sort_values("seed", kind="stable")
        points = rows["point_id"].nunique()
        if points == 1:
            chosen[label] = rows
            continue
        numbers = " and ".join(str(f.number) for f in FIGURES if f.setting == label)
        why = f"{points} points; a figure shows the seeds of one" if points else "no trials"
        left_out.append(f"figures {numbers} are left out: setting {label!r} has {why}")
    return chosen, left_out


def events(studied: Sequence[Studied]) -> pd.DataFrame:
    """The median epoch of each event over the seeds that had it: epoch, event."""
    rows = []
    for event, said in (("memorized", "memorized"), ("generalized", "generalized")):
        epochs = [one.facts[f"{event}_epoch"] for one in studied]
        seen = [epoch for epoch in epochs if epoch is not None]
        if seen:
            rows.append({"epoch": float(pd.Series(seen).median()), "event": said})
    return pd.DataFrame(rows, columns=["epoch", "event"])


def findings(studied: Sequence[Studied]) -> pd.DataFrame:
    """A row a trial: its events, effective sparsity at each, and the epochs between them.

    `halved_lead`, `tenth_lead` and `separated_lead` are epochs before generalising, negative where
    after.
    """
    frame = pd.DataFrame([one.facts for one in studied])
    names = [str(name) for name in frame]
    whole = [name for name in names if name.endswith("_epoch") or name.startswith("sparsity_")]
    frame = frame.astype(dict.fromkeys([*whole, "kinds"], pd.Int64Dtype()))
    for name in ("halved", "tenth", "separated"):
        frame[f"{name}_lead"] = frame["generalized_epoch"] - frame[f"{name}_epoch"]
    return frame


# What a summary of findings says of a setting's trials: a column, and what it means.
FOUND = {
    "memorized_epoch": "memorised at epoch",
    "generalized_epoch": "generalised at epoch",
    "sparsity_memorized": "effective sparsity when memorised",
    "sparsity_generalized": "effective sparsity when generalised",
    "sparsity_final": "effective sparsity at the end",
    "kinds": "kinds of neurons at the end, by the signs of their relevant weights",
    "halved_lead": "epochs from half of the neurons sufficing to generalising",
    "tenth_lead": "epochs from a tenth of the neurons sufficing to generalising",
    "separated_lead": "epochs from norms of twice the others' to generalising",
    "overlap": "overlap (Jaccard) of memorizing and generalizing circuit",
    "contained": "share of generalizing neurons that are memorizing, too",
}


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """Of each setting and each row of FOUND: trials that have it, median, least and most."""
    return spreads(found, FOUND)
