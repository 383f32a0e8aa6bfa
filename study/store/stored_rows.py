"""Which trials a store has stored whole: with a row for their budget, and with readings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from study.store.store import Store
from study.store.winners import PART
from study.trials.trial import Trial


@dataclass(frozen=True, slots=True)
class StoredRows:
    """What a store has of each trial, by column: a list has an item for each row.

    Attributes:
        row_of: the number of each trial's row, by trial_id.
        ended: as in the table `trials`.
        budget_epochs: as in the table `trials`.
        unread: whether the readings of the row are gone.
    """

    row_of: Mapping[str, int]
    ended: Sequence[str]
    budget_epochs: Sequence[int | None]
    unread: Sequence[bool]

    @classmethod
    def of(cls, store: Store) -> "StoredRows":
        """The rows that a store has now."""
        table = store.trials(columns=["trial_id", "ended", "budget_epochs"], parts=True)
        lost = pa.array(store.tables.unread_parts(), pa.string())
        ids = table["trial_id"].to_pylist()
        return cls(
            row_of=dict(zip(ids, range(len(ids)), strict=True)),
            ended=words_of(table["ended"]),
            budget_epochs=table["budget_epochs"].to_pylist(),
            unread=pc.is_in(table[PART], value_set=lost).to_pylist(),
        )

    def answer(self, trial: Trial) -> bool:
        """Whether a trial has a row for its budget, with readings: the trial is done."""
        row = self._row(trial)
        return row is not None and not self.unread[row]

    def lost_readings(self, trial: Trial) -> bool:
        """Whether a trial has a row for its budget, and its readings are gone."""
        row = self._row(trial)
        return row is not None and self.unread[row]

    def _row(self, trial: Trial) -> int | None:
        """The number of the row that a trial has for its budget; None without any."""
        row = self.row_of.get(trial.trial_id)
        if row is None or not trial.answered_by(self.ended[row], self.budget_epochs[row]):
            return None
        return row


def words_of(column: pa.ChunkedArray) -> list[str]:
    """A column of few different words as a list, in which equal words are one object."""
    encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    words = encoded.dictionary.to_pylist()
    return [words[code] for code in encoded.indices.to_pylist()]


def missing(store: Store, trials: Sequence[Trial]) -> list[Trial]:
    """The trials still to train: without a row, censored by a smaller budget, or without readings.

    The readings of a row are gone where a damaged part of them was moved out of the store.

    Args:
        store: of the study.
        trials: that are asked about.
    """
    rows = StoredRows.of(store)
    return [trial for trial in trials if not rows.answer(trial)]
