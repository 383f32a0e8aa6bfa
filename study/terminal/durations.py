"""A duration in words: the one rule that commands, progress, report and page share.

The page's script has the same rule in JavaScript, for seconds that change while it is open.
"""

# Each unit is used from twice its size on: 119 s, but 2 min.
_UNITS = ((86_400, "days", 1), (3_600, "h", 1), (60, "min", 0))


def duration_in_words(seconds: float) -> str:
    """A duration to read: 48 s, 12 min, 3.1 h, 2.5 days."""
    for size, unit, digits in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.{digits}f} {unit}"
    return f"{seconds:.0f} s"
