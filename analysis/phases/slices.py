"""The boundaries of a study: one for each slice, which is a combination of the other axes."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from analysis.formats import JsonCell, JsonRow, json_cell, records
from analysis.phases.boundary import boundary
from analysis.phases.boundary_checks import check_boundary_axes, slicing_axes
from analysis.phases.drawn_axes import axes_that_vary, choose_axes
from study.errors import UsageError

SliceJson = dict[str, int | str | JsonRow | list[JsonRow]]


@dataclass(frozen=True, slots=True)
class BoundarySlice:
    """One slice: its boundary, or the sentence that says why it has none."""

    at: Mapping[str, JsonCell]  # the value of each other axis that varies
    trials: int
    points: pd.DataFrame | None  # as `boundary` gives them
    lacking: str  # why there are no points, else ""

    def to_json(self) -> SliceJson:
        """The slice as JSON takes it, with `points` or `lacking`."""
        counted: SliceJson = {"at": dict(self.at), "trials": self.trials}
        if self.points is None:
            return {**counted, "lacking": self.lacking}
        return {**counted, "points": records(self.points)}


@dataclass(frozen=True, slots=True)
class StudyBoundary:
    """The boundaries of all slices of a study in two axes."""

    x: str
    y: str
    event: str
    slices: tuple[BoundarySlice, ...]

    @classmethod
    def of(cls, trials: pd.DataFrame, x: str | None, y: str | None, event: str) -> "StudyBoundary":
        """The boundaries of an event in some trials.

        Args:
            trials: as `load_trials` gives them.
            x: the axis across; None: `choose_axes` chooses.
            y: the axis up; None: `choose_axes` chooses.
            event: a column that is null where the event did not happen.

        Raises: UsageError as `boundary` does, where there is only one slice.
        """
        x, y = choose_axes(axes_that_vary(trials), x, y)
        check_boundary_axes(trials, x, y, event)
        others = slicing_axes(trials, x, y)
        parts = trials.groupby(others, dropna=False, sort=True) if others else [((), trials)]
        slices = []
        for key, part in parts:
            at = {name: json_cell(value) for name, value in zip(others, key, strict=True)}
            try:
                points = boundary(part, x, y, event)
            except UsageError as error:
                if not others:
                    raise
                slices.append(BoundarySlice(at, len(part), None, str(error)))
            else:
                slices.append(BoundarySlice(at, len(part), points, ""))
        return cls(x, y, event, tuple(slices))

    def to_json(self) -> dict[str, str | list[SliceJson]]:
        """Everything, as JSON takes it."""
        slices = [part.to_json() for part in self.slices]
        return {"x": self.x, "y": self.y, "event": self.event, "slices": slices}
