"""Small studies, which train in a moment."""

from study.spec.file import resolve
from study.spec.models import StudySpec
from study.trials.expand import expand
from study.trials.trial import Trial


def spec_of(axes: dict | None = None, **tables: object) -> StudySpec:
    """A study of small, fast nets, with any table replaced."""
    small = {"n": 20, "k": 2, "width": 24, "train_size": 80, "batch_size": 32}
    written = {"name": "small", "seeds": 3, "axes": {**small, **(axes or {})}}
    return resolve({**written, "budget": {"epochs": 40}, **tables})


def trials_of(axes: dict | None = None, **tables: object) -> list[Trial]:
    """The trials of `spec_of`."""
    return expand(spec_of(axes, **tables))
