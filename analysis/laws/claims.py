"""How a published statement is tested: a kind of test for each kind of statement.

A *stated* number is held against an interval by equivalence. The trials *agree* where the whole 95%
interval is within 10% of it; they *contradict* it where the whole interval is further away;
otherwise the test is *undecided*, and the reason says whether the interval is too wide or crosses
the margin. A stated sign is agreed with or contradicted by an interval without 0. A law that the
trials reject judges nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
import pandas as pd

from analysis.laws.existence import existence
from analysis.laws.fit import fit_law, with_adequacy
from analysis.laws.regimes import SIDES, regime_of
from analysis.laws.shares import rows_at_half
from analysis.laws.strata import Bounded, own_slopes, random_effects, simpson, slopes_within
from study.errors import UsageError

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


@dataclass(frozen=True, slots=True)
class Evidence:
    """The trials of a study by regime: each regime is made when it is first asked for."""

    parts: dict[str, pd.DataFrame]  # of each regime that is told by the columns alone
    errors: str
    made: dict[str, pd.DataFrame] = field(default_factory=dict)

    def of(self, regime: str) -> pd.DataFrame:
        """The trials of a regime.

        Args:
            regime: one of `fit.REGIMES`, or of `regimes.SIDES`.
        Raises: UsageError where there is none.
        """
        if regime not in self.made:
            if regime in SIDES:
                everything = pd.concat(list(self.parts.values()))
                self.made[regime] = regime_of(everything, regime).trials
            elif regime in self.parts:
                self.made[regime] = self.parts[regime]
            else:
                raise UsageError(f"{regime} trials")
        return self.made[regime]


class Test(Protocol):
    """A kind of test."""

    def run(self, trials: pd.DataFrame, event: str, errors: str, /) -> Finding:
        """What the trials of the statement's regime say.

        Args:
            trials: of the regime.
            event: see `fit_law`.
            errors: see `fit_law`.
        Raises: UsageError for what the trials lack.
        """


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


@dataclass(frozen=True, slots=True)
class SlopeTest:
    """A slope within strata, against a number or a sign.

    The mean of the strata's own slopes is judged: its interval allows for their spread.

    Attributes:
        feature: a name in `FEATURES`.
        stated: of the slope.
        least_decay: whether only trials at the least weight decay count: of a statement on learning
            without weight decay.
    """

    feature: str
    stated: Stated
    least_decay: bool = False

    def run(self, trials: pd.DataFrame, event: str, errors: str, /) -> Finding:
        """See `Test.run`."""
        part = _at_least_decay(trials) if self.least_decay else trials
        if (
            self.feature == "norm_ratio" and "settled_norm" in part
        ):  # a norm that has not fallen has no such logarithm
            part = part[part["memorized_norm"] > part["settled_norm"]]
            if part.empty:
                raise UsageError("trials that were trained on after generalizing, with linger = 3")
        within = slopes_within(part, self.feature, event, errors)
        verdict, why = verdict_of(within.mean, self.stated)
        spread = within.spread.estimate
        shown = [f"spread of the strata's slopes {spread:.2g}"]
        if within.common.low is not None and within.common.high is not None:
            common = within.common
            shown.append(
                f"one slope for all {common.estimate:.3f} [{common.low:.3f}, {common.high:.3f}]"
            )
        return Finding(
            f"slope of {self.feature}",
            verdict,
            "; ".join([*([why] if why else []), *shown]),
            within.mean,
            within.trials,
            int(within.strata["slope"].notna().sum()),
        )


@dataclass(frozen=True, slots=True)
class BendTest:
    """Whether log time bends upward in k log n, for each k by itself, at the least weight decay."""

    def run(self, trials: pd.DataFrame, event: str, errors: str, /) -> Finding:
        """See `Test.run`."""
        part = _at_least_decay(trials)
        squares, errors_of, said = [], [], []
        for k, members in part.groupby("k"):
            fit = fit_law(members, "n_to_k_bent", event, errors)
            square = fit.parameters["slope_n_to_k_squared"]
            if square.estimate is None or square.ends is None:
                continue
            squares.append(square.estimate)
            errors_of.append((square.ends[1] - square.ends[0]) / 3.92)
            said.append(f"k = {k}: {square.estimate:.3f}")
        if len(squares) < 2:
            raise UsageError("several k, each at four n or more")
        mean, _, _ = random_effects(np.array(squares), np.array(errors_of))
        verdict, why = verdict_of(mean, "above 0")
        why = "; ".join([*([why] if why else []), *said])
        return Finding("square of k log n", verdict, why, mean, len(part), len(squares))


@dataclass(frozen=True, slots=True)
class LawTest:
    """A parameter of a law that is fitted to all trials at once, if the trials do not reject it."""

    law: str
    parameter: str
    stated: Stated

    def run(self, trials: pd.DataFrame, event: str, errors: str, /) -> Finding:
        """See `Test.run`."""
        fit = with_adequacy(fit_law(trials, self.law, event, errors), trials)
        if self.parameter not in fit.parameters:
            raise UsageError(f"{self.parameter.rsplit('_', 1)[-1]} does not vary")
        value = fit.parameters[self.parameter]
        if value.estimate is None:
            return Finding(self.parameter, NOT_IDENTIFIED, "no maximum", None, fit.trials)
        ends = [value.low, value.high, value.robust_low, value.robust_high]
        low = None if value.low is None else min(end for end in ends[::2] if end is not None)
        high = None if value.high is None else max(end for end in ends[1::2] if end is not None)
        estimate = Bounded(value.estimate, low, high)
        if fit.adequacy is not None and fit.adequacy.rejected:
            freedom, deviance = fit.adequacy.freedom, fit.adequacy.deviance
            why = f"the law is rejected: deviance {deviance:,.0f} on {freedom} degrees of freedom"
            return Finding(self.parameter, UNDECIDED, why, estimate, fit.trials)
        verdict, why = verdict_of(estimate, self.stated)
        return Finding(self.parameter, verdict, why, estimate, fit.trials)


@dataclass(frozen=True, slots=True)
class ExistenceTest:
    """Whether a critical value exists, stratum by stratum: see `existence`."""

    law: str
    axis: str

    def run(self, trials: pd.DataFrame, event: str, errors: str, /) -> Finding:
        """See `Test.run`."""
        found = existence(trials, self.law, event, errors)
        verdict = "agrees" if found.believed else NOT_IDENTIFIED
        count = int(found.strata["trials"].sum())
        return Finding(f"critical {self.axis}", verdict, found.why, None, count, len(found.strata))


@dataclass(frozen=True, slots=True)
class RowsTest:
    """The sign of an axis's exponent in the rows at which half have the event, for each k."""

    axis: str
    stated: Stated

    def run(self, trials: pd.DataFrame, event: str, _errors: str, /) -> Finding:
        """See `Test.run`."""
        whole = rows_at_half(trials, self.axis, event)
        verdict, why = verdict_of(whole.exponent, self.stated)
        said = [] if not why else [why]
        for k, part in trials.groupby("k"):
            try:
                own = rows_at_half(part, self.axis, event).exponent
            except UsageError:
                continue
            said.append(f"k = {k}: {own.estimate:.3f} [{own.low:.3f}, {own.high:.3f}]")
            if verdict_of(own, self.stated)[0] not in {verdict, UNDECIDED}:
                verdict = UNDECIDED
        parameter = f"exponent of {self.axis} in the rows at half"
        return Finding(parameter, verdict, "; ".join(said), whole.exponent, whole.trials)


