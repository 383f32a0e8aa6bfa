"""The history of a search as an Optuna study, and Optuna's samplers asked for more.

For a boundary an Optuna trial is one network, 1 where it had the event and 0 where not. For the
other kinds an Optuna trial is a point: its values are medians over its networks, and it is feasible
where at least half of them generalized. Importing this module takes a second, because Optuna does.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, GPSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, create_trial

from study.search.history import SearchHistory, generalized_only
from study.search.lattice import searched_axes
from study.search.sampler import BoundarySampler
from study.spec.models import Setting
from study.trials.trial import Point
from study.vocabulary.axes import ONLINE, AxisValue

Space = dict[str, BaseDistribution]


def asker(history: SearchHistory, count: int) -> Callable[[], Mapping[str, AxisValue]]:
    """A function that asks the search's sampler for one more proposal: a value by axis.

    Args:
        history: what the sampler knows.
        count: proposals that make a batch; `BoundarySampler` spreads a batch.
    """
    space = space_of(history.setting)
    study = as_optuna(history, sampler=_sampler(history, space, count))

    def ask() -> Mapping[str, AxisValue]:
        with without_log():
            proposal: Mapping[str, AxisValue] = study.ask(space).params
            return proposal

    return ask


def _sampler(history: SearchHistory, space: Space, count: int) -> BaseSampler:
    """The sampler of a search's kind; its numbers follow from the seed and the history's length."""
    search, setting = history.setting.search, history.setting
    if search.kind == "boundary":
        axes = searched_axes(setting)
        return BoundarySampler(
            search.seed,
            batch=count,
            repeats=len(setting.seeds),
            lattice={name: axis.numbers() for name, axis in axes.items()},
            shapes=[name for name, axis in axes.items() if axis.rule.shape],
            space=space,
        )
    seed = (1_000_003 * search.seed + len(history.trials)) % 2**32
    return TPESampler(seed=seed) if search.kind == "tpe" else GPSampler(seed=seed)


def as_optuna(
    history: SearchHistory, sampler: BaseSampler | None = None, journal: Path | None = None
) -> optuna.Study:
    """A history as an Optuna study.

    Args:
        history: whose trials the study gets.
        sampler: that the study asks; None is Optuna's default.
        journal: a new file that the study is kept in; None keeps it in memory.
    """
    search = history.setting.search
    made = _networks_as_trials if search.kind == "boundary" else _points_as_trials
    names = history.trials[0].study if history.trials else "study", history.setting.label
    with without_log():
        study = optuna.create_study(
            study_name=" ".join(name for name in names if name),
            storage=None if journal is None else JournalStorage(JournalFileBackend(str(journal))),
            sampler=sampler,
            directions=["minimize"] * len(search.objective),
        )
        study.set_user_attr("objective", list(search.objective))
        study.add_trials(made(history, space_of(history.setting)))
    return study


def _networks_as_trials(history: SearchHistory, space: Space) -> Iterator[FrozenTrial]:
    """Every network as an Optuna trial: 1 where it had the event."""
    [event] = history.setting.search.objective
    for trial, row in zip(history.trials, history.rows, strict=True):
        yield create_trial(
            value=float(row[event] is not None),
            params=_params(trial.point, space),
            distributions=space,
            user_attrs={"trial_ids": [trial.trial_id]},
        )


def _points_as_trials(history: SearchHistory, space: Space) -> Iterator[FrozenTrial]:
    """Every point as an Optuna trial: the medians over its networks."""
    ids: dict[Point, list[str]] = {}
    for trial in history.trials:
        ids.setdefault(trial.point, []).append(trial.trial_id)
    for point, listed in history.networks.items():
        pruned = len(listed) < len(history.setting.seeds) and history.needs_no_more(point)
        share = len(generalized_only(listed)) / len(listed)
        yield create_trial(
            values=history.medians(point),
            params=_params(point, space),
            distributions=space,
            constraints={"half generalized": 0.5 - share},
            user_attrs={"trial_ids": ids[point], "pruned": pruned},
        )


def space_of(setting: Setting) -> Space:
    """The axes that vary, as Optuna's distributions."""
    space: Space = {}
    for name, axis in searched_axes(setting).items():
        if ONLINE in axis.values:
            space[name] = CategoricalDistribution(axis.searched())
            continue
        low, high = min(axis.numbers()), max(axis.numbers())
        log = axis.scale != "linear" and low > 0
        if axis.rule.integer:
            space[name] = IntDistribution(int(low), int(high), log=log)
        else:
            space[name] = FloatDistribution(low, high, log=log)
    return space


def _params(point: Point, space: Space) -> dict[str, AxisValue]:
    """A point as Optuna's parameters."""
    return {name: ONLINE if (v := getattr(point, name)) is None else v for name in space}


@contextlib.contextmanager
def without_log() -> Iterator[None]:
    """Optuna without its log of every trial: a study has a display of its own."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
