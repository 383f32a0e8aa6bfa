"""The color of each phase: on the page, in figures and on a terminal.

Nothing slow is imported here.
"""

from collections.abc import Sequence

from study.terminal.paint import on_ground

# At least 20 apart in CIELAB with each kind of dichromacy, and light enough for dark text.
PHASE_COLORS = {
    "comprehension": "#4fb89a",
    "grokking": "#ffb000",
    "memorization": "#9fb0ff",
    "confusion": "#dde1e6",
}


def paint_phases(lines: Sequence[str]) -> list[str]:
    """The lines, each phase that begins one on its color, for a terminal."""
    painted = []
    for line in lines:
        name = line.partition(" ")[0]
        color = PHASE_COLORS.get(name)
        painted.append(on_ground(name, color) + line[len(name) :] if color else line)
    return painted
