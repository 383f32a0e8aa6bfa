"""A location of its own for each group of trials, beside slopes and a sigma that all groups share.

log T = location of the group + slopes times features + sigma eps. With points for groups and no
slopes this is the model that any law is a special case of: `adequacy` compares laws with it. With
shapes for groups and one slope it is a slope within shapes: `slopes` fits it.

A group without the event has no finite location: its likelihood is highest, 1, where the event
never happens. Such a group says nothing of the slopes, and is left out of the climb.

T trials, G groups, q slopes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.laws.families import Family, Reals
from analysis.laws.likelihood import Observed, RowScores, row_scores

_CLOSE = 1e-8  # a climb ends where a step would gain less than half of this
_MOST_STEPS = 200
_LONGEST_STEP = 3.0  # in any parameter; a longer step is shortened and keeps its direction
_FIRST_DAMPING = 1e-3
_HOPELESS_DAMPING = 1e12
_FLATTEST = -1e-8  # second derivative by a location, at most


@dataclass(frozen=True, slots=True)
class Grouped:
    """The maximum of the likelihood of groups.

    Attributes:
        value: the log-likelihood.
        locations: of the groups, [G]; inf for a group without the event.
        slopes: that all groups share, [q].
        covariance: of the slopes and log sigma, [q + 1, q + 1], clustered by block of groups.
        sigma: the scale of the errors.
        converged: whether the climb ended at a maximum.
        clusters: how many blocks have the event.
    """

    value: float
    locations: Reals
    slopes: Reals
    covariance: Reals
    sigma: float
    converged: bool
    clusters: int

    @property
    def with_event(self) -> int:
        """How many groups have the event."""
        return int(np.isfinite(self.locations).sum())


def fit_groups(
    observed: Observed,
    family: Family,
    group: NDArray[np.intp],
    features: Reals | None = None,
    block: NDArray[np.intp] | None = None,
) -> Grouped:
    """The maximum of the likelihood of groups with locations of their own.

    Args:
        observed: the intervals of T trials; their weights are not used.
        family: the distribution of the errors.
        group: the number of each trial's group, [T].
        features: what the shared slopes multiply, [T, q]; None for no slopes.
        block: the number of each group's block, [G]; groups of one block err alike. None: each
            group errs by itself.
    """
    block = np.arange(int(group.max()) + 1) if block is None else block
    features = np.empty((len(group), 0)) if features is None else features
    with_event = np.unique(group[~observed.censored])
    kept = np.isin(group, with_event)
    climb = _Climb(
        observed.take(kept), family, np.searchsorted(with_event, group[kept]), features[kept]
    )
    place, converged = climb.top()
    locations = np.full(int(group.max()) + 1, np.inf)
    locations[with_event] = place.locations
    blocks, block_of = np.unique(block[with_event], return_inverse=True)
    return Grouped(
        place.value,
        locations,
        place.shared[:-1],
        climb.covariance(place, block_of),
        float(np.exp(place.shared[-1])),
        converged,
        len(blocks),
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a climb is."""

    locations: Reals  # [G]
    shared: Reals  # slopes and log sigma, [q + 1]
    scores: RowScores

    @property
    def value(self) -> float:
        return float(self.scores.value.sum())


