"""Pairs of points of equal learning_rate x weight_decay, and the ratios of their times.

A *cell* is the points of one setting that agree in every axis but these two. A *pair* is two points
of a cell whose products agree. Its ratio is that of the median times, the larger rate over the
smaller. Intervals come from seeds that are drawn with replacement, the same seeds for all points of
a cell: with `data.shared` a seed has the same rows and initial weights at each of them.

A pair is *within 10%* by two one-sided tests at 5%: the 90% interval of its ratio lies between
1 / 1.1 and 1.1 (D. J. Schuirmann, J. Pharmacokinet. Biopharm. 15 (1987) 657).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from analysis.laws.families import Reals
from analysis.laws.strata import Bounded, random_effects
from analysis.laws.times import times_of
from analysis.phases.drawn_axes import axes_that_vary
from analysis.statistics import drawn_medians
from study.errors import UsageError

MARGIN_OF_RATIO = 1.1  # ratios between 1 / 1.1 and 1.1 are equal for every purpose
SEED_DRAWS = 1000
LEAST_SEEDS = 5  # of a cell
WITHIN, OUTSIDE, UNTOLD = "within 10%", "differs by more than 10%", "undecided"
_FACTORS = ("learning_rate", "weight_decay")
_DIGITS = 9  # of a product, by which products are equal
_MOST_LOST = 0.02  # share of draws without a median; with more, an end is not determined


@dataclass(frozen=True, slots=True)
class Pairs:
    """The pairs of one setting.

    Attributes:
        setting: its label.
        table: a row for each pair: the axes of its cell, `product`, `rate`, `other_rate`, `ratio`,
            `low`, `high` (95%), `verdict`, `seeds`. A ratio is null where half of the trials of a
            point did not have the event; an end, where that is so in many draws.
        mean: the mean ratio over the cells, whose ratios may differ; None with fewer than two.
    """

    setting: str
    table: pd.DataFrame
    mean: Bounded | None

    @property
    def within(self) -> float:
        """The share of the pairs with a ratio that are within 10%."""
        known = self.table.dropna(subset="ratio")
        return float((known["verdict"] == WITHIN).mean())


def pairs_of(trials: pd.DataFrame, event: str) -> list[Pairs]:
    """The pairs of each setting that has some.

    Args:
        trials: as `load_trials` gives them.
        event: a name in `times.CLOCKS`.
    Raises: UsageError where no two points of a cell agree in the product.
    """
    times = times_of(trials, event)
    low, high = times.observed.low, times.observed.high
    happened = np.isfinite(high)
    # The middle of the interval that holds the event; the last reading of a censored trial.
    middle = np.where(np.isfinite(low), (low + np.where(happened, high, low)) / 2, high)
    frame = trials[times.rows].assign(log_time=middle, happened=happened)
    product = frame["learning_rate"].astype(float) * frame["weight_decay"].astype(float)
    frame["product"] = [float(f"{value:.{_DIGITS}g}") for value in product]
    axes = [axis for axis in axes_that_vary(frame) if axis not in _FACTORS]
    answers = []
    for setting, part in frame.groupby("setting", sort=False, observed=True):
        cells = [cell for _, cell in part.groupby(axes, dropna=False)] if axes else [part]
        found = [found for cell in cells if (found := _cell(cell, axes)) is not None]
        if found:
            answers.append(_of_setting(str(setting), found))
    if not answers:
        raise UsageError(
            "learning_rate x weight_decay: no two points agree in it and in every other axis, with "
            f"{LEAST_SEEDS} seeds. Vary both, as in the study `clock`."
        )
    return answers


def _of_setting(setting: str, cells: list[tuple[pd.DataFrame, float, float]]) -> Pairs:
    """The pairs of a setting, from the table, the mean log ratio and its error of each cell."""
    means = np.array([cell[1:] for cell in cells])
    means = means[np.isfinite(means).all(axis=1) & (means[:, 1] > 0)]
    mean = None
    if len(means) > 1:
        over = random_effects(means[:, 0], means[:, 1])[0]
        mean = Bounded(
            float(np.exp(over.estimate)),
            float(np.exp(-np.inf if over.low is None else over.low)),
            float(np.exp(np.inf if over.high is None else over.high)),
        )
    return Pairs(setting, pd.concat([cell[0] for cell in cells], ignore_index=True), mean)


def _cell(cell: pd.DataFrame, axes: list[str]) -> tuple[pd.DataFrame, float, float] | None:
    """The pairs of a cell, their mean log ratio and its error; None for a cell without pairs."""
    pairs = list(_points_of_pairs(cell))
    if not pairs:
        return None
    wide = cell.pivot_table(index="seed", columns=list(_FACTORS), values=["log_time", "happened"])
    wide = wide[[(what, *point) for what in ("log_time", "happened") for point in _named(pairs)]]
    wide = wide.dropna()  # seeds that every point has
    if len(wide) < LEAST_SEEDS:
        return None
    chance = np.random.default_rng(len(wide))
    drawn = chance.integers(len(wide), size=(SEED_DRAWS, len(wide)))
    counts = np.ones((SEED_DRAWS + 1, len(wide)), int)  # of each seed, first as they are
    counts[1:] = [np.bincount(seeds, minlength=len(wide)) for seeds in drawn]
    medians = {
        point: drawn_medians(
            wide[("log_time", *point)].to_numpy(float),
            wide[("happened", *point)].to_numpy(float) > 0,
            counts,
        )
        for point in _named(pairs)
    }
    ratios = np.array([medians[larger] - medians[smaller] for larger, smaller in pairs])
    here = cell.iloc[0][axes].to_dict()
    rows = [
        {**here, **_row(larger, smaller, ratio), "seeds": len(wide)}
        for (larger, smaller), ratio in zip(pairs, ratios, strict=True)
    ]
    known = ratios[np.isfinite(ratios[:, 0])]
    means = known.mean(axis=0) if len(known) else np.full(SEED_DRAWS + 1, np.nan)
    spread = means[1:][np.isfinite(means[1:])]
    error = float(np.std(spread)) if len(spread) > (1 - _MOST_LOST) * SEED_DRAWS else np.nan
    return pd.DataFrame(rows), float(means[0]), error


_Point = tuple[float, float]  # learning rate and weight decay


def _points_of_pairs(cell: pd.DataFrame) -> Iterator[tuple[_Point, _Point]]:
    """Two points of a cell with one product, the larger rate first, for each such two."""
    for _, part in cell.groupby("product"):
        points = part[list(_FACTORS)].drop_duplicates().to_numpy(float)
        ordered = sorted((float(rate), float(decay)) for rate, decay in points)
        for smaller, larger in combinations(ordered, 2):
            yield larger, smaller


def _named(pairs: list[tuple[_Point, _Point]]) -> list[_Point]:
    """The points of some pairs, each once."""
    return list(dict.fromkeys(point for pair in pairs for point in pair))


def _row(larger: _Point, smaller: _Point, ratio: Reals) -> dict[str, object]:
    """A pair: its ratio, the ends of its interval and the verdict.

    Args:
        larger: the point of the larger rate.
        smaller: the other point.
        ratio: the log ratio of the trials, then of each draw, [1 + draws].
    """
    low, high = (quantile_of_draws(ratio[1:], share) for share in (0.025, 0.975))
    ends = quantile_of_draws(ratio[1:], 0.05), quantile_of_draws(ratio[1:], 0.95)
    margin = float(np.log(MARGIN_OF_RATIO))
    verdict = UNTOLD
    if not np.isnan([*ends, low, high]).any():
        if -margin <= ends[0] and ends[1] <= margin:
            verdict = WITHIN
        elif low > margin or high < -margin:
            verdict = OUTSIDE
    return {
        "product": float(f"{larger[0] * larger[1]:.{_DIGITS}g}"),
        "rate": larger[0],
        "other_rate": smaller[0],
        **dict(zip(("ratio", "low", "high"), np.exp([ratio[0], low, high]), strict=True)),
        "verdict": verdict,
    }


def quantile_of_draws(draws: Reals, share: float) -> float:
    """A quantile of the draws that have a number; NaN where too many have none."""
    known = draws[np.isfinite(draws)]
    if len(known) < (1 - _MOST_LOST) * len(draws):
        return float("nan")
    return float(np.quantile(known, share))
