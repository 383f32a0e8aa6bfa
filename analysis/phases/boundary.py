"""The boundary of an event as a result: where half of the networks have it, and how surely.

A logistic surface in two log axes is fitted to the cells of a study; the boundary is its contour at
one half. Points are resampled, not seeds: a few seeds of a point say too little of its spread.
"""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from contourpy import contour_generator
from numpy.typing import NDArray

from analysis.formats import as_table, records
from study.errors import UsageError, unknown
from study.search.surface import Surface, fit_surface, fit_weights
from study.vocabulary.axes import AXES
from study.vocabulary.columns import EVENTS

Floats = NDArray[np.float64]

STEPS = 121  # of the grid on an axis that a contour is drawn from
DRAWS = 200
BAND = (0.025, 0.975)  # shares of resampled surfaces between which a side is undecided
SHOWN = 13  # places of a piece that a terminal shows
COLUMNS = ("piece", "x", "y", "low", "high", "left", "right")


def boundary(
    trials: pd.DataFrame,
    x: str,
    y: str,
    event: str = "generalized_epoch",
    draws: int = DRAWS,
    seed: int = 0,
) -> pd.DataFrame:
    """The contour along which half of the networks have an event by the end of their budget.

    Args: trials as `load_trials` gives them, alike in all other axes; x and y, axes that vary;
    event, a column that is null where it did not happen; draws of the bootstrap over points.
    Returns: a row a place along the contour, in order: `piece`, which line of it; `x` and `y`;
    `low` and `high`, the 95% band in y at that x: from there on, resampled studies agree on the
    side; `left` and `right`, the band in x at that y. Where a band is at the end of an axis it is
    open. Empty where the surface has no contour.
    Raises: UsageError for an axis or event that cannot be used, and where all trials are on one
    side, with where to widen.
    """
    _check_names(trials, x, y, event)
    _check_values(trials, x, y, event)
    cells = trials.assign(happened=trials[event].notna()).groupby([x, y])["happened"]
    counted = cells.agg(["sum", "size"]).reset_index().astype(float)
    logs = np.log(counted[[x, y]].to_numpy())
    low, high = logs.min(axis=0), logs.max(axis=0)
    points = 2 * (logs - low) / (high - low) - 1
    events, tries = counted["sum"].to_numpy(), counted["size"].to_numpy()
    surface = fit_surface(points, events, tries)
    side = np.linspace(-1, 1, STEPS)
    grid = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)
    lines = zero_lines(surface.log_odds(grid).reshape(STEPS, STEPS))
    above = _shares_above(surface, points, events, tries, grid, draws, seed)
    undecided = (above > BAND[0]) & (above < BAND[1])
    rows = [
        (piece, row, column, *_band(undecided, row, column), *_band(undecided.T, column, row))
        for piece, line in enumerate(lines)
        for row, column in line
    ]
    found = pd.DataFrame(rows, columns=list(COLUMNS))
    axes = {"x": 0, "y": 1, "low": 1, "high": 1, "left": 0, "right": 0}
    for name, axis in axes.items():
        share = found[name].astype(float) / (STEPS - 1)
        found[name] = np.exp(low[axis] + share * (high[axis] - low[axis]))
    return found


def zero_lines(heights: Floats) -> list[Floats]:
    """Where a function given on a grid is zero, as lines.

    A line that closes ends where it began.

    Args:
        heights: values of the function on the grid, [R, C].

    Returns:
        Each line as (row, column) in fractions of grid steps, [points, 2].
    """
    lines = contour_generator(z=heights).lines(0.0)
    return [np.asarray(line)[:, ::-1] for line in lines]  # contourpy has (column, row)


def choose_axes(trials: pd.DataFrame, x: str | None, y: str | None) -> tuple[str, str]:
    """Weight decay across and dataset size up, or others that vary, where none is named."""
    varying = _varying(trials)

    def pick(preferred: str, taken: str | None) -> str:
        free = [name for name in (preferred, *varying, *AXES) if name != taken]
        return next((name for name in free if name in varying), free[0])

    x = x or pick("weight_decay", y or "train_size")
    return x, y or pick("train_size", x)


@dataclass(frozen=True)
class Found:
    """The boundaries of all slices of a study in two axes.

    A slice is a combination of the other axes that vary: `at` their values, how many `trials`, and
    `points` as `boundary` gives them, or `lacking`, the sentence that says why there are none.
    """

    x: str
    y: str
    event: str
    slices: tuple[dict[str, Any], ...]

    @classmethod
    def of(cls, trials: pd.DataFrame, x: str | None, y: str | None, event: str) -> "Found":
        """Raises UsageError as `boundary` does, where there is but one slice."""
        x, y = choose_axes(trials, x, y)
        _check_names(trials, x, y, event)
        others = [name for name in _others(trials, x, y) if _values(trials[name]) > 1]
        parts = trials.groupby(others, dropna=False, sort=True) if others else [((), trials)]
        slices = []
        for key, part in parts:
            at = {name: _plain(value) for name, value in zip(others, key, strict=True)}
            slice_: dict[str, Any] = {"at": at, "trials": len(part)}
            try:
                slice_["points"] = boundary(part, x, y, event)
            except UsageError as error:
                if not others:
                    raise
                slice_["lacking"] = str(error)
            slices.append(slice_)
        return cls(x, y, event, tuple(slices))

    def to_json(self) -> dict[str, Any]:
        """Everything, as JSON takes it."""
        slices = [
            {**found, "points": records(found["points"])} if "points" in found else found
            for found in self.slices
        ]
        return {"x": self.x, "y": self.y, "event": self.event, "slices": slices}

    def as_lines(self) -> list[str]:
        """A few places along each contour, to read."""
        lines = []
        for found in self.slices:
            where = ", ".join(f"{name} {value}" for name, value in found["at"].items())
            lines += [
                "",
                f"boundary of {self.event}, {found['trials']} trials: {where}".rstrip(": "),
            ]
            if "lacking" in found:
                lines.append(found["lacking"])
            elif found["points"].empty:
                lines.append("the fitted surface has no contour at one half")
            else:
                shown = _some_places(found["points"])
                shown = shown.rename(columns={"x": self.x, "y": self.y})
                lines.append(as_table(shown.map(lambda value: float(f"{value:.3g}"))))
        return lines


