"""How the change of a cell is drawn: its color, the text on it, and its sentence."""

import math
from collections.abc import Hashable, Mapping

from analysis.phases.quantities import Ramp

_WIDEST = 6  # powers of 2 that the colors reach, either way


def change_cell(
    row: Mapping[Hashable, float] | None, sides: tuple[bool, bool]
) -> dict[str, object]:
    """What a cell shows of the ratio of two medians.

    A cell where one median was not reached has the least or the greatest ratio that is possible, if
    that says in which direction.

    Args:
        row: `a_generalized`, `b_generalized`, NaN where the median was not reached, and
            `a_watched`, `b_watched`; None for a cell that is not compared.
        sides: whether A and B have trials there.
    Returns: `value`, the logarithm to base 2 of the ratio, or None; `said`, the text on the cell;
        and `words`, the sentence of a screen reader.
    """
    if row is None:
        letter = "AB"[sides.index(True)] if sides.count(True) == 1 else ""
        words = f"only {letter} has trials" if letter else "not compared"
        return {"value": None, "said": f"{letter} only" if letter else "", "words": words}
    a, b = row["a_generalized"], row["b_generalized"]
    if math.isnan(a) and math.isnan(b):
        return {"value": None, "said": "neither", "words": "half generalize on neither side"}
    if math.isnan(b):
        return _bound(">", row["b_watched"] / a if a > 0 else math.nan, "B")
    if math.isnan(a):
        watched = row["a_watched"]
        return _bound("<", b / watched if b > 0 and watched > 0 else math.nan, "A")
    if a <= 0 or b <= 0:
        return {"value": None, "said": "?", "words": "a median at epoch 0 has no ratio"}
    ratio = b / a
    words = f"half generalize at epoch {a:,.0f} in A and {b:,.0f} in B, {ratio:.3g} times"
    return {"value": math.log2(ratio), "said": f"{ratio:.2g}", "words": words}


def _bound(sign: str, ratio: float, slower: str) -> dict[str, object]:
    """A cell where one side has not come to its median, at a bound of the ratio.

    Args:
        sign: ">" where the ratio is greater than the bound, or "<".
        ratio: the bound.
        slower: the side without a median.
    """
    words = f"half generalize on one side, and had not in {slower} when training ended"
    tells = ratio >= 1 if sign == ">" else ratio <= 1
    if not tells:
        return {"value": None, "said": "?", "words": words}
    return {"value": math.log2(ratio), "said": f"{sign} {ratio:.2g}", "words": words}


def change_ramp(values: list[float]) -> Ramp:
    """The color scale of changes: as far up as down, with whole powers of 2 in its legend."""
    most = max((abs(value) for value in values), default=1.0)
    reach = min(max(math.ceil(most - 1e-9), 1), _WIDEST)
    step = math.ceil(reach / 2)
    ticks = [float(power * step) for power in range(-(reach // step), reach // step + 1)]
    return {
        "title": "ratio of median epochs",
        "column": "value",
        "unit": "B / A",
        "scale": "linear",
        "form": ",",
        "waits": False,
        "domain": [-float(reach), 0.0, float(reach)],
        "values": ticks,
    }
