"""What was published, tested on a study: a row for each statement."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace

import pandas as pd

from analysis.laws.claims import Evidence, Test
from analysis.laws.statements import STATEMENTS, Statement
from analysis.laws.study_fits import by_regime
from study.errors import UsageError


@dataclass(frozen=True, slots=True)
class Tested:
    """A statement with what the trials say of it: a row of the scorecard.

    Attributes:
        source: where the statement was published.
        statement: in words.
        regime: one of `fit.REGIMES` or `regimes.SIDES`.
        event: a name in `times.CLOCKS`.
        parameter: that the statement speaks of, in words.
        stated: what is expected of the parameter.
        estimate: of the parameter.
        low, high: its 95% interval, robust to scatter between strata.
        verdict: see `verdicts.verdict_of`; None where `lacks` says why there is none.
        why: what the verdict rests on.
        trials: how many the test used.
        strata: how many strata they are in; None for a law that is fitted to all at once.
        lacks: what the study lacks for the test.
    """

    source: str
    statement: str
    regime: str
    event: str
    parameter: str | None = None
    stated: str | None = None
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    verdict: str | None = None
    why: str | None = None
    trials: int | None = None
    strata: int | None = None
    lacks: str | None = None


def scorecard(
    trials: pd.DataFrame,
    errors: str = "lognormal",
    statements: Sequence[Statement] = STATEMENTS,
) -> pd.DataFrame:
    """One row for each statement, with the columns of `Tested`.

    Args:
        trials: as `load_trials` gives them, with the columns of `with_norms` for the statement on
            norms.
        errors: the error family of all fits.
        statements: the rows.
    """
    evidence = Evidence(by_regime(trials), errors)
    table = pd.DataFrame([asdict(_tested(statement, evidence)) for statement in statements])
    table = table.reindex(columns=[column.name for column in fields(Tested)])
    return table.astype(dict.fromkeys(("trials", "strata"), "Int64"))


def _tested(statement: Statement, evidence: Evidence) -> Tested:
    """The row of a statement."""
    row = Tested(statement.source, statement.claim, statement.regime, statement.event)
    if statement.test is None:
        return replace(row, lacks=statement.lacks)
    try:
        part = evidence.of(statement.regime)
        found = statement.test.run(part, statement.event, evidence.errors)
    except UsageError as error:
        return replace(row, lacks=str(error))
    row = replace(
        row,
        parameter=found.parameter,
        stated=_stated(statement.test),
        verdict=found.verdict,
        why=found.why or None,
        trials=found.trials,
        strata=found.strata,
    )
    if found.estimate is None:
        return row
    numbers = found.estimate
    return replace(row, estimate=numbers.estimate, low=numbers.low, high=numbers.high)


def _stated(test: Test) -> str | None:
    """What a test expects, in words; None where it expects nothing."""
    stated = getattr(test, "stated", None)
    return None if stated is None else str(stated)
