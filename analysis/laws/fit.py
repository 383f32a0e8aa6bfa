"""Fit a law: trials in, estimates with intervals out.

Where the trials cannot determine a law, an error says why in one sentence. `make_design` is the
first half, up to the likelihood, for callers that need no more.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.laws.adequacy import Adequacy, adequacy_of
from analysis.laws.design import Cure, Design, make_design, points_of
from analysis.laws.equations import Law
from analysis.laws.families import Reals
from analysis.laws.intervals import LEAST_CLUSTERS, Parameter, parameters_of
from analysis.laws.model import Model, best
from analysis.laws.strata import strata_of
from analysis.laws.times import COMPETING, incidence, watch_of
from study.errors import unknown
from study.search.newton import Top

REGIMES = ("multi-pass", "online")  # several passes over fixed rows, or fresh rows every step


@dataclass(frozen=True)
class Fit:
    """A law fitted to the times of an event.

    `model`, `top` and `points` serve intervals, resampling and charts.

    Attributes:
        law: that was fitted.
        event: a name in `times.CLOCKS`.
        errors: a name in `FAMILIES`.
        regime: one of `REGIMES` or of `regimes.SIDES`.
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
        clusters: what robust intervals allow for the scatter between: "strata" (of the decay time),
            "points", or the columns that were named.
        adequacy: whether the law fits at all; None where seeds are too few to tell.
        stratum: the column and the value of the part that was fitted; empty for all trials.
        warnings: why a pooled slope misleads, by the name of its parameter; see `strata.simpson`.
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
    clusters: str
    adequacy: Adequacy | None = None
    stratum: dict[str, object] = field(default_factory=dict)
    warnings: dict[str, str] = field(default_factory=dict)
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
            "clusters": self.clusters,
            "parameters": {name: asdict(value) for name, value in self.parameters.items()},
            "adequacy": None if self.adequacy is None else self.adequacy.to_json(),
            "trials": self.trials,
            "events": self.events,
            "censored": self.censored,
            "left_out": self.left_out,
            "at_once": self.at_once,
            "incidence": self.incidence,
            "warnings": self.warnings,
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
    clusters: Sequence[str] | None = None,
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
        clusters: columns; trials that are alike in all of them may err alike, and robust intervals
            allow for that. By default, all axes but learning rate and weight decay.
    Raises: UsageError, one sentence, where the trials cannot determine the law.
    """
    design = make_design(trials, law, event, errors, axes, cure)
    top = best(design.model, design.model.starts())
    return _fit_of(design, top, trials, event, errors, clusters)


def _fit_of(
    design: Design,
    top: Top,
    trials: pd.DataFrame,
    event: str,
    errors: str,
    columns: Sequence[str] | None,
) -> Fit:
    """The fit that ends at a top: intervals, counts and criteria."""
    model = design.model
    at_risk = trials[design.rows]
    points = points_of(at_risk)
    clusters, clustered_by = _clusters_of(at_risk, points, columns)
    parameters, top = parameters_of(model, top, design.cure, clusters)
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
        clusters=clustered_by,
    )


def with_adequacy(fit: Fit, trials: pd.DataFrame) -> Fit:
    """The fit with its adequacy; as it is where it has no maximum, or seeds are too few to tell.

    Args:
        fit: from `fit_law`.
        trials: the trials that it was fitted to.
    """
    if not fit.converged:
        return fit
    watched = watch_of(trials, fit.event)
    return replace(fit, adequacy=adequacy_of(fit.model, fit.top, fit.points, watched))


def _clusters_of(
    at_risk: pd.DataFrame, points: NDArray[np.intp], columns: Sequence[str] | None
) -> tuple[NDArray[np.intp], str]:
    """The number of each trial's cluster, [T], and what the clusters are.

    Args:
        at_risk: the trials.
        points: the number of each trial's point, [T].
        columns: that a cluster is alike in; None for strata of the decay time, or points where
            these strata are few.
    Raises: UsageError for a column that is not there.
    """
    if columns is not None:
        for column in columns:
            if column not in at_risk:
                raise unknown("a column", column, map(str, at_risk.columns))
        numbers = at_risk.groupby(list(columns), dropna=False).ngroup()
        return numbers.to_numpy().astype(np.intp), ", ".join(columns)
    strata = strata_of(at_risk, "decay_time")
    return (points, "points") if strata.max() + 1 < LEAST_CLUSTERS else (strata, "strata")
