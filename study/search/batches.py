"""What an adaptive search tries next, given its history: a batch of points and seeds.

A batch follows from the setting, the trials proposed before it and their rows, and from nothing
else. For `boundary` a proposal is one network. For `tpe` and `gp` a proposal is a point: two seeds
of the point run first. The other seeds run later, and only where `SearchHistory.needs_no_more` is
false.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Collection, Mapping

from study.search.history import SearchHistory
from study.search.lattice import nearest_point, new_points
from study.trials.expand import Pair
from study.trials.trial import Point
from study.vocabulary.axes import AxisValue

# So many seeds of a point run before it is decided whether its other seeds run.
FIRST_SEEDS = 2
# For one new point a sampler is asked so often, because it may repeat points that were tried.
_ASKS = 4


def next_batch(history: SearchHistory) -> list[Pair]:
    """The batch that follows; empty where the search has had its trials, or no point is left."""
    search = history.setting.search
    room = min(search.batch, (search.trials or 0) - len(history.trials))
    if room <= 0:
        return []
    used = Counter(trial.point for trial in history.trials)
    if search.kind == "boundary":
        return _networks(history, room, used)
    return _seeds_of_points(history, room, used)


def _networks(history: SearchHistory, room: int, used: Counter[Point]) -> list[Pair]:
    """The next seed of each point that the sampler proposes.

    Args:
        history: of the search.
        room: how many networks the batch may have.
        used: seeds that each point has had; counts those of this batch, too.
    """
    setting, ask, batch = history.setting, _asker(history, room), []
    for point in [nearest_point(setting, ask()) for _ in range(room)]:
        if used[point] < len(setting.seeds):
            batch.append((point, setting.seeds[used[point]]))
            used[point] += 1
    return batch


def _seeds_of_points(history: SearchHistory, room: int, used: Counter[Point]) -> list[Pair]:
    """The other seeds of points whose `needs_no_more` is false, then the first seeds of new points.

    Args:
        history: of the search.
        room: how many networks the batch may have.
        used: seeds that each point has had.
    """
    seeds = history.setting.seeds
    more = [
        (point, seed)
        for point in used
        if used[point] < len(seeds) and not history.needs_no_more(point)
        for seed in seeds[used[point] :]
    ]
    first = seeds[:FIRST_SEEDS]
    new = _new_points(history, -(-max(room - len(more), 0) // len(first)), used)
    return [*more, *((point, seed) for point in new for seed in first)][:room]


def _new_points(history: SearchHistory, count: int, used: Collection[Point]) -> list[Point]:
    """New points that the sampler proposes; where it repeats itself, others of the lattice."""
    setting, ask = history.setting, _asker(history, count)
    points: list[Point] = []
    for _ in range(count * _ASKS):
        if len(points) == count:
            break
        point = nearest_point(setting, ask())
        if point not in used and point not in points:
            points.append(point)
    others = new_points(setting, {*used, *points})
    return [*points, *itertools.islice(others, count - len(points))]


def _asker(history: SearchHistory, count: int) -> Callable[[], Mapping[str, AxisValue]]:
    """A function that asks the search's sampler for one more proposal of a batch of `count`."""
    from study.search.optuna_study import asker  # noqa: PLC0415  imports Optuna, which takes 1 s

    return asker(history, count)
