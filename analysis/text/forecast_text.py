"""What `analysis forecast` answers, for people and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict

import pandas as pd

from analysis.formats import as_table, finite_json
from analysis.laws.strata import Bounded
from analysis.questions.forecast import HELD_OUT, Foresight, foresights
from analysis.text.collapse_text import spread_in_words
from analysis.text.law_answers import LawAnswer

_SAID = {"n": "the largest n, foretold from smaller n", "seeds": "half of the seeds of each point"}


def forecast_answer(trials: pd.DataFrame, readings: pd.DataFrame) -> LawAnswer:
    """How well the time until generalizing is foretold at landmarks.

    Args:
        trials: as `load_trials` gives them.
        readings: of these trials.
    Raises: UsageError where trials are too few.
    """
    answers = foresights(trials, readings)
    content = finite_json([asdict(one) for one in answers])
    lines: list[str] = []
    for how in HELD_OUT:
        some = [one for one in answers if one.held_out == how]
        if some:
            lines += [*([""] if lines else []), *_lines(how, some)]
    return LawAnswer(content, lines)


def foresight_table(answers: Sequence[Foresight]) -> pd.DataFrame:
    """The answers as rows: `landmark`, `held_out`, `model`, `overall`, `within`, `low`, `high`.

    Args:
        answers: as `foresights` gives them.
    """
    return pd.DataFrame(
        [
            {
                "landmark": one.landmark,
                "held_out": one.held_out,
                "model": one.model,
                "trials": one.trials,
                "overall": one.overall,
                "within": one.within.estimate,
                "low": one.within.low,
                "high": one.within.high,
            }
            for one in answers
        ]
    )


def _lines(how: str, answers: Sequence[Foresight]) -> list[str]:
    """The answers for one way of holding out: concordance within points, then what else matters."""
    lines = [f"held out: {_SAID[how]}", "concordance within points, with all pairs in brackets:"]
    rows: dict[str, dict[str, str]] = {}
    for one in answers:
        cell = f"{_ends(one.within)} ({one.overall:.2f})"
        rows.setdefault(one.model, {})[f"{one.landmark:g} x memorizing"] = cell
    table = pd.DataFrame([{"knows the axes and": model, **row} for model, row in rows.items()])
    lines += [as_table(table), ""]
    for landmark in sorted({one.landmark for one in answers}):
        some = [one for one in answers if one.landmark == landmark]
        gains = [one for one in some if one.gain is not None]
        lines.append(f"at {landmark:g} x memorizing, {some[0].trials:,} trials foretold")
        if gains:
            top = max(gains, key=lambda one: one.gain.estimate if one.gain else 0.0)
            gain = "" if top.gain is None else _ends(top.gain)
            lines.append(f"  most beside test accuracy: {top.model}, {gain} more")
        lines.append(f"  {some[-1].model}: {spread_in_words(some[-1].spread)}")
    return lines


def _ends(number: Bounded) -> str:
    if number.low is None or number.high is None:
        return f"{number.estimate:.3f}"
    return f"{number.estimate:.3f} [{number.low:.3f}, {number.high:.3f}]"
