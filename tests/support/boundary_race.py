"""A race for the same boundary: every method looks its trials up in a table of 12,800.

`tests/data/boundary_truth_*.parquet`: which of 8 seeds generalized, on a 40 x 40 grid of dataset
size and weight decay, of `STUDY` in a window. A method sees an outcome when it asks for it.
"""

from pathlib import Path

import numpy as np
import optuna
import pandas as pd
from optuna.distributions import FloatDistribution, IntDistribution

from analysis.phases.boundary import boundary_surface, zero_lines
from study.search.sampler import BoundarySampler
from study.spec.file import resolve

DATA = Path(__file__).parents[1] / "data"
SIDE, SEEDS = 40, 8
# Windows: drawn closely around the boundary, or before anything of the boundary is known.
WINDOWS = {
    "near": {"train_size": [30, 300], "weight_decay": [1e-3, 0.5]},
    "wide": {"train_size": [15, 1000], "weight_decay": [1e-4, 0.5]},
}
STUDY = {
    "name": "truth",
    "seeds": SEEDS,
    "axes": {"n": 20, "k": 2, "width": 50},
    "budget": {"steps": 2000},
    "data": {"test_rows": 200},
}
COARSE = np.linspace(0, SIDE - 1, 12).round().astype(int)  # the rival's rows and columns
FINE = 161  # grid on which a boundary is drawn
DRAWN_EVERY = 0.02  # log units between the points at which distances are measured


class Truth:
    """Outcomes [40, 40, 8] at train_size and weight_decay, and the boundary behind them all."""

    def __init__(self, outcomes, sizes, decays):
        self.outcomes, self.sizes, self.decays = outcomes, sizes, decays
        self.logs = [np.log(sizes), np.log(decays)]
        self.lines = self.boundary(outcomes.sum(2), np.full((SIDE, SIDE), SEEDS))

    @classmethod
    def read(cls, window):
        table = pd.read_parquet(DATA / f"boundary_truth_{window}.parquet")
        sizes, decays = (np.sort(table[name].unique()) for name in ("train_size", "weight_decay"))
        outcomes = np.zeros((SIDE, SIDE, SEEDS), bool)
        cells = (
            np.searchsorted(sizes, table["train_size"]),
            np.searchsorted(decays, table["weight_decay"]),
        )
        outcomes[*cells, table["seed"]] = table["generalized"]
        return cls(outcomes, sizes, decays)

    def boundary(self, events, tries):
        """Points [P, 2] in log units on the 1/2 contour of a surface fitted to some cells."""
        rows, columns = np.nonzero(tries)
        cube = [2 * (at - at[0]) / (at[-1] - at[0]) - 1 for at in self.logs]
        points = np.stack([cube[0][rows], cube[1][columns]], axis=1)
        surface = boundary_surface(points, events[rows, columns], tries[rows, columns] * 1.0)
        line = np.linspace(-1, 1, FINE)
        grid = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)
        lines = zero_lines(surface.log_odds(grid).reshape(FINE, FINE))
        spans = np.array([at[-1] - at[0] for at in self.logs])
        return evenly([piece / (FINE - 1) * spans for piece in lines])

    def error(self, events, tries):
        """Mean distance in log units between a boundary and the true one, over both of them."""
        points = self.boundary(events, tries)
        if not len(points):
            return np.inf
        apart = np.sqrt(((points[:, None] - self.lines[None]) ** 2).sum(2))
        return (apart.min(1).mean() + apart.min(0).mean()) / 2


def evenly(lines):
    """Points along lines, equally far apart, so that a mean is over length."""
    pieces = []
    for line in lines:
        ends = np.r_[0, np.cumsum(np.hypot(*np.diff(line, axis=0).T))]
        steps = np.linspace(0, ends[-1], max(2, round(ends[-1] / DRAWN_EVERY)))
        pieces.append(np.stack([np.interp(steps, ends, line[:, i]) for i in (0, 1)], axis=1))
    return np.concatenate(pieces) if pieces else np.empty((0, 2))


class Tally:
    """Cells that a method has seen; seeds come in an order of the run's own."""

    def __init__(self, truth, seed):
        self.truth = truth
        self.order = np.random.default_rng(seed).permuted(
            np.tile(np.arange(SEEDS), (SIDE, SIDE, 1)), axis=2
        )
        self.events, self.tries = np.zeros((SIDE, SIDE)), np.zeros((SIDE, SIDE), int)

    def look(self, row, column, networks):
        """How many of the next seeds of a point generalized, and of how many."""
        first = self.tries[row, column]
        seeds = self.order[row, column, first : first + networks]
        events = self.truth.outcomes[row, column, seeds].sum()
        self.events[row, column] += events
        self.tries[row, column] += len(seeds)
        return events, len(seeds)


def grid(truth):
    """The rival: all seeds of a 12 x 12 sub-grid."""
    tally = Tally(truth, 0)
    for row in COARSE:
        for column in COARSE:
            tally.look(row, column, SEEDS)
    return tally


def adaptive(truth, seed, trials, batch=16, **options):
    """BoundarySampler, a network at a time in batches; 12 dataset sizes, as packs have them."""
    sizes, decays = truth.sizes[COARSE], truth.decays
    space = {
        "train_size": IntDistribution(int(sizes[0]), int(sizes[-1]), log=True),
        "weight_decay": FloatDistribution(decays[0], decays[-1], log=True),
    }
    lattice = {"train_size": sizes.tolist(), "weight_decay": decays.tolist()}
    sampler = BoundarySampler(
        seed,
        batch=batch,
        repeats=SEEDS,
        lattice=lattice,
        shapes=["train_size"],
        space=space,
        **options,
    )
    study, tally = optuna.create_study(sampler=sampler), Tally(truth, seed)
    while tally.tries.sum() < trials:
        asked = [study.ask(space) for _ in range(min(batch, trials - tally.tries.sum()))]
        for trial in asked:
            row = np.abs(truth.sizes - trial.params["train_size"]).argmin()
            column = np.abs(truth.decays - trial.params["weight_decay"]).argmin()
            study.tell(trial, float(tally.look(row, column, 1)[0]))
    return tally


def study_of(window):
    """The study whose table a window is."""
    axes = {name: {"log": ends, "points": SIDE} for name, ends in WINDOWS[window].items()}
    return resolve({**STUDY, "axes": {**STUDY["axes"], **axes}})


def other(truth, sampler, trials, networks, seed):
    """An Optuna sampler after the share nearest one half, a point of some networks a trial."""
    space = {
        "row": IntDistribution(0, SIDE - 1), "column": IntDistribution(0, SIDE - 1),
    }  # fmt: skip
    study, tally = optuna.create_study(sampler=sampler(seed=seed)), Tally(truth, seed)
    seen = {}
    asked = 0
    while tally.tries.sum() < trials and asked < 2 * trials:
        trial, asked = study.ask(space), asked + 1
        cell = trial.params["row"], trial.params["column"]
        events, tries = tally.look(*cell, min(networks, trials - tally.tries.sum()))
        before = seen.get(cell, (0, 0))
        seen[cell] = before[0] + events, before[1] + tries
        study.tell(trial, abs(seen[cell][0] / seen[cell][1] - 0.5))
    return tally
