"""Fits of laws, the scorecard and the finite-size analysis as lines for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.formats import as_table
from analysis.laws.adequacy import Adequacy
from analysis.laws.compare import comparison, ratio_tests
from analysis.laws.finite_size import Curve, Estimate, FiniteSize
from analysis.laws.fit import Fit
from analysis.laws.importance import Importance
from analysis.laws.intervals import Parameter
from analysis.laws.scorecard import Tested
from analysis.laws.strata import Bounded, SlopesWithin
from analysis.phases.axis_scales import TITLES
from analysis.text import law_summary


def lines_of_fits(fits: Sequence[Fit]) -> list[str]:
    """A list of fits to the same trials: counts, the ranking, then each law's parameters."""
    lines = [_counts(fits[0])]
    if len(fits) > 1:
        columns = ["law", "parameters", "identified", "rejected", "delta_aic", "heldout"]
        shown = comparison(fits)[columns].copy()
        shown["delta_aic"] = shown["delta_aic"].astype(float).round(1)
        shown["heldout"] = shown["heldout"].astype(float).round(3)
        lines += ["", as_table(shown), law_summary.COMPARED]
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
        lines += [f"  {adequacy_in_words(fit.adequacy)}"]
        wide = max(map(len, fit.parameters))
        lines += [
            f"  {name:<{wide}}  {in_words(value, fit.clusters)}"
            for name, value in fit.parameters.items()
        ]
        lines += [f"  warning: {name} {why}" for name, why in fit.warnings.items()]
    return [*lines, "", law_summary.ESTIMATES.format(clusters=fits[0].clusters)]


def importance_in_words(found: Importance) -> str:
    """The share of each axis in the variance of log time, with its interval, and of the rest."""
    parts = []
    percents = 100 * found.frame.set_index("axis")
    for axis, row in percents.to_dict("index").items():
        ends = f" [{row['low']:.0f}, {row['high']:.0f}]" if row["low"] >= 0 else ""
        parts.append(f"{TITLES[str(axis)]} {max(row['share'], 0):.0f}%{ends}")
    line = f"variance of log time that this axis alone explains: {', '.join(parts)}; "
    line += f"seeds and interactions {found.rest:.0%}"
    if found.tied:
        names = ", ".join(TITLES[axis] for axis in found.tied)
        line += f"; {names} moves only together with others, and has no share of its own"
    return line


def adequacy_in_words(found: Adequacy | None) -> str:
    """Whether a law fits, with the deviance that says so."""
    if found is None:
        return "too few seeds to tell whether the law fits"
    near = "" if found.near_half is None else f"; {found.near_half:.0%} of points near half by"
    near += " the stated median" if near else ""
    return (
        f"the law is {adequacy_in_brief(found)} degrees of freedom, "
        f"{_chance_in_words(found.chance)}; sigma {found.sigma:.2f}, between seeds "
        f"{found.pure_sigma:.2f}{near}"
    )


def adequacy_in_brief(found: Adequacy | None) -> str:
    """Whether a law fits, in a few words: the verdict, a colon, and the deviance."""
    if found is None:
        return "too few seeds to tell"
    verdict = "rejected" if found.rejected else "not rejected"
    return f"{verdict}: deviance {found.deviance:,.0f} on {found.freedom:,}"


def _chance_in_words(chance: float) -> str:
    return f"p = {chance:.2g}" if chance > 1e-9 else "p < 1e-9"


def lines_of_slopes(head: str, event: str, within: SlopesWithin) -> list[str]:
    """A slope within strata: one for all, the mean and spread of their own, and a line for each.

    Args:
        head: which trials, in words.
        event: a name in `law_summary.EVENT_WORDS`.
        within: as `slopes_within` gives them.
    """
    known = int(within.strata["slope"].notna().sum())
    shown = within.strata.round(dict.fromkeys(("slope", "low", "high"), 3))
    return [
        law_summary.slope_in_a_sentence(event, within),
        "",
        f"{head}: slope of {within.feature} within {known} strata, {within.trials:,} trials",
        f"  one slope for all       {number_in_words(within.common)}",
        f"  mean of own slopes      {number_in_words(within.mean)}",
        f"  spread of own slopes    {number_in_words(within.spread)}",
        f"  95% of strata           {_interval(within.predicted.low, within.predicted.high)}",
        "",
        law_summary.SLOPES.format(feature=within.feature),
        as_table(shown.drop(columns="error")),
    ]


def number_in_words(number: Bounded) -> str:
    """A number and its 95% interval."""
    return f"{number.estimate:.4g} {_interval(number.low, number.high)}"


def _counts(fit: Fit) -> str:
    """The head of a list of fits: stratum, regime, event and errors, and counts of trials."""
    stratum = "".join(f"{name} = {value}, " for name, value in fit.stratum.items())
    ended = ", ".join(f"{cause} {share:.1%}" for cause, share in fit.incidence.items() if share)
    return (
        f"{stratum}{fit.regime}, {fit.event}, {fit.errors}: {fit.trials:,} trials, "
        f"{fit.events:,} events, {fit.censored:,} censored"
        + (f"; incidence: {ended}" if ended else "")
        + (f"; {fit.left_out:,} never at risk" if fit.left_out else "")
        + (f"; {fit.at_once:,} with no delay" if fit.at_once else "")
    )


def in_words(parameter: Parameter, clusters: str) -> str:
    """An estimate and its interval, then the robust and the bootstrap interval if there are any.

    Args:
        parameter: of a fit.
        clusters: what its robust interval allows for the scatter between.
    """
    if parameter.estimate is None:
        return "not identified"
    text = f"{parameter.estimate:.4g} {_interval(parameter.low, parameter.high)}"
    if not parameter.identified:
        text += ", not identified"
    if parameter.robust_low is not None:
        text += f"; {clusters} {_interval(parameter.robust_low, parameter.robust_high)}"
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
    if tested.lacks:
        return f"not testable here: {tested.lacks}"
    counts = f"{tested.trials:,} trials" + (f", {tested.strata} strata" if tested.strata else "")
    numbers = ""
    if tested.estimate is not None:
        ends = _interval(tested.low, tested.high)
        what = f"{tested.parameter} {tested.estimate:.3g}"
        numbers = f": {what} {ends}" + (f", stated {tested.stated}" if tested.stated else "")
    return f"{tested.verdict}{numbers}; {counts}" + (f"; {tested.why}" if tested.why else "")


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
