"""Trials and packs: what a spec expands to, and what a pack of them is.

Identity is content. `trial_id` hashes what determines a trajectory (task, net, axes, seed, data and
train), so regridding a study never renames or reseeds a trial; `pack_id` hashes the ids of its
members.
"""

import difflib
import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from study.errors import UsageError
from study.spec.models import Setting, Table
from study.vocabulary.nets import NETS
from study.vocabulary.tasks import COMMON, MIN_TEST_ROWS, TASKS, Values

SHOWN_IDS = 5  # that a sentence about an id lists
ONLINE_STEPS_PER_EPOCH = 32  # fresh rows have no pass to end; about 1,000 rows at the usual batch


@dataclass(frozen=True, slots=True)
class Point:
    """One value for every axis, None for those that a task or net does not have.

    `train_size` is None for fresh rows every step; where there is a `train_fraction`, it follows.
    """

    n: int | None
    k: int | None
    width: int
    weight_decay: float
    train_size: int | None
    learning_rate: float
    batch_size: int
    init_scale: float
    modulus: int | None = None
    train_fraction: float | None = None
    layers: int | None = None
    heads: int | None = None

    @property
    def bits(self) -> int:
        """Input bits n; a task that has none does not ask."""
        assert self.n is not None  # noqa: S101  the setting was checked
        return self.n

    def values(self) -> dict[str, Any]:
        """The axes by name: what dataclasses.asdict gives, without its recursion."""
        return {name: getattr(self, name) for name in self.__slots__}


class Shape(NamedTuple):
    """What trials of one pack have in common, so that their tensors stack."""

    n: int | None
    width: int
    train_size: int | None
    batch_size: int
    modulus: int | None = None
    layers: int | None = None
    heads: int | None = None


