"""Delay strips as drawings: what `analysis figures` and a notebook show of `strip_lines`."""

import pandas as pd

from analysis.charts.strip import STRIP_CAPTION, strip_laid_out, strip_template
from analysis.charts.theme import Specification
from analysis.figures.album import Drawing, Plate
from analysis.formats import JsonRow, records
from analysis.phases.axis_scales import TITLES, make_ruler
from analysis.phases.drawn_axes import FIRST_OF_STRIPS, axes_that_vary
from analysis.phases.strip_lines import CENSORED, StripLines, strip_lines, strip_words


def strip_drawing(trials: pd.DataFrame, axis: str) -> tuple[Specification, StripLines]:
    """The delay strip along an axis with its rows, and the lines that are drawn.

    Args:
        trials: as `load_trials` gives them, at least one that memorized or generalized.
        axis: with a row for each of its values.
    """
    ruler = make_ruler(axis, trials[axis])
    lines = strip_lines(trials, ruler.positions(trials[axis]))
    frame = lines.frame
    sizes = frame["position"].value_counts()
    used = sorted(sizes.index)
    chart = strip_laid_out(
        strip_template(), TITLES[axis], [ruler.labels[at] for at in used], int(sizes.max())
    )
    ids = trials["trial_id"].to_numpy()[frame["row"]]
    rows = frame.assign(label=[ruler.labels[at] for at in frame["position"]], trial_id=ids)
    rows["said"] = [_said(row) for row in records(rows)]
    chart["datasets"] = {"strip": records(rows)}
    return chart, lines


def _said(row: JsonRow) -> str:
    """A trial in words; strip.js writes the same sentence."""
    ended = "not generalized by" if row["kind"] == CENSORED else "generalized at"
    began = f"memorized at {row['start']:,}, " if row["kind"] != "at once" else ""
    return f"trial {str(row['trial_id'])[:8]}, {row['phase']}: {began}{ended} {row['end']:,}"


def strip_plates(trials: pd.DataFrame) -> list[Plate]:
    """A plate of the strip along weight decay and one along dataset size, where they vary.

    Along the first axis that varies where neither does; none where no trial memorized.
    """
    varying = axes_that_vary(trials)
    axes = [axis for axis in FIRST_OF_STRIPS if axis in varying] or list(varying[:1])
    able = trials["memorized_epoch"].notna() | trials["generalized_epoch"].notna()
    if not axes or not able.any():
        return []
    plates = []
    for axis in axes:
        chart, lines = strip_drawing(trials, axis)
        table = pd.DataFrame(chart["datasets"]["strip"]).drop(columns=["row", "place", "said"])
        title = f"From memorizing to generalizing: {TITLES[axis]}"
        caption = f"{STRIP_CAPTION} {strip_words(lines)}".strip()
        plates.append(Plate(title, caption, [Drawing(f"delay-{axis}", chart, table)]))
    return plates
