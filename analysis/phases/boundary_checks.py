"""What a boundary needs of its trials: two axes that vary, and trials on both sides."""

import numpy as np
import pandas as pd

from analysis.phases.drawn_axes import axes_that_vary
from study.errors import UsageError, unknown
from study.vocabulary.axes import AXES
from study.vocabulary.columns import EVENT_COLUMNS


def check_boundary_axes(trials: pd.DataFrame, x: str, y: str, event: str) -> None:
    """Refuse an unknown event, and axes that are unknown, equal, or of one value.

    Args:
        trials: as `load_trials` gives them.
        x: the axis across.
        y: the axis up.
        event: a column with the epoch of the event.

    Raises: UsageError.
    """
    if event not in EVENT_COLUMNS:
        raise unknown("an event", event, EVENT_COLUMNS)
    for name in (x, y):
        if name not in AXES:
            raise unknown("an axis", name, AXES)
    if x == y:
        raise UsageError(f"{x!r} twice; a boundary is in two axes. Choose another x or y.")
    varying = axes_that_vary(trials)
    for name in (x, y):
        if name not in varying:
            raise UsageError(
                f"{name}: one value in {len(trials)} trials; a boundary crosses axes that vary. "
                f"Choose from {', '.join(varying) or 'another study'}."
            )


def check_boundary_trials(trials: pd.DataFrame, x: str, y: str, event: str) -> None:
    """Refuse values without a logarithm, a third axis that varies, and trials on one side only.

    Args:
        trials: as `load_trials` gives them.
        x: the axis across.
        y: the axis up.
        event: a column with the epoch of the event.

    Raises: UsageError.
    """
    for name in (x, y):
        values = trials[name]
        outside = int((values.isna() | (values <= 0)).sum())
        if outside:
            raise UsageError(
                f"{name}: online or 0 in {outside} trials; no log axis has them. "
                f'Leave them out: --where "{name} > 0".'
            )
    for name in slicing_axes(trials, x, y):
        raise UsageError(
            f"{name}: {trials[name].nunique(dropna=False)} values; a boundary in {x} and "
            f"{y} is of trials alike in all else. Choose one value."
        )
    happened = int(trials[event].notna().sum())
    if happened in {0, len(trials)}:
        raise UsageError(_one_side(trials, (x, y), event, all_had=bool(happened)))


def slicing_axes(trials: pd.DataFrame, x: str, y: str) -> list[str]:
    """The axes other than x and y, and the setting, that have several values; null is a value.

    Args:
        trials: as `load_trials` gives them.
        x: the axis across.
        y: the axis up.
    """
    return [
        name
        for name in ("setting", *AXES)
        if name not in {x, y} and name in trials and trials[name].nunique(dropna=False) > 1
    ]


def _one_side(trials: pd.DataFrame, axes: tuple[str, str], event: str, *, all_had: bool) -> str:
    """The sentence that all trials are on one side, and where the other side may be.

    The trials nearest to the other side are those that had the event last, or came closest to it.
    Their rank is correlated with each axis; the study is to be widened along the stronger one.
    """
    accuracy = "final_train_accuracy" if event.startswith("memorized") else "final_test_accuracy"
    nearness = (trials[event] if all_had else trials[accuracy]).astype(float).rank()
    slopes = {name: float(trials[name].astype(float).rank().corr(nearness)) for name in axes}
    name = max(slopes, key=lambda axis: abs(np.nan_to_num(slopes[axis])))
    upward = slopes[name] > 0
    end = trials[name].max() if upward else trials[name].min()
    return (
        f"{event}: each of {len(trials)} trials {'had' if all_had else 'lacks'} it; a boundary has "
        f"both sides. Widen the study, {name} {'above' if upward else 'below'} {end:g} first: "
        "nearest the other side."
    )