@dataclass(frozen=True)
class Trial:
    """A point and a seed under a setting: one network, trained once."""

    study: str
    setting: Setting = field(repr=False)
    point: Point
    seed: int

    @cached_property
    def point_id(self) -> str:
        """Hash of everything but the seed that determines the trajectory."""
        return _digest_of(_content_text(self.setting, self.point, ""))

    @cached_property
    def trial_id(self) -> str:
        """Hash of everything that determines the trajectory."""
        return _digest_of(_content_text(self.setting, self.point, f'"seed":{self.seed},'))

    @property
    def _axes(self) -> dict[str, Any]:
        """The values of the axes that the task and the net have."""
        return _own_axes(self.setting.task, self.setting.net, self.point)

    @cached_property
    def stream_key(self) -> tuple[int, int]:
        """The trial's 64-bit key: task, axes and seed; see `[data] shared` for paired designs."""
        axes = self._axes
        if self.setting.data.shared:
            del axes["weight_decay"], axes["learning_rate"]
        digest = _digest({"task": self.setting.task, "axes": axes, "seed": self.seed})
        return int(digest[:8], 16), int(digest[8:16], 16)

    @property
    def shape(self) -> Shape:
        """What must agree within a pack."""
        point = self.point
        own = (point.modulus, point.layers, point.heads)
        return Shape(point.n, point.width, point.train_size, point.batch_size, *own)

    @property
    def train_size(self) -> int:
        """Rows in one epoch; for online trials, the fresh rows of one epoch."""
        return self.point.train_size or ONLINE_STEPS_PER_EPOCH * self.point.batch_size

    @property
    def test_size(self) -> int:
        """Test rows: what [data] test_rows asks for, or all that are left."""
        asked = self.setting.data.test_rows
        rows = MIN_TEST_ROWS if asked == "fixed" else asked
        everything = _world(self.setting, self.point.values())
        if everything is None:
            return rows
        # Fresh rows avoid the test rows, so those of a small world are at most half of it.
        left = everything // 2 if self.point.train_size is None else everything - self.train_size
        return min(rows, left)

    @property
    def batch_rows(self) -> int:
        """Rows of one update: the batch, or all rows where they are fewer."""
        return min(self.point.batch_size, self.train_size)

    @property
    def steps_per_epoch(self) -> int:
        """Updates in one pass; the last, smaller batch is kept."""
        return -(-self.train_size // self.point.batch_size)

    @property
    def decay_time_epochs(self) -> float:
        """One decay time, 1 / (learning_rate * weight_decay) steps, in epochs; endless without."""
        rate = self.point.learning_rate * self.point.weight_decay
        return 1 / (rate * self.steps_per_epoch) if rate > 0 else math.inf

    @property
    def budget_epochs(self) -> int:
        """Passes at most: the setting's patience, or its minimum of decay times if that is more."""
        budget = self.setting.budget
        epochs = budget.epochs or math.ceil((budget.steps or 1) / self.steps_per_epoch)
        if budget.decay_times and math.isfinite(self.decay_time_epochs):
            epochs = max(epochs, math.ceil(budget.decay_times * self.decay_time_epochs))
        return epochs

    def answered_by(self, row: Mapping[str, Any]) -> bool:
        """Whether its row says all: it ended by itself, or was watched for the whole budget."""
        return bool(row["ended"] != "budget" or row["budget_epochs"] >= self.budget_epochs)


def find_id(ids: Iterable[str], begin: str, store_url: str) -> str:
    """The trial_id of a store that begins like this: all of one, or enough to tell it from others.

    Args: ids, those of the store, or at least all that begin so; begin, what was asked for;
    store_url, for what is said.
    Raises UsageError, with candidates or the nearest ids, unless one id begins so.
    """
    ids = list(ids)
    found = [one for one in ids if begin and one.startswith(begin)]
    if begin in found or len(found) == 1:
        return begin if begin in found else found[0]
    asked, rule = (
        begin[:60] or "''",
        "a trial is named by its trial_id, or by enough of its beginning",
    )
    if not found:
        near = ", ".join(difflib.get_close_matches(begin, ids, n=SHOWN_IDS, cutoff=0.0))
        raise UsageError(
            f"{asked}: no such trial in {store_url}; {rule}. "
            f"Nearest: {near or 'none, the store is empty'}."
        )
    more = f" or {len(found) - SHOWN_IDS:,} more" * (len(found) > SHOWN_IDS)
    raise UsageError(
        f"{asked}: {len(found):,} trials in {store_url} begin so; {rule}. "
        f"Write more of it: {', '.join(found[:SHOWN_IDS])}{more}."
    )


def _world(setting: Setting, values: Values) -> int | None:
    """How many rows there are to train and test on; None if endless."""
    rows, asked = TASKS[setting.task].world(values), setting.data.equations
    return rows if asked == "all" else asked


# Keys that came after trials had ids: at their defaults they are left out of these.
_LATER = {"equations", "betas"}


def _known_first(table: Table) -> dict[str, Any]:
    fields = type(table).model_fields
    usual = {n for n in _LATER if n in fields and getattr(table, n) == fields[n].default}
    return table.model_dump(mode="json", exclude=usual)


def _own_axes(task: str, net: str, point: Point) -> dict[str, Any]:
    own = {*COMMON, *TASKS[task].axes, *NETS[net].axes}
    return {name: value for name, value in point.values().items() if name in own}


def _content_text(setting: Setting, point: Point, seed: str) -> str:
    """What determines a trajectory, as canonical JSON; `seed` is its key and value, or nothing.

    Its parts are kept: a study has few tables, and the seeds of a point come one after another.
    """
    axes = _axes_text(setting.task, setting.net, _Itself(point))
    data, train = (_table_text(_Itself(table)) for table in (setting.data, setting.train))
    net, task = json.dumps(setting.net), json.dumps(setting.task)
    return f'{{"axes":{axes},"data":{data},"net":{net},{seed}"task":{task},"train":{train}}}'


@dataclass(frozen=True, eq=False, slots=True)
class _Itself:
    """An object that equals no other: 1 and 1.0 are equal, and their texts are not."""

    of: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self.of is other.of

    def __hash__(self) -> int:
        return id(self.of)


@lru_cache(maxsize=64)
def _table_text(table: _Itself) -> str:
    return _canonical(_known_first(table.of))


@lru_cache(maxsize=1024)
def _axes_text(task: str, net: str, point: _Itself) -> str:
    return _canonical(_own_axes(task, net, point.of))


def _canonical(content: Any) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def _digest(content: Any) -> str:
    return _digest_of(_canonical(content))


def _digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:20]
