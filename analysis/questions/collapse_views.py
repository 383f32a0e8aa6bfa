"""A collapse as frames for a chart: median waits of cells, and the curve, against rows / N_c."""

import numpy as np
import pandas as pd

from analysis.laws.turnbull import turnbull
from analysis.questions.collapse import Collapse, curve_of
from analysis.questions.waits import SHORTEST

_CELL = ["n", "width", "weight_decay", "learning_rate", "train_size"]
_CURVE_POINTS = 80
_SHARES = (0.25, 0.5, 0.75)  # of the nets that have generalized, along the band and the curve


def collapsed_cells(collapse: Collapse) -> pd.DataFrame:
    """A row for each cell with its median wait.

    Args:
        collapse: of one k.
    Returns: the axes of the cell, `over` (rows / N_c), `wait` (the median in decay times, or how
        long half of the nets have waited at least), `reached`, `trials` and `generalized`. Cells
        whose median is below the shortest wait are left out.
    """
    waits, fit = collapse.waits, collapse.best.fit
    over = np.exp(fit.model.log_x(fit.theta))
    rows = []
    cell_of = waits.trials.groupby(_CELL).ngroup().to_numpy()
    for cell in range(int(cell_of.max()) + 1):
        members = np.flatnonzero(cell_of == cell)
        observed = waits.observed.take(members)
        median = turnbull(observed).median
        reached = bool(np.isfinite(median))
        wait = median if reached else float(np.exp(np.median(observed.low)))
        rows.append(
            {
                **waits.trials.iloc[members[0]][_CELL],
                "over": float(over[members[0]]),
                "wait": wait,
                "reached": reached,
                "trials": len(members),
                "generalized": int((~observed.censored).sum()),
            }
        )
    cells = pd.DataFrame(rows)
    return cells[cells["wait"] > SHORTEST].reset_index(drop=True)


def collapsed_curve(collapse: Collapse, cells: pd.DataFrame) -> pd.DataFrame:
    """The fitted curve over the waits of the cells: `wait`, and `low`, `over` and `high`.

    Args:
        collapse: of one k.
        cells: as `collapsed_cells` gives them.
    Returns: rows / N_c at which a quarter, half and three quarters of the nets have generalized.
    """
    longest = max(float(cells["wait"].max()), 2 * SHORTEST)
    waits = np.geomspace(SHORTEST, longest, _CURVE_POINTS)
    ends = [np.exp(curve_of(collapse.best.fit, np.log(waits), share)) for share in _SHARES]
    return pd.DataFrame({"wait": waits, **dict(zip(("low", "over", "high"), ends, strict=True))})