@dataclass(frozen=True, slots=True)
class _Climb:
    """Newton's climb. The curvature is diagonal in the locations, so a step costs G q^2."""

    observed: Observed
    family: Family
    group: NDArray[np.intp]  # [T]
    features: Reals  # [T, q]

    def top(self) -> tuple[_Place, bool]:
        """The maximum, and whether it was reached."""
        here, damping = self._at(*self._start()), _FIRST_DAMPING
        for _ in range(_MOST_STEPS):
            step, shared_step, gain = self._step(here, damping)
            if gain < _CLOSE and damping < 1:
                return here, True
            there = self._at(here.locations + step, here.shared + shared_step)
            if there.value > here.value:
                here, damping = there, damping / 10
            elif damping > _HOPELESS_DAMPING:
                break
            else:
                damping = max(10 * damping, _FIRST_DAMPING)
        return here, False

    def covariance(self, place: _Place, block: NDArray[np.intp]) -> Reals:
        """The covariance of slopes and log sigma, clustered by block; `block` is of groups, [G].

        Source: P. J. Huber, Proc. Fifth Berkeley Symp. 1 (1967) 221, with B / (B - 1) for B blocks.
        """
        gradient, by_shared, own, mixed, curvature = self._derivatives(place)
        count = int(block.max()) + 1
        if count < 2:
            return np.full(curvature.shape, np.nan)
        # What the score of a group says of the shared parameters, its location profiled out.
        own_scores = by_shared - mixed * (gradient / own)[:, None]
        scores = np.zeros((count, own_scores.shape[1]))
        np.add.at(scores, block, own_scores)
        inverse = np.linalg.pinv(curvature - (mixed / own[:, None]).T @ mixed, hermitian=True)
        return np.asarray(inverse @ (scores.T @ scores) @ inverse * count / (count - 1))

    def _start(self) -> tuple[Reals, Reals]:
        """The mean log times of the groups, slopes of 0, and the spread about the means."""
        times = np.where(self.observed.censored, self.observed.low, self.observed.high)
        times = np.where(np.isfinite(times), times, 0.0)  # censored before the first reading
        middle = np.bincount(self.group, times) / np.bincount(self.group)
        spread = max(float(np.std(times - middle[self.group])), 0.1)
        return middle, np.r_[np.zeros(self.features.shape[1]), np.log(spread)]

    def _at(self, locations: Reals, shared: Reals) -> _Place:
        mu = locations[self.group] + self.features @ shared[:-1]
        return _Place(locations, shared, row_scores(self.observed, self.family, mu, shared[-1:]))

    def _derivatives(self, place: _Place) -> tuple[Reals, Reals, Reals, Reals, Reals]:
        """The derivatives of the log-likelihood, group by group.

        Returns: by each location, [G]; by the shared parameters, [G, q + 1]; twice by each
            location, [G]; by each location and the shared ones, [G, q + 1]; and twice by the shared
            ones, summed over the groups, [q + 1, q + 1].
        """
        slopes, bends = place.scores.slopes, place.scores.bends
        ones = np.ones((len(self.group), 1))
        by_mu, by_sigma = np.hstack([self.features, 0 * ones]), np.hstack([0 * self.features, ones])
        cross = by_mu * bends[:, 0, :1] + by_sigma * bends[:, 0, 1:2]
        twice = by_mu.T @ cross
        twice += by_sigma.T @ (by_mu * bends[:, 0, 1:2] + by_sigma * bends[:, 1, 1:2])
        return (
            self._sums(slopes[:, :1])[:, 0],
            self._sums(by_mu * slopes[:, :1] + by_sigma * slopes[:, 1:2]),
            np.minimum(self._sums(bends[:, 0, :1])[:, 0], _FLATTEST),
            self._sums(cross),
            twice,
        )

    def _step(self, here: _Place, damping: float) -> tuple[Reals, Reals, float]:
        """A damped step of the locations and of the shared parameters, and twice its gain.

        Args:
            here: where the step begins.
            damping: a share of the curvature's diagonal, which is added to it.
        """
        gradient, by_shared, own, mixed, twice = self._derivatives(here)
        total = by_shared.sum(axis=0)
        own = own * (1 + damping)
        twice = twice + damping * np.diag(np.minimum(np.diag(twice), _FLATTEST))
        values, vectors = np.linalg.eigh(twice - (mixed / own[:, None]).T @ mixed)
        values = np.minimum(values, _FLATTEST)  # uphill also where the likelihood is not concave
        slope = total - mixed.T @ (gradient / own)
        shared = -(vectors / values) @ (vectors.T @ slope)
        step = -(gradient + mixed @ shared) / own
        longest = max(np.abs(step).max(), np.abs(shared).max(), _LONGEST_STEP) / _LONGEST_STEP
        return step / longest, shared / longest, float(gradient @ step + total @ shared)

    def _sums(self, columns: Reals) -> Reals:
        """The sum of each column over the trials of each group, [G, columns]."""
        sums = np.zeros((int(self.group.max()) + 1, columns.shape[1]))
        for place, column in enumerate(columns.T):
            sums[:, place] = np.bincount(self.group, weights=column)
        return sums
