"""A line of its own for every stratum: log T = level + slope x, with one sigma for all.

It is what the slopes within strata suppose. `adequacy_within` says whether the trials reject it.

S strata, T trials.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.laws.adequacy import Adequacy, adequacy_of
from analysis.laws.design import points_of
from analysis.laws.equations import Equation, find_law
from analysis.laws.families import Reals, find_family
from analysis.laws.features import feature
from analysis.laws.grouped import fit_groups
from analysis.laws.model import Model, maximum_from
from analysis.laws.strata import SlopesWithin, in_strata, strata_of, stratum_axes
from analysis.laws.times import times_of, watch_of


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines as a term; its two features are the number of a trial's stratum, and x."""

    strata: int

    @property
    def parameters(self) -> tuple[str, ...]:
        """The levels of all strata, then their slopes."""
        numbers = range(self.strata)
        return (*(f"level_{i}" for i in numbers), *(f"line_{i}" for i in numbers))

    @property
    def features(self) -> tuple[str, ...]:
        """See `Term.features`."""
        return ("stratum", "x")

    def value(self, x: Reals, theta: Reals) -> tuple[Reals, Reals]:
        """See `Term.value`. The term is linear in theta."""
        inside = x[:, :1] == np.arange(self.strata)
        columns = np.hstack([inside, inside * x[:, 1:]])
        return columns @ theta, columns

    def starts(self, _x: Reals, _happened: NDArray[np.bool_], /) -> list[Reals]:
        """All zero. The likelihood of a linear term has one maximum, so any start will do."""
        return [np.zeros(2 * self.strata)]


def adequacy_within(
    trials: pd.DataFrame, within: SlopesWithin, event: str, errors: str
) -> Adequacy | None:
    """Whether a line in every stratum fits; None where seeds are too few to tell.

    Args:
        trials: that the slopes were fitted to.
        within: the slopes.
        event: see `fit_law`.
        errors: see `fit_law`.
    """
    name = within.feature
    part = in_strata(trials, within.known, stratum_axes(trials, name))
    times = times_of(part, event)
    at_risk = part[times.rows]
    group = strata_of(at_risk, name)
    x = feature(at_risk, name)
    x = x - np.bincount(group, x)[group] / np.bincount(group)[group]
    count = int(group.max()) + 1
    family = find_family(errors)
    common = fit_groups(times.observed, family, group, x[:, None])
    model = Model(
        Equation(find_law("power"), (Lines(count),)),
        family,
        times.observed,
        (np.column_stack([group, x]),),
    )
    start = np.r_[common.locations, np.full(count, common.slopes[0]), np.log(common.sigma)]
    top = maximum_from(model, start)
    return adequacy_of(model, top, points_of(at_risk), watch_of(part, event))
