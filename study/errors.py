"""What can go wrong, one sentence each.

Every error a user can cause is a `StudyError` whose message names the value, the rule and the
remedy; the command line prints it as one line and exits with `exit_code`.
"""

import difflib
from collections.abc import Iterable


class StudyError(Exception):
    """Something outside the program stopped the study: a disk, a store, a cluster."""

    exit_code = 1


class UsageError(StudyError):
    """What the user wrote cannot be done: an argument, a study file, a filter."""

    exit_code = 2


class SpecError(UsageError):
    """A study file breaks a rule, or contradicts the store it should extend."""


class StoreError(StudyError):
    """A store is missing, unreadable, damaged or cannot be written.

    `passing`: whether that may go away by itself, as a full disk or an outage does.
    """

    def __init__(self, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing


class DamagedError(StoreError):
    """A small file of a store is not what the study wrote there."""


class EmptySampleError(StudyError):
    """A measure was asked of zero rows."""


def one_line(text: str) -> str:
    """A text as one line that is safe on a terminal: white space is one space, controls are shown.

    Names and messages come from files, buckets and servers, and may hold any letter.
    """
    # The two joiners make one sign of several, in emoji and in Persian.
    return "".join(
        letter if letter.isprintable() or letter in "\u200c\u200d" else ascii(letter)[1:-1]
        for letter in " ".join(text.split())
    )


LISTED = 20  # names that a sentence has room for


def choices(what: str, given: str, known: Iterable[str], listing: str = "") -> str:
    """Rule and remedy for a name that is none of those known.

    Args: what, like "a column"; listing, the sentence that says where more than 20 names are told.
    """
    names = list(known)
    rule = f"{what} is one of {len(names)} names."
    if near := difflib.get_close_matches(given, names, n=1):
        return f"{rule} Did you mean {near[0]!r}?"
    if len(names) <= LISTED:
        return f"{rule} Use one of {', '.join(names)}."
    near = difflib.get_close_matches(given, names, n=3, cutoff=0.4)
    return " ".join([rule, *([f"Nearest: {', '.join(near)}."] if near else []), listing]).rstrip()


def unknown(what: str, given: str, known: Iterable[str], listing: str = "") -> UsageError:
    """The error for a name that is none of those known; arguments as of `choices`."""
    return UsageError(f"{given[:60]!r}; {choices(what, given, known, listing)}")
