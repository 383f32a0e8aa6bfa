"""Bootstrap intervals, valid even if the error family or the law is wrong.

`over="points"` draws points, with all their seeds. An error of the law at a point moves all
seeds of the point together, so these intervals are the ones to compare with.

`over="seeds"` keeps the design and draws the seeds within each point. It draws m - 1 of a point's m
seeds, weighted m / (m - 1): the plain bootstrap underestimates the variance by 1 / m, which is 20%
at m = 5.

Draw i is the same for any number of workers.

Source: J. N. K. Rao and C. F. J. Wu, J. Am. Stat. Assoc. 83 (1988) 231.
"""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.laws.families import Reals
from analysis.laws.fit import Fit
from analysis.laws.intervals import in_units, parameter_names
from analysis.laws.model import Model, maximum_from
from study.errors import UsageError

Over = Literal["points", "seeds"]
_CHUNK = 10  # draws sent to a worker at once


def bootstrap(
    fit: Fit,
    draws: int = 300,
    seed: int = 0,
    over: Over = "points",
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Estimates from resampled trials, in reported units.

    Args:
        fit: from `fit_law`.
        draws: how often to resample.
        seed: of the resampling.
        over: what is drawn, "points" or "seeds".
        workers: processes. With more than one, a script that calls this function needs
            `if __name__ == "__main__"`.
        progress: called with the numbers of draws done and planned.
    Returns: a row for each draw and a column for each parameter; a draw whose fit has no maximum is
        a row of NaN.
    Raises: UsageError where there is nothing to resample.
    """
    points = fit.points
    sizes = np.bincount(points)
    if over == "points" and len(sizes) < 2:
        raise UsageError("1 point; a bootstrap over points draws among several. Use over='seeds'.")
    if over == "seeds" and sizes.max() < 2:
        raise UsageError(
            "1 seed at every point; a bootstrap over seeds draws among several. Use over='points'."
        )
    if not fit.converged:
        raise UsageError(
            f"{fit.law.name}: its fit has no maximum; a bootstrap repeats a fit. Choose a law that "
            "these trials determine."
        )
    resampling = _Resampling(fit.model, fit.top.theta, points, over, seed)
    names = parameter_names(fit.model, fit.cure)
    rows: list[Reals] = []
    for estimates in _run(resampling, draws, workers):
        rows += estimates
        if progress is not None:
            progress(len(rows), draws)
    units = [[in_units(name, v) for name, v in zip(names, row, strict=True)] for row in rows]
    return pd.DataFrame(units, columns=names)


def interval_of(estimates: pd.DataFrame) -> pd.DataFrame:
    """The middle 95% of bootstrap estimates, with a row for each parameter.

    Args:
        estimates: as `bootstrap` gives them.
    Returns: the columns `low` and `high`, null where more than 5% of the draws have no maximum, and
        `failed`, the number of draws without a maximum.
    """
    failed = estimates.isna().any(axis=1)
    usable = estimates[~failed]
    ends = usable.quantile([0.025, 0.975]) if len(usable) else usable.reindex([0.025, 0.975])
    table = pd.DataFrame({"low": ends.loc[0.025], "high": ends.loc[0.975]})
    if failed.mean() > 0.05:
        table[:] = np.nan
    return table.assign(failed=int(failed.sum()))


def weights_of(points: NDArray[np.intp], over: Over, chance: np.random.Generator) -> Reals:
    """How often each trial counts in one draw, [T].

    Args:
        points: the number of each trial's point, [T].
        over: what is drawn.
        chance: the source of randomness.
    """
    if over == "points":
        count = int(points.max()) + 1
        drawn = np.bincount(chance.integers(count, size=count - 1), minlength=count)
        return np.asarray(drawn[points] * (count / (count - 1)))
    sizes = np.bincount(points)
    weights = np.ones(len(points))
    order = np.argsort(points, kind="stable")
    firsts = np.cumsum(sizes) - sizes
    for size in np.unique(sizes[sizes > 1]):
        starts = firsts[sizes == size]
        members = order[starts[:, None] + np.arange(size)]
        share = np.full(size, 1 / size)
        weights[members] = chance.multinomial(size - 1, share, len(starts)) * (size / (size - 1))
    return weights


@dataclass(frozen=True, slots=True)
class _Resampling:
    """What draws are made from; a worker receives a copy with each chunk of draws."""

    model: Model
    theta: Reals  # where each climb begins, [size]
    points: NDArray[np.intp]  # [T]
    over: Over
    seed: int

    def estimates(self, draws: range) -> list[Reals]:
        """Theta of each draw, [size]; NaN where its fit has no maximum."""
        rows = []
        for number in draws:
            chance = np.random.default_rng([self.seed, number])
            weights = weights_of(self.points, self.over, chance)
            top = maximum_from(self.model.weighted(weights), self.theta)
            rows.append(top.theta if top.converged else np.full(len(self.theta), np.nan))
        return rows


def _run(resampling: _Resampling, draws: int, workers: int) -> Iterator[list[Reals]]:
    """The estimates of chunks of draws, in order."""
    chunks = [range(start, min(start + _CHUNK, draws)) for start in range(0, draws, _CHUNK)]
    if workers <= 1:
        yield from map(resampling.estimates, chunks)
        return
    context = multiprocessing.get_context("spawn")  # a fork would copy the locks of threads
    with ProcessPoolExecutor(workers, context) as pool:
        yield from pool.map(resampling.estimates, chunks)
