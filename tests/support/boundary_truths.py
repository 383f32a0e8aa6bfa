"""Simulated studies whose boundary is known: six curves on the grid of 12 x 12 points.

The chance that a network generalizes is logistic in the log of the dataset size, and one half at a
size that depends on weight decay.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit

SIZES, DECAYS = np.geomspace(30, 300, 12).round(), np.geomspace(1e-3, 0.5, 12)


@dataclass(frozen=True)
class BoundaryTruth:
    """A boundary, and how steeply the chance rises across it."""

    name: str
    sizes: Callable[[np.ndarray], np.ndarray]  # at which half of the networks generalize
    steepness: float = 6.0  # log odds a log unit of dataset size

    def trials(self, seed, seeds=8):
        """A study of this truth."""
        rng = np.random.default_rng(seed)
        size, decay, _ = (
            values.ravel() for values in np.meshgrid(SIZES, DECAYS, np.arange(seeds), indexing="ij")
        )
        chance = expit(self.steepness * np.log(size / self.sizes(decay)))
        happened = rng.random(size.size) < chance
        return pd.DataFrame(
            {
                "setting": "",
                "n": 20,
                "k": 2,
                "width": 50,
                "weight_decay": decay,
                "train_size": size,
                "learning_rate": 0.1,
                "batch_size": 32,
                "init_scale": 1.0,
                "generalized_epoch": pd.array(np.where(happened, 10, pd.NA), "Int64"),
                "final_test_accuracy": 0.5 + size / 1000,
            }
        )

    def covered(self, contour, prefix=""):
        """For each vertex of a boundary, whether a band of sizes holds the truth there."""
        low, high = contour[f"{prefix}low"], contour[f"{prefix}high"]
        return contour["x"].map(self.sizes).between(low, high)


def _parabola(decays):
    return 60 * np.exp(0.12 * np.log(decays / 0.03) ** 2)


TRUTHS = (
    BoundaryTruth("parabola", _parabola),
    BoundaryTruth("steepness 15", _parabola, 15.0),
    BoundaryTruth("steepness 3", _parabola, 3.0),
    BoundaryTruth("tilted", lambda decays: 95 * (decays / 0.022) ** 0.25),
    # A power law above a floor, with a bend half a log unit wide.
    BoundaryTruth("bent", lambda decays: 50 * (1 + (decays / 0.02) ** 2) ** 0.25),
    BoundaryTruth(
        "waves",
        lambda decays: 95 * np.exp(0.4 * np.sin(4 * np.pi * np.log(decays / 1e-3) / np.log(500))),
    ),
)


def truth_named(name):
    """The truth of a name."""
    return next(truth for truth in TRUTHS if truth.name == name)
