"""A study in motion: its phase diagram as an animated picture in which training passes.

Each cell has a stripe for each of its trials, or for a dozen that stand for them. A stripe has the
color of what its net has done by the epoch that the picture has come to: it learns, it has
memorized and waits, it has grokked, it generalized without a long wait, or it broke. Epochs pass
evenly in their logarithm. The picture is one SVG file that moves without a script (SMIL), for
slides and for pages. To readers who ask for less motion it shows the last epoch.
"""

from collections.abc import Sequence
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.charts.coloring import STAGE_COLORS
from analysis.charts.theme import FONT
from analysis.phases.axis_scales import TITLES, Ruler
from analysis.phases.stages import STAGES, StageEpochs

SECONDS, REST = 12.0, 4.0  # of training, and at its end before the picture begins again
MOTION_CAPTION = (
    "Each cell has a stripe for each of its nets, colored by what the net has done by the epoch "
    "shown. Time passes evenly in the logarithm of the epoch."
)
_FRAMES = 60  # epochs at which the legend counts
_WIDTH, _LEFT, _TOP, _BOTTOM = 720.0, 76.0, 84.0, 62.0  # pixels: of all, and around the cells
_LABELS = 12  # of an axis, at most

_STILL = "@media (prefers-reduced-motion: reduce) {{ {rules} }}"


def motion_picture(trials: pd.DataFrame, across: Ruler, up: Ruler, places: pd.DataFrame) -> str:
    """The animated diagram of some trials as SVG.

    Args:
        trials: of one slice, as `load_trials` gives them, at least one.
        across: the ruler of the axis across.
        up: the ruler of the axis up.
        places: the position of each trial on both rulers; a column for each, by the axis' name.
    """
    stages = StageEpochs.of(trials)
    size = _cell_size(across, up)
    height = _TOP + size[1] * len(up.labels) + _BOTTOM
    picture = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {_WIDTH:g} {height:g}",
            "font-family": FONT,
            "font-size": "12",
            "fill": "currentColor",
            "role": "img",
        },
    )
    study = str(trials["study"].iloc[0])
    ET.SubElement(picture, "title").text = f"{study}: the phase diagram while nets train"
    ET.SubElement(picture, "style").text = _still_rules()
    _text(picture, 16, 28, study, {"font-size": "18", "font-weight": "650"})
    _legend(picture, stages)
    _stripes(picture, stages, places, (across, up), size)
    _axes(picture, (across, up), size)
    return ET.tostring(picture, encoding="unicode")


def _cell_size(across: Ruler, up: Ruler) -> tuple[float, float]:
    """The width and height of a cell in pixels."""
    width = (_WIDTH - _LEFT - 16) / len(across.labels)
    return width, float(np.clip(width, 14, 360 / len(up.labels) if len(up.labels) < 24 else 14))


def _stripes(
    picture: ET.Element,
    stages: StageEpochs,
    places: pd.DataFrame,
    rulers: tuple[Ruler, Ruler],
    size: tuple[float, float],
) -> None:
    """Draw every cell: its trials side by side, those that generalize first at the left."""
    across, up = rulers
    columns, rows = (places[ruler.name].to_numpy() for ruler in rulers)
    cell_of = rows * len(across.labels) + columns
    stripes = stages.stripes(cell_of)
    for chosen in np.split(stripes, np.flatnonzero(np.diff(cell_of[stripes])) + 1):
        i, j = columns[chosen[0]], rows[chosen[0]]
        left, top = _LEFT + i * size[0], _TOP + (len(up.labels) - 1 - j) * size[1]
        width = (size[0] - 2) / len(chosen)
        for number, trial in enumerate(chosen):
            box = {
                "x": f"{left + 1 + number * width:.2f}",
                "y": f"{top + 1:.2f}",
                "width": f"{width - (0.6 if width > 3 else 0):.2f}",
                "height": f"{size[1] - 2:.2f}",
            }
            _stripe(picture, box, stages, int(trial))


def _stripe(picture: ET.Element, box: dict[str, str], stages: StageEpochs, trial: int) -> None:
    """Draw one trial: a box whose color changes at the epochs of its stages."""
    epochs = stages.epochs[trial]
    begun = [stage for stage in np.argsort(epochs, kind="stable") if np.isfinite(epochs[stage])]
    colors = [list(STAGE_COLORS.values())[stage] for stage in begun]
    last = list(STAGES)[begun[-1]]
    stripe = ET.SubElement(picture, "rect", {**box, "fill": colors[0], "class": f"motion-{last}"})
    if len(begun) > 1:
        times = [_share_of_time(stages, float(epochs[stage])) for stage in begun]
        _change(stripe, "fill", colors, times)


