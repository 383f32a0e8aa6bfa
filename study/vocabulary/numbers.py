"""Numbers as users write them: strict where a guess would change what was meant.

`true` is not 1, "100" is not 100 and "no" is not false. Whole numbers may be written as 9.0 or 2e4.
"""

import contextlib
import math

HIGHEST_REAL = 1e15  # beyond every hour, decay time and core


def plain_number(value: object, kind: str, words: tuple[str, ...] = ()) -> int | float:
    """A number as written: `true` is not a number, nor is a text in quotes.

    Args:
        value: what a user wrote.
        kind: what the message calls the number, such as "a whole number".
        words: words that the key also takes; the message names them.
    Raises: ValueError, whose message is `value; rule. remedy.`
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and not math.isnan(value):
        return value
    also = "".join(f' or "{word}"' for word in words)
    remedy = f"Write a number{also}."
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            remedy = f"Write {float(value):g}, without quotes."
    raise ValueError(f"{value!r}; a value here is {kind}{also}. {remedy}")


def whole_number(value: object, words: tuple[str, ...] = ()) -> int:
    """A whole number as written; 2e4 and 9.0 are whole.

    Args:
        value: what a user wrote.
        words: as of `plain_number`.
    Raises: ValueError, as `plain_number`; also for 2^63 and beyond, which no column holds.
    """
    number = plain_number(value, "a whole number", words)
    if isinstance(number, float) and not number.is_integer():
        remedy = f"Use {round(number)}." if math.isfinite(number) else "Write a number."
        raise ValueError(f"{value!r}; a value here is a whole number. {remedy}")
    if abs(number) >= 2**63:
        raise ValueError(f"{str(number)[:20]}; a whole number here is below 2^63. Lower it.")
    return int(number)
