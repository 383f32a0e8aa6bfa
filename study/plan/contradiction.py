"""Refuses a spec that would change what the stored rows of a study mean."""

from collections.abc import Iterator, Mapping, Sequence

from study.errors import SpecError
from study.spec.models import Setting, StudySpec
from study.store.manifest import stored_settings
from study.store.store import Store
from study.store.stored_rows import words_of
from study.trials.trial import Trial

# Tables of a setting that decide what a stored row means. Their keys cannot change under a store.
MEANINGS = ("task", "net", "data", "train", "detect", "readings")


def refuse_contradiction(store: Store, spec: StudySpec, trials: Sequence[Trial]) -> None:
    """Refuse a spec that changes what stored rows mean.

    A row means what its setting said when the row was written, whatever a later spec calls that
    setting.

    Args:
        store: of the study.
        spec: that would extend the store.
        trials: all trials of the spec.
    Raises: SpecError, which names the keys that differ.
    """
    before = stored_settings(store)
    changes = {
        (label, setting.label): found
        for label, stored in before.items()
        for setting in spec.settings
        if (found := _changes(stored, setting))
    }
    if not changes:
        return
    rows = store.trials(columns=["trial_id", "setting"])
    labels = dict(zip(rows["trial_id"].to_pylist(), words_of(rows["setting"]), strict=True))
    pairs = dict.fromkeys((setting.label, setting.label) for setting in spec.settings)
    for trial in trials:
        own = trial.setting.label
        pairs.setdefault((labels.get(trial.trial_id, own), own))
    changed = [change for pair in pairs for change in changes.get(pair, ())]
    if changed:
        raise SpecError(
            f"{'; '.join(dict.fromkeys(changed))}; the trials stored at {store.url} mean the old "
            "values. Keep them, rename the study, or choose another --out."
        )


def _changes(before: Setting, after: Setting) -> list[str]:
    """The keys that decide what a row means and differ, as `key: old -> new`."""
    old = dict(_flat(before.model_dump(mode="json")))
    new = dict(_flat(after.model_dump(mode="json")))
    return [
        f"{key}: {old.get(key)} -> {new.get(key)}"
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key) and key.split(".")[0] in MEANINGS
    ]


def _flat(table: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """The values of a table, and those of the tables in it under `key.key`."""
    for key, value in table.items():
        if isinstance(value, dict):
            for below, nested in value.items():
                yield f"{key}.{below}", nested
        else:
            yield key, value
