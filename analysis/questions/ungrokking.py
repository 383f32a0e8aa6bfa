"""On how few rows a net that has generalized keeps what it knows, and how many a new net needs.

Trials are of a protocol: from epoch `fewer_from` on, `fewer_rows` of the training rows are left. A
*grokked* net had generalized by then; a *new* net has fewer rows from epoch 1 on. A net *knows* if
its last test accuracy is above the threshold of generalizing. arXiv 2309.02390 foretells one
critical size for both.

The *rows at half* are Spearman and Karber's estimate, the mean of the log rows at which nets begin
to know, taken of each seed. A seed has the same rows at every number that is left, and with
`data.shared` the same initial weights at every weight decay. So a ratio is that of each seed, and
its interval is Student's over seeds. (D. J. Finney, Statistical Method in Biological Assay, 1978,
section 18.)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from analysis.laws.strata import Bounded
from analysis.phases.drawn_axes import axes_that_vary
from analysis.questions.pairs import LEAST_SEEDS
from study.errors import UsageError

NEW, GROKKED = "new", "grokked"
KNOWS_ABOVE = 0.98 + 1e-6  # an accuracy of 0.98 that was rounded to float32 is still 0.98
ENDS_OFF = 0.1  # share of nets that may know at the fewest rows, or not know at the most
DECAY = "weight_decay"


@dataclass(frozen=True, slots=True)
class Ungrokking:
    """What becomes of nets of one cell, which agree in every axis.

    Attributes:
        cell: the axes that vary, by name.
        shares: a row for each beginning and number of rows: `begins`, `rows`, `nets`, `knows` and
            `ungrokked`, both shares of the nets.
        at_half: by beginning, the rows at which half know; None where the shares do not tell.
        ratio: of these rows, grokked over new.
        logs: by beginning, log rows of each seed, indexed by seed.
    """

    cell: dict[str, float]
    shares: pd.DataFrame
    at_half: dict[str, Bounded | None]
    ratio: Bounded | None
    logs: dict[str, "pd.Series[float]"]


def ungrokking_of(trials: pd.DataFrame) -> list[Ungrokking]:
    """What fewer rows do to new and to grokked nets, for each cell of a study.

    Args:
        trials: as `load_trials` gives them. Nets that met fewer rows later than epoch 1, but had
            not generalized by then, are left out.
    Raises: UsageError where no trial was left with fewer rows.
    """
    since, generalized = trials["fewer_from"], trials["generalized_epoch"]
    grokked = (generalized <= since).fillna(value=False)
    chosen = trials[((since == 1).fillna(value=False) | grokked)].copy()
    if chosen.empty:
        raise UsageError(
            "fewer_rows: no trial was left with fewer rows; ungrokking is what they do to nets. "
            "Write fewer_rows and fewer_from under [data], as in the bundled study ungrok."
        )
    chosen["begins"] = np.where(chosen["fewer_from"] == 1, NEW, GROKKED)
    chosen["knows"] = (chosen["final_test_accuracy"] > KNOWS_ABOVE).astype(float)
    axes = list(axes_that_vary(chosen))
    cells = [part for _, part in chosen.groupby(axes, sort=True)] if axes else [chosen]
    return [_of_cell({axis: float(part[axis].iloc[0]) for axis in axes}, part) for part in cells]


def decay_pairs(cells: Sequence[Ungrokking]) -> Iterator[tuple[Ungrokking, Ungrokking]]:
    """Cells that agree in every axis but weight decay: the smallest decay and the largest.

    Args:
        cells: as `ungrokking_of` gives them.
    """
    alike: dict[tuple[float, ...], list[Ungrokking]] = {}
    for one in cells:
        if DECAY in one.cell:
            others = tuple(value for axis, value in one.cell.items() if axis != DECAY)
            alike.setdefault(others, []).append(one)
    for group in alike.values():
        if len(group) > 1:
            ranked = sorted(group, key=lambda one: one.cell[DECAY])
            yield ranked[0], ranked[-1]


def decay_ratio(low: Ungrokking, high: Ungrokking) -> Bounded | None:
    """The rows at half of grokked nets at a larger weight decay, over those at a smaller.

    Args:
        low: of the smaller decay.
        high: of the larger decay; every other axis agrees.
    """
    if low.at_half[GROKKED] is None or high.at_half[GROKKED] is None:
        return None
    return _ratio(high.logs[GROKKED], low.logs[GROKKED])


def _of_cell(cell: dict[str, float], trials: pd.DataFrame) -> Ungrokking:
    table = trials.assign(ungrokked=trials["ungrokked_epoch"].notna())
    shares = (
        table.groupby(["begins", "fewer_rows"], sort=True)
        .agg(nets=("knows", "size"), knows=("knows", "mean"), ungrokked=("ungrokked", "mean"))
        .reset_index()
        .rename(columns={"fewer_rows": "rows"})
    )
    logs = {begins: _log_rows(trials[trials["begins"] == begins]) for begins in (NEW, GROKKED)}
    at_half = {
        begins: _mean(logs[begins]) if _spanned(shares[shares["begins"] == begins]) else None
        for begins in logs
    }
    known = None not in at_half.values()
    ratio = _ratio(logs[GROKKED], logs[NEW]) if known else None
    return Ungrokking(cell, shares, at_half, ratio, logs)


def _spanned(shares: pd.DataFrame) -> bool:
    """Whether nets know at the most rows and do not at the fewest: else half lies outside."""
    knows = shares["knows"].to_numpy(float)
    return len(knows) > 1 and bool(knows[0] <= ENDS_OFF and knows[-1] >= 1 - ENDS_OFF)


def _log_rows(trials: pd.DataFrame) -> "pd.Series[float]":
    """The log of the rows from which on a seed's nets know, by seed.

    With x_j the log rows and y_j whether the net knows, it is the sum of (y_j - y_j-1) times the
    middle of x_j-1 and x_j. A seed that knows at the fewest rows counts as x_0; one that does not
    at the most, as x_m. Seeds without a net at each number of rows are left out.
    """
    known = trials.pivot_table(index="seed", columns="fewer_rows", values="knows").dropna()
    if known.empty:
        return pd.Series(dtype=float)
    x = np.log(known.columns.to_numpy(float))
    y = known.to_numpy(float)
    rises = np.diff(y, axis=1, prepend=0.0, append=1.0)
    middles = np.concatenate([x[:1], (x[1:] + x[:-1]) / 2, x[-1:]])
    return pd.Series(rises @ middles, index=known.index)


def _mean(logs: "pd.Series[float]") -> Bounded | None:
    """The exponential of a mean over seeds, with its 95% interval; None with few seeds."""
    if len(logs) < LEAST_SEEDS:
        return None
    middle = float(logs.mean())
    reach = float(stats.t.ppf(0.975, len(logs) - 1) * logs.std(ddof=1) / np.sqrt(len(logs)))
    low, middle, high = np.exp([middle - reach, middle, middle + reach]).tolist()
    return Bounded(middle, low, high)


def _ratio(above: "pd.Series[float]", below: "pd.Series[float]") -> Bounded | None:
    """The ratio of rows at half, from the seeds that both have."""
    return _mean((above - below).dropna())
