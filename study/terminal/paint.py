"""Color on a terminal: a text on a ground of one color, where a terminal shows colors.

What is painted says the same without its color, so a pipe, NO_COLOR and a plain terminal lose
nothing.
"""

import os
from typing import TextIO

_INK = (11, 22, 32)  # on every ground
_STEPS = (0, 95, 135, 175, 215, 255)  # of each channel among the 256 colors of a plain terminal


def colors_wanted(stream: TextIO) -> bool:
    """Whether a stream is a terminal that shows colors, and NO_COLOR (no-color.org) is not set."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb"
    return stream.isatty() and not plain


def only_ascii() -> bool:
    """Whether the user's locale is C, whose terminals may have no letters but ASCII.

    Python itself sets LC_CTYPE in that locale, which is therefore not asked.
    """
    return (os.environ.get("LC_ALL") or os.environ.get("LANG", "")) in {"C", "POSIX"}


def on_ground(text: str, color: str) -> str:
    """A text in dark letters on a ground, for a terminal.

    Args:
        text: on one line.
        color: of the ground, as #rrggbb.
    """
    ground = tuple(int(color[at : at + 2], 16) for at in (1, 3, 5))
    return f"\x1b[48;{_code(ground)};38;{_code(_INK)}m{text}\x1b[0m"


def _code(color: tuple[int, ...]) -> str:
    """A color as a terminal takes it: exact where the terminal says that it can, else near."""
    if os.environ.get("COLORTERM") in {"truecolor", "24bit"}:
        return "2;" + ";".join(map(str, color))
    red, green, blue = (min(range(6), key=lambda i: abs(_STEPS[i] - part)) for part in color)
    return f"5;{16 + 36 * red + 6 * green + blue}"
