"""How well the time that is left at a landmark is foretold, on trials that were held out.

A model is log-normal in the time that is left, linear in the axes and in some of what nets show. It
is fitted to some trials and foretells others: the largest n, or half of the seeds of each point.
The concordance within points is over pairs of seeds that differ in nothing else.

T trials.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from analysis.laws.equations import Equation, find_law
from analysis.laws.families import Reals, find_family
from analysis.laws.likelihood import Observed
from analysis.laws.model import Model, best
from analysis.laws.strata import Bounded
from analysis.laws.terms import Slopes
from analysis.questions.concordance import Concordance, concordance
from analysis.questions.landmarks import ACCURACY, LANDMARKS, AtLandmark, at_landmark
from analysis.questions.spread import Spread, spread_of
from study.errors import UsageError

HELD_OUT = ("n", "seeds")
LEAST_TRIALS = 30  # with the event, on either side of what is held out
ALL = "all measures"
AXES_ALONE = "axes"


@dataclass(frozen=True, slots=True)
class Foresight:
    """How one model foretells the trials that were held out at one landmark.

    Attributes:
        landmark: multiple of the epoch of memorizing.
        held_out: a word of `HELD_OUT`.
        model: what it knows beside the axes, joined by " + ".
        trials: how many were foretold.
        events: how many of them generalized.
        overall: the concordance over all pairs.
        within: over pairs of one point, with its interval over trials.
        gain: of `within` beside test accuracy alone; None for a model without test accuracy.
        spread: where the times lie in their predicted distributions.
    """

    landmark: float
    held_out: str
    model: str
    trials: int
    events: int
    overall: float
    within: Bounded
    gain: Bounded | None
    spread: Spread


def foresights(trials: pd.DataFrame, readings: pd.DataFrame) -> list[Foresight]:
    """Every model at every landmark, for both ways of holding out.

    Args:
        trials: as `load_trials` gives them, of several passes.
        readings: of these trials, as `load_readings` gives them.
    Raises: UsageError where no landmark has enough trials.
    """
    answers: list[Foresight] = []
    for multiple in LANDMARKS:
        there = at_landmark(trials, readings, multiple)
        for how in HELD_OUT:
            answers += _at(there, how, _held_out(there.trials, how))
    if not answers:
        raise UsageError(
            f"fewer than {LEAST_TRIALS} trials on either side generalized after a landmark; a "
            "forecast needs them. Train more seeds at two values of n, where nets grok."
        )
    return answers


def _held_out(trials: pd.DataFrame, how: str) -> NDArray[np.bool_]:
    """True for the trials to foretell, [T]: the largest n, or every other seed of each point."""
    if how == "n":
        return np.asarray(trials["n"].to_numpy(int) == trials["n"].max()) & (
            trials["n"].nunique() > 1
        )
    rank = trials.groupby("point_id", observed=True)["seed"].rank().to_numpy(float)
    return np.asarray(rank % 2 == 0)


def _at(there: AtLandmark, how: str, held: NDArray[np.bool_]) -> list[Foresight]:
    """All models at one landmark; none where trials are too few."""
    happened = ~there.left.censored
    if min((happened & held).sum(), (happened & ~held).sum()) < LEAST_TRIALS:
        return []
    accuracy: Concordance | None = None
    answers = []
    for name, columns in _models(there.seen).items():
        x = np.column_stack([there.axes, *(there.seen[column] for column in columns)])
        mu, sigma = _foretold(x, there.left, held)
        low, high = there.left.low[held], there.left.high[held]
        time = np.where(happened[held], high, low)
        group = np.unique(there.point[held], return_inverse=True)[1]
        one = np.zeros(len(group), np.intp)
        within = concordance(time, happened[held], mu, group)
        if name == ACCURACY:
            accuracy = within
        beside = accuracy if ACCURACY in columns and name != ACCURACY else None
        answers.append(
            Foresight(
                there.multiple,
                how,
                name,
                int(held.sum()),
                int(happened[held].sum()),
                concordance(time, happened[held], mu, one).share,
                within.bounded,
                None if beside is None else within.gain_over(beside),
                spread_of(ndtr((low - mu) / sigma), ndtr((high - mu) / sigma)),
            )
        )
    return answers


def _models(seen: Mapping[str, Reals]) -> dict[str, Sequence[str]]:
    """What each model knows beside the axes; test accuracy alone comes before what is beside it."""
    measures = [name for name in seen if name != ACCURACY]
    models: dict[str, Sequence[str]] = {AXES_ALONE: ()}
    accurate = [ACCURACY] if ACCURACY in seen else []
    models |= {name: (name,) for name in [*accurate, *measures]}
    if len(measures) > 1:
        models[ALL] = tuple(measures)
    for name in [*measures, *([ALL] if len(measures) > 1 else [])]:
        if accurate:
            models[f"{name} + {ACCURACY}"] = (*models[name], ACCURACY)
    return models


def _foretold(x: Reals, left: Observed, held: NDArray[np.bool_]) -> tuple[Reals, float]:
    """The log medians of the trials that were held out, and sigma, by a fit to the others.

    Args:
        x: what the model knows, [T, columns].
        left: the times, [T].
        held: True for the trials to foretell, [T].
    """
    center, scale = x[~held].mean(axis=0), x[~held].std(axis=0)
    told = scale > 0  # such as n, where one is left
    standard = (x[:, told] - center[told]) / scale[told]
    names = tuple(f"x{number}" for number in range(standard.shape[1]))
    equation = Equation(find_law("power"), (Slopes(names),))
    model = Model(equation, find_family("lognormal"), left.take(~held), (standard[~held],))
    theta = best(model, model.starts()).theta
    beyond = Model(equation, model.family, left.take(held), (standard[held],))
    mu, log_sigma, _ = beyond.errors(theta)
    return mu, float(np.exp(log_sigma[0]))
