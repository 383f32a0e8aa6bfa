"""What a search has tried, and the same as an Optuna study.

Of a boundary an Optuna trial is one network, 1 where it had the event and 0 where not; of the other
kinds it is a point, whose values are medians over its networks. Only networks that generalised
count: the rest are worse than all of them, and a point is feasible where at least half did.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.spec.models import Setting
from study.trials.trial import Point, Trial
from study.vocabulary.axes import AXES, ONLINE, Axis, AxisValue, varying_axes

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution

Values = tuple[float, ...]  # one an objective, least best


@dataclass(frozen=True)
class Tried:
    """What a search knows of its setting: its trials in the order proposed, with their rows."""

    setting: Setting
    trials: Sequence[Trial]
    rows: Sequence[Mapping[str, Any]]

    @cached_property
    def networks(self) -> dict[Point, list[Values | None]]:
        """The objectives of every network, by point; None where it did not generalise."""
        names = self.setting.search.objective
        signs = [-1.0 if name.startswith("-") else 1.0 for name in names]
        networks: dict[Point, list[Values | None]] = {}
        for trial, row in zip(self.trials, self.rows, strict=True):
            read = [row[name.removeprefix("-")] for name in names]
            counts = row["generalized_epoch"] is not None and None not in read
            values = (
                tuple(s * float(v) for s, v in zip(signs, read, strict=True)) if counts else None
            )
            networks.setdefault(trial.point, []).append(values)
        return networks

    def hopeless(self, point: Point) -> bool:
        """Whether a point's networks so far say that more of them are a waste.

        None generalised; or a point with all its seeds is better in its worst network than this one
        in its best, in every objective.
        """
        mine = _counting(self.networks[point])
        if not mine:
            return True
        best = [min(column) for column in zip(*mine, strict=True)]
        return any(
            all(theirs < ours for theirs, ours in zip(worst, best, strict=True))
            for worst in self._worst_of_whole
        )

    @cached_property
    def _worst_of_whole(self) -> list[Values]:
        """Of points whose seeds have all generalised, the worst of each objective."""
        every = len(self.setting.seeds)
        whole = [n for listed in self.networks.values() if len(n := _counting(listed)) == every]
        return [tuple(max(column) for column in zip(*listed, strict=True)) for listed in whole]

    def medians(self, point: Point) -> list[float]:
        """The lower median of each objective: what at least half of a point's networks reach."""
        listed = self.networks[point]
        known = _counting(listed)
        lacking = len(listed) - len(known)
        middle = (len(listed) - 1) // 2
        return [
            sorted([*(values[i] for values in known), *[worst] * lacking])[middle]
            for i, worst in enumerate(self._worst)
        ]

    @cached_property
    def _worst(self) -> Values:
        """The largest value of each objective, which networks get that have none."""
        known = [values for listed in self.networks.values() for values in _counting(listed)]
        objectives = range(len(self.setting.search.objective))
        return tuple(max((values[i] for values in known), default=0.0) for i in objectives)


def _counting(listed: Sequence[Values | None]) -> list[Values]:
    return [values for values in listed if values is not None]


def as_optuna(tried: Tried, sampler: Any = None, journal: Path | None = None) -> "optuna.Study":
    """What was tried as an Optuna study, in memory or in a new journal file."""
    import optuna  # noqa: PLC0415  takes a second, and only searches need it
    from optuna.storages import JournalStorage  # noqa: PLC0415  likewise
    from optuna.storages.journal import JournalFileBackend  # noqa: PLC0415  likewise

    search = tried.setting.search
    made = _networks_as_trials if search.kind == "boundary" else _points_as_trials
    names = tried.trials[0].study if tried.trials else "study", tried.setting.label
    with quiet():
        study = optuna.create_study(
            study_name=" ".join(name for name in names if name),
            storage=None if journal is None else JournalStorage(JournalFileBackend(str(journal))),
            sampler=sampler,
            directions=["minimize"] * len(search.objective),
        )
        study.set_user_attr("objective", list(search.objective))
        study.add_trials(made(tried, space_of(tried.setting)))
    return study


def _networks_as_trials(
    tried: Tried, space: "dict[str, BaseDistribution]"
) -> "Iterator[optuna.trial.FrozenTrial]":
    from optuna.trial import create_trial  # noqa: PLC0415  takes a second

    [event] = tried.setting.search.objective
    for trial, row in zip(tried.trials, tried.rows, strict=True):
        yield create_trial(
            value=float(row[event] is not None),
            params=_params(trial.point, space),
            distributions=space,
            user_attrs={"trial_ids": [trial.trial_id]},
        )


def _points_as_trials(
    tried: Tried, space: "dict[str, BaseDistribution]"
) -> "Iterator[optuna.trial.FrozenTrial]":
    from optuna.trial import create_trial  # noqa: PLC0415  takes a second

    ids: dict[Point, list[str]] = {}
    for trial in tried.trials:
        ids.setdefault(trial.point, []).append(trial.trial_id)
    for point, listed in tried.networks.items():
        pruned = len(listed) < len(tried.setting.seeds) and tried.hopeless(point)
        yield create_trial(
            values=tried.medians(point),
            params=_params(point, space),
            distributions=space,
            constraints={"half generalised": 0.5 - len(_counting(listed)) / len(listed)},
            user_attrs={"trial_ids": ids[point], "pruned": pruned},
        )


def space_of(setting: Setting) -> "dict[str, BaseDistribution]":
    """The axes that vary, as Optuna's distributions."""
    from optuna.distributions import (  # noqa: PLC0415  takes a second, and only searches need it
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    space: dict[str, BaseDistribution] = {}
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


def searched_axes(setting: Setting) -> dict[str, Axis]:
    """The axes that a search of a setting tries more than one value of, by name."""
    axes: dict[str, Axis] = {name: getattr(setting.axes, name) for name in AXES}
    counts = {name: len(axis.searched()) for name, axis in axes.items()}
    return {name: axes[name] for name in varying_axes(counts)}


def _params(point: Point, space: Mapping[str, Any]) -> dict[str, AxisValue]:
    return {name: ONLINE if (v := getattr(point, name)) is None else v for name in space}


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Optuna without its log of every trial: a study has a display of its own."""
    import optuna  # noqa: PLC0415  takes a second

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
