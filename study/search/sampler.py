"""BoundarySampler: an Optuna sampler that looks for where a chance is one half.

Others seek the best value; this one seeks a level set. A trial's value is 1 where the event
happened and 0 where it did not, or the share of several networks in which it did. A surface is
fitted to all of them on log axes, and each proposal is where the surface may be one half and is
least sure of it (the straddle heuristic). A proposal in flight counts as known to come, which
spreads a batch along the boundary and repeats a point only where it stays undecided.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
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
from scipy import special
from scipy.stats import qmc

from study.search.surface import Floats, Surface, fit_surface

STRADDLE = (
    1.0  # deviations that still count as maybe one half: best of 1, 1.96, 3 on simulated truths
)
STEPS = 48  # values that a range is tried at, so that points meet and become cells
MAX_CANDIDATES = 4096  # all combinations where there are no more, else as many spread evenly
NETWORKS = "networks"  # the user attribute of a trial that says how many its share is of

Params = dict[str, Any]


class BoundarySampler(BaseSampler):
    """Proposes where the chance of an event, a trial's value in 0..1, is nearest one half.

    Args: seed; batch, proposals made at a time from what is known then; initial, trials that fill
    the space before the first fit; repeats, networks at most at one point, endless if None;
    lattice, the only values of some parameters; shapes, parameters whose values make the trials of
    a batch unlike, so that a batch has only `shapes_a_batch` combinations of them; space, the
    distributions, otherwise learnt from finished trials.
    Raises ValueError for a study of several objectives. Categorical parameters are drawn at random.
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
        self._seed, self._batch, self._initial = seed, batch, initial
        self._repeats = math.inf if repeats is None else repeats
        self._lattice = dict(lattice or {})
        self._shapes, self._shapes_a_batch = set(shapes), shapes_a_batch
        self._space = None if space is None else dict(space)
        self._seen = IntersectionSearchSpace()
        self._independent = RandomSampler(seed % 2**32)  # of NumPy's older kind: 32 bits
        self._ready: list[Params] = []

    def infer_relative_search_space(
        self,
        study: Study,
        trial: FrozenTrial,  # noqa: ARG002  Optuna's signature
    ) -> dict[str, BaseDistribution]:
        """The numeric parameters that every finished trial had, or the space given."""
        self._raise_error_if_multi_objective(study)
        space = self._space if self._space is not None else self._seen.calculate(study)
        return {
            name: kind
            for name, kind in space.items()
            if not isinstance(kind, CategoricalDistribution) and not kind.single()
        }

    def sample_relative(
        self,
        study: Study,
        trial: FrozenTrial,  # noqa: ARG002  Optuna's signature
        search_space: dict[str, BaseDistribution],
    ) -> Params:
        """The next proposal; a new batch of them where none is left."""
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
        """A random value, for parameters that have no place on an axis, or none yet."""
        return self._independent.sample_independent(study, trial, param_name, param_distribution)

    def reseed_rng(self) -> None:
        """Draw other numbers from here on, as Optuna asks of copies that run in parallel."""
        self._independent.reseed_rng()

    def _propose(self, study: Study, space: dict[str, BaseDistribution]) -> list[Params]:
        axes = [_Axis(name, kind, self._lattice.get(name)) for name, kind in space.items()]
        tried: dict[tuple[int, ...], list[float]] = {}  # of a point: events, tries, tries to come
        states = (TrialState.COMPLETE, TrialState.RUNNING)
        trials = study.get_trials(deepcopy=False, states=states)
        for trial in trials:
            if all(axis.name in trial.params for axis in axes):
                place = tuple(axis.nearest(trial.params[axis.name]) for axis in axes)
                networks = float(trial.user_attrs.get(NETWORKS, 1))
                cell = tried.setdefault(place, [0.0, 0.0, 0.0])
                if trial.value is None:
                    cell[2] += networks
                else:
                    cell[0] += trial.value * networks
                    cell[1] += networks
        count = len(trials)
        places = self._candidates(axes, tried, count)
        known = np.array([tried.get(place, (0, 0, 0)) for place in map(tuple, places.tolist())])
        if count < self._initial:
            picks = self._fill(axes, places, count)
        else:
            picks = self._straddle(axes, places, known.reshape(-1, 3), tried)
        return [
            {axis.name: axis.values[index] for axis, index in zip(axes, places[pick], strict=True)}
            for pick in picks
        ]

    def _candidates(
        self, axes: "list[_Axis]", tried: Mapping[tuple[int, ...], object], count: int
    ) -> "np.ndarray[Any, np.dtype[np.intp]]":
        """Places on the lattice (C, d): every one, or many spread evenly and those tried."""
        sizes = [len(axis.values) for axis in axes]
        if math.prod(sizes) <= MAX_CANDIDATES:
            return np.stack(np.unravel_index(np.arange(math.prod(sizes)), sizes), axis=1)
        spread = qmc.Sobol(len(axes), rng=np.random.default_rng([self._seed, count]))
        drawn = (spread.random(MAX_CANDIDATES // 2) * sizes).astype(np.intp)
        latest = list(tried)[-MAX_CANDIDATES // 2 :]
        return np.unique(
            np.vstack([drawn, np.array(latest, np.intp).reshape(-1, len(axes))]), axis=0
        )

    def _fill(self, axes: "list[_Axis]", places: Any, count: int) -> list[int]:
        """A batch of candidates that fills the space evenly, going on after `count` trials."""
        cube = _in_cube(axes, places)
        spread = qmc.Sobol(len(axes), rng=np.random.default_rng([self._seed, 0]))
        drawn = spread.random_base2(math.ceil(math.log2(count + self._batch)))
        targets = 2 * drawn[count : count + self._batch] - 1
        return [int(((cube - target) ** 2).sum(1).argmin()) for target in targets]

    def _straddle(
        self, axes: "list[_Axis]", places: Any, known: Floats, tried: Mapping[Any, Any]
    ) -> list[int]:
        cells = [(place, cell) for place, cell in tried.items() if cell[1] > 0]
        points = _in_cube(axes, np.array([place for place, _ in cells], np.intp))
        counts = np.array([cell for _, cell in cells])
        surface = fit_surface(points, counts[:, 0], counts[:, 1])
        cube = _in_cube(axes, places)
        shapes = [i for i, axis in enumerate(axes) if axis.name in self._shapes]
        keys = np.unique(places[:, shapes], axis=0, return_inverse=True)[1].ravel()
        return straddle(
            surface, cube, known, self._batch, self._repeats, keys, self._shapes_a_batch
        )


def straddle(
    surface: Surface,
    cube: Floats,
    known: Floats,
    batch: int,
    repeats: float,
    shapes: Any,
    shapes_a_batch: int,
) -> list[int]:
    """A batch of candidates: each where `STRADDLE` deviations less the distance to 0 is largest.

    Args: cube (C, d), candidates; known (C, 3), their events, tries and tries to come; shapes (C,),
    numbers such that candidates of one number make one pack.
    Returns: indices of candidates, one a network; fewer than `batch` where all are exhausted.
    """
    phi = surface.features.at(cube)
    odds, covariance = phi @ surface.weights, surface.covariance.copy()
    information = special.expit(odds) * special.expit(-odds)
    variance = np.einsum("cm,mn,cn->c", phi, covariance, phi, optimize=True)
    left = repeats - known[:, 1] - known[:, 2]

    def expect(pick: int, networks: float) -> None:
        """Reduce the variance by what a network there will tell, whatever its outcome."""
        nonlocal variance, covariance
        gain = covariance @ phi[pick]
        share = networks * information[pick] / (1 + networks * information[pick] * variance[pick])
        variance = np.maximum(variance - share * (phi @ gain) ** 2, 0)
        covariance = covariance - share * np.outer(gain, gain)

    for coming in np.flatnonzero(known[:, 2]).tolist():
        expect(coming, float(known[coming, 2]))
    picks: list[int] = []
    open_shapes: set[int] = set()
    allowed = left > 0
    while len(picks) < batch and allowed.any():
        worth = STRADDLE * np.sqrt(variance) - np.abs(odds)
        pick = int(np.where(allowed, worth, -np.inf).argmax())
        picks.append(pick)
        expect(pick, 1.0)
        left[pick] -= 1
        allowed[pick] = left[pick] > 0
        if shapes[pick] not in open_shapes:
            open_shapes.add(shapes[pick])
            if len(open_shapes) == shapes_a_batch:
                allowed &= np.isin(shapes, list(open_shapes))
    return picks


class _Axis:
    """A parameter as a lattice of values with places on [-1, 1]."""

    def __init__(self, name: str, kind: BaseDistribution, lattice: Sequence[float] | None) -> None:
        if not isinstance(kind, FloatDistribution | IntDistribution):
            raise TypeError(f"{name}: {kind}; a parameter on an axis is a number. Fix it.")
        self.name = name
        low, high = float(kind.low), float(kind.high)
        self._log = kind.log
        if lattice is None:
            ends = (math.log(low), math.log(high)) if self._log else (low, high)
            steps = np.linspace(*ends, STEPS)
            values = np.clip(np.exp(steps) if self._log else steps, low, high)
            lattice = np.unique(
                values.round() if isinstance(kind, IntDistribution) else values
            ).tolist()
        whole = isinstance(kind, IntDistribution)
        self.values = [int(value) if whole else float(value) for value in sorted(lattice)]
        at = np.log(self.values) if self._log else np.array(self.values, float)
        self.positions = 2 * (at - at[0]) / (at[-1] - at[0]) - 1

    def nearest(self, value: float) -> int:
        """The place on the lattice of a value that was tried."""
        at = np.abs(np.array(self.values) - value).argmin()
        return int(at)


def _in_cube(axes: "list[_Axis]", places: Any) -> Floats:
    """Places on the lattice (C, d) as points of the cube."""
    columns = [axis.positions[places[:, i]] for i, axis in enumerate(axes)]
    return np.stack(columns, axis=1)
