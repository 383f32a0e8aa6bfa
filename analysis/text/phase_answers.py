"""The answer of `analysis phases`: counts with or without a boundary, by patience, or a diagram."""

import sys
from dataclasses import dataclass

from analysis.phases.classify import columns_of_preset, preset_at
from analysis.phases.palette import paint_phases
from analysis.tables.frames import PHASE_TABLE
from analysis.text.asked import asked_trials
from analysis.text.patience_counts import PatienceCounts
from analysis.text.phase_counts import PhaseCounts
from analysis.text.phase_plot import plot_lines
from study.errors import UsageError
from study.terminal.console import json_answer, text_answer
from study.terminal.paint import colors_wanted


@dataclass(frozen=True, slots=True)
class PhaseRequest:
    """What is asked of the phases of a study.

    Attributes:
        preset: what counts as grokking, a name in `PRESETS`.
        threshold: an accuracy whose first crossings are the events instead; None: the study's own.
        boundary: whether the boundary is asked for, too.
        plot: whether the diagram is asked for instead of the counts.
        patience: whether the counts at each patience are asked for instead.
        event: of the boundary.
        x: the axis across of a boundary or a diagram, None for the usual one.
        y: the axis up.
    """

    preset: str
    threshold: float | None
    boundary: bool
    plot: bool
    patience: bool
    event: str
    x: str | None
    y: str | None

    @property
    def rule(self) -> str:
        """The preset in force; raises UsageError for a threshold that is not stored."""
        if self.threshold is None:
            return self.preset
        if self.preset != "default":
            raise UsageError(
                f"--threshold with --preset {self.preset}; a preset has a threshold of its own. "
                "Leave one out."
            )
        return preset_at(self.threshold)

    def answer(self, store: str, where: str | None, *, as_json: bool) -> bytes:
        """The answer for programs or for people.

        Args:
            store: path or URL of a store.
            where: a filter on its trials.
            as_json: whether a program reads it.

        Raises: UsageError for what cannot be asked; StoreError for the store.
        """
        rule = self.rule
        counted = columns_of_preset(rule)  # an error of the user's comes before one of the store's
        self._refuse(as_json=as_json)
        whole = self.patience or self.boundary or self.plot
        trials = asked_trials(
            store, where, list(dict.fromkeys((*PHASE_TABLE, *counted))) if whole else counted
        )
        colored = colors_wanted(sys.stdout)
        if self.plot:
            if trials.empty:
                raise UsageError("0 trials; a diagram needs some. Loosen the filter.")
            return text_answer(*plot_lines(trials, rule, self.x, self.y, colored=colored))
        counts: PatienceCounts | PhaseCounts
        if self.patience:
            counts = PatienceCounts.of(trials, rule)
        else:
            drawn = None
            if self.boundary:
                from analysis.phases.slices import StudyBoundary  # noqa: PLC0415  half a second

                drawn = StudyBoundary.of(trials, self.x, self.y, self.event)
            counts = PhaseCounts.of(trials, rule, drawn)
        if as_json:
            return json_answer(counts.to_json())
        return text_answer(*(paint_phases(counts.lines()) if colored else counts.lines()))

    def _refuse(self, *, as_json: bool) -> None:
        """Refuse two answers at once, and a diagram for programs."""
        asked = {"--patience": self.patience, "--boundary": self.boundary, "--plot": self.plot}
        names = [name for name, wanted in asked.items() if wanted]
        if len(names) > 1:
            raise UsageError(
                f"{' and '.join(names)}; an answer has one of them. Leave the others out."
            )
        if self.plot and as_json:
            raise UsageError(
                "--plot and --json; a diagram in letters is for people. Leave one out."
            )
