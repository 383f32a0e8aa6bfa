"""Ids of trials: hashes of their content, and the look-up of an id by its beginning."""

import difflib
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Generic, TypeVar

from study.errors import UsageError
from study.spec.models import Setting
from study.spec.toml_tables import Table
from study.vocabulary.axes import YOUNGER_AXES, AxisValue
from study.vocabulary.tasks import own_axes

if TYPE_CHECKING:
    from study.trials.trial import Point

SHOWN_IDS = 5  # that a sentence about an id lists

# Keys of a study file that are younger than the ids of the first trials. At their defaults they are
# left out of the content, so that the ids of those trials stay the same.
_YOUNGER_KEYS = {"equations", "betas", "fewer_rows", "fewer_from"}


def point_text(setting: Setting, point: "Point") -> str:
    """Everything but the seed that determines a trajectory, as canonical JSON."""
    before, after = _around_the_seed(_ByIdentity(setting), _ByIdentity(point))
    return before + after


def trial_text(setting: Setting, point: "Point", seed: int) -> str:
    """Everything that determines a trajectory, as canonical JSON."""
    before, after = _around_the_seed(_ByIdentity(setting), _ByIdentity(point))
    return f'{before}"seed":{seed},{after}'


def axes_of(setting: Setting, point: "Point") -> dict[str, AxisValue]:
    """The values of the axes that the task and the net of a setting have, by name.

    An axis of `YOUNGER_AXES` is left out at the value that all earlier trials have.
    """
    return _own_values(setting.task, setting.net, point)


def stream_axes(setting: Setting, point: "Point") -> dict[str, AxisValue]:
    """The axes that the random numbers of a trial depend on, beside its task and its seed.

    Trials that agree in these draw the same hidden bits, rows and initial weights. With `[data]
    shared`, weight_decay and learning_rate are not among these axes.
    """
    axes = axes_of(setting, point)
    if setting.data.shared:
        del axes["weight_decay"], axes["learning_rate"]
    return axes


def digest(content: object) -> str:
    """The id of JSON data: 20 hexadecimal digits."""
    return digest_of_text(_canonical(content))


def digest_of_text(text: str) -> str:
    """The id of a text: 20 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def find_id(ids: Iterable[str], begin: str, store_url: str) -> str:
    """The trial_id of a store that begins with a text.

    Args:
        ids: the ids of the store, or at least all that begin with the text.
        begin: what the user wrote: a whole id, or enough of it to tell it from other ids.
        store_url: of the store, for messages.
    Raises: UsageError, with candidates or the nearest ids, unless exactly one id begins so.
    """
    ids = list(ids)
    matching = [trial_id for trial_id in ids if begin and trial_id.startswith(begin)]
    if begin in matching:
        return begin
    if len(matching) == 1:
        return matching[0]
    asked = begin[:60] or "''"
    rule = "a trial is named by its trial_id, or by enough of its beginning"
    if not matching:
        near = ", ".join(difflib.get_close_matches(begin, ids, n=SHOWN_IDS, cutoff=0.0))
        raise UsageError(
            f"{asked}: no such trial in {store_url}; {rule}. "
            f"Nearest: {near or 'none, the store is empty'}."
        )
    more = f" or {len(matching) - SHOWN_IDS:,} more" * (len(matching) > SHOWN_IDS)
    raise UsageError(
        f"{asked}: {len(matching):,} trials in {store_url} begin so; {rule}. "
        f"Write more of it: {', '.join(matching[:SHOWN_IDS])}{more}."
    )


_Cached = TypeVar("_Cached")


@dataclass(frozen=True, eq=False, slots=True)
class _ByIdentity(Generic[_Cached]):
    """A key of a cache that equals only itself: 1 and 1.0 are equal, but their texts differ."""

    of: _Cached

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByIdentity) and self.of is other.of

    def __hash__(self) -> int:
        return id(self.of)


@lru_cache(maxsize=1024)
def _around_the_seed(setting: _ByIdentity[Setting], point: "_ByIdentity[Point]") -> tuple[str, str]:
    """Canonical JSON of a trial's content, in two parts: the seed belongs between them.

    It is cached, because the seeds of a point come one after another.
    """
    of = setting.of
    axes = _canonical(_own_values(of.task, of.net, point.of))
    data, train = (_table_text(_ByIdentity(table)) for table in (of.data, of.train))
    net, task = json.dumps(of.net), json.dumps(of.task)
    return f'{{"axes":{axes},"data":{data},"net":{net},', f'"task":{task},"train":{train}}}'


@lru_cache(maxsize=64)
def _table_text(table: _ByIdentity[Table]) -> str:
    fields = type(table.of).model_fields
    younger = {
        name
        for name in _YOUNGER_KEYS & fields.keys()
        if getattr(table.of, name) == fields[name].default
    }
    return _canonical(table.of.model_dump(mode="json", exclude=younger))


def _own_values(task: str, net: str, point: "Point") -> dict[str, AxisValue]:
    own = own_axes(task, net)
    return {
        name: value
        for name, value in point.values().items()
        if name in own and not (name in YOUNGER_AXES and value == YOUNGER_AXES[name])
    }


def _canonical(content: object) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"))
