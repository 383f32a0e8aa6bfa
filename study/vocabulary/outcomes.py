"""How a trial ended, and the status of a pack: closed sets of words, each with its sentence.

A member is a text: tables and JSON hold the word itself, and a word that is read equals its member.
"""

from enum import StrEnum
from typing import Self


class _Word(StrEnum):
    """A word of a closed set; `sentence` says what it means, for README, help and page."""

    sentence: str

    def __new__(cls, word: str, sentence: str = "") -> Self:  # the default: for `Ended("budget")`
        """A member that equals `word` and explains itself by `sentence`."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.sentence = sentence
        return member


class Ended(_Word):
    """Why the training of a trial stopped: the column `ended` of the table `trials`."""

    DECIDED = "decided", "both accuracies were held above the level that decides a trial"
    BUDGET = "budget", "the trial was watched for its whole budget"
    COLLAPSED = "collapsed", "the weights decayed to nothing"
    DIVERGED = "diverged", "the loss was no longer a number"


BROKEN = frozenset({Ended.COLLAPSED, Ended.DIVERGED})  # ends after which no event can come


class PackStatus(_Word):
    """The status of a pack: the key `state` of packs/<pack>.json."""

    PENDING = "pending", "waits to be trained, or to go on from its checkpoint"
    RUNNING = "running", "is trained by a process that says so every half minute"
    HALVED = "halved", "is trained as two halves, because memory is short for it as one"
    DONE = "done", "has stored all of its trials, or has been split into packs that do"
    FAILED = "failed", "was given up after errors; its trials count as failed"