def _some_places(points: pd.DataFrame) -> pd.DataFrame:
    """At most `SHOWN` places along each piece, its ends included."""
    pieces = []
    for _, piece in points.groupby("piece"):
        at = np.unique(np.linspace(0, len(piece) - 1, SHOWN).round().astype(int))
        pieces.append(piece.iloc[at])
    return pd.concat(pieces).drop(columns="piece")


def _varying(trials: pd.DataFrame) -> list[str]:
    return [name for name in AXES if name in trials and trials[name].nunique() > 1]


def _values(column: pd.Series) -> int:
    return int(column.nunique(dropna=False))


def _plain(value: Any) -> Any:
    if pd.isna(value):
        return None
    return value.item() if isinstance(value, np.generic) else value


def _others(trials: pd.DataFrame, x: str, y: str) -> list[str]:
    return [name for name in ("setting", *AXES) if name not in {x, y} and name in trials]


def _check_names(trials: pd.DataFrame, x: str, y: str, event: str) -> None:
    if event not in EVENTS:
        raise unknown("an event", event, EVENTS)
    for name in (x, y):
        if name not in AXES:
            raise unknown("an axis", name, AXES)
    if x == y:
        raise UsageError(f"{x!r} twice; a boundary is in two axes. Choose another x or y.")
    varying = _varying(trials)
    for name in (x, y):
        if name not in varying:
            raise UsageError(
                f"{name}: one value in {len(trials)} trials; a boundary crosses axes that vary. "
                f"Choose from {', '.join(varying) or 'another study'}."
            )


def _check_values(trials: pd.DataFrame, x: str, y: str, event: str) -> None:
    for name in (x, y):
        values = trials[name]
        outside = int((values.isna() | (values <= 0)).sum())
        if outside:
            raise UsageError(
                f"{name}: online or 0 in {outside} trials; log axes have no place for them. "
                f'Leave them out: --where "{name} > 0".'
            )
    mixed = [name for name in _others(trials, x, y) if _values(trials[name]) > 1]
    if mixed:
        raise UsageError(
            f"{mixed[0]}: {_values(trials[mixed[0]])} values; a boundary in {x} and "
            f"{y} is of trials alike in all else. Choose one value."
        )
    happened = int(trials[event].notna().sum())
    if happened in {0, len(trials)}:
        raise UsageError(_one_side(trials, (x, y), event, all_=bool(happened)))


def _one_side(trials: pd.DataFrame, axes: tuple[str, str], event: str, *, all_: bool) -> str:
    """That every trial is on one side, and beyond which end of an axis the other may be."""
    # Nearest to the other side are those that were last to have the event, or came closest to it.
    accuracy = "final_train_accuracy" if event.startswith("memorized") else "final_test_accuracy"
    near = (trials[event] if all_ else trials[accuracy]).astype(float).rank()
    slopes = {name: float(trials[name].astype(float).rank().corr(near)) for name in axes}
    name = max(slopes, key=lambda axis: abs(np.nan_to_num(slopes[axis])))
    upwards = slopes[name] > 0
    end = trials[name].max() if upwards else trials[name].min()
    said = "had" if all_ else "lacks"
    return (
        f"{event}: each of {len(trials)} trials {said} it; a boundary has both sides. Widen the "
        f"study, {name} {'above' if upwards else 'below'} {end:g} first: nearest the other side."
    )


def _shares_above(
    surface: Surface,
    points: Floats,
    events: Floats,
    tries: Floats,
    grid: Floats,
    draws: int,
    seed: int,
) -> Floats:
    """The share of resampled surfaces that are above one half at each place of the grid."""
    rng = np.random.default_rng(seed)
    phi = surface.features.at(grid)
    above = np.zeros(len(grid))
    for _ in range(draws):
        times = np.bincount(rng.integers(len(points), size=len(points)), minlength=len(points))
        drawn = fit_weights(
            surface.features,
            points,
            times * events,
            times * tries,
            # Each draw has a prior of its own: pulled to one and the same, all would be smoothed
            # alike. Of simulated boundaries such a band of 95% holds 85%, else 83%.
            prior=rng.standard_normal(len(surface.weights)),
            start=surface.weights,
        )
        above += phi @ drawn.weights > 0
    return (above / draws).reshape(STEPS, STEPS)


def _band(undecided: NDArray[np.bool_], row: float, column: float) -> tuple[float, float]:
    """The ends of the run of undecided places, at one x, that a place of the contour lies in."""
    at = undecided[round(row)]
    low, high = int(np.floor(column)), int(np.ceil(column))
    below = itertools.takewhile(lambda i: at[i], range(low, -1, -1))
    beyond = itertools.takewhile(lambda i: at[i], range(high, len(at)))
    return float(min(below, default=column)), float(max(beyond, default=column))
