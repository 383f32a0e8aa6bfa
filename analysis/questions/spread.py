"""Whether times fall into their predicted distributions as often as they should.

The probability integral transform of a time is its predicted probability of an earlier time. If the
prediction is right, transforms are uniform. A time that is known to an interval has an interval of
transforms, and spreads its mass evenly over it; a censored time, from its last reading to 1.

Source: C. Czado, T. Gneiting and L. Held, Biometrics 65 (2009) 1254 (nonrandomized transforms).
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from analysis.laws.families import Reals

_TENTHS = 10
_WIDTH = 1e-9  # a narrower interval of transforms is one number


@dataclass(frozen=True, slots=True)
class Spread:
    """How often times fall where they are predicted.

    Attributes:
        bins: the share of trials in each tenth of the predicted distribution; 0.1 if it is right.
        early: the share before the predicted median; 0.5 if it is right.
        central_half: the share within the central 50% of the prediction.
        central_ninety: the share within the central 90%.
    """

    bins: tuple[float, ...]
    early: float
    central_half: float
    central_ninety: float


def spread_of(low: Reals, high: Reals) -> Spread:
    """How transforms spread.

    Args:
        low: predicted probability of an event by the last reading without it, [T].
        high: by the first reading with it; 1 for a censored trial, [T].
    """
    edges = np.linspace(0, 1, _TENTHS + 1)
    bins = [_mass(low, high, a, b) for a, b in pairwise(edges)]
    return Spread(
        tuple(bins),
        _mass(low, high, 0.0, 0.5),
        _mass(low, high, 0.25, 0.75),
        _mass(low, high, 0.05, 0.95),
    )


def _mass(low: Reals, high: Reals, start: float, end: float) -> float:
    """The mean share of the intervals that lies between two probabilities."""
    width = np.maximum(high - low, _WIDTH)
    inside = np.minimum(low + width, end) - np.maximum(low, start)
    return float((np.clip(inside, 0, None) / width).mean())
