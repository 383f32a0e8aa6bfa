"""What `analysis ungrok` answers, for people and as JSON."""

from dataclasses import asdict

import pandas as pd

from analysis.formats import as_table, finite_json, records
from analysis.laws.strata import Bounded
from analysis.laws.verdicts import bounds_in_words
from analysis.questions.pairs import MARGIN_OF_RATIO
from analysis.questions.ungrokking import (
    DECAY,
    GROKKED,
    NEW,
    Ungrokking,
    decay_pairs,
    decay_ratio,
    ungrokking_of,
)
from analysis.text.law_answers import LawAnswer

WITH_DECAY = "rows at half of grokked nets, the larger weight decay over the smaller"


def ungrok_answer(trials: pd.DataFrame) -> LawAnswer:
    """On how few rows grokked nets keep what they know, beside new nets.

    Args:
        trials: as `load_trials` gives them.
    Raises: UsageError where no trial was left with fewer rows.
    """
    cells = ungrokking_of(trials)
    lines: list[str] = []
    for one in cells:
        lines += [*([""] if lines else []), *_lines(one)]
    decays = []
    for low, high in decay_pairs(cells):
        ratio, others = decay_ratio(low, high), _others(low)
        verdict = decay_verdict(ratio)
        decays.append({**others, "ratio": ratio and asdict(ratio), "verdict": verdict})
        lines += [
            "",
            f"{axes_in_words(others)}: {WITH_DECAY}: {_in_words(ratio)}: {verdict}",
        ]
    content = finite_json({"cells": [_json(one) for one in cells], "weight_decay": decays})
    return LawAnswer(content, lines)


def size_verdict(cell: Ungrokking) -> str:
    """Whether grokked nets keep what they know on as many rows as new nets need.

    Args:
        cell: the nets of one cell.
    """
    lost = cell.shares[cell.shares["begins"] == GROKKED]["ungrokked"]
    if not (lost > 0).any():
        return "no ungrokking seen"
    words = {
        "within": "one critical size, to 10%",
        "below": "two sizes: nets keep what they would not find",
        "above": "two sizes: nets lose what they would find",
    }
    return words.get(_against_margin(cell.ratio), "undecided")


def decay_verdict(ratio: Bounded | None) -> str:
    """Whether weight decay moves the rows on which nets keep what they know.

    Args:
        ratio: of the rows at half, the larger decay over the smaller.
    """
    words = {"within": "weight decay does not matter, to 10%"}
    words |= dict.fromkeys(("below", "above"), "weight decay matters")
    return words.get(_against_margin(ratio), "undecided")


def _against_margin(ratio: Bounded | None) -> str:
    """Where an interval lies: within the margin around 1, below it, above it, or across an end."""
    if ratio is None or ratio.low is None or ratio.high is None:
        return "unknown"
    if ratio.high < 1 / MARGIN_OF_RATIO:
        return "below"
    if ratio.low > MARGIN_OF_RATIO:
        return "above"
    inside = ratio.low >= 1 / MARGIN_OF_RATIO and ratio.high <= MARGIN_OF_RATIO
    return "within" if inside else "across"


def _lines(cell: Ungrokking) -> list[str]:
    halves = [
        f"  rows at half, {begins} nets: {_in_words(cell.at_half[begins])}"
        for begins in (NEW, GROKKED)
    ]
    known = cell.shares.pivot_table(index="rows", columns="begins", values="knows")
    lost = cell.shares[cell.shares["begins"] == GROKKED].set_index("rows")["ungrokked"]
    table = known.add_suffix("_know").assign(grokked_ungrokked=lost).reset_index()
    return [
        f"{axes_in_words(cell.cell)}: {int(cell.shares['nets'].sum())} nets",
        *halves,
        f"  grokked over new: {_in_words(cell.ratio)}: {size_verdict(cell)}",
        "",
        as_table(table.round(3)),
    ]


def axes_in_words(axes: dict[str, float]) -> str:
    """The axes of a cell, such as "k = 2, weight_decay = 0.01".

    Args:
        axes: that vary, by name.
    """
    return ", ".join(f"{name} = {value:g}" for name, value in axes.items()) or "all nets"


def _others(cell: Ungrokking) -> dict[str, float]:
    return {name: value for name, value in cell.cell.items() if name != DECAY}


def _in_words(number: Bounded | None) -> str:
    return "not determined" if number is None else bounds_in_words(number)


def _json(cell: Ungrokking) -> dict[str, object]:
    return {
        **cell.cell,
        "shares": records(cell.shares),
        "rows_at_half": {name: half and asdict(half) for name, half in cell.at_half.items()},
        "ratio": cell.ratio and asdict(cell.ratio),
        "verdict": size_verdict(cell),
    }
