"""Resample and fit again: intervals that believe neither the family nor the law.

`over="points"` draws points, with all their seeds: what a law misses of a point moves all of its
seeds together, so this is the interval to compare with. `over="seeds"` keeps the design and draws
the seeds within each point. Of m, m - 1 are drawn and count m / (m - 1) each, without which 5 seeds
a point would show 20% too little variance. Draw i is the same for any number of workers.

Source: J. N. K. Rao and C. F. J. Wu, J. Am. Stat. Assoc. 83 (1988) 231.
"""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.laws.families import Reals
from analysis.laws.fit import Fit
from analysis.laws.intervals import in_units, parameter_names
from analysis.laws.model import Model, climb
from study.errors import UsageError

Over = Literal["points", "seeds"]
_CHUNK = 10  # draws sent to a worker at once
_shared: tuple[Model, Reals, NDArray[np.intp], Over, int] | None = None


def bootstrap(
    fit: Fit,
    draws: int = 300,
    seed: int = 0,
    over: Over = "points",
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Estimates of resampled trials, a row a draw and a column a parameter, in reported units.

    A draw whose fit has no maximum is a row of NaN. With more than one worker, processes are
    started: a script that calls this needs `if __name__ == "__main__"`.
    Args: fit, from `fit_law`; progress, called with draws done and planned.
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
    work = (fit.model, fit.top.theta, points, over, seed)
    names = parameter_names(fit.model, fit.cure)
    rows: list[Reals] = []
    for found in _run(work, draws, workers):
        rows += found
        if progress is not None:
            progress(len(rows), draws)
    units = [[in_units(name, v) for name, v in zip(names, row, strict=True)] for row in rows]
    return pd.DataFrame(units, columns=names)


def interval_of(estimates: pd.DataFrame) -> pd.DataFrame:
    """The middle 95% of bootstrap estimates: `low` and `high` by parameter, and draws that failed.

    An end is null where more than 5% of the draws have no maximum.
    """
    failed = estimates.isna().any(axis=1)
    kept = estimates[~failed]
    ends = kept.quantile([0.025, 0.975]) if len(kept) else kept.reindex([0.025, 0.975])
    table = pd.DataFrame({"low": ends.loc[0.025], "high": ends.loc[0.975]})
    if failed.mean() > 0.05:
        table[:] = np.nan
    return table.assign(failed=int(failed.sum()))


def weights_of(points: NDArray[np.intp], over: Over, chance: np.random.Generator) -> Reals:
    """How often each trial counts in one draw, [T]."""
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


def _run(
    work: tuple[Model, Reals, NDArray[np.intp], Over, int], draws: int, workers: int
) -> Iterator[list[Reals]]:
    chunks = [range(start, min(start + _CHUNK, draws)) for start in range(0, draws, _CHUNK)]
    if workers <= 1:
        _share(*work)
        yield from map(_draw, chunks)
        return
    context = multiprocessing.get_context("spawn")  # a fork would copy threads' locks
    with ProcessPoolExecutor(workers, context, _share, work) as pool:
        yield from pool.map(_draw, chunks)


def _share(model: Model, theta: Reals, points: NDArray[np.intp], over: Over, seed: int) -> None:
    global _shared  # noqa: PLW0603  a worker keeps the trials between its chunks
    _shared = (model, theta, points, over, seed)


def _draw(chunk: range) -> list[Reals]:
    assert _shared is not None  # noqa: S101  _share ran first
    model, theta, points, over, seed = _shared
    rows = []
    for number in chunk:
        chance = np.random.default_rng([seed, number])
        top = climb(model.weighted(weights_of(points, over, chance)), theta)
        rows.append(top.theta if top.converged else np.full(len(theta), np.nan))
    return rows
