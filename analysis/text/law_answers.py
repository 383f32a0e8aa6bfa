"""What `analysis laws` answers: the fits, the scorecard of published statements, or finite size."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pandas as pd

from analysis.formats import JsonRow, records
from analysis.laws import finite_size as sizes
from analysis.laws import scorecard as statements
from analysis.laws import study_fits
from analysis.laws.design import Cure
from analysis.laws.importance import importance
from analysis.laws.positive import above_zero
from analysis.laws.sample import whole_points
from analysis.laws.strata import slopes_within
from analysis.text import law_text
from analysis.text.law_summary import fits_in_a_sentence
from study.errors import UsageError


@dataclass(frozen=True, slots=True)
class LawAnswer:
    """An answer in two forms: for programs, as JSON takes it, and for people."""

    content: object
    lines: list[str]


@dataclass(frozen=True, slots=True)
class LawRequest:
    """Which laws to fit, and how.

    Attributes:
        laws: names of laws; None for all that can be fitted.
        event: a name in `times.CLOCKS`.
        errors: the error family, a name in `FAMILIES`.
        axes: features that enter as powers, if the law does not speak of them; None for all axes
            that vary.
        cure: whether there is a cure fraction, or its features.
        by: a column; the trials of each of its values are fitted apart. None: all trials together.
        regime: "grokking" or "comprehension": the trials of that regime alone; None for all.
        clusters: columns that clusters of robust intervals are alike in; None: see `fit_law`.
        draws: of the bootstrap; 0 for no bootstrap.
        most: trials to fit; 0 for all.
    """

    laws: Sequence[str] | None
    event: str
    errors: str
    axes: Sequence[str] | None
    cure: Cure
    by: str | None
    regime: str | None
    clusters: Sequence[str] | None
    draws: int
    most: int


def fit_answer(
    store_url: str | Path,
    trials: pd.DataFrame,
    request: LawRequest,
    note: Callable[[str], None],
    progress: Callable[[int, int], None],
) -> LawAnswer:
    """The laws that were fitted, best prediction first.

    Args:
        store_url: path or URL of the store; the law `norms` needs its readings.
        trials: to fit the laws to.
        request: which laws, and how.
        note: is told where a sample is fitted, where trials are left out, and of each law that
            could not be fitted, before the bootstrap begins.
        progress: is told how many draws of the bootstrap are done, and of how many.

    Raises: UsageError for a request that is not right, and where no law can be fitted.
    """
    trials = _noting_zeros(trials, request.axes, note)
    sample = whole_points(trials, request.most or len(trials))
    if len(sample) < len(trials):
        note(
            f"{len(sample):,} of {len(trials):,} trials are fitted, all seeds of some points; "
            "--sample 0 fits all"
        )
        trials = sample
    if request.laws is None or "norms" in request.laws:
        trials = study_fits.with_norms_of(store_url, trials)
    lists, refused = study_fits.fit_study(
        trials,
        request.laws,
        request.event,
        request.errors,
        request.axes,
        request.cure,
        request.by,
        request.regime,
        request.clusters,
    )
    for sentence in refused:
        note(sentence)
    if request.draws:
        lists = study_fits.resampled(lists, request.draws, progress)
    lines = [line for fits in lists for line in law_text.lines_of_fits(fits)]
    return LawAnswer(
        [fit.to_json() for fits in lists for fit in fits],
        [*map(fits_in_a_sentence, lists), "", *_importance_lines(trials, request), *lines],
    )


def _noting_zeros(
    trials: pd.DataFrame, names: Sequence[str] | None, note: Callable[[str], None]
) -> pd.DataFrame:
    """The trials of `above_zero`; its sentence is noted."""
    kept, sentence = above_zero(trials, names)
    if sentence:
        note(sentence)
    return kept


def _importance_lines(trials: pd.DataFrame, request: LawRequest) -> list[str]:
    """A line for each regime: what each axis explains; none where that is not determined."""
    lines = []
    for regime, part in study_fits.by_regime(trials, request.regime).items():
        try:
            found = importance(part, request.event)
        except UsageError:
            continue
        lines += [f"{regime}, {law_text.importance_in_words(found)}"]
    return [*lines, ""] if lines else []


def slopes_answer(
    trials: pd.DataFrame, feature: str, request: LawRequest, note: Callable[[str], None]
) -> LawAnswer:
    """The slope of a feature within strata, in each regime.

    Args:
        trials: to fit the slopes to.
        feature: a name in `FEATURES`.
        request: the event, the errors and the regime.
        note: is told where trials are left out.
    Raises: UsageError where a regime's strata do not determine slopes.
    """
    trials = _noting_zeros(trials, [feature], note)
    content: list[JsonRow] = []
    lines: list[str] = []
    for regime, part in study_fits.by_regime(trials, request.regime).items():
        within = slopes_within(part, feature, request.event, request.errors)
        plain = {**asdict(replace(within, strata=pd.DataFrame())), "strata": records(within.strata)}
        content.append({"regime": regime, "event": request.event, **plain})
        head = f"{regime}, {request.event}, {request.errors}"
        lines += [*([""] if lines else []), *law_text.lines_of_slopes(head, request.event, within)]
    return LawAnswer(content, lines)


def scorecard_answer(store_url: str | Path, trials: pd.DataFrame, errors: str) -> LawAnswer:
    """What was published of the transition time, each statement tested on these trials.

    Args:
        store_url: path or URL of the store, for the norms of its readings.
        trials: to test the statements on.
        errors: the error family of the laws.
    """
    rows = records(statements.scorecard(study_fits.with_norms_of(store_url, trials), errors))
    return LawAnswer(rows, law_text.lines_of_scorecard(rows))


def finite_size_answer(trials: pd.DataFrame) -> LawAnswer:
    """The share of trials that generalize against dataset size, for each n."""
    fitted = sizes.finite_size(trials)
    return LawAnswer(fitted.to_json(), law_text.lines_of_sizes(fitted))
