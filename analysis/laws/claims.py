"""How a published statement is tested: a kind of test for each kind of statement.

`verdicts` says how a number or a sign is judged.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pandas as pd

from analysis.laws.equations import find_law
from analysis.laws.existence import existence
from analysis.laws.fit import fit_law, with_adequacy
from analysis.laws.lines import adequacy_within
from analysis.laws.positive import above_zero
from analysis.laws.regimes import SIDES, regime_of
from analysis.laws.shares import rows_at_half
from analysis.laws.strata import Bounded, own_slopes, random_effects, simpson, slopes_within
from analysis.laws.verdicts import (
    NOT_IDENTIFIED,
    REJECTED,
    UNDECIDED,
    Finding,
    Stated,
    bounds_in_words,
    deviance_in_words,
    verdict_of,
)
from analysis.phases.drawn_axes import axes_that_vary
from analysis.statistics import Z_95
from study.errors import UsageError


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


@dataclass(frozen=True, slots=True)
class SlopeTest:
    """A slope within strata, against a number or a sign.

    The mean of the strata's own slopes is judged: its interval allows for their spread. A line in
    every stratum must not be rejected.

    Attributes:
        feature: a name in `FEATURES`.
        stated: of the slope.
    """

    feature: str
    stated: Stated

    def run(self, trials: pd.DataFrame, event: str, errors: str, /) -> Finding:
        """See `Test.run`."""
        part = trials
        if self.feature == "norm_ratio" and "settled_norm" in part:
            # A norm that has not fallen has no such logarithm.
            part = part[part["memorized_norm"] > part["settled_norm"]]
            if part.empty:
                raise UsageError("trials that were trained on after generalizing, with linger = 3")
        within = slopes_within(part, self.feature, event, errors)
        found = adequacy_within(part, within, event, errors)
        verdict, why = verdict_of(within.mean, self.stated)
        if found is not None and found.rejected:
            verdict, why = (
                UNDECIDED,
                f"lines within strata are rejected: {deviance_in_words(found)}",
            )
        said = [why] if why else []
        said.append(f"one slope for all {bounds_in_words(within.common)}")
        said.append(f"spread of the strata's slopes {within.spread.estimate:.2g}")
        if found is not None and not found.rejected:
            said.append(f"lines within strata: {deviance_in_words(found)}, p = {found.chance:.2g}")
        return Finding(
            f"slope of {self.feature}", verdict, "; ".join(said), within.mean, within.trials,
            len(within.known),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class EachKTest:
    """The sign of a parameter of a law of n, for each k by itself, at the least weight decay.

    Few k are no sample of all k: the verdict is theirs if they agree, and no mean is taken.
    """

    law: str
    parameter: str
    stated: Stated

    def run(self, trials: pd.DataFrame, event: str, errors: str, /) -> Finding:
        """See `Test.run`."""
        decay = trials["weight_decay"]
        part = trials[decay == decay.min()]
        verdicts, said = set(), []
        for k, members in part.groupby("k"):
            value = fit_law(members, self.law, event, errors).parameters[self.parameter]
            if value.estimate is not None:
                own = Bounded(value.estimate, value.low, value.high)
                verdicts.add(verdict_of(own, self.stated)[0])
                said.append(f"k = {k}: {bounds_in_words(own)}")
        verdict = verdicts.pop() if len(verdicts) == 1 else UNDECIDED
        return Finding(self.parameter, verdict, "; ".join(said), None, len(part), len(said))


@dataclass(frozen=True, slots=True)
class LawTest:
    """A parameter of a law, in strata that are alike in all axes but those that the law speaks of.

    Attributes:
        law: a name in `LAWS`.
        parameter: of the law.
        axis: of the law; a stratum tells if it has three values of it, and does not reject the law.
        stated: of the parameter.
    """

    law: str
    parameter: str
    axis: str
    stated: Stated

    def run(self, trials: pd.DataFrame, event: str, errors: str, /) -> Finding:
        """See `Test.run`."""
        trials, _ = above_zero(trials, [self.axis])
        speaks_of = find_law(self.law).speaks_of
        axes = [name for name in axes_that_vary(trials) if name not in speaks_of]
        groups = [part for _, part in trials.groupby(axes, dropna=False)] if axes else [trials]
        able = [part for part in groups if part[self.axis].nunique() >= 3]
        if not able:
            raise UsageError(f"{self.axis} at three values where all else stays")
        fits = [with_adequacy(fit_law(part, self.law, event, errors), part) for part in able]
        kept = [fit for fit in fits if fit.adequacy is None or not fit.adequacy.rejected]
        values = [fit.parameters[self.parameter] for fit in kept]
        known = [value for value in values if value.estimate is not None and value.ends is not None]
        why = f"{len(fits) - len(kept)} of {len(fits)} strata reject the law"
        count = sum(fit.trials for fit in kept)
        if not known:
            return Finding(self.parameter, NOT_IDENTIFIED, why, None, count, len(fits))
        estimates = np.array([value.estimate for value in known], np.float64)
        ends = np.array([value.ends for value in known], np.float64)
        mean = Bounded(float(estimates[0]), *ends[0])
        if len(known) > 1:
            mean, _, _ = random_effects(estimates, (ends[:, 1] - ends[:, 0]) / (2 * Z_95))
        verdict, reason = verdict_of(mean, self.stated)
        why = "; ".join([*([reason] if reason else []), why])
        return Finding(self.parameter, verdict, why, mean, count, len(known))


@dataclass(frozen=True, slots=True)
class ExistenceTest:
    """Whether a critical value exists, stratum by stratum: see `existence`."""

    law: str
    axis: str

    def run(self, trials: pd.DataFrame, event: str, errors: str, /) -> Finding:
        """See `Test.run`."""
        found = existence(above_zero(trials, [self.axis])[0], self.law, event, errors)
        verdict = "agrees" if found.believed else NOT_IDENTIFIED
        count = int(found.strata["trials"].sum())
        return Finding(f"critical {self.axis}", verdict, found.why, None, count, len(found.strata))


@dataclass(frozen=True, slots=True)
class RowsTest:
    """The sign of an exponent in the rows at which half have the event: see `rows_at_half`."""

    axis: str
    stated: Stated

    def run(self, trials: pd.DataFrame, event: str, _errors: str, /) -> Finding:
        """See `Test.run`."""
        found = rows_at_half(trials, self.axis, event)
        verdict, why = verdict_of(found.exponent, self.stated)
        own = found.cells["exponent"]
        span = f"those of cells run from {own.min():.2f} to {own.max():.2f}"
        return Finding(
            f"exponent of {self.axis} in the rows at half", verdict,
            "; ".join([*([why] if why else []), span]), found.exponent, found.trials, len(own),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class PooledTest:
    """Whether one power law describes all trials of a regime, and each k by itself.

    Attributes:
        axis: whose pooled slope is shown, and compared with the slopes of strata.
    """

    axis: str

    def run(self, trials: pd.DataFrame, event: str, errors: str, /) -> Finding:
        """See `Test.run`."""
        trials, _ = above_zero(trials)
        fit = with_adequacy(fit_law(trials, "power", event, errors), trials)
        parameter = f"slope_{self.axis}"
        if parameter not in fit.parameters:
            raise UsageError(f"{self.axis} does not vary")
        value, found = fit.parameters[parameter], fit.adequacy
        if value.estimate is None or found is None:
            raise UsageError("more seeds at each point: they do not tell whether a law fits")
        said = [deviance_in_words(found)]
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
