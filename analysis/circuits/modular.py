"""Figure 4 as numbers: accuracy on addition and division modulo a prime, and what commuting gives.

From a store's trials and readings; nothing is replayed and nothing drawn. A test equation commutes
where its two numbers, swapped, are a training equation of the same answer: `commuting_share` of a
trial's test rows. The plateau is where a trial stays between memorising and grokking.

Source: arXiv 2303.11873, figure 4.
"""

from typing import Any

import pandas as pd

from analysis.statistics import spreads

TASKS = ("addition", "division")

# What a summary says of a task's trials: a column, and what it means.
FOUND = {
    "memorized_epoch": "memorised at epoch",
    "generalized_epoch": "generalised at epoch",
    "commuting_share": "share of test equations that commute to a training one",
    "plateau": "test accuracy between memorising and grokking",
}


def choose(trials: pd.DataFrame) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """The trials of each task that a figure shows, and what is left out, with the reason.

    A figure shows the seeds of one point; a store without such tasks has nothing left out.
    """
    chosen, left_out = {}, []
    for task in TASKS:
        rows = trials[trials["task"] == task].sort_values("seed", kind="stable")
        points = rows["point_id"].nunique()
        if points == 1:
            chosen[task] = rows
        elif points:
            why = f"{points} points; a figure shows the seeds of one"
            left_out.append(f"figure 4 is left without {task}: it has {why}")
    return chosen, left_out


def curves(trials: pd.DataFrame, readings: pd.DataFrame) -> pd.DataFrame:
    """Accuracy of each trial on each part: epoch, step, seed, series ("train", "test"), value."""
    seeds = trials[["trial_id", "seed"]]
    rows = readings.merge(seeds, on="trial_id")
    parts = [
        rows[["epoch", "step", "seed"]].assign(series=part, value=rows[f"{part}_accuracy"])
        for part in ("train", "test")
    ]
    return pd.concat(parts, ignore_index=True)


def findings(trials: pd.DataFrame, readings: pd.DataFrame) -> pd.DataFrame:
    """A row a trial: task, seed, and the columns of FOUND."""
    kept = ["task", "trial_id", "seed", "ended", "memorized_epoch", "generalized_epoch"]
    by_trial = dict(list(readings.groupby("trial_id")))
    plateaus = [
        plateau(by_trial[row["trial_id"]], row["memorized_epoch"], row["commuting_share"])
        for _, row in trials.iterrows()
    ]
    column = pd.Series(plateaus, index=trials.index, dtype=float)
    return trials[[*kept, "commuting_share"]].assign(plateau=column).reset_index(drop=True)


def plateau(readings: pd.DataFrame, memorized_epoch: Any, commuting: float) -> float | None:
    """Median test accuracy from memorising to the first reading halfway from commuting to all.

    Null where it never memorised, or was beyond halfway by then.
    """
    if pd.isna(memorized_epoch):
        return None
    grokking = readings["epoch"][readings["test_accuracy"] > (1 + commuting) / 2]
    between = readings["epoch"] >= memorized_epoch
    if len(grokking):
        between &= readings["epoch"] < grokking.iloc[0]
    return float(readings["test_accuracy"][between].median()) if between.any() else None


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """Of each task and each row of FOUND: trials that have it, median, least and most."""
    return spreads(found.rename(columns={"task": "setting"}), FOUND)
