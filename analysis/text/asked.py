"""The trials that a command concludes from, and what a reader should know of them."""

import contextlib
from collections.abc import Sequence

import pandas as pd

from analysis.tables.frames import some_trials
from study.errors import StudyError
from study.plan.standing import standing
from study.store.store import Store
from study.terminal.console import note


def asked_trials(
    store: str, where: str | None = None, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """`some_trials`, with a line on stderr where the study is not done or the store has others."""
    trials = some_trials(store, where, columns)
    say_standing(store, stored=len(trials) if where is None else None)
    return trials


def say_standing(store: str, name: str = "", stored: int | None = None) -> None:
    """Print on stderr that a study is not done, or that its store has trials of other plans.

    Args:
        store: path or URL.
        name: begins the line where there are several stores.
        stored: how many trials the store has, where that is known already.
    """
    with contextlib.suppress(StudyError):  # rows can be read where study.json is damaged
        for sentence in standing(Store.open(store), stored):
            note(f"{name}: {sentence}" if name else sentence)
