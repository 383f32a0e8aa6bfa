"""What a glance tells the detector of one epoch, without a reading.

Accuracies are compared with thresholds, so the detector needs no exact count of wrong rows: only
whether more rows are wrong than the lowest awaited threshold allows (`Bounds`). A glance proves
that by the first few wrong rows that it meets.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from study.detect.detector import Bounds
from study.detect.saved_states import SavedState
from study.detect.watch import Flags, Watch
from study.engine.protocol import Engine, Indices


class Parts(NamedTuple):
    """For each open member, a flag of its training rows and a flag of its test rows: each [T]."""

    train: Flags
    test: Flags

    @classmethod
    def both(cls, members: Flags) -> "Parts":
        """Both parts of the members [T] flagged."""
        return cls(members, members)

    def of(self, members: Flags) -> "Parts":
        """Only the parts of the members [T] flagged."""
        return Parts(self.train & members, self.test & members)

    @property
    def either(self) -> Flags:
        """Members [T] with a flag on any part."""
        return self.train | self.test


class Seen(NamedTuple):
    """What `GrokkingDetector.update` takes of one epoch, each [T]; zero for members not seen.

    A count of right rows may be an upper bound: as good as the count itself, if it lies below the
    lowest awaited threshold.
    """

    train_right: NDArray[np.int64]
    test_right: NDArray[np.int64]
    norm: NDArray[np.float64]
    active: Flags

    def news(self, watch: Watch, bounds: Bounds) -> Parts:
        """The parts on which no more rows are wrong than an awaited threshold allows.

        Args:
            watch: with the counts of rows.
            bounds: most wrong rows that still matter.
        """
        return Parts(
            watch.train_rows - self.train_right <= bounds.train,
            watch.test_rows - self.test_right <= bounds.test,
        )


def glance_at(
    engine: Engine, saved: SavedState, members: Indices, watch: Watch, bounds: Bounds, asked: Parts
) -> Seen:
    """What one glance, or two, tell of an epoch.

    Args:
        engine: that made the state.
        saved: the epoch and its state.
        members: all open members [T], as indices into the pack as it began.
        watch: what the detector has seen of them.
        bounds: most wrong rows that still matter to the detector.
        asked: the parts to look at. Of a part not asked for, the answer is "nothing new".
    """
    glance = saved.glance(
        engine,
        members,
        np.where(asked.train, bounds.train, -1),
        np.where(asked.test, bounds.test, -1),
    )
    train_wrong = np.where(asked.train, glance.train_wrong, bounds.train + 1)
    test_wrong = np.where(asked.test, glance.test_wrong, bounds.test + 1)
    # `decided` needs both accuracies: where the test rows allow it, count the training rows too.
    train_unseen = ~asked.train | (bounds.train < 0)
    decides = train_unseen & asked.test & (test_wrong <= bounds.decided_test)
    if decides.any():
        allowed = np.maximum(bounds.train, bounds.decided_train)
        passed_over = np.full(len(members), -1)
        second = saved.glance(engine, members, np.where(decides, allowed, -1), passed_over)
        train_wrong = np.where(decides, second.train_wrong, train_wrong)
    return Seen(
        watch.train_rows - train_wrong,
        watch.test_rows - test_wrong,
        glance.weight_norm,
        glance.active,
    )
