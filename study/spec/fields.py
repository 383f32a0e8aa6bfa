"""How the fields of a study file read what a user wrote: strict where a guess could be wrong."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from study.vocabulary.numbers import HIGHEST_REAL, plain_number, whole_number


def whole_or(*words: str) -> BeforeValidator:
    """A whole number, or one of some words; null where the key allows it."""

    def read(written: Any) -> Any:
        absent = written is None or written in words or isinstance(written, dict)
        return written if absent else whole_number(written, words)

    return BeforeValidator(read)


def _read_real(written: Any) -> Any:
    if written is None:
        return None
    number = plain_number(written, "a number")
    if abs(number) > HIGHEST_REAL:
        raise ValueError(
            f"{str(number)[:20]}; a number here is at most {HIGHEST_REAL:g}. Lower it."
        )
    return float(number)


def _read_flag(written: Any) -> bool:
    if not isinstance(written, bool):
        raise ValueError(f"{written!r}; a value here is true or false, without quotes. Write true.")
    return written


# For fields of a table: how their values are read.
WHOLE, REAL = whole_or(), BeforeValidator(_read_real)
Flag = Annotated[bool, BeforeValidator(_read_flag)]
Positive = Annotated[int, Field(ge=1), WHOLE]
