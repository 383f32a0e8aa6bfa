"""What a net has done by each epoch of its training, for pictures in which training passes.

T trials.
"""

from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.phases.classify import classify
from analysis.phases.grid import Grid
from study.vocabulary.outcomes import BROKEN

# What a net may have done by an epoch, in words. Of two stages of one epoch the later one counts.
STAGES: dict[str, str] = {
    "learning": "learning",
    "waiting": "memorized, waiting",
    "grokked": "grokked",
    "soon": "generalized soon",
    "broken": "collapsed or diverged",
}
MOST_STRIPES = 12  # of a cell; of more trials, these are quantiles


@dataclass(frozen=True, slots=True)
class StageEpochs:
    """When trials came to each stage.

    Attributes:
        epochs: the first epoch of each stage in the order of STAGES, inf where there is none,
            [T, 5].
        last: the last epoch of any trial.
    """

    epochs: NDArray[np.float64]
    last: float

    @classmethod
    def of(cls, trials: pd.DataFrame) -> "StageEpochs":
        """The stages of trials, as `load_trials` gives them."""
        labeled = classify(trials)
        memorized, generalized, run = (
            trials[name].to_numpy(float, na_value=np.inf)
            for name in ("memorized_epoch", "generalized_epoch", "epochs_run")
        )
        late = (labeled["phase"] == "grokking").to_numpy()
        broken = trials["ended"].isin(list(BROKEN)).to_numpy()
        stages = [
            np.zeros(len(trials)),
            np.where(memorized < generalized, memorized, np.inf),
            np.where(late, generalized, np.inf),
            np.where(late, np.inf, generalized),
            np.where(broken, run, np.inf),
        ]
        return cls(np.stack(stages, axis=1), float(run.max()))

    def at(self, epoch: float) -> NDArray[np.intp]:
        """The stage of each trial at an epoch, as an index into STAGES, [T]."""
        reached = np.where(self.epochs <= epoch, self.epochs, -1.0)
        return np.asarray(len(STAGES) - 1 - np.argmax(reached[:, ::-1], axis=1))

    def order(self) -> NDArray[np.intp]:
        """Trials by when they generalized, then by when they memorized, [T]."""
        return np.lexsort((self.epochs[:, 1], self.epochs[:, 2:4].min(axis=1)))

    def stripes(self, cell_of: NDArray[np.integer]) -> NDArray[np.intp]:
        """The trials that stand for each cell, cell after cell, each cell in the order of `order`.

        Args:
            cell_of: the number of each trial's cell, [T].
        """
        order = self.order()
        order = order[np.argsort(cell_of[order], kind="stable")]
        sizes = np.bincount(cell_of)
        within = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        size = sizes[cell_of[order]]
        shown = np.minimum(size, MOST_STRIPES)
        # A trial stands for its cell where it is the middle of one of `shown` equal parts.
        part = within * shown // size
        middle = ((part + 0.5) * size / shown).astype(np.intp)
        return np.asarray(order[within == middle])


class Stripes(TypedDict):
    """The stripes of all cells, for the page: a value for each, cell after cell.

    Attributes:
        cell: the number of the stripe's cell.
        stands_for: how many trials of the cell it stands for.
        waiting, grokked, soon, broken: the epoch of each stage; None where there is none.
    """

    cell: list[int]
    stands_for: list[float]
    waiting: list[int | None]
    grokked: list[int | None]
    soon: list[int | None]
    broken: list[int | None]


def stripes_of(trials: pd.DataFrame, grid: Grid) -> Stripes:
    """The stripes of a study.

    Args:
        trials: as `load_trials` gives them, at least one.
        grid: of these trials.
    """
    stages = StageEpochs.of(trials)
    chosen = stages.stripes(grid.cell_of)
    cells = grid.cell_of[chosen]
    counts = np.bincount(grid.cell_of)[cells] / np.bincount(cells)[cells]
    waiting, grokked, soon, broken = (
        [int(epoch) if np.isfinite(epoch) else None for epoch in column]
        for column in stages.epochs[chosen, 1:].T
    )
    return {
        "cell": cells.tolist(),
        "stands_for": counts.tolist(),
        "waiting": waiting,
        "grokked": grokked,
        "soon": soon,
        "broken": broken,
    }
