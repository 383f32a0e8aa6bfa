"""Which axes vary in some trials, and which two axes a diagram or a boundary is drawn in."""

from collections.abc import Sequence

import pandas as pd

from study.vocabulary.axes import AXES, varying_axes


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
