"""The two sides of a comparison, A and B: two stores, two filters or two settings of one store.

Trials of A and B share their data where they draw the same hidden bits, rows and initial weights.
What a trial draws follows from its task, its axes, its seed and the table [data] of its setting:
`study.trials.identity` has the rule.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.tables.frames import some_trials
from study.errors import StoreError, UsageError, unknown
from study.spec.models import Setting
from study.store.address import Address
from study.store.manifest import stored_settings, stored_spec
from study.store.store import Store
from study.trials.identity import digest, stream_axes
from study.trials.trial import recorded_point
from study.vocabulary.axes import AXES, AxisValues

_DRAWN = ("hidden_bits", "labels", "equations")  # keys of [data] that change training rows


@dataclass(frozen=True, slots=True)
class ComparedSide:
    """One side of a comparison.

    Attributes:
        letter: "A" or "B".
        name: the store, with what was chosen of it.
        trials: as `load_trials` gives them, at least one.
        settings: those of the trials, by label.
    """

    letter: str
    name: str
    trials: pd.DataFrame
    settings: Mapping[str, Setting]

    def data_ids(self) -> pd.Series:
        """What the data of each trial are drawn from, but for its seed, as an id, [trials]."""
        labels = self.trials["setting"].astype(object)
        keys = pd.MultiIndex.from_arrays([labels, self.trials["point_id"]])
        points = self.trials[~keys.duplicated()]
        values = points[list(AXES)].astype(object)
        rows = values.where(values.notna(), None).to_dict("records")
        firsts = keys[~keys.duplicated()]
        ids = {
            key: _data_id(self.settings[str(key[0])], {axis: row[axis] for axis in AXES})
            for key, row in zip(firsts, rows, strict=True)
        }
        return pd.Series([ids[key] for key in keys], self.trials.index)


def _data_id(setting: Setting, values: AxisValues) -> str:
    """What the data of a point are drawn from."""
    axes = stream_axes(setting, recorded_point(setting, values))
    drawn = {name: getattr(setting.data, name) for name in _DRAWN}
    return digest({"task": setting.task, "axes": axes, "data": drawn})


@dataclass(frozen=True, slots=True)
class SideRequest:
    """What `analysis compare` was asked for.

    Attributes:
        store: of A, a path or a URL.
        other: the store of B; None: that of A.
        where: the filter of A, and of B where it has none of its own.
        other_where: the filter of B.
        labels: of two settings, that of A and that of B.
    """

    store: str
    other: str | None = None
    where: str | None = None
    other_where: str | None = None
    labels: tuple[str, str] | None = None

    @property
    def one_store(self) -> bool:
        """Whether both sides are of one store."""
        return self.other is None or Address.of(self.other) == Address.of(self.store)

    def load(self) -> tuple[ComparedSide, ComparedSide]:
        """Both sides.

        Raises: UsageError where the request has no two sides, where no trial is on one of them,
            and where a trial is on both; StoreError for a store.
        """
        self._check()
        stores = self.store, self.store if self.other is None else self.other
        wheres = self.where, self.other_where or self.where
        labels = self.labels or (None, None)
        a, b = (_load(*asked) for asked in zip("AB", stores, wheres, labels, strict=True))
        both = a.trials["trial_id"].isin(b.trials["trial_id"]) if self.one_store else np.zeros(1)
        if both.any():
            raise UsageError(
                f"{int(both.sum()):,} trials are in A and in B; a trial of a store is on one side. "
                "Change --where or --with."
            )
        return a, b

    def _check(self) -> None:
        filters = self.where is not None and self.other_where is not None
        settings = self.labels is not None and len(set(self.labels)) == 2
        if self.one_store and not filters and not settings:
            raise UsageError(
                f"{Address.of(self.store).shown} against itself; a comparison has two sides. Name "
                "a second store, two filters with --where and --with, or two --settings."
            )


def _load(letter: str, store: str, where: str | None, label: str | None) -> ComparedSide:
    """One side.

    Args:
        letter: of the side.
        store: path or URL.
        where: a filter.
        label: of the one setting to take.
    """
    settings = settings_of(Store.open(store))
    if label is not None and label not in settings:
        raise unknown(f"a setting of {Address.of(store).shown}", label, settings)
    trials = some_trials(store, where)
    if label is not None:
        trials = trials[trials["setting"].astype(object) == label].reset_index(drop=True)
    name = Address.of(store).shown
    name += "" if label is None else f", setting {label or 'unnamed'}"
    name += "" if where is None else f" where {where}"
    if trials.empty:
        raise UsageError(f"{letter}, {name}: no trials; each side has some. Loosen the filter.")
    labels = [str(one) for one in trials["setting"].astype(object).unique()]
    if missing := [one for one in labels if one not in settings]:
        raise StoreError(
            f"{name}: study.json lacks the setting {missing[0]!r}, which trials have. Restore it."
        )
    return ComparedSide(letter, name, trials, {one: settings[one] for one in labels})


def settings_of(store: Store) -> dict[str, Setting]:
    """Every setting that trials of a store may have, by label.

    The first stores have no list of settings; theirs are those of the study file.
    """
    written = {setting.label: setting for setting in stored_spec(store).settings}
    return written | stored_settings(store)
