"""What the trials say of a claim: verdicts by equivalence.

A *stated* number is held against an interval by equivalence. The trials *agree* where the whole 95%
interval is within 10% of it; they *contradict* it where the whole interval is further away;
otherwise the test is *undecided*, and the reason says whether the interval is too wide or crosses
the margin. A stated sign is agreed with or contradicted by an interval without 0. A law that the
trials reject judges nothing.
"""

from dataclasses import dataclass
from typing import Literal

from analysis.laws.adequacy import Adequacy
from analysis.laws.strata import Bounded

MARGIN = 0.1  # of a stated number, within which the trials agree with it
WIDE = 0.5  # of a stated number; a wider interval decides nothing
AGREES, CONTRADICTS, UNDECIDED = f"agrees within {MARGIN:.0%}", "contradicts", "undecided"
NOT_IDENTIFIED, REJECTED = "not identified", "rejected"
Stated = float | Literal["above 0", "below 0"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What the trials say of a statement.

    Attributes:
        parameter: that the statement is about, in words.
        verdict: one of the constants above; "agrees" for a sign or a critical value, "not rejected"
            for a law.
        why: what the verdict rests on, in words; "" where the interval says it all.
        estimate: of the parameter, with its interval; None for a critical value that is not there.
        trials: how many the test used.
        strata: how many strata they are in; None for a law that is fitted to all at once.
    """

    parameter: str
    verdict: str
    why: str
    estimate: Bounded | None
    trials: int
    strata: int | None = None


def verdict_of(estimate: Bounded, stated: Stated) -> tuple[str, str]:
    """The verdict on a stated number or sign, and the reason where it is undecided."""
    low, high = estimate.low, estimate.high
    if low is None or high is None:
        return NOT_IDENTIFIED, "an end of the interval is not determined"
    if isinstance(stated, str):
        above = stated == "above 0"
        if low <= 0 <= high:
            return UNDECIDED, "the interval contains 0"
        return ("agrees" if (low > 0) == above else CONTRADICTS), ""
    margin = MARGIN * abs(stated)
    if max(abs(low - stated), abs(high - stated)) <= margin:
        return AGREES, ""
    if low > stated + margin or high < stated - margin:
        return CONTRADICTS, ""
    wide = high - low > WIDE * abs(stated)
    return UNDECIDED, (
        "the interval is wider than half of the claim"
        if wide
        else f"the interval crosses the margin of {MARGIN:.0%}"
    )


def deviance_in_words(found: Adequacy) -> str:
    """The deviance of a law, on its degrees of freedom."""
    return f"deviance {found.deviance:,.0f} on {found.freedom} degrees of freedom"


def bounds_in_words(number: Bounded) -> str:
    """A number with its interval; a question mark stands for an end that is not determined."""
    ends = ("?" if end is None else f"{end:.3f}" for end in (number.low, number.high))
    return f"{number.estimate:.3f} [{', '.join(ends)}]"
