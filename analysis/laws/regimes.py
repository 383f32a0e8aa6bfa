"""Which trials a claim is about: regimes of learning, told from trials that are then left out.

A stratum is all trials that are alike in every axis but learning rate and weight decay. Every
fourth seed of each point is held aside. The phase that is the most frequent among the held-aside
seeds at the stratum's middle decay time is the phase of the stratum. A regime is what the other
seeds did, in the strata of a phase, on the side of the middle on which that phase lasts: a network
that groks at some weight decay groks at smaller ones, too, where it waits longer.

So no trial that is fitted has chosen its own regime.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.laws.features import SAME_LOG, feature
from analysis.laws.positive import above_zero
from analysis.laws.strata import strata_of
from analysis.phases.classify import PHASES, classify
from study.errors import UsageError, unknown

HELD_ASIDE = 4  # one seed in so many
# The phase of a regime's strata, and its side of the middle decay time: 1 for longer decay times.
SIDES = {"grokking": 1, "comprehension": -1}


@dataclass(frozen=True, slots=True)
class Regime:
    """The trials of a regime.

    Attributes:
        trials: that were not held aside, in strata of the regime's phase, on its side.
        strata: how many strata have each phase, the most frequent phase first.
    """

    trials: pd.DataFrame
    strata: dict[str, int]


def regime_of(trials: pd.DataFrame, name: str) -> Regime:
    """The trials of a regime.

    Args:
        trials: as `load_trials` gives them. Online trials are in no regime.
        name: a name in `SIDES`.
    Raises: UsageError for another name, for a single seed at every point, and where no stratum has
        the phase.
    """
    if name not in SIDES:
        raise unknown("a regime", name, SIDES)
    passes, _ = above_zero(trials[trials["train_size"].notna()], ["decay_time"])
    held = _held_aside(passes)
    if held.all():
        raise UsageError(
            f"{name}: 1 seed at every point, or no trial of several passes; a regime is told from "
            "seeds that are held aside. Train more seeds."
        )
    decay_time = feature(passes, "decay_time")
    stratum = strata_of(passes, "decay_time")
    middle = _middles(decay_time, stratum)
    at_middle = held & (np.abs(decay_time - middle) < SAME_LOG)
    # Of phases that are equally frequent, the first of `PHASES` names the stratum.
    shown = classify(passes[at_middle])["phase"]
    phases = pd.crosstab(stratum[at_middle], shown).reindex(columns=list(PHASES)).idxmax(axis=1)
    counts = {str(phase): int(count) for phase, count in phases.value_counts().items()}
    chosen = np.isin(stratum, phases.index[phases == name])
    side = SIDES[name] * (decay_time - middle) > -SAME_LOG
    part = passes[chosen & side & ~held]
    if part.empty:
        found = ", ".join(f"{count} {phase}" for phase, count in counts.items()) or "none"
        raise UsageError(
            f"{name}: 0 strata; held-aside seeds at the middle decay time show {found}. Choose "
            "another regime, or vary the axes further."
        )
    return Regime(part, counts)


def _held_aside(trials: pd.DataFrame) -> NDArray[np.bool_]:
    """True for the first of every four seeds of a point, [T]."""
    rank = trials.groupby("point_id", observed=True)["seed"].rank(method="first").to_numpy()
    return np.asarray((rank - 1) % HELD_ASIDE == 0)


def _middles(decay_time: NDArray[np.float64], stratum: NDArray[np.intp]) -> NDArray[np.float64]:
    """The middle of the distinct decay times of each trial's stratum, [T]; of two, the longer."""
    values = pd.DataFrame({"stratum": stratum, "time": decay_time})
    distinct = values.assign(key=values["time"].round(6)).drop_duplicates(["stratum", "key"])
    ordered = distinct.sort_values(["stratum", "time"]).groupby("stratum")["time"]
    middle = ordered.agg(lambda times: times.iloc[len(times) // 2])
    return middle.to_numpy(float)[stratum]
