"""What was published, tested on a study: statement by statement, or what the study lacks for it.

`STATEMENTS` is the table: the claim in our words, where it is made, the regime it is made for, and
the parameter of a law that it speaks of. A stated value is consistent with the trials where it lies
within the wider of the information or profile interval and the one robust to scatter between
points. A statement whose test was found unsound is *withdrawn*: it gets no verdict, but the reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from analysis.laws.fit import REGIMES, Fit, fit_law
from analysis.laws.intervals import Parameter
from analysis.laws.study_fits import by_regime
from analysis.phases.classify import PHASES, classify
from study.errors import UsageError

MULTI_PASS, ONLINE = REGIMES
Expected = float | Literal["above 0", "below 0", "exists", "shown beside"]


@dataclass(frozen=True, slots=True)
class Statement:
    """A claim about the parameter of a law in a regime; `rival` says nothing of the kind exists.

    Without a law it cannot be tested on transition times; `lacks` says what it needs. `withdrawn`
    says in a sentence why the fit is no test of the claim; empty where it is one.
    """

    source: str
    claim: str
    regime: str
    event: str = "generalized"
    law: str = ""
    parameter: str = ""
    expected: Expected = 1.0
    rival: str = ""
    lacks: str = ""
    withdrawn: str = ""


# Why fits to a whole study are no tests. docs/laws.md, "What is withdrawn", has the numbers.
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
        "arXiv 2210.01117", "time to generalise goes as 1 / weight_decay", MULTI_PASS,
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

COLUMNS = (
    "source", "statement", "regime", "event", "law", "parameter", "stated", "estimate", "low",
    "high", "robust_low", "robust_high", "verdict", "trials", "censored", "left_out", "lacks",
    "withdrawn",
)  # fmt: skip


def scorecard(
    trials: pd.DataFrame,
    errors: str = "lognormal",
    statements: Sequence[Statement] = STATEMENTS,
) -> pd.DataFrame:
    """One row a statement; `verdict` is null where `lacks` says what the study has not.

    `verdict` is null, too, where `withdrawn` says why the fit is no test of the statement. The
    estimate and the intervals of such a row are still those of the fit.

    `left_out` are trials of the regime that the statement does not speak of: never memorised, for a
    delay; without a norm that falls, for those on norms.

    Args: trials as `load_trials` gives them, with the columns of `with_norms` for the statements on
    norms; errors, the family of all fits; statements, the rows.
    """
    parts = by_regime(trials)
    fits: dict[tuple[str, str, str], Fit | str] = {}
    rows = [_row(statement, parts, fits, errors) for statement in statements]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.astype(dict.fromkeys(("trials", "censored", "left_out"), "Int64"))


def _row(
    statement: Statement,
    parts: dict[str, pd.DataFrame],
    fits: dict[tuple[str, str, str], Fit | str],
    errors: str,
) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row |= {
        "source": statement.source,
        "statement": statement.claim,
        "regime": statement.regime,
        "event": statement.event,
        "law": statement.law or None,
        "parameter": statement.parameter or None,
        "stated": str(statement.expected) if statement.parameter else None,
        "lacks": statement.lacks or None,
        "withdrawn": statement.withdrawn or None,
    }
    if not statement.parameter:
        return row
    part = parts.get(statement.regime)
    if part is None:
        return row | {"lacks": f"{statement.regime} trials"}
    if not statement.law:
        seen = int(classify(part, "liu")["phase"].nunique())
        verdict = "consistent" if seen == len(PHASES) else "not consistent"
        censored = int(part["generalized_epoch"].isna().sum())
        counts = {"trials": len(part), "censored": censored, "left_out": 0}
        return row | {"estimate": seen, "verdict": verdict} | counts
    fit = _fitted(fits, part, statement.regime, statement.law, statement.event, errors)
    if isinstance(fit, str):
        return row | {"lacks": fit}
    if statement.parameter not in fit.parameters:
        return row | {"lacks": f"{statement.parameter.rsplit('_', 1)[-1]} does not vary"}
    found = fit.parameters[statement.parameter]
    rival = None
    if statement.rival:
        other = _fitted(fits, part, statement.regime, statement.rival, statement.event, errors)
        rival = None if isinstance(other, str) else other
    return row | {
        "estimate": found.estimate,
        "low": found.low,
        "high": found.high,
        "robust_low": found.robust_low,
        "robust_high": found.robust_high,
        "verdict": None if statement.withdrawn else _verdict(statement, fit, found, rival),
        "trials": fit.trials,
        "censored": fit.censored,
        "left_out": len(part) - fit.trials,
    }


def _fitted(
    fits: dict[tuple[str, str, str], Fit | str],
    part: pd.DataFrame,
    regime: str,
    law: str,
    event: str,
    errors: str,
) -> Fit | str:
    """The fit of a law, or the sentence that says why there is none; each is made once."""
    key = (regime, law, event)
    if key not in fits:
        usable = part
        if law == "norms" and "settled_norm" in part:
            # Where the norm does not fall, the logarithm of the statement has none of its own.
            usable = part[part["memorized_norm"] > part["settled_norm"]]
            if usable.empty:
                return "norms at the readings of memorising, and smaller ones after generalising"
        try:
            fits[key] = fit_law(usable, law, event, errors)
        except UsageError as error:
            fits[key] = str(error)
    return fits[key]


def _verdict(statement: Statement, fit: Fit, found: Parameter, rival: Fit | None) -> str:
    expected = statement.expected
    if expected == "shown beside":
        return expected
    if not (fit.converged and found.identified):
        return "not identified"
    assert found.low is not None  # noqa: S101  both ends of what is identified
    assert found.high is not None  # noqa: S101  likewise
    if expected == "exists":
        better = rival is None or fit.aic < rival.aic
        return "consistent" if better else f"not consistent: {statement.rival} has a lower AIC"
    low = found.low if found.robust_low is None else min(found.low, found.robust_low)
    high = found.high if found.robust_high is None else max(found.high, found.robust_high)
    if isinstance(expected, float):
        return "consistent" if low <= expected <= high else "not consistent"
    if low <= 0 <= high:
        return "undecided"
    return "consistent" if (low > 0) == (expected == "above 0") else "not consistent"


def as_lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The scorecard for people: two lines a statement."""
    lines = []
    for row in rows:
        lines += [f"{row['source']}, {row['regime']}: {row['statement']}", f"  {_result(row)}"]
    return lines


def _result(row: dict[str, Any]) -> str:
    if row["withdrawn"]:
        return f"withdrawn: {row['withdrawn']}"
    if row["lacks"]:
        return f"not testable here: {row['lacks']}"
    counts = f"{row['trials']:,} trials, {row['censored']:,} censored"
    counts += f", {row['left_out']:,} left out" if row["left_out"] else ""
    if row["estimate"] is None:
        return f"{row['verdict']}: {row['parameter']}; {counts}"
    found = f"{row['parameter']} {row['estimate']:.4g}"
    for ends, word in ((("low", "high"), ""), (("robust_low", "robust_high"), "points ")):
        low, high = (row[end] for end in ends)
        if low is not None or high is not None:
            shown = ", ".join("?" if end is None else f"{end:.4g}" for end in (low, high))
            found += f" {word}[{shown}]"
    return f"{row['verdict']}: {found}, stated {row['stated']}; {counts}"
