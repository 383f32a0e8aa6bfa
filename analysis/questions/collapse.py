"""Is delayed generalization one curve, and is there a critical dataset size? One k at a time.

The wait, in decay times, is one function F of rows / N_c, with N_c = c n^a width^w. The form of F
is the one that best predicts the largest n, to which it was not fitted; among forms that predict
alike, AIC decides. Two numbers then answer: the rows at which half of the largest n generalize,
predicted against observed; and how N_half moves from 10 to 40 decay times of patience, against how
a power that was fitted to the first 10 foretells it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from analysis.laws.families import Reals
from analysis.laws.strata import Bounded
from analysis.phases.watching import watched_for
from analysis.questions.half_rows import (
    HALF_WITHIN,
    HalfRows,
    half_rows,
    outcomes_within,
    rows_for_half,
)
from analysis.questions.spread import Spread, spread_of
from analysis.questions.wait_fits import WaitFit, fit_waits
from analysis.questions.wait_forms import WAIT_FORMS
from analysis.questions.waits import Waits, check_axes_of_waits, waits_of
from study.errors import UsageError

LEAST_N = 3  # values of n: two to fit the exponent, and one to predict
LEAST_EVENTS = 30  # trials that generalized, in those that a form is fitted to
ALIKE = 2.0  # standard errors of a difference in score, within which two forms predict alike
MARGIN_OF_ROWS = 0.1  # by which predicted rows at half may be off


@dataclass(frozen=True, slots=True)
class Foretold:
    """The largest n, predicted from the smaller n.

    Attributes:
        n: the largest.
        score: mean log probability of what its trials did, by the form fitted to the smaller n.
        own_score: by the same form fitted to these trials themselves; None without a maximum.
        spread: where the times of its trials lie in their predicted distributions.
        patience: the longest, in decay times, whose rows at half are determined; None for none.
        ratio: predicted over observed rows at half for that patience.
    """

    n: int
    score: float
    own_score: float | None
    spread: Spread
    patience: float | None
    ratio: Bounded | None


@dataclass(frozen=True, slots=True)
class FormFit:
    """A form on all trials of one k, and how it predicts the largest n.

    Attributes:
        fit: on all trials.
        foretold: None where the smaller n do not determine the form.
        scores: log probability of what each trial of the largest n did, [T]; empty without one.
    """

    fit: WaitFit
    foretold: Foretold | None
    scores: Reals


@dataclass(frozen=True, slots=True)
class Collapse:
    """The answers for one k.

    Attributes:
        k: hidden bits.
        waits: what was observed.
        forms: the best first.
        half: rows at half, for each n and patience.
        foretold_move: the slope of log N_half in log patience that a power fitted to the first 10
            decay times foretells; None where it has no maximum.
    """

    k: int
    waits: Waits
    forms: Sequence[FormFit]
    half: HalfRows
    foretold_move: Bounded | None

    @property
    def best(self) -> FormFit:
        """The form that predicts best."""
        return self.forms[0]


def collapses_of(trials: pd.DataFrame) -> tuple[list[Collapse], dict[int, str]]:
    """The answers for each k that has enough n, and for each other k the reason.

    Args:
        trials: as `load_trials` gives them, several passes, alike in all axes but those of waits.
    Raises: UsageError where there is no answer: the reason of the first k.
    """
    check_axes_of_waits(trials)
    answers, refused = [], {}
    for k in sorted(map(int, trials["k"].unique())):
        try:
            answers.append(_collapse(k, trials[trials["k"] == k]))
        except UsageError as error:
            refused[k] = str(error)
    if not answers:
        raise UsageError(next(iter(refused.values())))
    return answers, refused


def _collapse(k: int, trials: pd.DataFrame) -> Collapse:
    sizes = trials["n"].nunique()
    if sizes < LEAST_N:
        raise UsageError(
            f"k = {k}: {sizes} values of n; a collapse needs {LEAST_N}, two for the exponent and "
            "one to predict. Vary n."
        )
    waits = waits_of(trials)
    largest = waits.trials["n"].to_numpy(int) == int(waits.trials["n"].max())
    _check_events(k, waits.take(~largest))
    forms = []
    for form in WAIT_FORMS.values():
        fit = fit_waits(waits, form)
        forms.append(_form_fit(fit, waits, largest))
    early = fit_waits(waits_of(watched_for(trials, HALF_WITHIN[0])), WAIT_FORMS["power"])
    return Collapse(
        k, waits, _ranked(forms, waits.take(largest)), half_rows(trials), _move_of_power(early)
    )


def _check_events(k: int, waits: Waits) -> None:
    events = int((~waits.observed.censored).sum())
    if events < LEAST_EVENTS:
        raise UsageError(
            f"k = {k}: {events} trials of the smaller n generalized; a collapse needs "
            f"{LEAST_EVENTS}. Train longer, or more seeds."
        )


def _ranked(forms: list[FormFit], beyond: Waits) -> list[FormFit]:
    """By AIC, but those first that predict the largest n as well as the best, to `ALIKE` errors.

    Args:
        forms: of one k.
        beyond: the trials of the largest n, whose clusters the errors allow for.
    """
    best = max((one.scores for one in forms if len(one.scores)), key=np.mean, default=np.empty(0))

    def key(one: FormFit) -> tuple[bool, bool, float]:
        predicts = len(one.scores) > 0 and _alike(best - one.scores, beyond.cluster)
        return not predicts, not one.fit.converged, one.fit.aic

    return sorted(forms, key=key)


def _alike(lost: Reals, cluster: NDArray[np.intp]) -> bool:
    """Whether a mean difference of scores is within `ALIKE` of its clustered errors.

    Args:
        lost: of each trial, [T].
        cluster: the number of each trial's cluster, [T].
    """
    sums = np.bincount(cluster, lost - lost.mean())
    error = float(np.sqrt((sums**2).sum() * len(sums) / max(len(sums) - 1, 1))) / len(lost)
    return bool(lost.mean() <= ALIKE * error)


def _form_fit(fit: WaitFit, waits: Waits, largest: NDArray[np.bool_]) -> FormFit:
    """A form with its prediction of the largest n by a fit to the smaller n.

    Args:
        fit: the form on all trials.
        waits: all of them.
        largest: True for the trials of the largest n, [T].
    """
    nothing = FormFit(fit, None, np.empty(0))
    if not fit.converged:
        return nothing
    form = fit.model.form
    smaller = fit_waits(waits.take(~largest), form, fit.theta)
    if not smaller.converged:
        return nothing
    beyond = waits.take(largest)
    alone = beyond.without("n")
    near = np.delete(fit.theta, fit.model.names.index("exponent_n"))
    own = max((fit_waits(alone, form, start) for start in (near, None)), key=_height)
    model = smaller.on(beyond)
    low, high = (
        model.share_by(smaller.theta, end) for end in (beyond.observed.low, beyond.observed.high)
    )
    ratios = {patience: _ratio(smaller, beyond, patience) for patience in HALF_WITHIN}
    known = [patience for patience, ratio in ratios.items() if ratio is not None]
    scores = smaller.scores(beyond)
    foretold = Foretold(
        int(beyond.trials["n"].iloc[0]),
        float(scores.mean()),
        float(own.scores(alone).mean()) if own.converged else None,
        spread_of(low, high),
        known[-1] if known else None,
        ratios[known[-1]] if known else None,
    )
    return FormFit(fit, foretold, scores)


def _height(fit: WaitFit) -> tuple[bool, float]:
    """What the better of two fits has more of."""
    return fit.converged, fit.log_likelihood


def _ratio(smaller: WaitFit, beyond: Waits, patience: float) -> Bounded | None:
    """Predicted over observed rows at which half of some trials generalize within a patience."""
    observed = rows_for_half(outcomes_within(beyond.trials, patience))
    if observed is None:
        return None
    predicted = smaller.half_at(beyond.by.mean(axis=0), patience - _until_memorized(beyond))
    if predicted.low is None or predicted.high is None:
        return None
    middle = predicted.estimate - observed.estimate
    reach = np.hypot(
        (predicted.high - predicted.low) / 2, ((observed.high or 0.0) - (observed.low or 0.0)) / 2
    )
    return Bounded(*(float(np.exp(middle + sign * reach)) for sign in (0, -1, 1)))


def _until_memorized(waits: Waits) -> float:
    """The median decay times until memorizing: a patience counts from the beginning of training."""
    trials = waits.trials
    steps = trials["memorized_epoch"].to_numpy(float) * trials["steps_per_epoch"].to_numpy(float)
    rate = trials["learning_rate"].to_numpy(float) * trials["weight_decay"].to_numpy(float)
    return float(np.median(steps * rate))


def _move_of_power(fit: WaitFit) -> Bounded | None:
    """-1 / g, with the interval of g; None without a maximum."""
    log_g = fit.bounded("log_g")
    if log_g.low is None or log_g.high is None:
        return None
    return Bounded(*(float(-np.exp(-end)) for end in (log_g.estimate, log_g.low, log_g.high)))


def verdict_on_curve(foretold: Foretold | None) -> str:
    """Whether the largest n lies on the curve of the smaller n, in words."""
    if foretold is None or foretold.ratio is None:
        return "undecided: the rows at half of the largest n are not determined"
    ratio = foretold.ratio
    low, high = float(ratio.low or 0), float(ratio.high or np.inf)
    within = 1 / (1 + MARGIN_OF_ROWS), 1 + MARGIN_OF_ROWS
    if within[0] <= low and high <= within[1]:
        return "one curve, to 10%"
    if high < within[0] or low > within[1]:
        return "not one curve: the largest n is off by more than 10%"
    return "undecided: the interval crosses the margin of 10%"


def verdict_on_size(collapse: Collapse) -> str:
    """Whether N_half moves with patience as a power does, or stands still, in words."""
    move, foretold = collapse.half.move, collapse.foretold_move
    if move is None or foretold is None:
        return "undecided: the move of N_half is not determined"
    halfway, low, high = foretold.estimate / 2, float(move.low or 0), float(move.high or 0)
    if high < halfway:
        return "no critical size to be seen: N_half falls with patience as a power does"
    if low > halfway:
        slow = "N_half falls by less than half of what a power foretells"
        if collapse.best.fit.model.form.critical:
            return f"a critical size: {slow}, and the wall predicts the largest n best"
        return f"undecided: {slow}, but a form without a wall predicts the largest n best"
    return "undecided: the interval of the move contains half of what a power foretells"


def curve_of(fit: WaitFit, log_waits: Reals, share: float = 0.5) -> Reals:
    """log(rows / N_c) at which a share of the nets has generalized by each log wait.

    Args:
        fit: of a form.
        log_waits: in decay times.
        share: of the nets.
    """
    sigma, shape = float(np.exp(fit.theta[fit.model.at_sigma])), fit.theta[fit.model.at_sigma + 1 :]
    return np.asarray(sigma * ndtri(share) - fit.model.form.fallen(log_waits, shape))
