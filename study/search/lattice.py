"""The lattice of a search: the values that it tries of every axis, and points on it."""

import itertools
import math
from collections.abc import Collection, Iterator, Mapping

from study.spec.models import Setting
from study.trials.expand import make_point
from study.trials.trial import Point
from study.vocabulary.axes import ONLINE, AxisValue, varying_axes
from study.vocabulary.axis_values import Axis

# Points of a lattice that are looked at, at most, to find new ones.
_LOOKED_UP = 10_000


def searched_axes(setting: Setting) -> dict[str, Axis]:
    """The axes that a search of a setting tries more than one value of, by name."""
    axes = setting.axes.by_name()
    counts = {name: len(axis.searched()) for name, axis in axes.items()}
    return {name: axes[name] for name in varying_axes(counts)}


def nearest_point(setting: Setting, proposal: Mapping[str, AxisValue]) -> Point:
    """The point of the lattice nearest to what a sampler proposed.

    Args:
        setting: whose axes make the lattice.
        proposal: a value for every axis that varies, by name.
    """
    axes = setting.axes.by_name()
    values = {name: axis.searched()[0] for name, axis in axes.items()}
    for name, value in proposal.items():
        values[name] = _nearest(axes[name], value) if isinstance(value, int | float) else value
    return make_point(setting, values)


def new_points(setting: Setting, taken: Collection[Point]) -> Iterator[Point]:
    """Points of the lattice that are not `taken`, in the lattice's order.

    At most 10,000 points of the lattice are looked at.
    """
    axes = searched_axes(setting)
    lattices = (axis.searched() for axis in axes.values())
    for values in itertools.islice(itertools.product(*lattices), _LOOKED_UP):
        point = nearest_point(setting, dict(zip(axes, values, strict=True)))
        if point not in taken:
            yield point


def is_held(setting: Setting, point: Point) -> bool:
    """Whether a setting's axes still have the values of a point that was proposed before.

    Args:
        setting: whose axes may have changed since.
        point: that was proposed.
    """
    axes = setting.axes.by_name()
    return all(
        axes[name].absent or axes[name].holds(ONLINE if value is None else value)
        for name, value in point.values().items()
    )


def _nearest(axis: Axis, value: float) -> AxisValue:
    """The value of an axis nearest to a number, on the axis's own scale."""
    numbers = axis.numbers()
    log = axis.scale != "linear" and min(numbers) > 0
    scaled = math.log if log else float
    return axis.rule.check(min(numbers, key=lambda v: abs(scaled(v) - scaled(value))))
