"""The straddle heuristic: a batch of candidates where a surface may be one half.

The worth of a candidate is `STRADDLE` posterior deviations of the log odds less the distance of the
log odds from 0. Every pick reduces the deviations by what a network there will tell.

Axis letters: d axes, C candidates, M features of the surface.
Source: B. Bryan et al., Active learning for identifying function threshold boundaries, NeurIPS
2005.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import special

from study.search.surface import FloatArray, Surface

# Posterior deviations within which a chance may be one half; the best of 1, 1.96 and 3 on
# simulated truths.
STRADDLE = 1.0


class Belief:
    """The log odds at C candidates, and their variance, which `expect` reduces."""

    def __init__(self, surface: Surface, cube: FloatArray) -> None:
        """The belief of a surface.

        Args:
            surface: a posterior.
            cube: the candidates, [C, d].
        """
        self._phi = surface.features.at(cube)  # [C, M]
        self._covariance = surface.covariance.copy()  # [M, M]
        self._odds = self._phi @ surface.weights  # [C]
        self._information = special.expit(self._odds) * special.expit(-self._odds)  # [C]
        self._variance = np.einsum(
            "cm,mn,cn->c", self._phi, self._covariance, self._phi, optimize=True
        )  # [C]

    def expect(self, candidate: int, networks: float) -> None:
        """Reduce the variance by what networks at a candidate will tell, whatever their outcome.

        Args:
            candidate: its index.
            networks: how many will be trained there.
        """
        gain = self._covariance @ self._phi[candidate]
        told = networks * self._information[candidate]
        share = told / (1 + told * self._variance[candidate])
        self._variance = np.maximum(self._variance - share * (self._phi @ gain) ** 2, 0)
        self._covariance = self._covariance - share * np.outer(gain, gain)

    @property
    def worth(self) -> FloatArray:
        """The worth of training one more network at each candidate, [C]."""
        return np.asarray(STRADDLE * np.sqrt(self._variance) - np.abs(self._odds))


def straddle(
    belief: Belief,
    left: FloatArray,
    running: FloatArray,
    *,
    batch: int,
    shapes: NDArray[np.intp],
    shapes_a_batch: int,
) -> list[int]:
    """A batch of candidates, the worthiest first.

    Returns: indices of candidates; an index comes once for each network to train there. There are
        fewer than `batch` where no candidate is left, or none of a shape that is still allowed.

    Args:
        belief: of the surface fitted to the finished networks.
        left: networks that each candidate may still get, [C].
        running: networks of each candidate that run already, [C].
        batch: picks at most.
        shapes: a number for the shape of each candidate; candidates of one shape share packs, [C].
        shapes_a_batch: shapes among the picks at most.
    """
    left, allowed = left.copy(), left > 0
    for candidate in np.flatnonzero(running).tolist():
        belief.expect(candidate, float(running[candidate]))
    picks: list[int] = []
    open_shapes: set[int] = set()
    while len(picks) < batch and allowed.any():
        pick = int(np.where(allowed, belief.worth, -np.inf).argmax())
        picks.append(pick)
        belief.expect(pick, 1.0)
        left[pick] -= 1
        allowed[pick] = left[pick] > 0
        if shapes[pick] not in open_shapes:
            open_shapes.add(int(shapes[pick]))
            if len(open_shapes) == shapes_a_batch:
                allowed &= np.isin(shapes, list(open_shapes))
    return picks
