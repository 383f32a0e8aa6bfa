"""What can go wrong, one class each, and the sentences for a name that does not exist.

Every error that a user can cause is a StudyError. Its message names the value, the rule and the
remedy. The command line prints the message as one line and exits with `exit_code`.
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

    `transient`: whether the cause may go away by itself, as a full disk or an outage does.
    """

    def __init__(self, message: str, *, transient: bool = False) -> None:
        super().__init__(message)
        self.transient = transient


class DamagedError(StoreError):
    """A small file of a store does not hold what a study writes there."""


class EmptySampleError(StudyError):
    """A measure was asked of zero rows."""


def one_line(text: str) -> str:
    """A text as one line that is safe on a terminal.

    Any white space becomes one space. Control characters are shown as escapes: names and messages
    come from files, buckets and servers, and may hold any letter.
    """
    # The two zero-width joiners are part of words and signs, in Persian and in emoji.
    return "".join(
        letter if letter.isprintable() or letter in "\u200c\u200d" else ascii(letter)[1:-1]
        for letter in " ".join(text.split())
    )


LISTED = 24  # a sentence lists so many names at most


def choices(what: str, given: str, names: Iterable[str], listing: str = "") -> str:
    """Rule and remedy for a name that does not exist: a similar name, or all names.

    Args:
        what: the kind of name, such as "a column".
        given: the name that does not exist.
        names: the names that exist.
        listing: a sentence that says where to see all names, if these are more than LISTED.
    """
    names = list(names)
    rule = f"{what} is one of {len(names)} names."
    if near := difflib.get_close_matches(given, names, n=1):
        return f"{rule} Did you mean {near[0]!r}?"
    if len(names) <= LISTED:
        return f"{rule} Use one of {', '.join(names)}."
    near = difflib.get_close_matches(given, names, n=3, cutoff=0.4)
    return " ".join([rule, *([f"Nearest: {', '.join(near)}."] if near else []), listing]).rstrip()


def unknown(what: str, given: str, names: Iterable[str], listing: str = "") -> UsageError:
    """The error for a name that does not exist; arguments as of `choices`."""
    return UsageError(f"{given[:60]!r}; {choices(what, given, names, listing)}")
