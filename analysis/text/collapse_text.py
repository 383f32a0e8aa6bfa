"""What `analysis collapse` answers, for people and as JSON."""

from collections.abc import Hashable
from dataclasses import asdict
from typing import Any

import pandas as pd

from analysis.formats import as_table, finite_json, records
from analysis.laws.strata import Bounded
from analysis.laws.verdicts import bounds_in_words, verdict_of
from analysis.questions.collapse import (
    Collapse,
    FormFit,
    collapses_of,
    verdict_on_curve,
    verdict_on_size,
)
from analysis.questions.spread import Spread
from analysis.text.law_answers import LawAnswer


def collapse_answer(trials: pd.DataFrame) -> LawAnswer:
    """Whether delayed generalization is one curve for each k, and whether there is a critical size.

    Args:
        trials: as `load_trials` gives them.
    Raises: UsageError where no k has enough trials.
    """
    answers, refused = collapses_of(trials)
    lines: list[str] = []
    for collapse in answers:
        lines += [*([""] if lines else []), *lines_of_collapse(collapse)]
    lines += [f"left out: {why}" for why in refused.values()]
    content = {
        "collapses": [collapse_json(collapse) for collapse in answers],
        "left_out": {str(k): why for k, why in refused.items()},
    }
    return LawAnswer(finite_json(content), lines)


def lines_of_collapse(collapse: Collapse) -> list[str]:
    """The answer for one k as lines."""
    waits, fit = collapse.waits, collapse.best.fit
    events = int((~waits.observed.censored).sum())
    left_out = f"; {waits.left_out:,} never memorized" if waits.left_out else ""
    form = fit.model.form
    trials = f"{len(waits.trials):,} trials that memorized, {events:,} generalized{left_out}"
    lines = [
        f"k = {collapse.k}: {trials}",
        "",
        as_table(pd.DataFrame([_form_row(one, collapse) for one in collapse.forms])),
        "",
        f"the wait in decay times is {form.name}, {form.formula} with x = rows / N_c",
    ]
    if not fit.converged:
        return [*lines, "  no maximum: these trials do not determine a form"]
    lines += [
        f"  N_c goes as {name}^{bounds_in_words(fit.bounded(f'exponent_{name}'))}"
        for name in waits.names
    ]
    if "n" in waits.names:
        verdict, why = exponent_verdict(collapse)
        lines.append(f"  k - 1 = {collapse.k - 1}: {verdict}{f' ({why})' if why else ''}")
    lines += _foretold_lines(collapse)
    lines += ["", "rows at which half generalize, by patience in decay times:"]
    lines += [as_table(_half_table(collapse.half.table)), ""]
    if collapse.half.move is not None and collapse.foretold_move is not None:
        lines.append(
            f"  from 10 to 40 they go as patience^{bounds_in_words(collapse.half.move)}; a power "
            f"fitted to the first 10 foretells {bounds_in_words(collapse.foretold_move)}"
        )
    return [*lines, f"  {verdict_on_size(collapse)}"]


def exponent_verdict(collapse: Collapse) -> tuple[str, str]:
    """Whether the exponent of n is k - 1, and why that is undecided."""
    return verdict_of(collapse.best.fit.bounded("exponent_n"), float(collapse.k - 1))


def _form_row(one: FormFit, collapse: Collapse) -> dict[str, object]:
    """A form in the table: by how much AIC is higher, and how it predicts the largest n."""
    fit, foretold = one.fit, one.foretold
    lowest = min(other.fit.aic for other in collapse.forms if other.fit.converged)
    score = own = ratio = None
    if foretold is not None:
        score, own = foretold.score, foretold.own_score
        ratio = None if foretold.ratio is None else foretold.ratio.estimate
    return {
        "form": fit.model.form.name,
        "parameters": len(fit.theta),
        "delta_aic": f"{fit.aic - lowest:.1f}" if fit.converged else None,
        "heldout": _three_digits(score),
        "own": _three_digits(own),
        "rows_ratio": _three_digits(ratio),
    }


def _three_digits(number: float | None) -> str | None:
    """A number for a table; None stays."""
    return None if number is None else f"{number + 0.0:.3f}"


def _foretold_lines(collapse: Collapse) -> list[str]:
    """How the largest n was predicted from the smaller n."""
    foretold = collapse.best.foretold
    if foretold is None:
        return ["  the smaller n do not determine the form"]
    spread = foretold.spread
    ratio = (
        ""
        if foretold.ratio is None
        else f"; rows at half within {foretold.patience:g} decay times, predicted over observed, "
        f"{bounds_in_words(foretold.ratio)}"
    )
    own = "no maximum" if foretold.own_score is None else f"{foretold.own_score:.3f}"
    scores = f"score {foretold.score:.3f} (fitted to itself {own})"
    return [
        f"n = {foretold.n}, predicted from smaller n: {scores}{ratio}",
        f"  {spread_in_words(spread)}",
        f"  {verdict_on_curve(foretold)}",
    ]


def spread_in_words(spread: Spread) -> str:
    """How often times fall where they are predicted."""
    return (
        f"{spread.early:.0%} of times before the stated median, {spread.central_half:.0%} in the "
        f"central 50%, {spread.central_ninety:.0%} in the central 90%"
    )


def _half_table(table: pd.DataFrame) -> pd.DataFrame:
    """A row for each n, a column for each patience: the rows at half with their interval."""

    def cell(row: dict[Hashable, Any]) -> str:
        if pd.isna(row["rows"]):
            return "?"
        return f"{row['rows']:.0f} [{row['low']:.0f}, {row['high']:.0f}]"

    shown = table.assign(cell=[cell(row) for row in table.to_dict("records")])
    wide = shown.pivot_table(index="n", columns="patience", values="cell", aggfunc="first")
    wide.columns = pd.Index([f"{patience:g}" for patience in wide.columns])
    return wide.reset_index()


def collapse_json(collapse: Collapse) -> dict[str, object]:
    """The answer for one k as data."""
    return {
        "k": collapse.k,
        "trials": len(collapse.waits.trials),
        "generalized": int((~collapse.waits.observed.censored).sum()),
        "never_memorized": collapse.waits.left_out,
        "forms": [_form_json(one) for one in collapse.forms],
        "verdict_on_exponent": " ".join(exponent_verdict(collapse)).strip(),
        "verdict_on_curve": verdict_on_curve(collapse.best.foretold),
        "rows_at_half": records(collapse.half.table),
        "moves": records(collapse.half.moves),
        "move": _bounded_json(collapse.half.move),
        "foretold_move": _bounded_json(collapse.foretold_move),
        "verdict_on_size": verdict_on_size(collapse),
    }


def _form_json(one: FormFit) -> dict[str, object]:
    fit = one.fit
    return {
        "form": fit.model.form.name,
        "formula": fit.model.form.formula,
        "converged": fit.converged,
        "aic": fit.aic if fit.converged else None,
        "parameters": {name: asdict(fit.bounded(name)) for name in fit.model.names},
        "heldout": None if one.foretold is None else asdict(one.foretold),
    }


def _bounded_json(number: Bounded | None) -> dict[str, float | None] | None:
    return None if number is None else asdict(number)
