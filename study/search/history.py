"""What a search has tried: trials and their rows, and the values of points that follow from them.

Only networks that generalized count. The others are worse than all that did.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from study.spec.models import Setting
from study.trials.trial import Point, Trial

Objectives = tuple[float, ...]  # a value for each objective; the least value is best


@dataclass(frozen=True)
class SearchHistory:
    """The trials of a search in the order proposed, with the row of each in the table of trials."""

    setting: Setting
    trials: Sequence[Trial]
    rows: Sequence[Mapping[str, object]]

    @cached_property
    def networks(self) -> dict[Point, list[Objectives | None]]:
        """The objectives of every network, by point; None where it did not generalize."""
        networks: dict[Point, list[Objectives | None]] = {}
        for trial, row in zip(self.trials, self.rows, strict=True):
            networks.setdefault(trial.point, []).append(self._objectives(row))
        return networks

    def _objectives(self, row: Mapping[str, object]) -> Objectives | None:
        """The objectives of a network from its row; an objective named "-x" is -x."""
        values = []
        for name in self.setting.search.objective:
            value = row[name.removeprefix("-")]
            if row["generalized_epoch"] is None or not isinstance(value, int | float):
                return None
            values.append(-1.0 * value if name.startswith("-") else float(value))
        return tuple(values)

    def needs_no_more(self, point: Point) -> bool:
        """Whether a point's networks so far say that more seeds would be a waste of time.

        No network generalized, or a finished point dominates this one: the finished point's worst
        network beats this point's best, in every objective.
        """
        mine = generalized_only(self.networks[point])
        if not mine:
            return True
        best = [min(column) for column in zip(*mine, strict=True)]
        return any(
            all(theirs < ours for theirs, ours in zip(worst, best, strict=True))
            for worst in self._worst_of_finished
        )

    @cached_property
    def _worst_of_finished(self) -> list[Objectives]:
        """The worst of each objective, for every point whose seeds have all generalized."""
        every = len(self.setting.seeds)
        counted = [generalized_only(listed) for listed in self.networks.values()]
        finished = [listed for listed in counted if len(listed) == every]
        return [tuple(max(column) for column in zip(*listed, strict=True)) for listed in finished]

    def medians(self, point: Point) -> list[float]:
        """The lower median of each objective: what at least half of a point's networks reach."""
        listed = self.networks[point]
        counted = generalized_only(listed)
        missing = len(listed) - len(counted)
        middle = (len(listed) - 1) // 2
        return [
            sorted([*(values[i] for values in counted), *[worst] * missing])[middle]
            for i, worst in enumerate(self._worst)
        ]

    @cached_property
    def _worst(self) -> Objectives:
        """The largest value of each objective, which a network gets that did not generalize."""
        counted = [v for listed in self.networks.values() for v in generalized_only(listed)]
        objectives = range(len(self.setting.search.objective))
        return tuple(max((values[i] for values in counted), default=0.0) for i in objectives)


def generalized_only(listed: Sequence[Objectives | None]) -> list[Objectives]:
    """The objectives of the networks that generalized."""
    return [values for values in listed if values is not None]
