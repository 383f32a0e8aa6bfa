"""study.json: the spec and every start of a study, checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from study.spec.file import checked
from study.spec.models import Setting, StudySpec
from study.store.record import Count, Moment, Record, checked_record
from study.store.store import Store
from study.store.winners import PART
from study.trials.trial import Trial


class Start(Record):
    """A command that trained something: when, with what, and how many trials were stored then.

    `node` and `process` are of its driver; the first stores did not name them.
    """

    started: Moment
    node: str = "an unnamed machine"
    process: Count = 0
    command: str = ""
    done_before: Count = 0
    versions: dict[str, str] = Field(default_factory=dict)


class Manifest(Start):
    """study.json. Its own start is the study's; `starts` are all that trained, the latest last.

    `command` and `versions` are those of the latest start; `settings` has every setting that was
    ever run, by label.
    """

    spec: dict[str, Any]
    settings: dict[str, dict[str, Any]] = Field(default_factory=dict)
    starts: tuple[Start, ...] = ()

    @property
    def latest(self) -> Start:
        """The command that trained last."""
        return self.starts[-1] if self.starts else self


def read_manifest(store: Store) -> Manifest:
    """study.json of a store; raises StoreError where it breaks a rule."""
    return manifest_of(store.manifest(), store.place("study.json"))


def manifest_of(content: Mapping[str, Any], place: str) -> Manifest:
    """The same of a file that was read already from `place`."""
    remedy = "Restore the file, or choose another --out."
    found: Manifest = checked_record(Manifest, content, place, remedy)
    return found


@dataclass(frozen=True, slots=True)
class StoredRows:
    """The rows of a store by trial, and the parts of them whose readings are gone."""

    by_trial: Mapping[str, Mapping[str, Any]]
    unread_parts: frozenset[str]

    @classmethod
    def of(cls, store: Store) -> "StoredRows":
        """The rows that a store has now."""
        stored = store.trials(columns=["trial_id", "ended", "budget_epochs"], parts=True)
        rows = {row["trial_id"]: row for row in stored.to_pylist()}
        return cls(rows, frozenset(store.unread_parts()))

    def answer(self, trial: Trial) -> bool:
        """Whether a row says all of a trial, and its readings are there."""
        return self._answered(trial) and not self._unread(trial)

    def unread(self, trial: Trial) -> bool:
        """Whether a row says all of a trial, but for its readings."""
        return self._answered(trial) and self._unread(trial)

    def _answered(self, trial: Trial) -> bool:
        row = self.by_trial.get(trial.trial_id)
        return row is not None and trial.answered_by(row)

    def _unread(self, trial: Trial) -> bool:
        return self.by_trial[trial.trial_id][PART] in self.unread_parts


def missing(store: Store, trials: Sequence[Trial]) -> list[Trial]:
    """The trials still to train: without a row, censored by a smaller budget, or without readings.

    The readings of a row are gone where a damaged part of them was moved out of the store.
    """
    rows = StoredRows.of(store)
    return [trial for trial in trials if not rows.answer(trial)]


def stored_spec(store: Store) -> StudySpec:
    """The study that a store was last run with."""
    spec: StudySpec = checked(
        StudySpec, store.manifest().get("spec"), f"{store.place('study.json')}: spec."
    )
    return spec


def stored_settings(store: Store) -> dict[str, Setting]:
    """Every setting that a store was ever run with, by its label, as it was last."""
    settings = read_manifest(store).settings
    where = f"{store.place('study.json')}: settings."
    return {label: checked(Setting, setting, where) for label, setting in settings.items()}
