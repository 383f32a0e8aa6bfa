"""The proposals of a study's searches, as the store keeps them in search.json.

The store keeps every proposal before it is trained. So a study that was killed goes on with the
trials that it would have had.
"""

import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from study.errors import DamagedError
from study.search.batches import next_batch
from study.search.history import SearchHistory
from study.search.lattice import is_held
from study.spec.models import Setting, StudySpec
from study.store.store import Store
from study.trials.expand import Pair, Proposed
from study.trials.trial import Trial, recorded_point
from study.vocabulary.axes import AXES

_FIRST_AXES = 8  # the axes of the first release, which every stored proposal has


def recorded(store: Store) -> dict[str, list[list[Any]]] | None:
    """The rows of search.json by setting; None where the file is damaged.

    A row is a point and a seed. A damaged file costs time and nothing else: a search that is asked
    again proposes the same trials, whose rows are in the store.
    """
    try:
        rows = store.searches.proposals()
    except DamagedError:
        return None
    whole = all(
        isinstance(listed, list) and all(_is_row(row) for row in listed) for listed in rows.values()
    )
    return rows if whole else None


def _is_row(row: object) -> bool:
    """Whether a row is a point and a seed; older rows lack newer axes."""
    if not isinstance(row, list) or not _FIRST_AXES < len(row) <= len(AXES) + 1:
        return False
    kinds = {type(value) for value in row}
    return kinds <= {int, float, type(None)} and isinstance(row[-1], int)


def proposed(spec: StudySpec, store: Store | None) -> dict[str, list[Pair]]:
    """The trials that searches have proposed so far, by setting, where the axes still hold them.

    Args:
        spec: of the study.
        store: with a search.json; None proposes nothing yet.
    """
    rows = {} if store is None else recorded(store) or {}
    pairs: dict[str, list[Pair]] = {}
    for setting in spec.settings:
        if setting.search.adaptive:
            stored = [
                (recorded_point(setting, dict(zip(AXES, row[:-1], strict=False))), int(row[-1]))
                for row in rows.get(setting.label, ())
            ]
            held = [(point, seed) for point, seed in stored if is_held(setting, point)]
            pairs[setting.label] = held[: setting.search.trials]
    return pairs


def to_come(spec: StudySpec, pairs: Proposed) -> int:
    """How many trials the searches of a study have yet to propose.

    Args:
        spec: of the study.
        pairs: the proposals so far, by setting.
    """
    searches = (setting for setting in spec.settings if setting.search.adaptive)
    return sum((s.search.trials or 0) - len(pairs[s.label]) for s in searches)


def record(store: Store, pairs: Proposed) -> None:
    """Add proposals to search.json; a stored proposal is never removed.

    Args:
        store: of the study.
        pairs: proposals by setting; those that are stored already are not stored twice.
    """
    rows = recorded(store)
    if rows is None:
        store.searches.set_damaged_aside()
        rows = {}
    for label, listed in pairs.items():
        stored = rows.setdefault(label, [])
        before = {tuple(row) for row in stored}
        new = ([*point.values().values(), seed] for point, seed in listed)
        stored += [row for row in new if tuple(row) not in before]
    store.searches.write_proposals(rows)


def extended(spec: StudySpec, store: Store | None, pairs: Proposed) -> dict[str, list[Pair]]:
    """The proposals with one more batch for every search whose trials all have a row.

    The trials of a batch may be stored already, by a grid or by a search whose search.json was
    lost. Another batch follows then, until a search has something to train, or ends.

    Args:
        spec: of the study.
        store: with the rows; None has none.
        pairs: the proposals so far, by setting.
    """
    longer = {label: list(listed) for label, listed in pairs.items()}
    rows = _rows_of(store, pairs)
    for setting in spec.settings:
        if not setting.search.adaptive:
            continue
        label = setting.label
        history = _history(spec, setting, longer[label], rows)
        while len(history.trials) == len(longer[label]) and (batch := next_batch(history)):
            longer[label] += batch
            more = _history(spec, setting, batch, rows)
            history = SearchHistory(
                setting, [*history.trials, *more.trials], [*history.rows, *more.rows]
            )
    return longer


def write_journals(spec: StudySpec, store: Store) -> None:
    """Write the history of every search beside the store's tables, for optuna-dashboard."""
    pairs = proposed(spec, store)
    rows = _rows_of(store, pairs)
    for setting in spec.settings:
        if not setting.search.adaptive:
            continue
        history = _history(spec, setting, pairs[setting.label], rows)
        if history.trials:
            name = "-".join(["optuna", *re.findall(r"[\w.]+", setting.label)])
            store.searches.write_journal(name, _journal(history))


def _journal(history: SearchHistory) -> bytes:
    """A history as an Optuna journal."""
    from study.search.optuna_study import as_optuna  # noqa: PLC0415  imports Optuna: 1 s

    with tempfile.TemporaryDirectory(prefix="study-optuna-") as folder:
        path = Path(folder) / "journal.log"
        as_optuna(history, journal=path)
        return path.read_bytes()


_Rows = Mapping[str, Mapping[str, object]]  # of the table of trials, by trial_id


def _rows_of(store: Store | None, pairs: Proposed) -> _Rows:
    """The rows of a store by trial; none where nothing searches."""
    if store is None or not pairs:
        return {}
    return {row["trial_id"]: row for row in store.trials().to_pylist()}


def _history(
    spec: StudySpec, setting: Setting, pairs: Sequence[Pair], rows: _Rows
) -> SearchHistory:
    """The proposals of a search that have a row for their budget.

    Args:
        spec: of the study.
        setting: that searches.
        pairs: its proposals.
        rows: of the table of trials.
    """
    trials = [Trial(spec.name, setting, *pair) for pair in pairs]
    stored = [trial for trial in trials if trial.trial_id in rows]
    answered = [trial for trial in stored if _is_answered(trial, rows[trial.trial_id])]
    return SearchHistory(setting, answered, [rows[trial.trial_id] for trial in answered])


def _is_answered(trial: Trial, row: Mapping[str, Any]) -> bool:
    return trial.answered_by(row["ended"], row["budget_epochs"])
