"""What `analysis pairs` answers, for people and as JSON."""

from dataclasses import asdict

import pandas as pd

from analysis.formats import as_table, finite_json, records
from analysis.laws.verdicts import bounds_in_words
from analysis.questions.pairs import MARGIN_OF_RATIO, OUTSIDE, UNTOLD, WITHIN, Pairs, pairs_of
from analysis.text.law_answers import LawAnswer


def pairs_answer(trials: pd.DataFrame, event: str) -> LawAnswer:
    """Whether points of equal learning_rate x weight_decay have an event after equal times.

    Args:
        trials: as `load_trials` gives them.
        event: a name in `times.CLOCKS`.
    Raises: UsageError where no points agree in the product.
    """
    answers = pairs_of(trials, event)
    lines: list[str] = []
    for pairs in answers:
        lines += [*([""] if lines else []), *lines_of_pairs(pairs, event)]
    content = finite_json([pairs_json(pairs, event) for pairs in answers])
    return LawAnswer(content, lines)


def lines_of_pairs(pairs: Pairs, event: str) -> list[str]:
    """The pairs of a setting as lines.

    Args:
        pairs: of the setting.
        event: that was timed.
    """
    known = pairs.table.dropna(subset="ratio")
    counts = known["verdict"].value_counts()
    counted = ", ".join(f"{counts.get(word, 0)} {word}" for word in (WITHIN, OUTSIDE, UNTOLD))
    name = f"{pairs.setting}, " if pairs.setting else ""
    shown = pairs.table.round(dict.fromkeys(("ratio", "low", "high"), 3))
    return [
        f"{name}{event}: {len(known)} pairs of equal learning_rate x weight_decay, {counted}",
        f"  {pairs.within:.0%} of them within 10%" if len(known) else "  no ratio is determined",
        f"  {mean_in_words(pairs)}",
        "",
        as_table(shown),
    ]


def mean_in_words(pairs: Pairs) -> str:
    """The mean ratio and what it says: only the product counts if no pair differs, either."""
    mean = pairs.mean
    if mean is None or mean.low is None or mean.high is None:
        return "the mean ratio is not determined"
    verdict = "undecided"
    differs = pairs.table["verdict"].eq(OUTSIDE).any()
    if mean.low >= 1 / MARGIN_OF_RATIO and mean.high <= MARGIN_OF_RATIO and not differs:
        verdict = "only the product counts, to 10%"
    elif mean.high < 1 / MARGIN_OF_RATIO or mean.low > MARGIN_OF_RATIO:
        verdict = "not only the product counts"
    return f"mean ratio, larger rate over smaller: {bounds_in_words(mean)}: {verdict}"


def pairs_json(pairs: Pairs, event: str) -> dict[str, object]:
    """The pairs of a setting as data.

    Args:
        pairs: of the setting.
        event: that was timed.
    """
    known = bool(pairs.table["ratio"].notna().any())
    return {
        "setting": pairs.setting,
        "event": event,
        "pairs": records(pairs.table),
        "within_10_percent": pairs.within if known else None,
        "mean": None if pairs.mean is None else asdict(pairs.mean),
        "verdict": mean_in_words(pairs),
    }
