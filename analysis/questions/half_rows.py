"""The rows at which half of the nets generalize, and how patience moves them.

Within one n, the logit of the share that generalized within t decay times of training is linear in
log rows, in log width and, where several t are taken together, in log t. If nets with few rows only
wait longer, N_half falls as a power of t. If there is a critical size, N_half stands still.

T trials.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit

from analysis.laws.families import Reals
from analysis.laws.features import feature
from analysis.laws.shares import fit_outcomes, moved_half
from analysis.laws.strata import Bounded, random_effects
from analysis.phases.watching import decay_times_watched, watched_for
from analysis.questions.waits import CLUSTERED_BY
from study.vocabulary.outcomes import Ended

HALF_WITHIN = (10.0, 20.0, 40.0)  # decay times
_NEARLY = 0.999  # of a patience; budgets are whole epochs


@dataclass(frozen=True, slots=True)
class HalfRows:
    """Where half of the nets generalize, for each n and patience.

    Attributes:
        table: a row for each n and patience: `n`, `patience` (decay times), `rows`, `low`, `high`
            (null where the shares do not tell) and `trials`.
        moves: a row for each n: `n`, `move` (the slope of log N_half in log patience), `low`,
            `high`.
        move: the mean of the moves over n; None with fewer than two of them.
    """

    table: pd.DataFrame
    moves: pd.DataFrame
    move: Bounded | None


def half_rows(trials: pd.DataFrame) -> HalfRows:
    """The rows at which half of the nets generalize within 10, 20 and 40 decay times of training.

    Args:
        trials: as `load_trials` gives them, of one k. Those watched for less than a patience are
            left out at that patience, unless they ended by themselves.
    """
    rows, moves = [], []
    for n, part in trials.groupby("n", sort=True):
        within = {patience: outcomes_within(part, patience) for patience in HALF_WITHIN}
        for patience, outcomes in within.items():
            half = rows_for_half(outcomes)
            ends = [None] * 3 if half is None else [half.estimate, half.low, half.high]
            found = [None if end is None else float(np.exp(end)) for end in ends]
            rows.append((n, patience, *found, len(outcomes)))
        moved = _moved(pd.concat(within.values(), ignore_index=True), "log_patience")
        if moved is not None:
            bounds = moved.bounded(0.0)
            moves.append((n, bounds.estimate, bounds.low, bounds.high, moved.error))
    table = pd.DataFrame(moves, columns=["n", "move", "low", "high", "error"])
    mean = None
    if len(table) > 1:
        mean = random_effects(table["move"].to_numpy(float), table["error"].to_numpy(float))[0]
    columns = ["n", "patience", "rows", "low", "high", "trials"]
    return HalfRows(pd.DataFrame(rows, columns=columns), table.drop(columns="error"), mean)


def outcomes_within(trials: pd.DataFrame, patience: float) -> pd.DataFrame:
    """The trials as if watched for a patience: `generalized`, 1 or 0, and `log_patience`.

    Args:
        trials: as `load_trials` gives them.
        patience: in decay times of training. Trials that were watched for less are left out,
            unless they ended by themselves.
    """
    by_itself = trials["ended"].ne(Ended.BUDGET.value).to_numpy(bool)
    long = decay_times_watched(trials, "budget_epochs") >= _NEARLY * patience
    cut = watched_for(trials[long | by_itself], patience)
    happened = cut["generalized_epoch"].notna().to_numpy(float)
    return cut.assign(generalized=happened, log_patience=np.log(patience))


def rows_for_half(outcomes: pd.DataFrame) -> Bounded | None:
    """The log of the rows at which half generalize, at the mean log width; None if not determined.

    Args:
        outcomes: trials of one n and one patience, as `outcomes_within` gives them.
    """
    # The level is the coefficient of 1: its "move" is where half are, from the mean of log rows.
    moved = _moved(outcomes, None)
    if moved is None:
        return None
    log_rows = feature(outcomes, "train_size")
    half = moved.bounded(float(log_rows.mean()))
    return half if log_rows.min() <= half.estimate <= log_rows.max() else None


@dataclass(frozen=True, slots=True)
class _Moved:
    """A quotient of coefficients, its standard error and the reach of its interval in errors."""

    value: float
    error: float
    reach: float

    def bounded(self, offset: float) -> Bounded:
        middle, half = offset + self.value, self.reach * self.error
        return Bounded(middle, middle - half, middle + half)


def _moved(outcomes: pd.DataFrame, column: str | None) -> _Moved | None:
    """How the log rows at half move with a column; None if the trials do not tell.

    Args:
        outcomes: trials of one n.
        column: None for the place of half itself, from the mean of log rows.
    """
    names = ["train_size", *["width"] * (outcomes["width"].nunique() > 1)]
    if outcomes["generalized"].nunique() < 2 or outcomes["train_size"].nunique() < 2:
        return None
    if column is not None and outcomes[column].nunique() < 2:
        return None
    raw = np.column_stack([feature(outcomes, name) for name in names])
    last = np.ones(len(raw)) if column is None else outcomes[column].to_numpy(float)
    design = np.column_stack([raw - raw.mean(axis=0), last])
    if column is not None:
        design = np.column_stack([design, np.ones(len(raw))])
    clusters = outcomes.groupby(list(CLUSTERED_BY)).ngroup().to_numpy().astype(np.intp)
    fitted = fit_outcomes(design, outcomes["generalized"].to_numpy(float), clusters)
    if fitted is None:
        return None
    theta = fitted[0]
    covariance, freedom = _without_each(design, theta, outcomes["generalized"], clusters)
    value, error = moved_half(theta, covariance, len(names))
    if not np.isfinite(error):
        return None
    return _Moved(value, error, float(stats.t.ppf(0.975, freedom)))


def _without_each(
    design: Reals, theta: Reals, outcome: pd.Series, clusters: NDArray[np.intp]
) -> tuple[Reals, int]:
    """The jackknife covariance of a logistic regression, a cluster left out at a time.

    Few clusters lie where some nets generalize and others do not, and they have leverage: the
    sandwich would be too small. A fit without a cluster is one Newton step away.

    Args:
        design: [T, c].
        theta: coefficients, [c].
        outcome: 1 or 0, [T].
        clusters: the number of each trial's cluster, [T].
    Returns: the covariance, [c, c], and degrees of freedom: clusters with both outcomes, less c.
    Source: R. M. Bell and D. F. McCaffrey, Survey Methodology 28 (2002) 169 (their jackknife).
    """
    chance = expit(design @ theta)
    had_it = outcome.to_numpy(float)
    scores = design * (had_it - chance)[:, None]
    weights = chance * (1 - chance)
    whole = design.T @ (weights[:, None] * design)
    moved, mixed = [], 0
    for cluster in range(int(clusters.max()) + 1):
        inside = clusters == cluster
        part = design[inside]
        rest = whole - part.T @ (weights[inside, None] * part)
        moved.append(np.linalg.pinv(rest, hermitian=True) @ scores[inside].sum(axis=0))
        mixed += int(0 < had_it[inside].mean() < 1)
    steps = np.array(moved)
    count = len(steps)
    return np.asarray(steps.T @ steps * (count - 1) / count), max(mixed - len(theta), 1)
