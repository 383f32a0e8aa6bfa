"""What was published, tested on a study: a row for each statement.

A stated value is consistent with the trials if it lies within the wider of two intervals: the
information or profile interval, and the interval robust to scatter between points. A statement that
is *withdrawn* gets the reason, and no verdict: its fit is no test of it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace

import pandas as pd

from analysis.laws.fit import Fit, fit_law
from analysis.laws.intervals import Parameter
from analysis.laws.statements import STATEMENTS, Statement
from analysis.laws.study_fits import by_regime
from analysis.phases.classify import PHASES, classify
from study.errors import UsageError


@dataclass(frozen=True, slots=True)
class Tested:
    """A statement with what the trials say of it: a row of the scorecard.

    Attributes:
        source: where the statement was published.
        statement: in words.
        regime: one of `fit.REGIMES`.
        event: a name in `times.CLOCKS`.
        law: a name in `LAWS`; None where the test needs no law.
        parameter: of the law, that the statement speaks of.
        stated: what is expected of the parameter.
        estimate: of the parameter.
        low, high: the information or profile interval.
        robust_low, robust_high: the interval robust to scatter between points.
        verdict: None where `lacks` or `withdrawn` says why there is no verdict.
        trials: how many the law was fitted to.
        censored: how many of these trials did not have the event.
        left_out: how many trials of the regime the statement does not speak of.
        lacks: what the study lacks for the test.
        withdrawn: why the fit is no test of the statement.
    """

    source: str
    statement: str
    regime: str
    event: str
    law: str | None
    parameter: str | None
    stated: str | None
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    robust_low: float | None = None
    robust_high: float | None = None
    verdict: str | None = None
    trials: int | None = None
    censored: int | None = None
    left_out: int | None = None
    lacks: str | None = None
    withdrawn: str | None = None


def scorecard(
    trials: pd.DataFrame,
    errors: str = "lognormal",
    statements: Sequence[Statement] = STATEMENTS,
) -> pd.DataFrame:
    """One row for each statement, with the columns of `Tested`.

    A row whose statement is withdrawn still has the estimate and the intervals of its fit.
    `left_out` are trials that never memorized, for a statement on the delay; and trials without a
    norm that falls, for a statement on norms.

    Args:
        trials: as `load_trials` gives them, with the columns of `with_norms` for the statements on
            norms.
        errors: the error family of all fits.
        statements: the rows.
    """
    fits = _Fits(by_regime(trials), errors)
    table = pd.DataFrame([asdict(_tested(statement, fits)) for statement in statements])
    table = table.reindex(columns=[column.name for column in fields(Tested)])
    return table.astype(dict.fromkeys(("trials", "censored", "left_out"), "Int64"))


@dataclass(frozen=True, slots=True)
class _Fits:
    """The fits of a scorecard: each is made when it is first asked for, and made once."""

    parts: dict[str, pd.DataFrame]  # the trials of each regime
    errors: str
    made: dict[tuple[str, str, str], Fit | str] = field(default_factory=dict)

    def get(self, regime: str, law: str, event: str) -> Fit | str:
        """The fit of a law to the trials of a regime, or the sentence why there is no fit.

        Args:
            regime: one of `fit.REGIMES` that has trials.
            law: a name in `LAWS`.
            event: a name in `times.CLOCKS`.
        """
        key = (regime, law, event)
        if key not in self.made:
            usable = self.parts[regime]
            if law == "norms" and "settled_norm" in usable:
                # Where the norm does not fall, log(V_mem / V_post) has no logarithm.
                usable = usable[usable["memorized_norm"] > usable["settled_norm"]]
                if usable.empty:
                    return (
                        "norms at the readings of memorizing, and smaller ones after generalizing"
                    )
            try:
                self.made[key] = fit_law(usable, law, event, self.errors)
            except UsageError as error:
                self.made[key] = str(error)
        return self.made[key]


def _tested(statement: Statement, fits: _Fits) -> Tested:
    """The row of a statement."""
    row = Tested(
        source=statement.source,
        statement=statement.claim,
        regime=statement.regime,
        event=statement.event,
        law=statement.law or None,
        parameter=statement.parameter or None,
        stated=str(statement.expected) if statement.parameter else None,
        lacks=statement.lacks or None,
        withdrawn=statement.withdrawn or None,
    )
    if not statement.parameter:
        return row
    part = fits.parts.get(statement.regime)
    if part is None:
        return replace(row, lacks=f"{statement.regime} trials")
    if not statement.law:
        return _with_phases(row, part)
    fit = fits.get(statement.regime, statement.law, statement.event)
    if isinstance(fit, str):
        return replace(row, lacks=fit)
    if statement.parameter not in fit.parameters:
        return replace(row, lacks=f"{statement.parameter.rsplit('_', 1)[-1]} does not vary")
    parameter = fit.parameters[statement.parameter]
    verdict = None if statement.withdrawn else _verdict(statement, fit, parameter, fits)
    return replace(
        row,
        estimate=parameter.estimate,
        low=parameter.low,
        high=parameter.high,
        robust_low=parameter.robust_low,
        robust_high=parameter.robust_high,
        verdict=verdict,
        trials=fit.trials,
        censored=fit.censored,
        left_out=len(part) - fit.trials,
    )


def _with_phases(row: Tested, part: pd.DataFrame) -> Tested:
    """The row of the statement that all phases occur, which needs no law."""
    count = int(classify(part, "liu")["phase"].nunique())
    return replace(
        row,
        estimate=count,
        verdict="consistent" if count == len(PHASES) else "not consistent",
        trials=len(part),
        censored=int(part["generalized_epoch"].isna().sum()),
        left_out=0,
    )


def _verdict(statement: Statement, fit: Fit, parameter: Parameter, fits: _Fits) -> str:
    """What the interval of a parameter says of a statement."""
    expected = statement.expected
    if expected == "shown beside":
        return expected
    if not fit.converged or parameter.ends is None:
        return "not identified"
    if expected == "exists":
        if not statement.rival:
            return "consistent"
        rival = fits.get(statement.regime, statement.rival, statement.event)
        better = isinstance(rival, str) or fit.aic < rival.aic
        return "consistent" if better else f"not consistent: {statement.rival} has a lower AIC"
    low, high = parameter.ends
    low = low if parameter.robust_low is None else min(low, parameter.robust_low)
    high = high if parameter.robust_high is None else max(high, parameter.robust_high)
    if isinstance(expected, float):
        holds = low <= expected <= high
    elif low <= 0 <= high:
        return "undecided"
    else:
        holds = (low > 0) == (expected == "above 0")
    return "consistent" if holds else "not consistent"
