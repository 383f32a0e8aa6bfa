"""Is there a critical value at all? A law with a wall, tried stratum by stratum.

Any curve that bends is better fitted by a law with a wall than by a straight power, and the wall
then lies just beyond the edge of the grid. So a critical value is believed of a stratum only if all
of this holds:

- its law has a maximum, both ends of the interval of its critical value, and is not rejected;
- its AIC is lower by more than 2 than those of the rivals, which bend without a wall: a power with
  a square, and `saturating` for dataset sizes;
- without the value of the axis that is nearest to it, its interval still meets the one with it.

A stratum can tell only if it has the axis at `LEAST_VALUES` values: walls that were drawn into
grids of five values were hardly ever seen.

It is believed of a study if it is believed of more than half of the strata that can tell.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.laws.design import make_design
from analysis.laws.features import SAME_LOG, feature
from analysis.laws.fit import fit_law, with_adequacy
from analysis.laws.intervals import Parameter
from analysis.laws.model import best
from analysis.laws.strata import stratum_axes
from analysis.laws.times import happened
from study.errors import UsageError

BETTER = 2.0  # by how much AIC must be lower
LEAST_VALUES = 8  # of the axis in a stratum
_LEAST_WITH_EVENT = 5  # of these values; the law and its rivals have four parameters
Rival = tuple[str, tuple[str, ...]]  # a law, and the features of its powers
# A law with a wall: its axis, and its rivals.
RIVALS: dict[str, tuple[str, tuple[Rival, ...]]] = {
    "critical_rows": (
        "train_size",
        (("power", ("train_size", "train_size_squared")), ("saturating", ())),
    ),
    "critical_decay": (
        "weight_decay",
        (("power", ("weight_decay", "weight_decay_squared")),),
    ),
}


@dataclass(frozen=True, slots=True)
class Existence:
    """Whether a study has a critical value.

    Attributes:
        believed: whether more than half of the strata have one.
        why: a sentence with the counts, and the most frequent reason against.
        strata: a row for each stratum that can tell: its axes, `trials`, `events`, `critical`,
            `low` and `high` (null where the law did not come so far), and `against`: "" where it
            is believed, or why not.
    """

    believed: bool
    why: str
    strata: pd.DataFrame


def existence(trials: pd.DataFrame, law: str, event: str, errors: str) -> Existence:
    """Whether a critical value exists.

    Args:
        trials: as `load_trials` gives them, of one regime.
        law: a name in `RIVALS`.
        event: see `fit_law`.
        errors: see `fit_law`.
    Raises: UsageError where no stratum can tell.
    """
    axis = RIVALS[law][0]
    axes = list(stratum_axes(trials, axis))
    groups = [part for _, part in trials.groupby(axes, dropna=False)] if axes else [trials]
    able = [
        part
        for part in groups
        if part[axis].nunique() >= LEAST_VALUES
        and part[axis][happened(part, event)].nunique() >= _LEAST_WITH_EVENT
    ]
    if not able:
        raise UsageError(
            f"{axis}: no stratum has {LEAST_VALUES} of its values and {event} times at "
            f"{_LEAST_WITH_EVENT} of them; a critical value needs them. Vary {axis} more finely."
        )
    rows = []
    for part in able:
        critical, against = _stands(part, law, event, errors)
        rows.append(
            {
                **part.iloc[0][axes],
                "trials": len(part),
                "events": int(happened(part, event).sum()),
                "critical": None if critical is None else critical.estimate,
                "low": None if critical is None else critical.low,
                "high": None if critical is None else critical.high,
                "against": against,
            }
        )
    table = pd.DataFrame(rows)
    reasons = Counter(str(reason) for reason in table["against"] if reason)
    count = len(table) - reasons.total()
    why = f"in {count} of {len(table)} strata a critical value stands"
    why += "".join(f"; in {times}, {reason}" for reason, times in reasons.most_common())
    return Existence(2 * count > len(table), why, table)


def _stands(part: pd.DataFrame, law: str, event: str, errors: str) -> tuple[Parameter | None, str]:
    """The critical value of a stratum, None where it has no interval, and why it does not stand."""
    axis, rivals = RIVALS[law]
    own = _aic(part, (law, ()), event, errors)
    if np.isinf(own):
        return None, "its law has no maximum"
    if any(own > _aic(part, rival, event, errors) - BETTER for rival in rivals):
        return None, "a law without one does as well"
    fit = with_adequacy(fit_law(part, law, event, errors, ()), part)
    critical = fit.parameters[f"critical_{axis}"]
    if critical.ends is None:
        return None, "its interval has no end"
    if fit.adequacy is not None and fit.adequacy.rejected:
        return critical, "its law is rejected"
    low, high = critical.ends
    again = _without_edge(part, law, event, errors)
    if again is None or again[0] > high or again[1] < low:
        return critical, "it moves when the nearest value is left out"
    return critical, ""


def _without_edge(
    part: pd.DataFrame, law: str, event: str, errors: str
) -> tuple[float, float] | None:
    """The interval of the critical value without the least value of the axis that has the event.

    Returns: None where the other trials do not determine the law; an end that they do not determine
        is infinite.
    """
    axis = RIVALS[law][0]
    values = feature(part, axis)
    edge = values[happened(part, event)].min()
    try:
        fit = fit_law(part[np.abs(values - edge) > SAME_LOG], law, event, errors, ())
    except UsageError:
        return None
    critical = fit.parameters[f"critical_{axis}"]
    if critical.estimate is None:
        return None
    low, high = critical.low, critical.high
    return -np.inf if low is None else low, np.inf if high is None else high


def _aic(part: pd.DataFrame, rival: Rival, event: str, errors: str) -> float:
    """Akaike's criterion of a law; minus infinity, which nothing beats, without a maximum."""
    law, powers = rival
    try:
        model = make_design(part, law, event, errors, powers).model
    except UsageError:
        return -np.inf
    top = best(model, model.starts())
    return 2 * model.size - 2 * top.value if top.converged else -np.inf
