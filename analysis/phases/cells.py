"""From trials to cells: what the seeds of a point did together, with its uncertainty.

A cell is all trials of one point.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.phases.classify import FLAGS, PHASES, classify, find_preset, phases_by_code
from analysis.phases.watching import decay_times_watched
from analysis.statistics import kaplan_meier_medians, wilson_interval
from study.vocabulary.axes import AXES
from study.vocabulary.columns import after_column
from study.vocabulary.outcomes import BROKEN

FOREVER = 2**62  # an epoch after every other


def cells(
    trials: pd.DataFrame,
    by: Sequence[str] = ("setting", *AXES),
    preset: str = "default",
    patience: float | None = None,
) -> pd.DataFrame:
    """One row for each cell, in the order of its keys.

    Trials that collapsed or diverged will never have an event. The medians count these trials as
    watched for ever without the event. A median is therefore reached only when half of all trials
    of the cell have the event.

    Args:
        trials: as `load_trials` gives them.
        by: columns that are equal in a cell. Null is a value: online trials have no train_size.
        preset: a name in `PRESETS`.
        patience: in decay times: the cells as they would be, had no trial been watched for longer,
            as `classify` takes it. None: as the trials were watched.

    Returns: the columns of `by`, and
        trials: how many the cell has.
        A column for each phase and each flag: how many trials have it. With a patience,
            `semi_grokking` is null, because it is not known of trials that were cut.
        phase, phase_share: the most frequent phase, and its share.
        generalized: how many trials generalized; generalized_low and generalized_high are the ends
            of the Wilson interval of their share.
        memorized_median_epoch, generalized_median_epoch: Kaplan-Meier medians; null where fewer
            than half have the event.
        short_watched_share: the share of trials that are short-watched.
        hatched: whether at least half of the trials are short-watched; more epochs may then change
            the phase.
        watched_epochs: the most epochs that a trial was watched.
        watched_decay_times: the most decay times; null without weight decay.
    Raises: UsageError for an unknown preset; KeyError for a column of `by` that is missing.
    """
    labeled = classify(trials, preset, patience)
    keys = list(by)
    cell_of = labeled.groupby(keys, dropna=False, sort=True).ngroup().to_numpy().astype(np.intp)
    first = np.unique(cell_of, return_index=True)[1]
    points: pd.DataFrame = labeled[keys].take(first).reset_index(drop=True)
    tally = _tally(labeled, cell_of, preset)
    if patience is not None:
        tally["semi_grokking"] = pd.array([None] * len(tally), "Int64")
    return points.join(tally)


def summary(
    trials: pd.DataFrame, preset: str = "default", patience: float | None = None
) -> pd.DataFrame:
    """One row for each phase: phase, trials, share of all, and the median epochs of both events.

    Args:
        trials: as `load_trials` gives them.
        preset: a name in `PRESETS`.
        patience: as in `cells`.

    Raises: UsageError for an unknown preset.
    """
    labeled = classify(trials, preset, patience)
    phase = labeled["phase"].cat.codes.to_numpy().astype(np.intp)
    table = pd.DataFrame({"phase": list(PHASES)})
    table["trials"] = np.bincount(phase, minlength=len(PHASES))
    table["share"] = table["trials"] / max(len(trials), 1)
    return table.join(_medians(labeled, phase, len(PHASES), preset))


def _tally(labeled: pd.DataFrame, cell_of: NDArray[np.intp], preset: str) -> pd.DataFrame:
    """The computed columns of `cells`.

    Args:
        labeled: trials, as `classify` gives them.
        cell_of: the cell of each trial, 0, 1, ..., [trials].
        preset: a name in `PRESETS`.
    """
    sizes = np.bincount(cell_of)
    count = len(sizes)
    codes = labeled["phase"].cat.codes.to_numpy()
    counts = np.bincount(cell_of * len(PHASES) + codes, minlength=count * len(PHASES))
    counts = counts.reshape(count, len(PHASES))
    flags = {
        name: np.bincount(cell_of, labeled[name], minlength=count).astype(np.int64)
        for name in FLAGS
    }
    happened = labeled[find_preset(preset).generalized].notna()
    generalized = np.bincount(cell_of, happened, minlength=count).astype(np.int64)
    low, high = wilson_interval(generalized, sizes)
    watched = np.zeros(count, np.int64)
    np.maximum.at(watched, cell_of, labeled["epochs_run"].to_numpy(np.int64))
    decay_times = np.zeros(count)
    np.maximum.at(decay_times, cell_of, decay_times_watched(labeled))
    tally = pd.DataFrame(
        {
            "trials": sizes,
            **{name: counts[:, code] for code, name in enumerate(PHASES)},
            "phase": phases_by_code(counts.argmax(axis=1)),
            "phase_share": counts.max(axis=1, initial=0) / sizes,
            "generalized": generalized,
            "generalized_low": low,
            "generalized_high": high,
            **flags,
            "short_watched_share": flags["short_watched"] / sizes,
            "hatched": 2 * flags["short_watched"] >= sizes,
            "watched_epochs": watched,
            "watched_decay_times": np.where(decay_times > 0, decay_times, np.nan),
        }
    )
    return tally.join(_medians(labeled, cell_of, count, preset))


def _medians(
    labeled: pd.DataFrame, group: NDArray[np.intp], count: int, preset: str
) -> pd.DataFrame:
    """The Kaplan-Meier median epochs of both events in each group of trials.

    The epoch of an event is the epoch of the first reading that showed it.

    Args:
        labeled: trials, as `classify` gives them.
        group: of each trial, 0, 1, ..., [trials].
        count: of groups.
        preset: a name in `PRESETS`.
    """
    rule = find_preset(preset)
    medians = {}
    for name, column in (("memorized", rule.memorized), ("generalized", rule.generalized)):
        medians[f"{name}_median_epoch"] = kaplan_meier_medians(
            group, labeled[column], watched_without(labeled, column), count
        )
    return pd.DataFrame(medians)


def watched_without(trials: pd.DataFrame, event: str) -> pd.Series:
    """The epoch until which each trial was seen without an event; `FOREVER` of a broken trial.

    Args:
        trials: as `load_trials` gives them.
        event: a column that is null where the event did not happen.
    """
    # Rows of earlier programs have no epoch before a first crossing.
    watched = trials[after_column(event)].fillna(trials["epochs_run"])
    return watched.mask(trials["ended"].isin(list(BROKEN)), FOREVER)
