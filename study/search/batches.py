"""What an adaptive search tries next, given what it has tried: batches of trials.

A batch follows from the setting, the trials proposed before it and their rows, and from nothing
else. The store keeps every proposal before it is trained, so a study that was killed goes on with
the trials that it would have had. Of a boundary an Optuna trial is one network; of the other kinds
it is a point, whose first seeds decide whether the rest are worth their time.
"""

import itertools
import math
import re
import tempfile
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from study.errors import DamagedError
from study.search.history import Tried, as_optuna, quiet, searched_axes, space_of
from study.spec.models import Setting, StudySpec
from study.store.store import Store
from study.trials.expand import Pair, Proposed, make_point
from study.trials.trial import Point, Trial
from study.vocabulary.axes import AXES, ONLINE, Axis, AxisValue

FIRST_SEEDS = 2  # of a point, before it is decided whether it gets the others
_FIRST_AXES = 8  # that every proposal has: those of the first release
_ASKS = 4  # of a sampler for one new point; where it repeats itself longer, others are looked up
_LOOKED_UP = 10_000  # points of a lattice at most, for one that is new


def recorded(store: Store) -> dict[str, list[list[Any]]] | None:
    """What search.json says, rows by setting; None where it is damaged.

    Nothing is lost with it but time: a search that is asked again proposes the same trials, whose
    rows are in the store.
    """
    try:
        rows = store.proposed()
    except DamagedError:
        return None
    whole = all(
        isinstance(listed, list) and all(_is_row(row) for row in listed) for listed in rows.values()
    )
    return rows if whole else None


def _is_row(row: object) -> bool:
    """Whether this is a point and a seed; older ones lack newer axes."""
    if not isinstance(row, list) or not _FIRST_AXES < len(row) <= len(AXES) + 1:
        return False
    kinds = {type(value) for value in row}
    return kinds <= {int, float, type(None)} and isinstance(row[-1], int)


def proposed(spec: StudySpec, store: Store | None) -> dict[str, list[Pair]]:
    """The trials that searches have proposed so far, by setting, as far as its axes hold them."""
    rows = {} if store is None else recorded(store) or {}
    pairs: dict[str, list[Pair]] = {}
    for setting in spec.settings:
        if setting.search.adaptive:
            read = [(Point(*row[:-1]), int(row[-1])) for row in rows.get(setting.label, ())]
            held = [(point, seed) for point, seed in read if _holds(setting, point)]
            pairs[setting.label] = held[: setting.search.trials]
    return pairs


def to_come(spec: StudySpec, pairs: Proposed) -> int:
    """How many trials the searches of a study have yet to propose."""
    searches = (setting for setting in spec.settings if setting.search.adaptive)
    return sum((s.search.trials or 0) - len(pairs[s.label]) for s in searches)


def record(store: Store, pairs: Proposed) -> None:
    """Keep proposals in the store, after those that it has: nothing proposed is forgotten."""
    rows = recorded(store)
    if rows is None:
        store.set_proposed_aside()
        rows = {}
    for label, listed in pairs.items():
        new = ([*point.values().values(), seed] for point, seed in listed)
        known = rows.setdefault(label, [])
        before = {tuple(row) for row in known}
        known += [row for row in new if tuple(row) not in before]
    store.write_proposed(rows)


def extended(spec: StudySpec, store: Store | None, pairs: Proposed) -> dict[str, list[Pair]]:
    """The proposals with one more batch for every search whose trials all have a row.

    A batch may be stored already, by a grid or by a search whose search.json was lost. It is passed
    over: another follows until a search has something to train, or ends.
    """
    longer = {label: list(listed) for label, listed in pairs.items()}
    rows = _rows_of(store, pairs)
    for setting in spec.settings:
        if not setting.search.adaptive:
            continue
        label = setting.label
        tried = _tried(spec, setting, longer[label], rows)
        while len(tried.trials) == len(longer[label]) and (batch := next_batch(tried)):
            longer[label] += batch
            more = _tried(spec, setting, batch, rows)
            tried = Tried(setting, [*tried.trials, *more.trials], [*tried.rows, *more.rows])
    return longer


def write_journals(spec: StudySpec, store: Store) -> None:
    """Put what every search has tried beside the store's tables, for optuna-dashboard."""
    pairs = proposed(spec, store)
    rows = _rows_of(store, pairs)
    for setting in spec.settings:
        if not setting.search.adaptive:
            continue
        tried = _tried(spec, setting, pairs[setting.label], rows)
        if tried.trials:
            with tempfile.TemporaryDirectory(prefix="study-optuna-") as folder:
                path = Path(folder) / "journal.log"
                as_optuna(tried, journal=path)
                name = "-".join(["optuna", *re.findall(r"[\w.]+", tried.setting.label)])
                store.write_journal(name, path.read_bytes())


