"""The bars of `study bench`: what is measured of which shape, where it should lie, how it is shown.

A shape is what is trained; a bar is one number of one shape. `bench` measures the numbers; here
they are judged and laid out, and nothing is timed.
"""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from study.errors import UsageError, choices


@dataclass(frozen=True, slots=True)
class Shape:
    """What is trained: `together` networks a call on a CPU, for at most `cap` epochs."""

    n: int
    k: int
    p: int
    N: int
    together: int
    cap: int
    B: int = 32
    weight_decay: float = 0.01


SHAPES = {
    "A": Shape(n=40, k=3, p=1000, N=1000, together=8, cap=400),
    "B": Shape(n=30, k=2, p=100, N=200, together=64, cap=400),
    "C": Shape(n=40, k=3, p=4000, N=4000, together=2, cap=100),
}


@dataclass(frozen=True, slots=True)
class Bar:
    """One number of one shape, and where it should lie: from `at_least` to `at_most`."""

    name: str
    shape: str
    what: str
    at_least: float | None = None
    at_most: float | None = None

    def met(self, measured: float | None) -> bool | None:
        """Whether a number is where it should be; None without a number."""
        if measured is None:
            return None
        low = self.at_least is None or measured >= self.at_least
        return low and (self.at_most is None or measured <= self.at_most)


_READ = "readings of the default schedule included"
BARS = (
    *(
        Bar("floor", shape, "our epoch / its two dense products", at_most=most)
        for shape, most in (("A", 0.9), ("B", 1.8), ("C", 1.6))
    ),
    Bar("peak", "A", "needed GFLOP/s in the first epochs / the core's peak", at_least=0.5),
    *(
        Bar("plain_loop", shape, "plain loop / our epoch", at_least=least)
        for shape, least in (("A", 30), ("B", 60), ("C", 7))
    ),
    *(
        Bar("plain_loop_read", shape, f"plain loop / our epoch, {_READ}", at_least=least)
        for shape, least in (("A", 22), ("B", 45), ("C", 5))
    ),
    Bar("authors", "A", "authors' epoch / ours, the same readings every epoch", at_least=35),
    *(Bar("readings", s, "what readings add to an epoch", at_most=0.25) for s in SHAPES),
    Bar("networks", "B", "time a network, of 4096 / of 64", at_least=0.85, at_most=1.15),
    *(
        Bar(f"{axis}_doubled", s, f"epoch with twice the {axis} / ours", at_least=1.8, at_most=2.2)
        for axis in "Np"
        for s in "AB"
    ),
    *(
        Bar("memory", s, "peak of a pack / the byte model", at_least=0.8, at_most=1.2)
        for s in SHAPES
    ),
    Bar("sparsity", "A", "effective sparsity of a trained net on its rows, ms", at_most=30),
)


# Of a whole study of shape B, measured on request only: driver/bench.py.
STUDY_BARS = (
    Bar("engine_share", "B", "engine seconds / (wall seconds x cores) of a study", at_least=0.85),
    Bar("ordinary_tune", "B", "a trial as one Tune trial in the plain loop / ours", at_least=50),
)


def judged(figures: dict[str, dict[str, Any]], bars: Iterable[Bar] = BARS) -> list[dict[str, Any]]:
    """The bars of the shapes measured, each with its number and whether it is met."""
    rows = []
    for bar in bars:
        if bar.shape in figures:
            measured = figures[bar.shape].get(bar.name)
            rows.append({**asdict(bar), "measured": measured, "met": bar.met(measured)})
    return rows


# The bars of the chart: figures of a shape in ms, from the shortest time to the longest.
_CHART = (
    ("floor_ms", "two dense products"),
    ("epoch_ms", "our epoch"),
    ("epoch_read_ms", "our epoch, default readings"),
    ("plain_ms", "plain loop"),
    ("authors_ms", "authors' epoch"),
)
_CHART_COLUMNS = 40
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def lines_of(report: dict[str, Any]) -> list[str]:
    """A report of `bench` for people: the machine, a chart of times, the table of bars."""
    lines = [
        f"{report['device']}: {report['device_name']}",
        _words(report, "kernel", "instruction_set", "threads", "dtype", "torch", "python", "date"),
        f"peak {report['peak_gflops']:.0f} GFLOP/s, from {report['peak_known_by']}",
        f"medians of {report['repeats']} repeats",
        "",
        "ms an epoch of one network, averaged over its training (log scale)",
    ]
    rows = [
        (shape, label, figures[key])
        for shape, figures in report["shapes"].items()
        for key, label in _CHART
        if key in figures
    ]
    least = 10 ** math.floor(math.log10(min(ms for *_, ms in rows)))
    most = max(ms for *_, ms in rows) / least
    for shape, label, ms in rows:
        share = math.log10(ms / least) / math.log10(most)
        lines.append(f"{shape}  {label:<28}{bar_of(share):<{_CHART_COLUMNS}}{ms:>10.4g}")
    lines += ["", f"{'bar':<17}{'shape':<7}{'measured':>9}  {'should be':<13}{'met':<5}what"]
    for row in report["bars"]:
        measured, met = row["measured"], row["met"]
        number = "-" if measured is None else f"{measured:.3g}"
        verdict = {True: "yes", False: "NO", None: "-"}[met]
        limits = text_of_limits(row["at_least"], row["at_most"])
        name = row["name"].replace("_", " ")
        lines.append(
            f"{name:<17}{row['shape']:<7}{number:>9}  {limits:<13}{verdict:<5}{row['what']}"
        )
    for shape, figures in report["shapes"].items():
        lines.append(
            f"{shape}: {figures['first_gflops']:.0f} GFLOP/s needed and done in the first epochs, "
            f"{figures['peak']:.0%} of the peak"
        )
    return lines


def pick_shapes(letters: str) -> dict[str, Shape]:
    """The shapes that letters name; raises UsageError for another letter, or for none."""
    for letter in letters or "-":
        if letter not in SHAPES:
            raise UsageError(f"--shapes {letters!r}; {choices('a letter', letter, SHAPES)}")
    return {letter: SHAPES[letter] for letter in dict.fromkeys(letters)}


def _words(report: dict[str, Any], *keys: str) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {report[key]}" for key in keys)


def bar_of(share: float) -> str:
    """A bar of block characters as long as a share, 0 to 1, of the chart's columns."""
    eighths = max(1, round(share * 8 * _CHART_COLUMNS))
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def text_of_limits(at_least: float | None, at_most: float | None) -> str:
    """Where a number should lie, in words."""
    if at_least is not None and at_most is not None:
        return f"{at_least:g} to {at_most:g}"
    return f">= {at_least:g}" if at_least is not None else f"<= {at_most:g}"
