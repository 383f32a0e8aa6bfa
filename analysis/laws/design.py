"""What a fit starts from: the likelihood of a law on some trials, checked for what it needs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.laws.equations import equation_of, find_law
from analysis.laws.families import Reals, find_family
from analysis.laws.features import FEATURES, check_spread, feature
from analysis.laws.model import Model
from analysis.laws.times import times_of
from analysis.phases.drawn_axes import axes_that_vary
from study.errors import UsageError, unknown

Cure = bool | Sequence[str] | None  # whether there is a cure fraction, or its features

NO_TRIALS = "0 trials; a law is fitted to some. Loosen the filter."


@dataclass(frozen=True, slots=True)
class Design:
    """What a fit starts from: the likelihood, which of the trials are at risk, and the choices."""

    model: Model
    rows: NDArray[np.bool_]  # True for trials at risk of the event, [all trials]
    at_once: int  # number of trials whose delay is zero or less
    axes: tuple[str, ...]  # features that enter as powers, if the law does not speak of them
    cure: tuple[str, ...] | None  # features of the cure fraction; None without a cure fraction
    cure_center: tuple[float, ...] = ()  # the mean of each of these features, which is subtracted

    def of(self, trials: pd.DataFrame, event: str) -> Model:
        """The likelihood of other trials, under the same law with the same centers.

        Args:
            trials: as `load_trials` gives them; those that are at risk count.
            event: see `fit_law`.
        """
        times = times_of(trials, event)
        at_risk = trials[times.rows]
        x = self.model.equation.features(at_risk)
        cure = None if self.cure is None else _cured(at_risk, self.cure, self.cure_center)
        return Model(self.model.equation, self.model.family, times.observed, x, cure)


def make_design(
    trials: pd.DataFrame,
    law: str,
    event: str,
    errors: str,
    axes: Sequence[str] | None,
    cure: Cure = None,
) -> Design:
    """The likelihood of a law on some trials; arguments and errors are those of `fit_law`."""
    row, family = find_law(law), find_family(errors)
    cure_names = _cure_names(cure)
    times = times_of(trials, event)
    at_risk = trials[times.rows]
    events = int((~times.observed.censored).sum())
    _check_events(len(trials), len(at_risk), events, event)
    online = at_risk["train_size"].isna()
    if online.any() and not online.all():
        raise UsageError(
            f"{int(online.sum()):,} of {len(at_risk):,} trials are online; a law is of one regime. "
            'Choose with where "train_size is null" or "train_size is not null".'
        )
    used = _axes(trials, axes)
    equation = equation_of(row, at_risk, used)
    center = []
    for name in cure_names or ():
        values = feature(at_risk, name)
        check_spread(at_risk, name, values)
        center.append(float(values.mean()))
    cured = None if cure_names is None else _cured(at_risk, cure_names, tuple(center))
    model = Model(equation, family, times.observed, equation.features(at_risk), cured)
    if events < model.size:
        raise UsageError(
            f"{events} trials with the event for {model.size} parameters of {law}; each needs at "
            "least one. Train longer or more seeds, or fit a law with fewer parameters."
        )
    return Design(model, times.rows, times.at_once, used, cure_names, tuple(center))


def _cured(trials: pd.DataFrame, names: Sequence[str], center: Sequence[float]) -> Reals:
    """What the logit of the cure fraction is linear in: 1, and the centered features, [T, c]."""
    columns = [feature(trials, name) - mean for name, mean in zip(names, center, strict=True)]
    return np.column_stack([np.ones(len(trials)), *columns])


def _check_events(trials: int, at_risk: int, events: int, event: str) -> None:
    """Raise UsageError where there is no trial, or none with the event."""
    if not trials:
        raise UsageError(NO_TRIALS)
    if not events:
        word = "memorized" if event == "delay" and not at_risk else event
        raise UsageError(
            f"{event}: 0 of {trials:,} trials {'had a ' if word == 'delay' else ''}{word} within "
            "their budget; a law is fitted to events. Train longer (a larger budget), or fit "
            "another event."
        )


def _axes(trials: pd.DataFrame, axes: Sequence[str] | None) -> tuple[str, ...]:
    """The features that may enter as powers: those that are named, or all axes that vary."""
    if axes is None:
        return axes_that_vary(trials)
    for name in axes:
        if name not in FEATURES:
            raise unknown("a feature", name, FEATURES)
    return tuple(dict.fromkeys(axes))


def _cure_names(cure: Cure) -> tuple[str, ...] | None:
    """The features of the cure fraction; None without a cure fraction."""
    if cure is None or isinstance(cure, bool):
        return () if cure else None
    return tuple(cure)


def points_of(at_risk: pd.DataFrame) -> NDArray[np.intp]:
    """The number of each trial's point, [T]; without a column of points, every trial is a point."""
    if "point_id" not in at_risk:
        return np.arange(len(at_risk))
    return np.asarray(pd.factorize(at_risk["point_id"])[0])
