"""What was found by laws, in one plain sentence that comes before the numbers; and their legend."""

from collections.abc import Sequence

from analysis.laws.compare import best_inside
from analysis.laws.fit import Fit
from analysis.laws.strata import Bounded, SlopesWithin
from analysis.phases.axis_scales import TITLES

EVENT_WORDS = {
    "memorized": "the time to memorize",
    "generalized": "the time to generalize",
    "delay": "the delay between memorizing and generalizing",
}
COMPARED = (
    "parameters: how many numbers are fitted; identified: whether the trials determine each; "
    "delta_aic: how much worse a law fits than the best, which has 0; heldout: how well it "
    "predicts the hardest third of each axis, the larger the better"
)
ESTIMATES = (
    "slope_x: the time goes as x^slope_x; log_a: the logarithm of the factor a; sigma: the scatter "
    "of log time; [low, high]: 95% intervals, the second allows for scatter between {clusters}"
)
SLOPES = (
    "slope: the time in steps goes as {feature}^slope, from low to high with 95% confidence; "
    "events: trials that had it, the others are censored"
)


def fits_in_a_sentence(fits: Sequence[Fit]) -> str:
    """Which law fits best, what it says, and whether to believe it.

    Args:
        fits: of laws to the same trials, at least one.
    """
    best = best_inside(fits)
    what = EVENT_WORDS[best.event]
    if not best.converged:
        return f"In short: these trials determine no law of {what}."
    by = f"by the law {best.law.name}"
    if len(fits) > 1:
        by = f"of {len(fits)} laws {best.law.name} fits best; by it"
    stated = _statement(best)
    if not stated:
        powers = [_statement(fit) for fit in fits if fit.law.name == "power" and fit.converged]
        stated = "; ".join(
            ["is what its formula below says", *("as powers alone it " + w for w in powers)]
        )
    return f"In short: {by} {what}, in steps, {stated}. {_belief(best, fits)}"


def _statement(fit: Fit) -> str:
    """What a law of powers says of the time; "" for a law with other parameters."""
    others = set(fit.parameters) - {"log_a", "sigma"}
    slopes = {
        name.removeprefix("slope_"): value.estimate
        for name, value in fit.parameters.items()
        if name.startswith("slope_") and value.estimate is not None
    }
    if not others:
        return "is the same everywhere"
    if len(slopes) < len(others):
        return ""
    return "goes as " + " ".join(f"{name}^{slope:.2f}" for name, slope in slopes.items())


def _belief(best: Fit, fits: Sequence[Fit]) -> str:
    """Whether the best law is rejected, and what that means."""
    if best.adequacy is None:
        return "There are too few seeds to tell whether that is so."
    if not best.adequacy.rejected:
        return "It is not rejected: it misses the points by no more than seeds differ."
    known = [fit.adequacy for fit in fits if fit.converged and fit.adequacy is not None]
    every = len(fits) > 1 and all(adequacy.rejected for adequacy in known)
    rejected = "rejected, as is each other law: they miss" if every else "rejected: it misses"
    return (
        f"But it is {rejected} the points by more than seeds differ, and the numbers are a "
        "description at best."
    )


def slope_in_a_sentence(event: str, within: SlopesWithin) -> str:
    """What a doubling of the feature does to the time.

    Args:
        event: a name in `EVENT_WORDS`.
        within: as `slopes_within` gives them.
    """
    known = int(within.strata["slope"].notna().sum())
    name = TITLES.get(within.feature, within.feature.replace("_", " "))
    effect = _of_a_doubling(within.mean, EVENT_WORDS[event])
    return (
        f"In short: doubling the {name} {effect}, the mean of {known} strata, each of trials that "
        "are alike in all else."
    )


def _of_a_doubling(slope: Bounded, what: str) -> str:
    """By what a time is multiplied or divided where a feature of this slope doubles."""
    sign, verb = (-1, "divides") if slope.estimate < 0 else (1, "multiplies")
    ends = (slope.low, slope.high)[::sign]
    shown = ", ".join("?" if end is None else f"{2.0 ** (sign * end):.3g}" for end in ends)
    return f"{verb} {what}, in steps, by {2.0 ** (sign * slope.estimate):.3g} [{shown}]"
