"""What a study expands to: the points of its grid or of a random search, and their trials."""

import itertools
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence

from study.errors import SpecError
from study.spec.models import Setting, StudySpec
from study.trials.trial import Point, Trial, _world
from study.vocabulary.axes import AXES, ONLINE
from study.vocabulary.tasks import Values

Pair = tuple[Point, int]  # a point and a seed
Proposed = Mapping[str, Sequence[Pair]]  # what searches have proposed, by setting


def expand(spec: StudySpec, proposed: Proposed | None = None) -> list[Trial]:
    """Every trial of a study, in the order of the file; of adaptive searches, those proposed.

    A trial of two settings is trained once, under the larger budget. Raises SpecError where they
    watch it differently, because its one row could not say what both mean.
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
    """The trials of every setting, one by one; a trial of two settings comes twice."""
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
    for values in itertools.product(*(getattr(setting.axes, name).values for name in AXES)):
        yield make_point(setting, dict(zip(AXES, values, strict=True)))


def _random_points(setting: Setting) -> Iterator[Point]:
    """Endless points; a search for more trials keeps the points of a search for fewer."""
    chance = random.Random(f"search {setting.search.seed}")  # noqa: S311  not for secrets
    while True:
        values = {name: getattr(setting.axes, name).at(chance.random()) for name in AXES}
        yield make_point(setting, values)


def make_point(setting: Setting, values: Values) -> Point:
    """A point of the values that a study file has for its axes."""
    rows, fraction = values["train_size"], values["train_fraction"]
    if rows == ONLINE:
        rows = None
    if fraction is not None:
        rows = max(1, round(fraction * (_world(setting, values) or 0)))
    return Point(**{**values, "train_size": rows})
