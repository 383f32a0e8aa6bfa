"""The networks of a report that are trained again, to show what they have learned."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.circuits.learned import LearnedNet, learned_net
from analysis.phases.classify import PHASES
from study.store.store import Store
from study.vocabulary.outcomes import BROKEN

# What readers look for first.
_FIRST = ("grokking", *(phase for phase in PHASES if phase != "grokking"))


def learned_trials(
    store_url: str | Path,
    rows: pd.DataFrame,
    count: int,
    tell: Callable[[int, int], None] = lambda _done, _count: None,
) -> dict[str, LearnedNet]:
    """Train some trials of a report again, one after the other, by trial_id.

    Args:
        store_url: path or URL of the store.
        rows: the trials of the report, as `carried` gives them.
        count: how many; fewer where the report has fewer cells.
        tell: is called before each trial with how many are done, and how many there are.
    """
    store, ids = Store.open(store_url), trials_to_show(rows, count)
    learned = {}
    for done, trial_id in enumerate(ids):
        tell(done, len(ids))
        learned[trial_id] = learned_net(store, trial_id)
    return learned


def trials_to_show(rows: pd.DataFrame, count: int) -> list[str]:
    """The ids of trials that stand for a study: one of a cell, those that grokked first.

    Where more cells have grokked than are asked for, every so many of them is taken.

    Args:
        rows: the trials of the report, as `carried` gives them.
        count: how many, at most.
    """
    able = rows[rows["net"].eq("relu") & ~rows["ended"].isin(BROKEN)]
    order = able.assign(order=able["phase"].map({name: i for i, name in enumerate(_FIRST)}))
    of_cells = order.sort_values(["order", "cell", "rank"]).drop_duplicates("cell")
    best = of_cells[of_cells["order"] == 0]
    if len(best) > count:
        places = np.linspace(0, len(best) - 1, count).round().astype(int)
        return best["trial_id"].iloc[places].tolist()
    return of_cells["trial_id"].head(count).tolist()
