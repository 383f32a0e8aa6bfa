"""What `analysis phases --patience` answers: phases by the decay times that trials are watched."""

from dataclasses import dataclass
from typing import Self

import pandas as pd

from analysis.formats import as_table, records
from analysis.phases.patience import PhasesByPatience, generalized_later, phases_by_patience


@dataclass(frozen=True, slots=True)
class PatienceCounts:
    """How the phases of a study move with patience, in the words of a preset.

    Attributes:
        preset: a name in `PRESETS`.
        phases: of trials and of cells, at each patience.
        later: as `generalized_later` gives it.
    """

    preset: str
    phases: PhasesByPatience
    later: pd.DataFrame

    @classmethod
    def of(cls, trials: pd.DataFrame, preset: str) -> Self:
        """Count trials and cells.

        Args:
            trials: as `load_trials` gives them.
            preset: the name of the phases' definition.

        Raises: UsageError for an unknown preset.
        """
        return cls(preset, phases_by_patience(trials, preset), generalized_later(trials, preset))

    def to_json(self) -> dict[str, object]:
        """The counts for programs; `decay_times` is null for trials as they were watched."""
        return {
            "preset": self.preset,
            "trials": records(self.phases.trials),
            "cells": records(self.phases.cells),
            "generalized_later": records(self.later),
        }

    def lines(self) -> list[str]:
        """The counts for people."""
        return [
            "trials, watched for so many decay times at most:",
            as_table(_for_people(self.phases.trials)),
            "",
            "cells:",
            as_table(_for_people(self.phases.cells)),
            "",
            "trials that had only memorized, and how many of them generalized until a later time:",
            as_table(self.later.assign(share=self.later["share"].map(_percent))),
        ]


def _for_people(frame: pd.DataFrame) -> pd.DataFrame:
    decay_times = frame["decay_times"].astype(object).where(frame["decay_times"].notna(), "all")
    return frame.assign(decay_times=decay_times)


def _percent(share: float) -> str:
    return "" if pd.isna(share) else f"{share:.0%}"
