"""In what two sides differ: keys of their settings, values of their axes, and their seeds."""

from dataclasses import dataclass

from analysis.formats import values_in_words
from analysis.phases.axis_scales import TITLES
from analysis.questions.sides import ComparedSide
from study.spec.models import Setting
from study.vocabulary.axes import AXES, ONLINE

_TABLES = ("data", "train", "budget", "detect", "readings")  # of a setting: what its trials are


@dataclass(frozen=True, slots=True)
class Difference:
    """A thing in which A and B differ, in words.

    Attributes:
        what: an axis, or a key of a study file such as "train.optimizer".
        a: the values of A.
        b: the values of B.
    """

    what: str
    a: str
    b: str


def what_differs(a: ComparedSide, b: ComparedSide) -> list[Difference]:
    """In what A and B differ: settings first, then axes, then seeds."""
    keys = [_keys_of(side) for side in (a, b)]
    found = [
        Difference(key, *(_choices(side.get(key, set())) for side in keys))
        for key in dict.fromkeys([*keys[0], *keys[1]])
        if keys[0].get(key) != keys[1].get(key)
    ]
    columns = {**{axis: TITLES[axis] for axis in AXES}, "seed": "seeds"}
    for column, title in columns.items():
        values = [
            set(side.trials[column].astype(object).where(side.trials[column].notna(), None))
            for side in (a, b)
        ]
        if values[0] != values[1]:
            found.append(Difference(title, *_told_apart(column, *values)))
    return found


def _keys_of(side: ComparedSide) -> dict[str, set[str]]:
    """The values of each key over the settings of a side."""
    found: dict[str, set[str]] = {}
    for setting in side.settings.values():
        for key, value in _flat(setting).items():
            found.setdefault(key, set()).add(value)
    return found


def _flat(setting: Setting) -> dict[str, str]:
    """Every key of a setting with its value, as text; axes and seeds have columns of their own."""
    content = setting.model_dump(mode="json")
    keys = {"task": setting.task, "net": setting.net}
    for table in _TABLES:
        keys |= {f"{table}.{key}": _text(value) for key, value in content[table].items()}
    return keys


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _choices(values: set[str]) -> str:
    return " or ".join(sorted(values)) or "none"


def _told_apart(column: str, a: set[object], b: set[object]) -> list[str]:
    """The values of A and of B in words, with their number where the words are the same."""
    words = [_values(column, side) for side in (a, b)]
    if words[0] != words[1]:
        return words
    return [f"{len(side):,} values from {word}" for word, side in zip(words, (a, b), strict=True)]


def _values(column: str, values: set[object]) -> str:
    """Values of an axis; null stands for fresh rows, or for an axis that trials do not have."""
    words = [values_in_words(values - {None})] if values - {None} else []
    nothing = ONLINE if column == "train_size" else "none"
    return " and ".join([*words, *([nothing] if None in values else [])])
