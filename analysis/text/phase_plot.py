"""The phase diagram in letters, a color a phase on a terminal: `analysis phases --plot`."""

import shutil
from collections.abc import Sequence

import pandas as pd

from analysis.phases.axis_scales import TITLES, Ruler
from analysis.phases.classify import LEAST_DECAY_TIMES
from analysis.phases.grid import diagram_axes, make_grid
from analysis.phases.palette import PHASE_COLORS
from study.terminal.paint import on_ground

LETTERS = {"comprehension": "C", "grokking": "G", "memorization": "M", "confusion": "X"}
MOST_SLICES = 6
_SHORT = f"watched for under {LEAST_DECAY_TIMES} decay times"
_CELL = (3, 7)  # letters of a cell across, the least and the most


def plot_lines(
    trials: pd.DataFrame, preset: str, x: str | None, y: str | None, *, colored: bool
) -> list[str]:
    """A diagram for each combination of the other axes, with the most frequent phase of each cell.

    Args:
        trials: as `load_trials` gives them, at least one.
        preset: a name in `PRESETS`.
        x: the axis across; None: weight decay where it varies.
        y: the axis up; None: dataset size where it varies.
        colored: whether letters stand on the color of their phase.

    Raises: UsageError for a name that is no axis, or one that does not vary.
    """
    grid = make_grid(trials, preset)
    x, y = diagram_axes(grid.rulers, x, y)
    rulers = {ruler.name: ruler for ruler in grid.rulers}
    others = [name for name in rulers if name not in {x, y}]
    slices = list(grid.cells.groupby(others, sort=True)) if others else [((), grid.cells)]
    lines: list[str] = []
    for key, cells in slices[:MOST_SLICES]:
        labels = [f"{n} {rulers[n].labels[int(str(i))]}" for n, i in zip(others, key, strict=True)]
        lines += [
            *([", ".join(labels)] if labels else []),
            *_diagram(cells, rulers[x], rulers[y], colored=colored),
            "",
        ]
    if len(slices) > MOST_SLICES:
        lines += [
            f"{len(slices) - MOST_SLICES} more: choose values of {', '.join(others)} with --where",
            "",
        ]
    return [*lines, *_legend(colored=colored)]


def _diagram(cells: pd.DataFrame, x: Ruler, y: Ruler, *, colored: bool) -> list[str]:
    """The rows from the top, then the labels across."""
    margin = max(map(len, y.labels)) + 1
    room = (shutil.get_terminal_size().columns - margin) // len(x.labels)
    wide = max(_CELL[0], min(_CELL[1], room, max(map(len, x.labels)) + 1))
    shown = {
        (row[x.name], row[y.name]): _cell(
            row["phase"], wide, hatched=row["hatched"], colored=colored
        )
        for row in cells.to_dict("records")
    }
    lines = [TITLES[y.name]]
    for up in reversed(range(len(y.labels))):
        texts = (shown.get((across, up), " " * wide) for across in range(len(x.labels)))
        lines.append(f"{y.labels[up]:>{margin - 1}} {''.join(texts)}".rstrip())
    return [*lines, " " * margin + _ticks(x.labels, wide), " " * margin + TITLES[x.name]]


def _cell(phase: str, wide: int, *, hatched: bool, colored: bool) -> str:
    letter = LETTERS[phase].lower() if hatched else LETTERS[phase]
    text = letter.center(wide)
    return on_ground(text, PHASE_COLORS[phase]) if colored else text


def _ticks(labels: Sequence[str], wide: int) -> str:
    """The labels below their cells; one that would touch the label before it is left out."""
    text = ""
    for position, label in enumerate(labels):
        start = position * wide + max(0, (wide - len(label)) // 2)
        if not text or start > len(text):
            text = text.ljust(start) + label
    return text


def _legend(*, colored: bool) -> list[str]:
    names = (
        f"{on_ground(f' {letter} ', PHASE_COLORS[phase]) if colored else letter} {phase}"
        for phase, letter in LETTERS.items()
    )
    return [
        "  ".join(names),
        f"small letters: half or more of the trials may yet generalize, {_SHORT}",
    ]
