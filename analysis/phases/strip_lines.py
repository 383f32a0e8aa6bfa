"""How long nets waited between memorizing and generalizing: a line for each trial.

Lines stand in rows, one for each value of an axis. `stripOf` of analysis/web/strip.js makes the
same lines of a report's table.

T trials.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.phases.classify import classify

MOST_LINES = 280  # of a whole strip: at two pixels each they fill a window
LEAST_LINES = 12  # of a row that has so many trials, however many rows there are
SAMPLE_SEED = 0
WAITED, AT_ONCE, CENSORED = "waited", "at once", "censored"


@dataclass(frozen=True, slots=True)
class StripLines:
    """The lines of a strip.

    Attributes:
        frame: a row for each line, by position and from the line that ends first to the one that
            ends last, censored lines after all others: `position` on the axis, `row` (the index of
            the trial), `place` (of the line in its row of the strip, from 0 to 1), `phase`, `kind`
            (WAITED, AT_ONCE or CENSORED), `start` and `end` in epochs.
        most: lines of one position; where trials are more, they are a random sample.
        trials: how many memorized or generalized, and may have a line.
        neither: how many did neither, and have no line.
    """

    frame: pd.DataFrame
    most: int
    trials: int
    neither: int


def strip_lines(trials: pd.DataFrame, positions: NDArray[np.integer]) -> StripLines:
    """The lines of some trials, a seeded sample of each position where there are many.

    A trial that memorized and then generalized has a line from the one to the other. A trial that
    generalized no later than it memorized has a dot there. A trial that memorized alone has a line
    to the end of its training.

    Args:
        trials: with `PHASE_COLUMNS`.
        positions: of each trial on an axis, [T].
    """
    memorized, generalized, run = (
        trials[name].to_numpy(float, na_value=np.inf)
        for name in ("memorized_epoch", "generalized_epoch", "epochs_run")
    )
    able = np.flatnonzero(np.isfinite(np.minimum(memorized, generalized)))
    most = max(LEAST_LINES, MOST_LINES // max(1, len(np.unique(positions[able]))))
    chance = np.random.default_rng(SAMPLE_SEED).random(len(trials))[able]
    ordered = able[np.lexsort((chance, positions[able]))]
    chosen = np.sort(ordered[_ranks(positions[ordered]) < most])
    frame = pd.DataFrame(
        {
            "position": positions[chosen],
            "row": chosen,
            "phase": classify(trials.iloc[chosen])["phase"].astype(str).to_numpy(),
            "kind": np.select(
                [np.isinf(generalized[chosen]), memorized[chosen] < generalized[chosen]],
                [CENSORED, WAITED],
                AT_ONCE,
            ),
            "start": np.minimum(memorized, generalized)[chosen],
            "end": np.where(np.isinf(generalized), run, generalized)[chosen],
        }
    )
    frame = frame.assign(late=frame["kind"] == CENSORED)
    frame = frame.sort_values(["position", "late", "end", "start"], kind="stable").drop(
        columns="late"
    )
    frame.insert(2, "place", _places(frame["position"].to_numpy()))
    whole = frame.astype({"start": int, "end": int}).reset_index(drop=True)
    return StripLines(whole, most, len(able), len(trials) - len(able))


def _places(groups: NDArray[np.integer]) -> NDArray[np.float64]:
    """Where each line lies in its row, from 0 to 1.

    The distance between lines is the same in all rows. A row is filled from its middle.
    """
    ranks = _ranks(groups)
    sizes = np.bincount(groups)[groups] if len(groups) else ranks
    return np.asarray(0.5 + (ranks - (sizes - 1) / 2) / np.max(sizes, initial=1))


def _ranks(groups: NDArray[np.integer]) -> NDArray[np.intp]:
    """The rank of each item among the items of its group; items of a group stand together."""
    starts = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]][: len(groups)])
    sizes = np.diff(np.r_[starts, len(groups)])
    return np.asarray(np.arange(len(groups)) - np.repeat(starts, sizes), np.intp)


def strip_words(lines: StripLines) -> str:
    """What a strip leaves out, in sentences; "" where that is nothing."""
    drawn = len(lines.frame)
    said = []
    if drawn < lines.trials:
        said.append(
            f"A random sample: at most {lines.most} trials of each row, {drawn:,} of "
            f"{lines.trials:,}."
        )
    if lines.neither:
        said.append(f"Trials that did neither are left out: {lines.neither:,}.")
    return " ".join(said)
