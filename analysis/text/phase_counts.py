"""What `analysis phases` answers: the trials of each phase and flag, perhaps with a boundary."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import pandas as pd

from analysis.formats import records
from analysis.phases.cells import summary
from analysis.phases.classify import FLAGS, classify
from analysis.text.boundary_text import boundary_lines
from analysis.text.phase_table import phase_table_lines, watched_epochs

if TYPE_CHECKING:
    from analysis.phases.slices import StudyBoundary  # its import takes half a second


@dataclass(frozen=True, slots=True)
class PhaseCounts:
    """The trials of a study by phase and by flag, in the words of a preset.

    Attributes:
        preset: a name in `PRESETS`.
        trials: how many there are.
        table: a row for each phase, as `phases.cells.summary` gives them.
        flags: how many trials have each flag.
        watched: the most epochs that a trial of each phase was watched.
        boundary: shown with the counts; None for no boundary.
    """

    preset: str
    trials: int
    table: pd.DataFrame
    flags: dict[str, int]
    watched: dict[str, int]
    boundary: "StudyBoundary | None" = None

    @classmethod
    def of(cls, trials: pd.DataFrame, preset: str, boundary: "StudyBoundary | None" = None) -> Self:
        """Count trials.

        Args:
            trials: as `load_trials` gives them.
            preset: the name of the phases' definition.
            boundary: shown with the counts; None for no boundary.

        Raises: UsageError for an unknown preset.
        """
        labeled = classify(trials, preset)
        flags = {name: int(labeled[name].sum()) for name in FLAGS}
        table, watched = summary(trials, preset), watched_epochs(labeled)
        return cls(preset, len(trials), table, flags, watched, boundary)

    def to_json(self) -> dict[str, object]:
        """The counts for programs."""
        answer: dict[str, object] = {
            "preset": self.preset,
            "trials": self.trials,
            "phases": records(self.table),
            "flags": self.flags,
        }
        return answer | ({"boundary": self.boundary.to_json()} if self.boundary else {})

    def lines(self) -> list[str]:
        """The counts for people."""
        flags = ", ".join(f"{count} {name}" for name, count in self.flags.items() if count)
        boundary = boundary_lines(self.boundary) if self.boundary else []
        table = phase_table_lines(self.table, self.watched)
        if self.preset.startswith("at_"):
            level = self.preset.removeprefix("at_")
            table = [f"events: first readings above 0.{level}, however briefly", *table]
        return [*table, f"flags: {flags or 'none'}", *boundary]