@dataclass(frozen=True, slots=True)
class PooledTest:
    """Whether one power law describes all trials of a regime, and each k by itself.

    Attributes:
        axis: whose pooled slope is shown, and compared with the slopes of strata.
    """

    axis: str

    def run(self, trials: pd.DataFrame, event: str, errors: str, /) -> Finding:
        """See `Test.run`."""
        fit = with_adequacy(fit_law(trials, "power", event, errors), trials)
        parameter = f"slope_{self.axis}"
        if parameter not in fit.parameters:
            raise UsageError(f"{self.axis} does not vary")
        value, found = fit.parameters[parameter], fit.adequacy
        if value.estimate is None or found is None:
            raise UsageError("more seeds at each point: they do not tell whether a law fits")
        said = [f"deviance {found.deviance:,.0f} on {found.freedom} degrees of freedom"]
        said += [f"k = {k}: {why}" for k, why in self._misleading(trials, event, errors)]
        pooled = Bounded(value.estimate, value.robust_low, value.robust_high)
        verdict = REJECTED if found.rejected else "not rejected"
        return Finding(parameter, verdict, "; ".join(said), pooled, fit.trials)

    def _misleading(
        self, trials: pd.DataFrame, event: str, errors: str
    ) -> Iterator[tuple[str, str]]:
        """Each k whose pooled slope misleads, and why; "all" stands for all k together."""
        for k, part in [("all", trials), *trials.groupby("k")]:
            try:
                fit = fit_law(part, "power", event, errors)
            except UsageError:
                continue
            slope = fit.parameters[f"slope_{self.axis}"].estimate
            if slope is None:
                continue
            why = simpson(slope, own_slopes(part, self.axis, event, errors))
            if why:
                yield str(k), why


def _at_least_decay(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials at the least weight decay."""
    decay = trials["weight_decay"]
    part: pd.DataFrame = trials[decay == decay.min()]
    return part
