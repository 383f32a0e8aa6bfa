"""Which trials a store has stored whole: with a row for their budget, and with readings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from study.store.parquet import Value
from study.store.store import Store
from study.store.winners import PART
from study.trials.trial import Trial


@dataclass(frozen=True, slots=True)
class StoredRows:
    """What a store has of each trial.

    Attributes:
        by_trial: the columns `ended`, `budget_epochs` and `part` of each row, by trial_id.
        unread_parts: the parts of the table `trials` whose readings are gone.
    """

    by_trial: Mapping[str, Mapping[str, Value]]
    unread_parts: frozenset[str]

    @classmethod
    def of(cls, store: Store) -> "StoredRows":
        """The rows that a store has now."""
        table = store.trials(columns=["trial_id", "ended", "budget_epochs"], parts=True)
        rows = {row["trial_id"]: row for row in table.to_pylist()}
        return cls(rows, frozenset(store.tables.unread_parts()))

    def answer(self, trial: Trial) -> bool:
        """Whether a trial has a row for its budget, with readings: the trial is done."""
        return self._has_row(trial) and not self._has_lost_readings(trial)

    def unread(self, trial: Trial) -> bool:
        """Whether a trial has a row for its budget, and its readings are gone."""
        return self._has_row(trial) and self._has_lost_readings(trial)

    def _has_row(self, trial: Trial) -> bool:
        row = self.by_trial.get(trial.trial_id)
        return row is not None and trial.answered_by(row)

    def _has_lost_readings(self, trial: Trial) -> bool:
        return self.by_trial[trial.trial_id][PART] in self.unread_parts


def missing(store: Store, trials: Sequence[Trial]) -> list[Trial]:
    """The trials still to train: without a row, censored by a smaller budget, or without readings.

    The readings of a row are gone where a damaged part of them was moved out of the store.

    Args:
        store: of the study.
        trials: that are asked about.
    """
    rows = StoredRows.of(store)
    return [trial for trial in trials if not rows.answer(trial)]