def _legend(picture: ET.Element, stages: StageEpochs) -> None:
    """Draw the colors in words, and how many trials have each at the epoch that is shown."""
    epochs = np.unique(np.geomspace(1, stages.last + 1, _FRAMES).astype(int) - 1)
    starts = [_share_of_time(stages, float(epoch)) for epoch in epochs]
    for epoch, start, end in zip(epochs, starts, [*starts[1:], 1.0], strict=True):
        is_last = epoch == epochs[-1]
        frame = ET.SubElement(
            picture, "g", {"opacity": "0", "class": "motion-last" if is_last else "motion-frame"}
        )
        shown = (["0", "1"], [0.0, start]) if is_last else (["0", "1", "0"], [0.0, start, end])
        if start == 0:
            shown = (["1", "0"], [0.0, end])
        _change(frame, "opacity", *shown)
        counts = np.bincount(stages.at(float(epoch)), minlength=len(STAGES))
        _text(frame, _WIDTH - 16, 28, f"epoch {epoch:,}", {"text-anchor": "end", "font-size": "18"})
        _counts(frame, counts)


def _counts(frame: ET.Element, counts: NDArray[np.intp]) -> None:
    """Draw one line: a square of each color, and the number of trials that have it."""
    x = 16.0
    for (stage, words), count in zip(STAGES.items(), counts, strict=True):
        color = STAGE_COLORS[stage]
        square = {"x": f"{x:g}", "y": "46", "width": "11", "height": "11", "fill": color}
        ET.SubElement(frame, "rect", square)
        said = f"{count:,} {words}"
        _text(frame, x + 16, 56, said)
        x += 34 + 6.4 * len(said)


def _axes(picture: ET.Element, rulers: tuple[Ruler, Ruler], size: tuple[float, float]) -> None:
    """Write the labels and titles of both axes."""
    across, up = rulers
    bottom = _TOP + size[1] * len(up.labels)
    for i in _labeled(across):
        middle = _LEFT + (i + 0.5) * size[0]
        _text(picture, middle, bottom + 18, across.labels[i], {"text-anchor": "middle"})
    for j in _labeled(up):
        middle = _TOP + (len(up.labels) - 0.5 - j) * size[1] + 4
        _text(picture, _LEFT - 8, middle, up.labels[j], {"text-anchor": "end"})
    bold = {"font-weight": "600", "text-anchor": "middle"}
    _text(picture, (_LEFT + _WIDTH - 16) / 2, bottom + 44, TITLES[across.name], bold)
    middle = (_TOP + bottom) / 2
    turned = {**bold, "transform": f"rotate(-90 20 {middle:g})"}
    _text(picture, 20, middle, TITLES[up.name], turned)


def _labeled(ruler: Ruler) -> Sequence[int]:
    """The positions of an axis that have a label."""
    return range(0, len(ruler.labels), -(-len(ruler.labels) // _LABELS))


def _share_of_time(stages: StageEpochs, epoch: float) -> float:
    """How much of the picture's time has passed at an epoch, 0 to 1."""
    return float(np.log1p(epoch) / np.log1p(stages.last)) * SECONDS / (SECONDS + REST)


def _change(parent: ET.Element, name: str, values: Sequence[str], times: Sequence[float]) -> None:
    """Let an attribute have values one after the other, from shares of the picture's time on."""
    ET.SubElement(
        parent,
        "animate",
        {
            "attributeName": name,
            "calcMode": "discrete",
            "dur": f"{SECONDS + REST:g}s",
            "repeatCount": "indefinite",
            "values": ";".join(values),
            "keyTimes": ";".join(f"{time:.4f}" for time in times),
        },
    )


def _text(
    parent: ET.Element, x: float, y: float, words: str, more: dict[str, str] | None = None
) -> None:
    ET.SubElement(parent, "text", {"x": f"{x:g}", "y": f"{y:g}", **(more or {})}).text = words


def _still_rules() -> str:
    """What readers see who ask for less motion: the last epoch."""
    rules = [
        f".motion-{stage} {{ fill: {color} !important }}" for stage, color in STAGE_COLORS.items()
    ]
    rules += [".motion-frame { opacity: 0 !important }", ".motion-last { opacity: 1 !important }"]
    return _STILL.format(rules=" ".join(rules))
