"""Which axes vary in some trials, which two a diagram is drawn in, and which may vary at all."""

from collections.abc import Sequence

import pandas as pd

from study.errors import UsageError
from study.vocabulary.axes import AXES, varying_axes

FIRST_OF_STRIPS = ("weight_decay", "train_size")  # whose values have the rows of a delay strip


def axes_that_vary(trials: pd.DataFrame) -> tuple[str, ...]:
    """The axes with more than one value in some trials; a null does not count as a value."""
    return varying_axes({axis: trials[axis].nunique() for axis in AXES if axis in trials})


def choose_axes(varying: Sequence[str], x: str | None, y: str | None) -> tuple[str, str]:
    """The axis across and the axis up: weight decay and dataset size, or others that vary.

    Args:
        varying: axes that vary, those to prefer first.
        x: the axis across if the user named one.
        y: the axis up if the user named one.
    """

    def pick(preferred: str, taken: str | None) -> str:
        free = [axis for axis in (preferred, *varying, *AXES) if axis != taken]
        return next((axis for axis in free if axis in varying), free[0])

    x = x or pick("weight_decay", y or "train_size")
    return x, y or pick("train_size", x)


def check_axes_around_rows(trials: pd.DataFrame, what: str, axes: Sequence[str]) -> None:
    """Raise UsageError unless an analysis in dataset size can be made of trials.

    Args:
        trials: as `load_trials` gives them.
        what: the analysis, as a noun with its article where it has one.
        axes: in which the trials may differ; the others have one value each.
    """
    if trials.empty:
        raise UsageError(f"0 trials; {what} needs some. Loosen the filter.")
    if trials["train_size"].isna().any():
        raise UsageError(
            f"online trials have no train_size; {what} is in dataset size. Leave them out with "
            '--where "train_size is not null".'
        )
    more = [axis for axis in axes_that_vary(trials) if axis not in axes]
    if more:
        raise UsageError(
            f"{', '.join(more)} also vary; {what} is of trials that differ in {', '.join(axes)}. "
            f'Choose one value with --where "{more[0]} == ...".'
        )
