"""What changed from A to B: shares of trials, median epochs and their ratios, with 95% intervals.

Intervals of medians come from seeds that are drawn with replacement at each point, one fewer than
there are, which makes the spread of a mean right (P. J. McCarthy and C. B. Snowden, Vital and
Health Statistics 2-95, 1985). Trials that share their data are drawn together, on both sides. The
points themselves stay: they were chosen.

Shares have the intervals of Wilson and Newcombe, whose counts are reduced where trials that share
their data err alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student_t

from analysis.laws.families import Reals, find_family
from analysis.laws.grouped import fit_groups
from analysis.laws.likelihood import Observed
from analysis.laws.strata import Bounded
from analysis.laws.times import times_of
from analysis.phases.cells import cells, watched_without
from analysis.phases.classify import classify
from analysis.questions.matching import Matching, Pairing
from analysis.questions.pairs import quantile_of_draws
from analysis.statistics import difference_ends, drawn_medians, wilson_interval

EVENTS = ("memorized", "generalized")
CHANGED_SHARES = (*EVENTS, "grokking")
_DRAWS = (200, 1000)  # the least and the most
_DRAWN = 20_000_000  # trials in all draws, beyond which there are fewer draws
_ENDS = (0.025, 0.975)
_LEAST_REACH = 0.005  # of a log ratio within cells: readings tell no time better
_NO_SCATTER = 0.01  # log-likelihood of a trial, below which its reading holds all that a fit allows
_LEAST_SEEN = 0.5  # share of the trials of a side that have the event
LEAST_CELLS = 3  # whose times a ratio within cells is of; fewer show no scatter


@dataclass(frozen=True, slots=True)
class Change:
    """A number of A and of B, and how it changed.

    Attributes:
        name: of the number, such as "generalized".
        a: of A; None where it has none, as a median that was not reached.
        b: of B.
        change: of shares the difference, of epochs the ratio, B against A; None where unknown.
    """

    name: str
    a: Bounded | None
    b: Bounded | None
    change: Bounded | None

    def resolved(self, same: float) -> bool:
        """Whether the interval of the change is without the number that stands for no change."""
        if self.change is None or self.change.low is None or self.change.high is None:
            return False
        return not self.change.low <= same <= self.change.high


@dataclass(frozen=True, slots=True)
class Contrast:
    """The comparison of two sides.

    Attributes:
        matching: the trials, and how they belong together.
        trials: how many are compared, of A and of B.
        shares: of CHANGED_SHARES.
        medians: epochs of EVENTS, over all trials of a side that are compared.
        within: the ratio of epochs within cells, of EVENTS.
        cells: a row for each cell that is compared: `cell`, its row in `matching.cells`; and of
            each side, with a_ or b_ before it, `trials`, the median epochs `memorized` and
            `generalized`, and `watched`, the most epochs that a trial was watched; `ratio`, of the
            medians of generalizing.
        cells_within: how many cells `within` is of, for each of EVENTS.
    """

    matching: Matching
    trials: tuple[int, int]
    shares: tuple[Change, ...]
    medians: tuple[Change, ...]
    within: tuple[Change, ...]
    cells: pd.DataFrame
    cells_within: tuple[int, ...]


@dataclass(frozen=True)
class _Drawn:
    """The trials that are compared, with the draws of their seeds."""

    matching: Matching
    seed: int = 0

    @cached_property
    def rows(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The trials of A and of B."""
        return self.matching.on(0), self.matching.on(1)

    @cached_property
    def counts(self) -> NDArray[np.int16]:
        """How often each cluster is in each draw, first as it is, [1 + draws, clusters]."""
        used = np.unique(np.concatenate([self.matching.cluster[rows] for rows in self.rows]))
        strata, size_of = np.unique(self.matching.stratum[used], return_inverse=True)
        sizes = np.bincount(size_of, minlength=len(strata))
        # Points of one seed are drawn together.
        stratum = np.where(sizes[size_of] == 1, -1, size_of)
        draws = int(np.clip(_DRAWN // len(used), *_DRAWS))
        counts = np.zeros((1 + draws, len(self.matching.stratum)), np.int16)
        counts[0] = 1
        chance = np.random.default_rng(self.seed)
        for one in np.unique(stratum):
            members = used[stratum == one]
            shares = np.full(len(members), 1 / len(members))
            taken = max(len(members) - 1, 1)
            counts[1:, members] = chance.multinomial(taken, shares, size=draws)
        return counts

    def medians(self, event: str, side: int) -> Reals:
        """The median epoch of an event on a side, then that of each draw."""
        rows = self.rows[side]
        trials = self.matching.trials.iloc[rows]
        epoch = trials[f"{event}_epoch"]
        last = watched_without(trials, f"{event}_epoch")
        time = epoch.fillna(last).fillna(-1).to_numpy(float)
        counts = self.counts[:, self.matching.cluster[rows]]
        return drawn_medians(time, epoch.notna().to_numpy(bool), counts)


def contrast(matching: Matching, seed: int = 0) -> Contrast:
    """What changed from A to B.

    Args:
        matching: of the two sides.
        seed: of the draws.
    """
    drawn = _Drawn(matching, seed)
    labeled = classify(matching.trials)
    happened = {event: labeled[f"{event}_epoch"].notna().to_numpy(bool) for event in EVENTS}
    happened["grokking"] = (labeled["phase"] == "grokking").to_numpy(bool)
    table = _cell_rows(matching, drawn.rows)
    within = [_within(event, matching) for event in EVENTS]
    return Contrast(
        matching,
        (len(drawn.rows[0]), len(drawn.rows[1])),
        tuple(_share(name, happened[name], drawn) for name in CHANGED_SHARES),
        tuple(_median(event, drawn) for event in EVENTS),
        tuple(change for change, _ in within),
        table,
        tuple(count for _, count in within),
    )


def _share(name: str, happened: NDArray[np.bool_], drawn: _Drawn) -> Change:
    """The share of trials of which something is true, on both sides."""
    matching = drawn.matching
    sides = [happened[rows].astype(float) for rows in drawn.rows]
    cells = [matching.cells.cell_of[rows] for rows in drawn.rows]
    clusters = [matching.cluster[rows] for rows in drawn.rows]
    shares = float(sides[0].mean()), float(sides[1].mean())
    counts = tuple(
        len(side) / _alike(side, cell, cluster)
        for side, cell, cluster in zip(sides, cells, clusters, strict=True)
    )
    if matching.pairing is Pairing.PAIRED:
        covariance = float(np.mean((sides[0] - shares[0]) * (sides[1] - shares[1])))
    else:
        covariance = _covariance_of_cells(sides, cells)
    of_a, of_b = (
        Bounded(share, *map(float, wilson_interval(share * count, count)))
        for share, count in zip(shares, counts, strict=True)
    )
    ends = difference_ends(shares, (counts[0], counts[1]), covariance)
    return Change(name, of_a, of_b, Bounded(shares[1] - shares[0], *ends))


def _alike(happened: Reals, cell: NDArray[np.integer], cluster: NDArray[np.intp]) -> float:
    """How many times the variance of a share is what it were, did all trials err alone; 1 at least.

    Args:
        happened: 0 or 1 of each trial, [T].
        cell: of each trial, [T].
        cluster: of each trial, [T].
    """
    residual = happened - pd.Series(happened).groupby(cell).transform("mean").to_numpy()
    together = float((pd.Series(residual).groupby(cluster).sum() ** 2).sum())
    alone = float((residual**2).sum())
    return max(1.0, together / alone) if alone > 0 else 1.0


def _covariance_of_cells(sides: Sequence[Reals], cells: Sequence[NDArray[np.integer]]) -> float:
    """The covariance of two outcomes, one of each side, in one cell."""
    of_a, of_b = (
        pd.DataFrame({"cell": cell, "apart": side - side.mean(), "weight": 1 / len(side)})
        .groupby("cell")
        .agg({"apart": "mean", "weight": "sum"})
        for side, cell in zip(sides, cells, strict=True)
    )
    weight = (of_a["weight"] + of_b["weight"]) / 2
    return float((weight * of_a["apart"] * of_b["apart"]).sum())


def _median(event: str, drawn: _Drawn) -> Change:
    """The median epoch of an event over all trials of each side, and the ratio."""
    a, b = (drawn.medians(event, side) for side in (0, 1))
    return Change(event, bounded_by_draws(a), bounded_by_draws(b), _ratio(a, b))


def bounded_by_draws(draws: Reals) -> Bounded | None:
    """The first number, with the interval of the draws after it; None without a first number."""
    if not np.isfinite(draws[0]):
        return None
    low, high = (quantile_of_draws(draws[1:], share) for share in _ENDS)
    return Bounded(
        float(draws[0]), None if np.isnan(low) else low, None if np.isnan(high) else high
    )


def _ratio(a: Reals, b: Reals) -> Bounded | None:
    """The ratio of two medians, B over A; at epoch 0 there is none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return bounded_by_draws(np.where((a > 0) & (b > 0), b / a, np.nan))


def _cell_rows(matching: Matching, rows: tuple[NDArray[np.intp], NDArray[np.intp]]) -> pd.DataFrame:
    """The rows of `Contrast.cells`."""
    cell_of = matching.cells.cell_of
    columns: dict[str, object] = {}
    common = np.intersect1d(cell_of[rows[0]], cell_of[rows[1]])
    for letter, side in zip("ab", rows, strict=True):
        some = cells(matching.trials.iloc[side].assign(_cell=cell_of[side]), ["_cell"])
        some = some.set_index("_cell").loc[common]
        columns[f"{letter}_trials"] = some["trials"].to_numpy()
        for event in EVENTS:
            median = some[f"{event}_median_epoch"].to_numpy(float, na_value=np.nan)
            columns[f"{letter}_{event}"] = median
        columns[f"{letter}_watched"] = some["watched_epochs"].to_numpy(float)
    table = pd.DataFrame({"cell": common, **columns})
    a, b = table["a_generalized"].to_numpy(), table["b_generalized"].to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        return table.assign(ratio=np.where((a > 0) & (b > 0), b / a, np.nan))


def _within(event: str, matching: Matching) -> tuple[Change, int]:
    """The ratio of the times of an event within cells, and the number of cells that it is of.

    A cell counts where half of the trials of both sides together have the event: a rule that asked
    each side would choose among cells by their ratio. Over all of these cells half of each side
    must have it: the ratio would be one of times that nobody saw. Trials without the event are
    censored. The interval allows for scatter between cells, and where cells share their data
    between the points of the data.
    """
    rows = np.concatenate([matching.on(0), matching.on(1)])
    happened = matching.trials[f"{event}_epoch"].notna().iloc[rows]
    shares = happened.groupby(matching.cells.cell_of[rows]).mean()
    reached = shares.index[shares >= 0.5].to_numpy()
    inside = np.isin(matching.cells.cell_of[rows], reached)
    rows = rows[inside]
    seen = happened[inside].groupby(matching.is_b[rows]).mean()
    if len(reached) < LEAST_CELLS or seen.min() < _LEAST_SEEN:
        return Change(event, None, None, None), len(reached)
    trials = matching.trials.iloc[rows]
    times = times_of(trials, event).observed
    logs = np.log(trials["steps_per_epoch"].to_numpy(float))
    fit = fit_groups(
        Observed.between(times.low - logs, times.high - logs),
        find_family("lognormal"),
        np.unique(matching.cells.cell_of[rows], return_inverse=True)[1],
        matching.is_b[rows].astype(float)[:, None],
        _blocks(matching, rows),
    )
    if -fit.value < _NO_SCATTER * len(rows):  # any ratio that the readings allow would do
        return Change(event, None, None, None), len(reached)
    slope, error = float(fit.slopes[0]), float(np.sqrt(fit.covariance[0, 0]))
    reach = float(student_t.ppf(0.975, max(fit.clusters - 1, 1))) * error
    if not (fit.converged and np.isfinite(reach)):
        return Change(event, None, None, Bounded(float(np.exp(slope)), None, None)), len(reached)
    reach = max(reach, _LEAST_REACH)
    ratio = Bounded(*(float(np.exp(slope + sign * reach)) for sign in (0, -1, 1)))
    return Change(event, None, None, ratio), len(reached)


def _blocks(matching: Matching, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """The number of what errs by itself, for each cell of some trials, [cells].

    It is the cell. Where a seed has trials in several cells, it is the point of the data, which may
    be that of several cells.
    """
    cell = np.unique(matching.cells.cell_of[rows], return_inverse=True)[1]
    cluster = matching.cluster[rows]
    if not (pd.Series(cell).groupby(cluster).nunique() > 1).any():
        return np.arange(cell.max() + 1)
    first = np.unique(cell, return_index=True)[1]
    blocks: NDArray[np.intp] = np.unique(matching.stratum[cluster[first]], return_inverse=True)[1]
    return blocks
