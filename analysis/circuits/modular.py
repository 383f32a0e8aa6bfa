"""Figure 4 as numbers: accuracy on addition and division modulo a prime, and what commuting gives.

The numbers come from a store's trials and readings; nothing is replayed and nothing is drawn. A
test equation commutes where its two numbers, swapped, are a training equation of the same answer.
The column `commuting_share` is the share of a trial's test rows that commute. The plateau is the
median of the test accuracies that were read between memorizing and grokking. Test accuracy rises
all the while: `analysis.circuits.mirrors` says on which rows.

Source: arXiv 2303.11873, figure 4.
"""

from collections.abc import Sequence

import pandas as pd

from analysis.statistics import spreads

MODULAR_TASKS = ("addition", "division")

# The columns that a summary describes, each with its meaning.
MODULAR_FINDINGS = {
    "memorized_epoch": "memorized at epoch",
    "generalized_epoch": "generalized at epoch",
    "commuting_share": "share of test equations that commute to a training one",
    "plateau": "median test accuracy between memorizing and grokking",
}


def choose_modular(trials: pd.DataFrame) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """The trials of each task that figure 4 shows, and what is left out, with the reason.

    A figure shows the seeds of one point. A store without such tasks has nothing left out.
    """
    chosen, left_out = {}, []
    for task in MODULAR_TASKS:
        rows = trials[trials["task"] == task].sort_values("seed", kind="stable")
        points = rows["point_id"].nunique()
        if points == 1:
            chosen[task] = rows
        elif points:
            why = f"{points} points; a figure shows the seeds of one"
            left_out.append(f"figure 4 is left without {task}: it has {why}")
    return chosen, left_out


def modular_curves(
    trials: pd.DataFrame, readings: pd.DataFrame, kinds: Sequence[str] = ("train", "test")
) -> pd.DataFrame:
    """The accuracy of each trial on several kinds of rows.

    Args:
        trials: rows of the table `trials`.
        readings: of the trials.
        kinds: of rows: "train", "test", "mirrored" or "unmirrored".

    Returns: epoch, step, seed, series (the kind of rows), value.
    """
    rows = readings.merge(trials[["trial_id", "seed"]], on="trial_id")
    parts = [
        rows[["epoch", "step", "seed"]].assign(series=kind, value=rows[f"{kind}_accuracy"])
        for kind in kinds
    ]
    return pd.concat(parts, ignore_index=True).dropna(subset="value")


def modular_events(trials: pd.DataFrame) -> pd.DataFrame:
    """The median update of each event over the trials that had the event: step, event.

    Args:
        trials: rows of the table `trials`.
    """
    steps = {
        event: (trials[f"{event}_epoch"] * trials["steps_per_epoch"]).dropna()
        for event in ("memorized", "generalized")
    }
    rows = [
        {"step": float(happened.median()), "event": event}
        for event, happened in steps.items()
        if len(happened)
    ]
    return pd.DataFrame(rows, columns=["step", "event"])


def modular_findings(trials: pd.DataFrame, readings: pd.DataFrame) -> pd.DataFrame:
    """A row for each trial: task, trial_id, seed, ended, and the columns of MODULAR_FINDINGS.

    Args:
        trials: rows of the table `trials`.
        readings: of the trials.
    """
    columns = ["task", "trial_id", "seed", "ended", "memorized_epoch", "generalized_epoch"]
    by_trial = dict(list(readings.groupby("trial_id")))
    plateaus = [
        plateau(by_trial[row["trial_id"]], row["memorized_epoch"], row["commuting_share"])
        for _, row in trials.iterrows()
    ]
    column = pd.Series(plateaus, index=trials.index, dtype=float)
    rows = trials[[*columns, "commuting_share"]].assign(plateau=column)
    return rows.reset_index(drop=True)


def plateau(readings: pd.DataFrame, memorized_epoch: int | None, commuting: float) -> float | None:
    """The median test accuracy from memorizing until halfway from the commuting share to 1.

    None for a trial that never memorized, or that was beyond halfway when it memorized.

    Args:
        readings: of one trial, by epoch.
        memorized_epoch: of the trial; null for a trial that never memorized.
        commuting: its commuting share.
    """
    if pd.isna(memorized_epoch):
        return None
    grokking = readings["epoch"][readings["test_accuracy"] > (1 + commuting) / 2]
    between = readings["epoch"] >= memorized_epoch
    if len(grokking):
        between &= readings["epoch"] < grokking.iloc[0]
    return float(readings["test_accuracy"][between].median()) if between.any() else None


def modular_summary(findings: pd.DataFrame) -> pd.DataFrame:
    """For each task and each row of MODULAR_FINDINGS: trials that have it, median, least, most."""
    return spreads(findings.rename(columns={"task": "setting"}), MODULAR_FINDINGS)
