"""What `analysis compare` answers: in words, as the rows of a table, and as JSON."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import pandas as pd

from analysis.formats import as_table, finite_json, listed, records
from analysis.laws.strata import Bounded
from analysis.phases.axis_scales import TITLES
from analysis.questions.contrast import Change, Contrast, contrast
from analysis.questions.matching import match
from analysis.questions.sides import ComparedSide, SideRequest
from analysis.questions.what_differs import Difference, what_differs
from analysis.text.law_answers import LawAnswer

_DOES = {"memorized": "memorize", "generalized": "generalize", "grokking": "grok"}
_DID = {"memorized": "memorized", "generalized": "generalized", "grokking": "grokked"}
_MOST_SAID = 6  # differences in a sentence; the table of the page has all


@dataclass(frozen=True, slots=True)
class Compared:
    """Two sides, in what they differ, and what changed."""

    differs: tuple[Difference, ...]
    contrast: Contrast

    @property
    def sides(self) -> tuple[ComparedSide, ComparedSide]:
        """A and B."""
        return self.contrast.matching.sides


def compared(request: SideRequest) -> Compared:
    """Compare the two sides of a request; raises UsageError where there are no two."""
    a, b = request.load()
    return Compared(tuple(what_differs(a, b)), contrast(match(a, b)))


def contrast_answer(found: Compared) -> LawAnswer:
    """The comparison as lines and as JSON."""
    a, b = found.sides
    lines = [
        *(f"{side.letter}: {side.name}" for side in (a, b)),
        differs_in_words(found.differs),
        changed_in_words(found.contrast),
        "",
        as_table(change_rows(found.contrast)),
        "",
        counted_in_words(found.contrast),
    ]
    return LawAnswer(_as_json(found), lines)


def differs_in_words(differs: tuple[Difference, ...]) -> str:
    """The sentence of what A and B differ in."""
    if not differs:
        return "A and B have the same settings, axes and seeds."
    said = [f"{one.what} ({one.a} in A, {one.b} in B)" for one in differs[:_MOST_SAID]]
    if len(differs) > _MOST_SAID:
        said.append(f"{len(differs) - _MOST_SAID} more")
    return f"A and B differ in {listed(said)}."


def changed_in_words(found: Contrast) -> str:
    """The sentence of what changed: of times those within cells, where these are known."""
    times = [
        median if within.change is None else within
        for within, median in zip(found.within, found.medians, strict=True)
    ]
    said = [
        f"{_DOES[one.name]} after {_times(one.change)}"
        for one in times
        if one.change is not None and one.resolved(1)
    ]
    said += [
        f"{_DOES[one.name]} in {_percent(one.b.estimate)} of trials instead of "
        f"{_percent(one.a.estimate)}"
        for one in found.shares
        if one.a is not None and one.b is not None and one.resolved(0)
    ]
    if not said:
        return "No change is resolved: every interval holds the value of no change."
    return f"Against A, nets of B {listed(said)}."


def _times(ratio: Bounded) -> str:
    return f"{ratio.estimate:.3g} times as many epochs [{ratio.low:.3g}, {ratio.high:.3g}]"


def counted_in_words(found: Contrast) -> str:
    """Which trials are compared, and how they belong together."""
    matching, (a, b) = found.matching, found.trials
    every = [len(side.trials) for side in matching.sides]
    axes = listed([TITLES[axis] for axis in matching.axes])
    cells = f"{len(found.cells):,} cells" if len(found.cells) > 1 else "one cell"
    along = f" of {axes}" if axes else ""
    left = [
        f"{total - some:,} of {letter}"
        for letter, total, some in zip("AB", every, (a, b), strict=True)
        if total > some
    ]
    out = f" Left out, as they have no counterpart: {listed(left)}." if left else ""
    within = [
        f"{count:,} cells where half of all trials {_DOES[change.name]}"
        for change, count in zip(found.within, found.cells_within, strict=True)
        if change.change is not None
    ]
    rule = f" Ratios within cells are of {listed(within)}." if within else ""
    return (
        f"Compared: {a:,} trials of A and {b:,} of B, in {cells}{along}; "
        f"{matching.pairing.value}.{out}{rule}"
    )


def change_rows(found: Contrast) -> pd.DataFrame:
    """The table of what changed, as texts: a row for each number."""
    rows = [_row(f"share that {_DID[one.name]}", one, _percent, _points) for one in found.shares]
    rows += [
        _row(f"median epoch when {_DID[one.name]}", one, _epoch, _ratio) for one in found.medians
    ]
    rows += [
        _row(f"epochs until {_DID[one.name]}, within cells", one, None, _ratio)
        for one in found.within
        if one.change is not None
    ]
    return pd.DataFrame(rows)


_Written = Callable[[float], str]


def _row(name: str, one: Change, side: _Written | None, change: _Written) -> dict[str, str]:
    """A row of the table.

    Args:
        name: of the row.
        one: the number of both sides, and its change.
        side: how a number of a side is written; None: it has none.
        change: how the change is written.
    """
    a, b = ("" if side is None else _bounds(number, side) for number in (one.a, one.b))
    unit, same = (" times", 1.0) if change is _ratio else (" points", 0.0)
    verdict = "changed" if one.resolved(same) else "not resolved"
    return {
        "": name,
        "A": a,
        "B": b,
        "B against A": _bounds(one.change, change, unit),
        " ": verdict,
    }


def _bounds(number: Bounded | None, written: _Written, unit: str = "") -> str:
    """A number with its unit and its interval."""
    if number is None:
        return "unknown" if unit else "not reached"
    ends = ("?" if end is None else written(end) for end in (number.low, number.high))
    return f"{written(number.estimate)}{unit} [{', '.join(ends)}]"


def _percent(share: float) -> str:
    return f"{max(share, 0.0):.0%}"  # the lower end of Wilson's interval may be -1e-18


def _points(difference: float) -> str:
    points = 100 * difference
    digits = 1 if abs(points) < 0.95 else 0
    return f"{round(points, digits) + 0:+.{digits}f}"


def _epoch(epoch: float) -> str:
    return f"{epoch:,.0f}"


def _ratio(ratio: float) -> str:
    return f"{ratio:.3g}"


def _as_json(found: Compared) -> object:
    matching = found.contrast.matching
    sides = {
        side.letter.lower(): {"name": side.name, "trials": len(side.trials), "compared": count}
        for side, count in zip(found.sides, found.contrast.trials, strict=True)
    }
    numbers = {"shares": found.contrast.shares, "median_epochs": found.contrast.medians}
    within = {
        change.name: change.change and asdict(change.change) for change in found.contrast.within
    }
    return finite_json(
        {
            **sides,
            "differ": [asdict(one) for one in found.differs],
            "pairing": matching.pairing.name.lower(),
            "axes": matching.axes,
            **{kind: [asdict(one) for one in changes] for kind, changes in numbers.items()},
            "ratios_within_cells": within,
            "cells": records(cell_rows(found.contrast)),
        }
    )


def cell_rows(found: Contrast) -> pd.DataFrame:
    """The cells that are compared, with their labels on each axis."""
    grid = found.matching.cells
    places = grid.cells.iloc[found.cells["cell"]]
    labels = {
        ruler.name: [ruler.labels[place] for place in places[ruler.name]]
        for ruler in grid.rulers
        if len(ruler.labels) > 1
    }
    return pd.DataFrame(labels, index=found.cells.index).join(found.cells.drop(columns="cell"))
