"""How the fields of a study file are read: strict where a guess could be wrong.

Each reader takes what a user wrote and raises ValueError, whose message is `value; rule. remedy.`
"""

import re
from collections.abc import Collection
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from study.errors import choices
from study.vocabulary.columns import OBJECTIVES
from study.vocabulary.measures import MEASURES
from study.vocabulary.nets import NETS
from study.vocabulary.numbers import HIGHEST_REAL, plain_number, whole_number
from study.vocabulary.registration import load_registrations
from study.vocabulary.tasks import TASKS

MAX_SEEDS = 1_000_000
MAX_NAME = 100  # characters: a file system takes 255 bytes for a name


def whole_or(*words: str) -> BeforeValidator:
    """The reader of a whole number or one of some words; null where the key allows null."""

    def read(written: object) -> object:
        absent = written is None or written in words or isinstance(written, dict)
        return written if absent else whole_number(written, words)

    return BeforeValidator(read)


def _read_real(written: object) -> float | None:
    if written is None:
        return None
    number = plain_number(written, "a number")
    if abs(number) > HIGHEST_REAL:
        raise ValueError(
            f"{str(number)[:20]}; a number here is at most {HIGHEST_REAL:g}. Lower it."
        )
    return float(number)


def _read_flag(written: object) -> bool:
    if not isinstance(written, bool):
        raise ValueError(f"{written!r}; a value here is true or false, without quotes. Write true.")
    return written


def _read_betas(written: object) -> tuple[object, ...]:
    if not isinstance(written, list | tuple) or len(written) != 2:
        raise ValueError(f"{written!r}; betas are two numbers. Write [0.9, 0.999].")
    return tuple(written)


def _read_measures(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in MEASURES:
            raise ValueError(f"{name!r}; {choices('a measure', name, MEASURES)}")
    return names


def _read_objective(written: object) -> tuple[str, ...]:
    names = [written] if isinstance(written, str) else written
    if not isinstance(names, list | tuple) or not names:
        raise ValueError(f"{written!r}; an objective is a column of trials. Write one, or a list.")
    for name in names:
        if str(name).removeprefix("-") not in OBJECTIVES:
            raise ValueError(f"{name!r}; {choices('an objective', str(name), OBJECTIVES)}")
    return tuple(dict.fromkeys(names))


def _read_seeds(written: object) -> tuple[int, ...]:
    rule = (
        "seeds is a count from 1 to a million, or a list of whole numbers from 0, below 2^63. "
        "Write 5 or [0, 7]."
    )
    if isinstance(written, int) and written > MAX_SEEDS:
        raise ValueError(f"{written!r}; {rule}")
    if isinstance(written, float) and written.is_integer():
        written = int(written)
    listed = range(written) if isinstance(written, int) else written
    if isinstance(written, bool) or not isinstance(listed, range | list | tuple) or not len(listed):
        raise ValueError(f"{written!r}; {rule}")
    if not all(_is_int(seed) and 0 <= seed < 2**63 for seed in listed):
        raise ValueError(f"{written!r}; {rule}")
    return tuple(dict.fromkeys(listed))


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _registered(name: str, table: Collection[str], kind: str) -> str:
    """The name of a row of a table; installed packages are asked for names it does not have."""
    if name not in table:
        load_registrations()
    if name not in table:
        raise ValueError(f"{name!r}; {choices(kind, name, table)}")
    return name


def _read_task(name: str) -> str:
    return _registered(name, TASKS, "a task")


def _read_net(name: str) -> str:
    return _registered(name, NETS, "a net")


def _read_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name) or len(name) > MAX_NAME:
        shown = name if len(name) <= MAX_NAME else f"{name[:20]}... of {len(name)} characters"
        raise ValueError(
            f"{shown!r}; a name has letters, digits, _, - and ., at most {MAX_NAME} of them: it "
            "names a folder. Rename the study."
        )
    return name


WHOLE, REAL = whole_or(), BeforeValidator(_read_real)

Flag = Annotated[bool, BeforeValidator(_read_flag)]
Positive = Annotated[int, Field(ge=1), WHOLE]
Beta = Annotated[float, Field(ge=0, lt=1), REAL]
Betas = Annotated[tuple[Beta, Beta], BeforeValidator(_read_betas)]
MeasureNames = Annotated[tuple[str, ...], AfterValidator(_read_measures)]
Objective = Annotated[tuple[str, ...], BeforeValidator(_read_objective)]
Seeds = Annotated[tuple[int, ...], BeforeValidator(_read_seeds)]
TaskName = Annotated[str, AfterValidator(_read_task)]
NetName = Annotated[str, AfterValidator(_read_net)]
StudyName = Annotated[str, AfterValidator(_read_name)]
