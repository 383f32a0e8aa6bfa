"""Which law: information criteria, likelihood ratios, and prediction beyond what was fitted.

A law is ranked by what it predicts of trials beyond those it was fitted to. The law is fitted
without the hardest third of the values of an axis (the largest n, the smallest weight decay) and
scored on that third. The held-out score is the mean log probability of what a trial there did.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2

from analysis.laws.design import Cure, Design, make_design
from analysis.laws.equations import LAWS, find_law
from analysis.laws.features import distinct, feature
from analysis.laws.fit import Fit, fit_law, with_adequacy
from analysis.laws.model import best
from analysis.phases.drawn_axes import axes_that_vary
from study.errors import UsageError
from study.search.newton import Top

# The side of an axis on which learning is harder: 1 for large values, -1 for small ones.
HARDER = {
    "n": 1, "k": 1, "width": 1, "weight_decay": -1, "train_size": -1, "learning_rate": -1,
    "init_scale": 1,
}  # fmt: skip
# The least log probability of one trial. It limits what a law loses that says "never" wrongly.
FLOOR = -20.0


@dataclass(frozen=True, slots=True)
class Prediction:
    """A law fitted without a part of the trials, and its score on that part."""

    score: float  # mean log probability, where each trial counts with at least `FLOOR`
    design: Design  # of the other trials
    top: Top


def fit_laws(
    trials: pd.DataFrame,
    laws: Iterable[str] | None = None,
    event: str = "generalized",
    errors: str = "lognormal",
    axes: Sequence[str] | None = None,
    cure: Cure = None,
    clusters: Sequence[str] | None = None,
) -> tuple[list[Fit], dict[str, str]]:
    """Fit several laws, each with its adequacy and its held-out score.

    Args:
        trials: as those of `fit_law`, like `event`, `errors`, `axes` and `cure`.
        laws: names in `LAWS`; by default all of them.
        event: see `fit_law`.
        errors: see `fit_law`.
        axes: see `fit_law`.
        cure: see `fit_law`.
        clusters: see `fit_law`.
    Returns: the fits, best score first, and by name the reason why a law could not be fitted.
    Raises: UsageError where no law can be fitted: the reason of the first.
    """
    fits, refused = [], {}
    for name in LAWS if laws is None else laws:
        find_law(name)
        try:
            fit = fit_law(trials, name, event, errors, axes, cure, clusters)
        except UsageError as error:
            refused[name] = str(error)
            continue
        fits.append(with_heldout(with_adequacy(fit, trials), trials))
    if not fits and refused:
        raise UsageError(next(iter(refused.values())))
    fits.sort(key=_rank)
    return fits, refused


def _rank(fit: Fit) -> tuple[bool, bool, float, float]:
    """A key that sorts fits: by held-out score, then by AIC; a fit without a maximum comes last."""
    score = 0.0 if fit.heldout is None else -fit.heldout
    return not fit.converged, fit.heldout is None, score, fit.aic


def best_inside(fits: Sequence[Fit]) -> Fit:
    """The law with the lowest AIC; the first where none converged.

    Args:
        fits: laws of the same trials. A law that had to leave trials out does not compete.
    """
    converged = [fit for fit in fits if fit.converged]
    most = max((fit.trials for fit in converged), default=0)
    return min((fit for fit in converged if fit.trials == most), key=_aic, default=fits[0])


def _aic(fit: Fit) -> float:
    return fit.aic


def held_out(trials: pd.DataFrame, axis: str) -> NDArray[np.bool_] | None:
    """True for trials at the hardest third of an axis's values, [T].

    Args:
        trials: the trials.
        axis: a name in `HARDER`.
    Returns: None if the axis has fewer than 3 values.
    """
    values = feature(trials, axis)
    easiest_first = distinct(values)[:: HARDER[axis]]
    if len(easiest_first) < 3:
        return None
    edge = easiest_first[-(len(easiest_first) // 3)]
    return np.asarray(HARDER[axis] * (values - edge) > -1e-9)


def predict_beyond(trials: pd.DataFrame, beyond: NDArray[np.bool_], fit: Fit) -> Prediction | None:
    """The law of a fit, fitted again without some trials and scored on them.

    Args:
        trials: all trials.
        beyond: True for the trials to leave out and to score, [T].
        fit: gives the law, the event and the other choices.
    Returns: None where the other trials cannot determine the law, or no trial is left to score.
    """
    try:
        design = make_design(
            trials[~beyond],
            fit.law.name,
            fit.event,
            fit.errors,
            fit.axes,
            fit.cure,
        )
    except UsageError:
        return None
    top = best(design.model, design.model.starts())
    model = design.of(trials[beyond], fit.event)
    if not len(model.observed.low):
        return None
    scores = np.maximum(model.row_values(top.theta), FLOOR)
    return Prediction(float(scores.mean()), design, top)


def with_heldout(fit: Fit, trials: pd.DataFrame) -> Fit:
    """The fit with its held-out score on each axis, and the mean of these scores.

    A fit without a maximum is returned as it is. The score of an axis is None if the easier part of
    the axis cannot determine the law. Then the mean is None, too: it would not compare with the
    means of other laws, which are over more axes.

    Args:
        fit: the law.
        trials: the trials that it was fitted to.
    """
    scores: dict[str, float | None] = {}
    if not fit.converged:
        return fit
    for axis in axes_that_vary(trials):
        if axis not in HARDER or (axis in fit.axes and trials[axis].isna().any()):
            continue
        beyond = held_out(trials, axis)
        if beyond is not None:
            prediction = predict_beyond(trials, beyond, fit)
            scores[axis] = None if prediction is None else prediction.score
    finite = [score for score in scores.values() if score is not None]
    mean = float(np.mean(finite)) if finite and len(finite) == len(scores) else None
    return replace(fit, heldout=mean, heldout_by_axis=scores)


def comparison(fits: Sequence[Fit]) -> pd.DataFrame:
    """A row for each fit: size, criteria, distance to the lowest AIC, and held-out score.

    `rejected` is null where seeds are too few to tell.

    `delta_aic` is null for a fit to other trials than those of the first fit, because AICs compare
    only on the same trials.
    """
    comparable = [
        fit.converged and (fit.trials, fit.event) == (fits[0].trials, fits[0].event) for fit in fits
    ]
    lowest = min(
        (fit.aic for fit, same in zip(fits, comparable, strict=True) if same), default=None
    )
    return pd.DataFrame(
        [
            {
                "law": fit.law.name,
                "event": fit.event,
                "errors": fit.errors,
                "cure": fit.cure is not None,
                "parameters": fit.model.size,
                "events": fit.events,
                "censored": fit.censored,
                "converged": fit.converged,
                "identified": fit.identified,
                "rejected": None if fit.adequacy is None else fit.adequacy.rejected,
                "aic": fit.aic if fit.converged else None,
                "delta_aic": None if lowest is None or not same else fit.aic - lowest,
                "bic": fit.bic if fit.converged else None,
                "heldout": fit.heldout,
            }
            for fit, same in zip(fits, comparable, strict=True)
        ]
    )


def ratio_tests(fits: Sequence[Fit]) -> pd.DataFrame:
    """Likelihood ratio tests of the pairs of fits in which one law is a special case of the other.

    A cure fraction of 0 lies on the border of the parameter space, so its p value is half of the
    usual p value.
    Returns: the columns `law`, `within` (the larger law), `statistic`, `freedom` (the difference in
        parameters), and `chance` (the p value).
    Source: S. G. Self and K.-Y. Liang, J. Am. Stat. Assoc. 82 (1987) 605.
    """
    rows = []
    for small, large in permutations(fits, 2):
        nested = large.law.name in small.law.nested_in and small.cure == large.cure
        border = small.law is large.law and small.cure is None and large.cure == ()
        alike = (small.event, small.errors, small.trials) == (
            large.event,
            large.errors,
            large.trials,
        )
        freedom = large.model.size - small.model.size
        alike = alike and small.converged and large.converged
        if alike and (nested or border) and freedom > 0:
            statistic = max(2 * (large.log_likelihood - small.log_likelihood), 0.0)
            chance = float(chi2.sf(statistic, freedom)) * (0.5 if border else 1)
            within = large.law.name + (" with a cure fraction" if border else "")
            rows.append((small.law.name, within, statistic, freedom, chance))
    return pd.DataFrame(rows, columns=["law", "within", "statistic", "freedom", "chance"])
