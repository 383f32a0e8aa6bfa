"""Fits of laws, the scorecard and the finite-size analysis as lines for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.formats import as_table
from analysis.laws.compare import comparison, ratio_tests
from analysis.laws.finite_size import Curve, Estimate, FiniteSize
from analysis.laws.fit import Fit
from analysis.laws.intervals import Parameter
from analysis.laws.scorecard import Tested


def lines_of_fits(fits: Sequence[Fit]) -> list[str]:
    """A list of fits to the same trials: counts, the ranking, then each law's parameters."""
    lines = [_counts(fits[0])]
    if len(fits) > 1:
        columns = ["law", "parameters", "converged", "identified", "delta_aic", "heldout"]
        shown = comparison(fits)[columns].copy()
        shown["delta_aic"] = shown["delta_aic"].astype(float).round(1)
        shown["heldout"] = shown["heldout"].astype(float).round(3)
        lines += ["", as_table(shown)]
        ratios = [
            f"{law} within {within}: likelihood ratio {statistic:.1f}, {freedom} more, "
            f"p = {chance:.2g}"
            for law, within, statistic, freedom, chance in ratio_tests(fits).itertuples(index=False)
        ]
        lines += ["", *ratios] if ratios else []
    for fit in fits:
        lines += ["", f"{fit.law.name}: {fit.law.formula}   ({fit.law.source})"]
        if not fit.converged:
            lines.append("  no maximum: these trials do not determine this law")
            continue
        wide = max(map(len, fit.parameters))
        lines += [f"  {name:<{wide}}  {in_words(value)}" for name, value in fit.parameters.items()]
    return lines


def _counts(fit: Fit) -> str:
    """The head of a list of fits: stratum, regime, event and errors, and counts of trials."""
    stratum = "".join(f"{name} = {value}, " for name, value in fit.stratum.items())
    ended = ", ".join(f"{cause} {share:.1%}" for cause, share in fit.incidence.items() if share)
    return (
        f"{stratum}{fit.regime}, {fit.event}, {fit.errors}: {fit.trials:,} trials, "
        f"{fit.events:,} events, {fit.censored:,} censored"
        + (f"; incidence: {ended}" if ended else "")
        + (f"; {fit.left_out:,} never at risk" if fit.left_out else "")
        + (f"; {fit.at_once:,} at once" if fit.at_once else "")
    )


def in_words(parameter: Parameter) -> str:
    """An estimate and its interval, then the robust and the bootstrap interval if there are any."""
    if parameter.estimate is None:
        return "not identified"
    text = f"{parameter.estimate:.4g} {_interval(parameter.low, parameter.high)}"
    if not parameter.identified:
        text += ", not identified"
    if parameter.robust_low is not None:
        text += f"; points {_interval(parameter.robust_low, parameter.robust_high)}"
    if parameter.bootstrap_low is not None:
        text += f"; bootstrap {_interval(parameter.bootstrap_low, parameter.bootstrap_high)}"
    return text


def _interval(low: float | None, high: float | None) -> str:
    """An interval in brackets, with a question mark for an end that is not determined."""
    ends = ("?" if end is None else f"{end:.4g}" for end in (low, high))
    return f"[{', '.join(ends)}]"


def lines_of_scorecard(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The scorecard, two lines for each statement.

    Args:
        rows: with the columns of `Tested`, None where there is no value.
    """
    lines = []
    for row in rows:
        tested = Tested(**row)
        lines += [f"{tested.source}, {tested.regime}: {tested.statement}", f"  {_result(tested)}"]
    return lines


def _result(tested: Tested) -> str:
    """What the trials say of a statement: the verdict with its numbers, or why there is none."""
    if tested.withdrawn:
        return f"withdrawn: {tested.withdrawn}"
    if tested.lacks:
        return f"not testable here: {tested.lacks}"
    counts = f"{tested.trials:,} trials, {tested.censored:,} censored"
    counts += f", {tested.left_out:,} left out" if tested.left_out else ""
    if tested.estimate is None:
        return f"{tested.verdict}: {tested.parameter}; {counts}"
    estimate = f"{tested.parameter} {tested.estimate:.4g}"
    if (tested.low, tested.high) != (None, None):
        estimate += f" {_interval(tested.low, tested.high)}"
    if (tested.robust_low, tested.robust_high) != (None, None):
        estimate += f" points {_interval(tested.robust_low, tested.robust_high)}"
    return f"{tested.verdict}: {estimate}, stated {tested.stated}; {counts}"


def lines_of_sizes(sizes: FiniteSize) -> list[str]:
    """The finite-size analysis: a line for each curve and crossing, then the verdict."""
    lines = [f"share that generalizes within {sizes.horizon_steps:,.0f} steps, against train_size"]
    lines += [_transition(curve) for curve in sizes.curves]
    for crossing in sizes.crossings:
        left, right = crossing.n
        rows = crossing.rows
        where = f"{_estimate(rows)} rows" if rows.resolved else crossing.said
        lines.append(f"  crossing of n = {left} and {right}: {where}")
    lines.append(f"  {sizes.verdict}")
    if sizes.shift.resolved:
        lines.append(
            f"  half generalize at rows that go as n^{_estimate(sizes.shift)}, with a width that "
            f"goes as n^-{_estimate(sizes.narrowing)}"
        )
    return lines


def _transition(curve: Curve) -> str:
    """The line of the curve of one n."""
    head = f"  n = {curve.n}: {curve.generalized:,} of {curve.trials:,}"
    if not curve.half.resolved:
        ends = ("?" if end is None else f"{end:,.0f}" for end in curve.between)
        return f"{head}; unresolved, between {' and '.join(ends)} rows"
    misfit = "" if curve.misfit is None else f", misfit p = {curve.misfit:.2g}"
    return f"{head}; half at {_estimate(curve.half)} rows, width {_estimate(curve.width)}{misfit}"


def _estimate(estimate: Estimate) -> str:
    """A resolved number with its interval."""
    return f"{estimate.estimate:.3g} [{estimate.low:.3g}, {estimate.high:.3g}]"
