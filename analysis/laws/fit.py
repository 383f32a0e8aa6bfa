"""Fit a law: trials in, estimates with intervals out.

`fit_law` does all of this. Where the trials cannot determine a law, an error says why in one
sentence. `make_design` does the first half, up to the likelihood, for callers that need no more.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.laws.equations import Law, equation_of, find_law
from analysis.laws.families import Reals, find_family
from analysis.laws.features import FEATURES, check_spread, feature
from analysis.laws.intervals import Parameter, parameters_of
from analysis.laws.model import Model, best
from analysis.laws.times import COMPETING, incidence, times_of
from analysis.phases.drawn_axes import axes_that_vary
from study.errors import UsageError, unknown
from study.search.newton import Top

REGIMES = ("multi-pass", "online")  # several passes over fixed rows, or fresh rows every step
Cure = bool | Sequence[str] | None  # whether there is a cure fraction, or its features


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


@dataclass(frozen=True)
class Fit:
    """A law fitted to the times of an event.

    `model`, `top` and `points` serve intervals, resampling and charts.

    Attributes:
        law: that was fitted.
        event: a name in `times.CLOCKS`.
        errors: a name in `FAMILIES`.
        regime: one of `REGIMES`.
        axes: features that enter as powers, if the law does not speak of them.
        cure: features of the cure fraction; None without a cure fraction.
        parameters: by name, with intervals.
        trials: how many were at risk of the event.
        events: how many trials had the event.
        censored: how many trials at risk did not have the event.
        left_out: how many trials were never at risk.
        at_once: how many trials had a delay of zero or less.
        incidence: the share of trials for each of `times.COMPETING`.
        converged: whether the likelihood has a maximum.
        log_likelihood: at the maximum.
        aic: Akaike's criterion.
        bic: the Bayesian criterion, over the trials at risk.
        model: the likelihood.
        top: the maximum of the likelihood.
        points: the number of each trial's point, [T].
        stratum: the column and the value of the part that was fitted; empty for all trials.
        heldout: the mean of `heldout_by_axis`.
        heldout_by_axis: the held-out score on each axis, as `with_heldout` gives them.
    """

    law: Law
    event: str
    errors: str
    regime: str
    axes: tuple[str, ...]
    cure: tuple[str, ...] | None
    parameters: dict[str, Parameter]
    trials: int
    events: int
    censored: int
    left_out: int
    at_once: int
    incidence: dict[str, float]
    converged: bool
    log_likelihood: float
    aic: float
    bic: float
    model: Model = field(repr=False)
    top: Top = field(repr=False)
    points: NDArray[np.intp] = field(repr=False)
    stratum: dict[str, object] = field(default_factory=dict)
    heldout: float | None = None
    heldout_by_axis: dict[str, float | None] = field(default_factory=dict)

    @property
    def identified(self) -> bool:
        """Whether every parameter has both ends of its interval."""
        return all(parameter.identified for parameter in self.parameters.values())

    def to_json(self) -> dict[str, object]:
        """The fit as data; null for what the trials do not determine."""
        converged = self.converged
        return {
            "law": self.law.name,
            "formula": self.law.formula,
            "event": self.event,
            "errors": self.errors,
            "regime": self.regime,
            "stratum": self.stratum,
            "cure": None if self.cure is None else list(self.cure),
            "parameters": {name: asdict(value) for name, value in self.parameters.items()},
            "trials": self.trials,
            "events": self.events,
            "censored": self.censored,
            "left_out": self.left_out,
            "at_once": self.at_once,
            "incidence": self.incidence,
            "converged": converged,
            "identified": self.identified,
            "log_likelihood": self.log_likelihood if converged else None,
            "aic": self.aic if converged else None,
            "bic": self.bic if converged else None,
            "heldout": self.heldout,
            "heldout_by_axis": self.heldout_by_axis,
        }

    def predict(self, trials: pd.DataFrame) -> Reals:
        """The median time of each trial in steps, [T]; inf where the law says never.

        With a cure fraction, the median is that of trials which are not cured.
        """
        x = self.model.equation.features(trials)
        count = len(self.model.equation.parameters)
        return np.asarray(np.exp(self.model.equation.value(x, self.top.theta[:count])[0]))


def fit_law(
    trials: pd.DataFrame,
    law: str = "power",
    event: str = "generalized",
    errors: str = "lognormal",
    axes: Sequence[str] | None = None,
    cure: Cure = None,
) -> Fit:
    """Fit a law of the transition time to all trials, censored trials included.

    Args:
        trials: as `load_trials` gives them, of one regime.
        law: a name in `LAWS`.
        event: "memorized", "generalized" or "delay".
        errors: the error family: "lognormal", "loglogistic" or "weibull".
        axes: features that enter as powers, if the law does not speak of them. By default, all axes
            that vary.
        cure: True if a share of the trials never has the event, or the features that the logit of
            that share depends on.
    Raises: UsageError, one sentence, where the trials cannot determine the law.
    """
    design = make_design(trials, law, event, errors, axes, cure)
    top = best(design.model, design.model.starts())
    return _fit_of(design, top, trials, event, errors)


def _fit_of(design: Design, top: Top, trials: pd.DataFrame, event: str, errors: str) -> Fit:
    """The fit that ends at a top: intervals, counts and criteria."""
    model = design.model
    at_risk = trials[design.rows]
    points = points_of(at_risk)
    parameters, top = parameters_of(model, top, design.cure, points)
    events = int((~model.observed.censored).sum())
    share = incidence(at_risk, event)
    return Fit(
        law=model.equation.law,
        event=event,
        errors=errors,
        regime=REGIMES[int(at_risk["train_size"].isna().all())],
        axes=design.axes,
        cure=design.cure,
        parameters=parameters,
        trials=len(at_risk),
        events=events,
        censored=len(at_risk) - events,
        left_out=len(trials) - len(at_risk),
        at_once=design.at_once,
        incidence={cause: share[cause] for cause in COMPETING},
        converged=top.converged,
        log_likelihood=top.value,
        aic=2 * model.size - 2 * top.value,
        bic=float(np.log(len(at_risk))) * model.size - 2 * top.value,
        model=model,
        top=top,
        points=points,
    )


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
        raise UsageError("0 trials; a law is fitted to some. Loosen the filter.")
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
