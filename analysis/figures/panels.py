"""The panels of figures about circuits: a tidy frame for each, from trials that were replayed.

A panel's frame has the mean and the range over the seeds at each epoch. Nothing is drawn here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.circuits.replays import ReplayedTrial

Frames = Callable[[Sequence[ReplayedTrial]], pd.DataFrame]  # from the seeds of a figure to a frame


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart of a figure, before it is drawn: its frame, and how its vertical axis looks.

    Attributes:
        name: a part of the names of its files.
        title: of the vertical axis.
        frame: gives the rows of some seeds.
        log: whether the vertical axis is logarithmic.
        ceiling: where the vertical axis ends; None: at the largest value.
    """

    name: str
    title: str
    frame: Frames
    log: bool = False
    ceiling: float | None = None


def spread(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean, lowest and highest value over seeds at each epoch.

    An epoch is left out unless every seed that is still watched has a value there. Otherwise the
    epochs near the event of one seed would show that seed alone.

    Args:
        rows: epoch, series, seed, value.

    Returns: epoch, series, mean, low, high, and seeds, the number of seeds with a value.
    """
    if rows.empty:
        return pd.DataFrame(columns=["epoch", "series", "mean", "low", "high", "seeds"])
    last_epochs = rows.groupby(["series", "seed"])["epoch"].max()
    ends = {series: np.sort(of_seeds) for series, of_seeds in last_epochs.groupby("series")}
    grouped = rows.groupby(["series", "epoch"], sort=False)["value"]
    frame = grouped.agg(["mean", "min", "max", "count"]).reset_index()
    frame = frame.rename(columns={"min": "low", "max": "high", "count": "seeds"})
    watched = [
        len(ends[series]) - int(np.searchsorted(ends[series], epoch))
        for series, epoch in zip(frame["series"], frame["epoch"], strict=True)
    ]
    frame = frame[frame["seeds"] == watched].sort_values(["series", "epoch"], kind="stable")
    return frame[["epoch", "series", "mean", "low", "high", "seeds"]].reset_index(drop=True)


def _over_seeds(rows_of: Callable[[ReplayedTrial], pd.DataFrame]) -> Frames:
    """A panel's frame from the rows of each trial: epoch, series, value."""

    def frame(seeds: Sequence[ReplayedTrial]) -> pd.DataFrame:
        parts = [rows_of(trial).assign(seed=trial.facts.seed) for trial in seeds]
        return spread(pd.concat(parts))

    return frame


def _sets(column: str) -> Frames:
    """A reading on training rows and on test rows; `{}` in the column stands for the set."""

    def rows_of(trial: ReplayedTrial) -> pd.DataFrame:
        frames = [
            pd.DataFrame(
                {
                    "epoch": trial.curves["epoch"],
                    "series": part,
                    "value": trial.curves[column.format(part)],
                }
            )
            for part in ("train", "test")
        ]
        return pd.concat(frames)

    return _over_seeds(rows_of)


def circuits_panel(column: str, *names: str) -> Frames:
    """A column of the circuits that were followed.

    Args:
        column: of the frame that `follow` gives, such as "agreement".
        names: of circuits; a trial shows those that it has.
    """

    def rows_of(trial: ReplayedTrial) -> pd.DataFrame:
        chosen = trial.circuits[trial.circuits["circuit"].isin(names)]
        rows = chosen.rename(columns={"circuit": "series", column: "value"})
        return rows[["epoch", "series", "value"]]

    return _over_seeds(rows_of)


def one_seed(seeds: Sequence[ReplayedTrial]) -> Sequence[ReplayedTrial]:
    """The first seed that generalized; where none did, the first seed."""
    generalized = [trial for trial in seeds if trial.facts.generalized_epoch is not None]
    return (generalized or seeds)[:1]


def _neurons(seeds: Sequence[ReplayedTrial]) -> pd.DataFrame:
    """Every neuron of one seed."""
    [trial] = one_seed(seeds)
    return trial.neurons.assign(seed=trial.facts.seed)


_FOLLOWED = ("generalizing", "complementary", "control")
TAKEOVER_PANEL = Panel(
    "takeover",
    "agreement with the whole net",
    circuits_panel("agreement", "generalizing", "complementary"),
    ceiling=1,
)
ACCURACY_PANEL = Panel("accuracy", "accuracy", _sets("{}_accuracy"), ceiling=1)
LOSS_PANEL = Panel("loss", "loss", _sets("{}_loss"))
SPARSITY_PANEL = Panel(
    "sparsity", "effective sparsity, neurons", _sets("effective_sparsity_{}"), log=True
)
NORM_PANEL = Panel("norm", "mean neuron norm", circuits_panel("mean_norm", *_FOLLOWED))
AGREEMENT_PANEL = Panel(
    "agreement", "agreement on test rows", circuits_panel("agreement", *_FOLLOWED), ceiling=1
)
DOMINANT_PANEL = Panel("dominant", "neuron norm", _over_seeds(lambda trial: trial.dominant))
NEURONS_PANEL = Panel("neurons", "neuron norm", _neurons)
