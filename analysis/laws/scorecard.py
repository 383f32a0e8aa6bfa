"""What was published, tested on a study: a row for each statement.

`STATEMENTS` is the table. A statement has the claim in our words, where it is made, the regime it
is made for, and the parameter of a law that it speaks of. A stated value is consistent with the
trials if it lies within the wider of two intervals: the information or profile interval, and the
interval robust to scatter between points. A statement whose test was found unsound is *withdrawn*:
it gets the reason, and no verdict.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Literal

import pandas as pd

from analysis.laws.fit import REGIMES, Fit, fit_law
from analysis.laws.intervals import Parameter
from analysis.laws.study_fits import by_regime
from analysis.phases.classify import PHASES, classify
from study.errors import UsageError

MULTI_PASS, ONLINE = REGIMES
Expected = float | Literal["above 0", "below 0", "exists", "shown beside"]  # of a parameter


@dataclass(frozen=True, slots=True)
class Statement:
    """A claim about the parameter of a law in a regime."""

    source: str
    claim: str
    regime: str
    event: str = "generalized"
    law: str = ""  # empty where transition times cannot test the claim
    parameter: str = ""
    expected: Expected = 1.0
    rival: str = ""  # the law without the critical value that is claimed to exist
    lacks: str = ""  # what a test would need, where there is no law
    withdrawn: str = ""  # a sentence: why the fit is no test of the claim; empty if it is one


# Why a fit to a whole study is no test. docs/laws.md, "What is withdrawn", has the numbers.
POOLED = (
    "one slope is fitted to trials that comprehend, grok, memorize and collapse; "
    "its interval describes no network."
)
ONE_EXPONENT = "one exponent is fitted to all k and all weight decays, and each has its own."
BENT_BY_K = "one curve is fitted to all k; its bend is that between k, not within one."
ONE_WALL = "one critical size is fitted to all n and k, and it follows the edge of the grid."
EDGE = "the critical value lies at the edge of the grid, and the rival law cannot bend at all."
UNSETTLED = "V_post is read at the transition, where a trial leaves, and not once it has settled."

STATEMENTS = (
    Statement(
        "arXiv 2207.08799", "steps grow as n^(a k) with a near 1", ONLINE,
        law="n_to_k", parameter="slope_n_to_k",
        withdrawn=ONE_EXPONENT,
    ),
    Statement(
        "arXiv 2207.08799", "the same, where it is not stated: several passes", MULTI_PASS,
        law="n_to_k", parameter="slope_n_to_k", expected="shown beside",
        withdrawn=ONE_EXPONENT,
    ),
    Statement(
        "arXiv 2207.08799", "the exponent worsens with n", ONLINE,
        law="n_to_k_bent", parameter="slope_n_to_k_squared", expected="above 0",
        withdrawn=BENT_BY_K,
    ),
    Statement(
        "arXiv 2207.08799", "a neuron's Fourier gap grows long before accuracy", ONLINE,
        lacks="readings of the measure fourier_gap",
    ),
    Statement(
        "arXiv 2309.03800", "a wider net needs fewer rows", MULTI_PASS,
        law="critical_rows_by", parameter="slope_of_critical_train_size_width",
        expected="below 0",
        withdrawn=ONE_WALL,
    ),
    Statement(
        "arXiv 2205.10343", "comprehension, grokking, memorization and confusion all occur",
        MULTI_PASS, parameter="phases", expected=4.0,
    ),
    Statement(
        "arXiv 2210.01117", "time to generalize goes as 1 / weight_decay", MULTI_PASS,
        law="power", parameter="slope_weight_decay", expected=-1.0,
        withdrawn=POOLED,
    ),
    Statement(
        "arXiv 2311.18817", "a transition at log(init_scale) / weight_decay: the logarithm",
        MULTI_PASS, law="initial_scale", parameter="exponent_init_scale",
        withdrawn=POOLED,
    ),
    Statement(
        "arXiv 2311.18817", "a transition at log(init_scale) / weight_decay: the decay time",
        MULTI_PASS, law="initial_scale", parameter="slope_decay_time",
        withdrawn=POOLED,
    ),
    Statement(
        "arXiv 2506.05718", "delay goes as 1 / (learning_rate weight_decay)", MULTI_PASS,
        event="delay", law="decay_time", parameter="slope_decay_time",
        withdrawn=POOLED,
    ),
    Statement(
        "arXiv 2603.13331", "delay goes as log(V_mem / V_post) decay times: the decay time",
        MULTI_PASS, event="delay", law="norms", parameter="slope_decay_time",
        withdrawn=UNSETTLED,
    ),
    Statement(
        "arXiv 2603.13331", "delay goes as log(V_mem / V_post) decay times: the logarithm",
        MULTI_PASS, event="delay", law="norms", parameter="slope_norm_ratio",
        withdrawn=UNSETTLED,
    ),
    Statement(
        "arXiv 2309.02390", "below a critical dataset size nothing groks", MULTI_PASS,
        law="critical_rows", parameter="critical_train_size", expected="exists",
        rival="saturating",
        withdrawn=ONE_WALL,
    ),
    Statement(
        "arXiv 2309.02390", "a net that grokked ungroks when trained on with fewer rows",
        MULTI_PASS, lacks="trials that go on with fewer rows after grokking",
    ),
    Statement(
        "arXiv 2605.20441", "the time diverges at a critical weight decay", MULTI_PASS,
        law="critical_decay", parameter="critical_weight_decay", expected="exists",
        rival="power",
        withdrawn=EDGE,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tested:
    """A statement with what the trials say of it: a row of the scorecard."""

    source: str
    statement: str
    regime: str
    event: str
    law: str | None
    parameter: str | None
    stated: str | None  # what is expected of the parameter
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    robust_low: float | None = None
    robust_high: float | None = None
    verdict: str | None = None  # None where `lacks` or `withdrawn` says why there is no verdict
    trials: int | None = None  # that the law was fitted to
    censored: int | None = None
    left_out: int | None = None  # trials of the regime that the statement does not speak of
    lacks: str | None = None  # what the study lacks for the test
    withdrawn: str | None = None  # why the fit is no test of the statement


COLUMNS = tuple(field.name for field in fields(Tested))


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
    table = table.reindex(columns=list(COLUMNS))
    return table.astype(dict.fromkeys(("trials", "censored", "left_out"), "Int64"))


@dataclass(frozen=True, slots=True)
class _Fits:
    """The fits of a scorecard: each is made when it is first asked for, and made once."""

    parts: dict[str, pd.DataFrame]  # the trials of each regime
    errors: str
    made: dict[tuple[str, str, str], Fit | str] = field(default_factory=dict)

    def get(self, regime: str, law: str, event: str) -> Fit | str:
        """The fit of a law to the trials of a regime, or the sentence why there is none."""
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
