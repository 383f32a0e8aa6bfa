"""How phases move with patience: with how many decay times each trial is watched.

A trial that memorized and was watched for a few decay times may generalize later. So a study is
looked at as if no trial had been watched for longer than each of `PATIENCES`. A trial that was
watched for less stays as it is, and counts as short-watched.
"""

from dataclasses import dataclass
from itertools import product

import pandas as pd

from analysis.phases.cells import cells
from analysis.phases.classify import PHASES, classify
from analysis.phases.watching import watched_for_less

PATIENCES = (5, 10, 20, 40)  # decay times
TIMES_AS_LONG = (2, 3)  # that `generalized_later` looks


@dataclass(frozen=True, slots=True)
class PhasesByPatience:
    """The phases of a study at each patience, and last as its trials were watched.

    A row of each frame has `decay_times`, null for trials as they were watched, and a column for
    each phase.

    Attributes:
        trials: how many trials have each phase; `short_watched`: how many did not generalize, and
            were watched for less than the patience.
        cells: how many cells have each phase, a cell being all trials of a point; `hatched`: how
            many have at least half of their trials short-watched; `memorization_to_grokking`: how
            many move so from the patience of the row before, null in the first row.
    """

    trials: pd.DataFrame
    cells: pd.DataFrame


def phases_by_patience(trials: pd.DataFrame, preset: str = "default") -> PhasesByPatience:
    """Count trials and cells by phase at each of `PATIENCES`, and as the trials were watched.

    Args:
        trials: as `load_trials` gives them.
        preset: a name in `PRESETS`.

    Raises: UsageError for an unknown preset.
    """
    trial_rows: list[dict[str, object]] = []
    cell_rows: list[dict[str, object]] = []
    before = None  # the phase of each cell at the patience before
    for patience in (*PATIENCES, None):
        table = cells(trials, preset=preset, patience=patience)
        phase = table["phase"]
        moved = None if before is None else (before == "memorization") & (phase == "grokking")
        trial_rows.append(
            {
                "decay_times": patience,
                **{name: table[name].sum() for name in (*PHASES, "short_watched")},
            }
        )
        cell_rows.append(
            {
                "decay_times": patience,
                **{name: (phase == name).sum() for name in PHASES},
                "hatched": table["hatched"].sum(),
                "memorization_to_grokking": None if moved is None else moved.sum(),
            }
        )
        before = phase
    return PhasesByPatience(
        pd.DataFrame(trial_rows).astype("Int64"), pd.DataFrame(cell_rows).astype("Int64")
    )


def generalized_later(trials: pd.DataFrame, preset: str = "default") -> pd.DataFrame:
    """Of the trials that had only memorized after some decay times, how many generalized later.

    Args:
        trials: as `load_trials` gives them.
        preset: a name in `PRESETS`.

    Returns: a row for each of `PATIENCES` and each of `TIMES_AS_LONG`:
        decay_times: the patience.
        until: decay times. Only trials whose budget lasts until then count, however soon they
            ended.
        trials: how many of them had memorized and not generalized after `decay_times`.
        generalized: how many of these generalized by `until`.
        share: generalized of trials; NaN where there are no trials.
    Raises: UsageError for an unknown preset.
    """
    decaying = trials[trials["weight_decay"] > 0]
    rows = []
    for patience, times in product(PATIENCES, TIMES_AS_LONG):
        until = times * patience
        long = decaying[~watched_for_less(decaying, until, "budget_epochs")]
        waiting = long[classify(long, preset, patience)["phase"] == "memorization"]
        later = classify(waiting, preset, until)["phase"]
        generalized = int((later != "memorization").sum())
        rows.append((patience, until, len(waiting), generalized))
    table = pd.DataFrame(rows, columns=["decay_times", "until", "trials", "generalized"])
    return table.assign(share=table["generalized"] / table["trials"])
