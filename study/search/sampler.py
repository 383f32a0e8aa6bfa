"""BoundarySampler: an Optuna sampler that looks for where a chance is one half.

Other samplers seek the best value; this sampler seeks a level set. The value of an Optuna trial is
1 where the event happened and 0 where not, or the share of several networks that had the event. A
surface is fitted to all trials on log axes. Each proposal is where the surface may be one half and
is least sure of it (the straddle heuristic). A proposal that still runs counts as tried already,
its outcome unknown. This spreads a batch along the boundary, and repeats a point only where it
stays undecided.

Axis letters: d axes, C candidates.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, RandomSampler
from optuna.search_space import IntersectionSearchSpace
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from scipy.stats import qmc

from study.search.straddle import Belief, straddle
from study.search.surface import FloatArray, fit_surface

# Values of a range that are tried. They are few, so that trials meet in cells.
RANGE_VALUES = 48
# Candidates are all combinations of values, or so many spread evenly where there are more.
MAX_CANDIDATES = 4096
# The user attribute of an Optuna trial that says how many networks its share is of.
NETWORKS = "networks"

Params = dict[str, float]  # a value for each parameter of one trial
Cell = tuple[int, ...]  # [d] the lattice index on every axis
Cells = NDArray[np.intp]  # [C, d]


class BoundarySampler(BaseSampler):
    """Proposes where the chance of an event, a trial's value in 0..1, is nearest one half.

    Categorical parameters are drawn at random. Sampling raises ValueError for a study of several
    objectives.
    Source of the heuristic: B. Bryan et al., Active learning for identifying function threshold
    boundaries, NeurIPS 2005.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        batch: int = 1,
        initial: int = 16,
        repeats: int | None = None,
        lattice: Mapping[str, Sequence[float]] | None = None,
        shapes: Sequence[str] = (),
        shapes_a_batch: int = 4,
        space: Mapping[str, BaseDistribution] | None = None,
    ) -> None:
        """A sampler.

        Args:
            seed: of the random numbers.
            batch: proposals made at a time, from one fit.
            initial: trials that fill the space evenly before the first fit.
            repeats: networks at most at one point; None is no limit.
            lattice: the only values of some parameters; any other range has `RANGE_VALUES` values.
            shapes: parameters whose values the trials of one pack must share.
            shapes_a_batch: combinations of the values of `shapes` in a batch at most, so that packs
                are full.
            space: the distributions; None takes those that all finished trials had.
        """
        self._seed, self._batch, self._initial = seed, batch, initial
        self._repeats = math.inf if repeats is None else repeats
        self._lattice = dict(lattice or {})
        self._shapes, self._shapes_a_batch = set(shapes), shapes_a_batch
        self._space = None if space is None else dict(space)
        self._common_space = IntersectionSearchSpace()
        self._independent = RandomSampler(seed % 2**32)  # NumPy's older generator takes 32 bits
        self._ready: list[Params] = []

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The numeric parameters of the given space, or those that every finished trial had."""
        del trial  # Optuna's signature; a trial that asks has no values yet
        self._raise_error_if_multi_objective(study)
        space = self._space if self._space is not None else self._common_space.calculate(study)
        return {
            name: kind
            for name, kind in space.items()
            if not isinstance(kind, CategoricalDistribution) and not kind.single()
        }

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> Params:
        """The next proposal of the batch; a new batch where none is left.

        Args:
            study: whose trials the surface is fitted to.
            trial: not used.
            search_space: as `infer_relative_search_space` returned it.
        """
        del trial  # Optuna's signature; a trial that asks has no values yet
        if not search_space:
            return {}
        if not self._ready or self._ready[0].keys() != search_space.keys():
            self._ready = self._propose(study, search_space)
        return self._ready.pop(0)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """A random value, for a parameter that is not on a numeric axis, or not yet.

        Args:
            study: of the trial.
            trial: that asks.
            param_name: of the parameter.
            param_distribution: of the parameter.
        """
        return self._independent.sample_independent(study, trial, param_name, param_distribution)

    def reseed_rng(self) -> None:
        """Draw other numbers from now on: Optuna calls this on copies that run in parallel."""
        self._independent.reseed_rng()

    def _propose(self, study: Study, space: dict[str, BaseDistribution]) -> list[Params]:
        """A new batch: evenly spread at first, then where the surface straddles one half."""
        axes = [_Axis(name, kind, self._lattice.get(name)) for name, kind in space.items()]
        states = (TrialState.COMPLETE, TrialState.RUNNING)
        trials = study.get_trials(deepcopy=False, states=states)
        counts_by_cell = _counts_by_cell(axes, trials)
        candidates = self._candidates(axes, counts_by_cell, len(trials))
        if len(trials) < self._initial:
            picks = self._fill(axes, candidates, len(trials))
        else:
            picks = self._straddle(axes, candidates, counts_by_cell)
        return [
            {
                axis.name: axis.values[index]
                for axis, index in zip(axes, candidates[pick], strict=True)
            }
            for pick in picks
        ]

    def _candidates(self, axes: "list[_Axis]", tried: Mapping[Cell, object], count: int) -> Cells:
        """Cells of the lattice, [C, d]: every cell, or many spread evenly and those tried.

        Args:
            axes: of the lattice.
            tried: the cells of the trials.
            count: of the trials; later batches spread other cells.
        """
        sizes = [len(axis.values) for axis in axes]
        if math.prod(sizes) <= MAX_CANDIDATES:
            return np.stack(np.unravel_index(np.arange(math.prod(sizes)), sizes), axis=1)
        spread = qmc.Sobol(len(axes), rng=np.random.default_rng([self._seed, count]))
        drawn = (spread.random(MAX_CANDIDATES // 2) * sizes).astype(np.intp)
        latest = list(tried)[-MAX_CANDIDATES // 2 :]
        return np.unique(
            np.vstack([drawn, np.array(latest, np.intp).reshape(-1, len(axes))]), axis=0
        )

    def _fill(self, axes: "list[_Axis]", candidates: Cells, count: int) -> list[int]:
        """A batch that fills the space evenly: candidate indices.

        Args:
            axes: of the lattice.
            candidates: cells, [C, d].
            count: of the trials so far; the batch goes on after as many points of the sequence.
        """
        cube = _in_cube(axes, candidates)
        spread = qmc.Sobol(len(axes), rng=np.random.default_rng([self._seed, 0]))
        drawn = spread.random_base2(math.ceil(math.log2(count + self._batch)))
        targets = 2 * drawn[count : count + self._batch] - 1
        return [int(((cube - target) ** 2).sum(1).argmin()) for target in targets]

    def _straddle(
        self, axes: "list[_Axis]", candidates: Cells, counts_by_cell: "Mapping[Cell, CellCounts]"
    ) -> list[int]:
        """A batch where the surface may be one half and is least sure: candidate indices.

        Args:
            axes: of the lattice.
            candidates: cells, [C, d].
            counts_by_cell: the networks of every cell with a trial.
        """
        none = CellCounts()
        counts = [counts_by_cell.get(cell, none) for cell in map(tuple, candidates.tolist())]
        tries = np.array([c.tries for c in counts])
        running = np.array([c.running for c in counts])
        finished = {cell: c for cell, c in counts_by_cell.items() if c.tries > 0}
        surface = fit_surface(
            _in_cube(axes, np.array(list(finished), np.intp)),
            np.array([c.events for c in finished.values()]),
            np.array([c.tries for c in finished.values()]),
        )
        shapes = [i for i, axis in enumerate(axes) if axis.name in self._shapes]
        keys = np.unique(candidates[:, shapes], axis=0, return_inverse=True)[1].ravel()
        return straddle(
            Belief(surface, _in_cube(axes, candidates)),
            self._repeats - tries - running,
            running,
            batch=self._batch,
            shapes=keys,
            shapes_a_batch=self._shapes_a_batch,
        )


@dataclass(slots=True)
class CellCounts:
    """The networks of one cell: finished tries, events among them, and networks that still run."""

    events: float = 0.0
    tries: float = 0.0
    running: float = 0.0


def _counts_by_cell(axes: "list[_Axis]", trials: Sequence[FrozenTrial]) -> dict[Cell, CellCounts]:
    """The networks of every cell with a trial, in the order of the first trials."""
    cells: dict[Cell, CellCounts] = {}
    for trial in trials:
        if all(axis.name in trial.params for axis in axes):
            cell = tuple(axis.nearest(trial.params[axis.name]) for axis in axes)
            networks = float(trial.user_attrs.get(NETWORKS, 1))
            counts = cells.setdefault(cell, CellCounts())
            if trial.value is None:
                counts.running += networks
            else:
                counts.events += trial.value * networks
                counts.tries += networks
    return cells


class _Axis:
    """A parameter as a lattice of `values`, whose `positions` lie on [-1, 1]."""

    def __init__(self, name: str, kind: BaseDistribution, lattice: Sequence[float] | None) -> None:
        """An axis of the cube.

        Args:
            name: of the parameter.
            kind: its range, and whether it is logarithmic.
            lattice: the only values; None takes `RANGE_VALUES` values of the range.
        """
        if not isinstance(kind, FloatDistribution | IntDistribution):
            raise TypeError(f"{name}: {kind}; a parameter on an axis is a number. Fix it.")
        self.name = name
        low, high = float(kind.low), float(kind.high)
        self._log = kind.log
        if lattice is None:
            ends = (math.log(low), math.log(high)) if self._log else (low, high)
            steps = np.linspace(*ends, RANGE_VALUES)
            values = np.clip(np.exp(steps) if self._log else steps, low, high)
            lattice = np.unique(
                values.round() if isinstance(kind, IntDistribution) else values
            ).tolist()
        whole = isinstance(kind, IntDistribution)
        self.values = [int(value) if whole else float(value) for value in sorted(lattice)]
        scaled = np.log(self.values) if self._log else np.array(self.values, float)
        self.positions = 2 * (scaled - scaled[0]) / (scaled[-1] - scaled[0]) - 1

    def nearest(self, value: float) -> int:
        """The index on the lattice of a value that was tried."""
        return int(np.abs(np.array(self.values) - value).argmin())


def _in_cube(axes: "list[_Axis]", cells: Cells) -> FloatArray:
    """Cells of the lattice [C, d] as points of the cube [-1, 1]^d: [C, d]."""
    columns = [axis.positions[cells[:, i]] for i, axis in enumerate(axes)]
    return np.stack(columns, axis=1)
