"""Which law: information criteria, likelihood ratios, and prediction beyond what was fitted.

A law is worth what it says of trials further out than those it has seen: it is fitted without the
hardest third of the values of an axis (the largest n, the smallest weight decay) and scored on
them. The score is the mean log probability of what a trial did; it ranks the laws.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2

from analysis.laws.equations import LAWS, find_law
from analysis.laws.features import distinct, feature, varying_axes
from analysis.laws.fit import Fit, fit_law, make_design
from analysis.laws.model import best
from study.errors import UsageError

# On which side of an axis learning is harder, and prediction is wanted.
HARDER = {
    "n": 1, "k": 1, "width": 1, "weight_decay": -1, "train_size": -1, "learning_rate": -1,
    "init_scale": 1,
}  # fmt: skip
FLOOR = -20.0  # log probability: a law that says never, and is wrong, loses this much and no more
Cure = bool | Sequence[str]


def fit_laws(
    trials: pd.DataFrame,
    laws: Iterable[str] | None = None,
    event: str = "generalized",
    errors: str = "lognormal",
    axes: Sequence[str] | None = None,
    cure: Cure = False,  # noqa: FBT002  as in fit_law
) -> tuple[list[Fit], dict[str, str]]:
    """Fit several laws, each with its held-out score, best score first; and why others were not.

    Args: laws, names (all that the trials can determine); the rest as `fit_law`.
    Raises: UsageError where no law can be fitted: the reason of the first.
    """
    fits, refused = [], {}
    for name in LAWS if laws is None else laws:
        find_law(name)
        try:
            fit = fit_law(trials, name, event, errors, axes, cure)
        except UsageError as error:
            refused[name] = str(error)
            continue
        fits.append(with_heldout(fit, trials))
    if not fits and refused:
        raise UsageError(next(iter(refused.values())))
    fits.sort(key=_rank)
    return fits, refused


def _rank(fit: Fit) -> tuple[bool, bool, float, float]:
    """Best first: by what a law predicts, then by AIC; at the end what has no maximum."""
    score = 0.0 if fit.heldout is None else -fit.heldout
    return not fit.converged, fit.heldout is None, score, fit.aic


def held_out(trials: pd.DataFrame, axis: str) -> NDArray[np.bool_] | None:
    """The trials at the hardest third of an axis's values, [T]; None with fewer than 3 values."""
    values = feature(trials, axis)
    found = distinct(values)[:: HARDER[axis]]
    if len(found) < 3:
        return None
    edge = found[-(len(found) // 3)]
    return np.asarray(HARDER[axis] * (values - edge) > -1e-9)


def predict_beyond(
    trials: pd.DataFrame, beyond: NDArray[np.bool_], fit: Fit
) -> tuple[float, Any] | None:
    """The held-out score of a fit's law, and the design and top fitted without `beyond`.

    None where the rest of the trials cannot determine the law.
    """
    try:
        design = make_design(
            trials[~beyond],
            fit.law.name,
            fit.event,
            fit.errors,
            fit.axes,
            False if fit.cure is None else fit.cure,
        )
    except UsageError:
        return None
    top = best(design.model, design.model.starts())
    there = design.of(trials[beyond], fit.event)
    if not len(there.known.low):
        return None
    scores = np.maximum(there.row_values(top.theta), FLOOR)
    return float(scores.mean()), (design, top)


def with_heldout(fit: Fit, trials: pd.DataFrame) -> Fit:
    """The fit with its held-out score on each axis, and their mean.

    Unscored where the fit has no maximum. None for an axis whose easier part cannot determine the
    law, and then for the mean: a mean over fewer axes would not compare with others.
    """
    scores: dict[str, float | None] = {}
    if not fit.converged:
        return fit
    for axis in varying_axes(trials):
        if axis not in HARDER or (axis in fit.axes and trials[axis].isna().any()):
            continue
        beyond = held_out(trials, axis)
        if beyond is not None:
            found = predict_beyond(trials, beyond, fit)
            scores[axis] = None if found is None else found[0]
    known = [score for score in scores.values() if score is not None]
    mean = float(np.mean(known)) if known and len(known) == len(scores) else None
    return replace(fit, heldout=mean, heldout_by_axis=scores)


def comparison(fits: Sequence[Fit]) -> pd.DataFrame:
    """One row a fit: its size, criteria, the distance to the best AIC, and held-out score.

    `delta_aic` is null for a fit to other trials than the first one's: they do not compare.
    """
    same = [
        fit.converged and (fit.trials, fit.event) == (fits[0].trials, fits[0].event) for fit in fits
    ]
    lowest = min((fit.aic for fit, kept in zip(fits, same, strict=True) if kept), default=None)
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
                "aic": fit.aic if fit.converged else None,
                "delta_aic": None if lowest is None or not kept else fit.aic - lowest,
                "bic": fit.bic if fit.converged else None,
                "heldout": fit.heldout,
            }
            for fit, kept in zip(fits, same, strict=True)
        ]
    )


def ratio_tests(fits: Sequence[Fit]) -> pd.DataFrame:
    """Likelihood ratio tests of the pairs in which one law is a special case of the other.

    Columns: `law`, `within`, `statistic`, `freedom`, `chance` (the p value). A cure fraction of 0
    lies on the border of what may be: its chance is half of the usual one.
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