def _rows_of(store: Store | None, pairs: Proposed) -> dict[str, dict[str, Any]]:
    """The rows of a store by trial; none where nothing searches."""
    if store is None or not pairs:
        return {}
    return {row["trial_id"]: row for row in store.trials().to_pylist()}


def _tried(
    spec: StudySpec, setting: Setting, pairs: Sequence[Pair], rows: Mapping[str, Mapping[str, Any]]
) -> Tried:
    """The proposals of a search that have a row for their budget."""
    trials = [Trial(spec.name, setting, *pair) for pair in pairs]
    answered = [
        trial
        for trial in trials
        if trial.trial_id in rows and trial.answered_by(rows[trial.trial_id])
    ]
    return Tried(setting, answered, [rows[trial.trial_id] for trial in answered])


def next_batch(tried: Tried) -> list[Pair]:
    """The batch that follows; empty where the search has had its trials, or no point is left."""
    search, setting = tried.setting.search, tried.setting
    room = min(search.batch, (search.trials or 0) - len(tried.trials))
    if room <= 0:
        return []
    used = Counter(trial.point for trial in tried.trials)
    if search.kind != "boundary":
        batch = [
            (point, seed)
            for point in used
            if used[point] < len(setting.seeds) and not tried.hopeless(point)
            for seed in setting.seeds[used[point] :]
        ]
        first = setting.seeds[:FIRST_SEEDS]
        new = _ask(tried, -(-max(room - len(batch), 0) // len(first)), used)
        return [*batch, *((point, seed) for point in new for seed in first)][:room]
    batch = []
    for point in _ask(tried, room, {}):
        if used[point] < len(setting.seeds):
            batch.append((point, setting.seeds[used[point]]))
            used[point] += 1
    return batch


def _ask(tried: Tried, count: int, taken: Mapping[Point, int]) -> list[Point]:
    """Points that the setting's sampler proposes; new ones only where some are `taken`."""
    setting, space = tried.setting, space_of(tried.setting)
    study = as_optuna(tried, sampler=_sampler(tried, space, count))
    points: list[Point] = []
    with quiet():
        for _ in range(count * (_ASKS if setting.search.kind != "boundary" else 1)):
            if len(points) == count:
                break
            point = _point(setting, study.ask(space).params)
            if setting.search.kind == "boundary" or (point not in taken and point not in points):
                points.append(point)
    if setting.search.kind != "boundary":
        points += itertools.islice(_others(setting, space, {*taken, *points}), count - len(points))
    return points


def _others(
    setting: Setting, space: Mapping[str, Any], taken: Collection[Point]
) -> Iterator[Point]:
    """Points of the lattices that are not `taken`, in their order."""
    lattices = (getattr(setting.axes, name).searched() for name in space)
    for values in itertools.islice(itertools.product(*lattices), _LOOKED_UP):
        point = _point(setting, dict(zip(space, values, strict=True)))
        if point not in taken:
            yield point


def _sampler(tried: Tried, space: dict[str, Any], count: int) -> Any:
    """The sampler of a setting's kind, whose numbers belong to the seed and the batch."""
    from optuna.samplers import GPSampler, TPESampler  # noqa: PLC0415  takes a second

    from study.search.sampler import BoundarySampler  # noqa: PLC0415  imports Optuna

    search, setting = tried.setting.search, tried.setting
    if search.kind == "boundary":
        axes = searched_axes(setting)
        return BoundarySampler(
            search.seed,
            batch=count,
            repeats=len(setting.seeds),
            lattice={name: axis.numbers() for name, axis in axes.items()},
            shapes=[name for name, axis in axes.items() if axis.rule.shape],
            space=space,
        )
    seed = (1_000_003 * search.seed + len(tried.trials)) % 2**32
    return TPESampler(seed=seed) if search.kind == "tpe" else GPSampler(seed=seed)


def _point(setting: Setting, params: Mapping[str, Any]) -> Point:
    """The point of the lattices nearest to what a sampler said."""
    values = {name: getattr(setting.axes, name).searched()[0] for name in AXES}
    for name, value in params.items():
        axis: Axis = getattr(setting.axes, name)
        values[name] = value if isinstance(value, str) else _nearest(axis, value)
    return make_point(setting, values)


def _nearest(axis: Axis, value: float) -> AxisValue:
    numbers = axis.numbers()
    log = axis.scale != "linear" and min(numbers) > 0
    place = math.log if log else float
    return axis.rule.check(min(numbers, key=lambda v: abs(place(v) - place(value))))


def _holds(setting: Setting, point: Point) -> bool:
    axes: dict[str, Axis] = {name: getattr(setting.axes, name) for name in AXES}
    return all(
        axes[name].absent or axes[name].holds(ONLINE if value is None else value)
        for name, value in point.values().items()
    )
