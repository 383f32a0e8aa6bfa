"""Fit a law: trials in, estimates with intervals out, or one sentence that says why not."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.laws.equations import Law, equation_of, find_law
from analysis.laws.families import Reals, find_family
from analysis.laws.features import FEATURES, check_spread, feature, varying_axes
from analysis.laws.intervals import Parameter, parameters_of
from analysis.laws.model import Model, best
from analysis.laws.times import COMPETING, incidence, times_of
from study.errors import UsageError, unknown
from study.search.newton import Top

REGIMES = ("multi-pass", "online")


@dataclass(frozen=True, slots=True)
class Design:
    """What a fit starts from: the likelihood, which of the trials are at risk, and the choices.

    `cure_centre` are the means that the features of the cure fraction are measured from.
    """

    model: Model
    rows: NDArray[np.bool_]
    at_once: int
    axes: tuple[str, ...]
    cure: tuple[str, ...] | None
    cure_centre: tuple[float, ...] = ()

    def of(self, trials: pd.DataFrame, event: str) -> Model:
        """The same law, with the same centres, of other trials."""
        times = times_of(trials, event)
        at_risk = trials[times.rows]
        x = self.model.equation.features(at_risk)
        cure = None if self.cure is None else _cured(at_risk, self.cure, self.cure_centre)
        return Model(self.model.equation, self.model.family, times.known, x, cure)


@dataclass(frozen=True)
class Fit:
    """A law fitted to the times of an event.

    Counts are as the columns of the command: `left_out` were never at risk, `at_once` are delays of
    nothing. `model`, `top` (theta at the maximum) and `points` serve intervals and charts.
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
    points: NDArray[np.intp] = field(repr=False)  # the number of each trial's point
    stratum: dict[str, Any] = field(default_factory=dict)
    heldout: float | None = None
    heldout_by_axis: dict[str, float | None] = field(default_factory=dict)

    @property
    def identified(self) -> bool:
        """Whether every parameter has both ends of its interval."""
        return all(parameter.identified for parameter in self.parameters.values())

    def to_json(self) -> dict[str, Any]:
        """The fit as data; null for what the trials do not determine."""
        known = self.converged
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
            "converged": known,
            "identified": self.identified,
            "log_likelihood": self.log_likelihood if known else None,
            "aic": self.aic if known else None,
            "bic": self.bic if known else None,
            "heldout": self.heldout,
            "heldout_by_axis": self.heldout_by_axis,
        }

    def predict(self, trials: pd.DataFrame) -> Reals:
        """The median time of each trial, in steps, inf where the law says never, [T].

        With a cure fraction, of trials that are not cured.
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
    cure: bool | Sequence[str] = False,  # noqa: FBT001, FBT002  reads well as cure=True
) -> Fit:
    """Fit a law of the transition time to all trials, censored ones included.

    Args: trials as `load_trials` gives them, of one regime; law, a name in `LAWS`; event, one of
    "memorized", "generalized", "delay"; errors, one of "lognormal", "loglogistic", "weibull"; axes,
    features that enter as powers beside what the law speaks of (all axes that vary); cure, whether
    a share of trials never has the event, or the features its logit depends on.
    Raises: UsageError, one sentence, where the trials cannot determine the law.
    """
    design = make_design(trials, law, event, errors, axes, cure)
    model = design.model
    top = best(model, model.starts())
    at_risk = trials[design.rows]
    points = points_of(at_risk)
    parameters, top = parameters_of(model, top, design.cure, points)
    events = int((~model.known.censored).sum())
    share = incidence(at_risk, event)
    return Fit(
        law=find_law(law),
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
    cure: bool | Sequence[str],  # noqa: FBT001  as in fit_law
) -> Design:
    """The likelihood of a law on some trials; arguments and errors as those of `fit_law`."""
    found, family = find_law(law), find_family(errors)
    names = _cure_names(cure)
    times = times_of(trials, event)
    at_risk = trials[times.rows]
    events = int((~times.known.censored).sum())
    _check_events(len(trials), len(at_risk), events, event)
    online = at_risk["train_size"].isna()
    if online.any() and not online.all():
        raise UsageError(
            f"{int(online.sum()):,} of {len(at_risk):,} trials are online; a law is of one regime. "
            'Choose with where "train_size is null" or "train_size is not null".'
        )
    used = _axes(trials, axes)
    equation = equation_of(found, at_risk, used)
    centre = []
    for name in names or ():
        values = feature(at_risk, name)
        check_spread(at_risk, name, values)
        centre.append(float(values.mean()))
    cured = None if names is None else _cured(at_risk, names, tuple(centre))
    model = Model(equation, family, times.known, equation.features(at_risk), cured)
    if events < model.size:
        raise UsageError(
            f"{events} trials with the event for {model.size} parameters of {law}; each needs at "
            "least one. Train longer or more seeds, or fit a law with fewer parameters."
        )
    return Design(model, times.rows, times.at_once, used, names, tuple(centre))


def _cured(trials: pd.DataFrame, names: Sequence[str], centre: Sequence[float]) -> Reals:
    columns = [feature(trials, name) - mean for name, mean in zip(names, centre, strict=True)]
    return np.column_stack([np.ones(len(trials)), *columns])


def _check_events(trials: int, at_risk: int, events: int, event: str) -> None:
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
    if axes is None:
        return varying_axes(trials)
    for name in axes:
        if name not in FEATURES:
            raise unknown("a feature", name, FEATURES)
    return tuple(dict.fromkeys(axes))


def _cure_names(cure: bool | Sequence[str]) -> tuple[str, ...] | None:  # noqa: FBT001  as in fit_law
    if isinstance(cure, bool):
        return () if cure else None
    return tuple(cure)


def points_of(at_risk: pd.DataFrame) -> NDArray[np.intp]:
    """The number of each trial's point; without points, every trial is one."""
    if "point_id" not in at_risk:
        return np.arange(len(at_risk))
    return np.asarray(pd.factorize(at_risk["point_id"])[0])
