"""What a study expands to: the points of its grid or of a random search, and their trials."""

import itertools
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence

from study.errors import SpecError
from study.spec.models import Setting, StudySpec
from study.trials.trial import Point, Trial, available_rows
from study.vocabulary.axes import ONLINE, AxisValues

Pair = tuple[Point, int]  # a point and a seed
Proposed = Mapping[str, Sequence[Pair]]  # what searches have proposed, by the setting's label


def expand(spec: StudySpec, proposed: Proposed | None = None) -> list[Trial]:
    """Every trial of a study, each once, in the order of the file.

    A trial of two settings is trained once, under the larger budget.

    Args:
        spec: the study.
        proposed: what adaptive searches have proposed; their settings have no other trials.
    Raises: SpecError where two settings watch one trial differently, because the trial has one row.
    """
    trials: dict[str, Trial] = {}
    for trial in each(spec, proposed):
        twin = trials.setdefault(trial.trial_id, trial)
        if twin.setting is not trial.setting:
            _refuse_two_meanings(twin.setting, trial.setting)
            if trial.budget_epochs > twin.budget_epochs:
                trials[trial.trial_id] = trial
    return list(trials.values())


def each(spec: StudySpec, proposed: Proposed | None = None) -> Iterator[Trial]:
    """The trials of every setting, one by one; a trial of two settings comes twice.

    Args: as of `expand`.
    """
    for setting in spec.settings:
        points, limit = _grid(setting), None
        if setting.search.kind == "random":
            points, limit = _random_points(setting), setting.search.trials
        pairs: Iterable[Pair] = itertools.islice(
            ((point, seed) for point in points for seed in setting.seeds), limit
        )
        if setting.search.adaptive:
            pairs = (proposed or {}).get(setting.label, ())
        for point, seed in pairs:
            yield Trial(spec.name, setting, point, seed)


def _refuse_two_meanings(one: Setting, other: Setting) -> None:
    if (one.detect, one.readings) != (other.detect, other.readings):
        raise SpecError(
            f"settings: {one.label!r} and {other.label!r} share trials but differ in detect or "
            "readings; a trial has one row. Make these tables equal."
        )


def _grid(setting: Setting) -> Iterator[Point]:
    axes = setting.axes.by_name()
    for values in itertools.product(*(axis.values for axis in axes.values())):
        yield make_point(setting, dict(zip(axes, values, strict=True)))


def _random_points(setting: Setting) -> Iterator[Point]:
    """Endless points; a search for more trials begins with the points of a search for fewer."""
    chance = random.Random(f"search {setting.search.seed}")  # noqa: S311  not for secrets
    axes = setting.axes.by_name()
    while True:
        yield make_point(setting, {name: axis.at(chance.random()) for name, axis in axes.items()})


def make_point(setting: Setting, values: AxisValues) -> Point:
    """The point that a study file's values stand for.

    Args:
        setting: which the point belongs to; its task turns a share of the rows into a number.
        values: one for every axis, by name, as a study file has them.
    """
    rows, fraction = values["train_size"], values["train_fraction"]
    if rows == ONLINE:
        rows = None
    if isinstance(fraction, float):
        rows = max(1, round(fraction * (available_rows(setting, values) or 0)))
    return Point(**{**values, "train_size": rows})
