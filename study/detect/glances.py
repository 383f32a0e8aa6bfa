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


class Asked(NamedTuple):
    """What a glance is to answer of each open member."""

    rises: Flags  # [T] whether an accuracy is above a threshold that is awaited
    falls: Flags  # [T] whether the test accuracy has fallen to the level of ungrokking


class Seen(NamedTuple):
    """What `GrokkingDetector.update` takes of one epoch, each [T]; zero for members not seen.

    A count of right rows may be an upper bound: as good as the count itself, if it lies below the
    lowest awaited threshold. Where ungrokking was not asked for, the count is above its level.
    """

    train_right: NDArray[np.int64]
    test_right: NDArray[np.int64]
    norm: NDArray[np.float64]
    active: Flags


def glance_at(
    engine: Engine, saved: SavedState, members: Indices, watch: Watch, bounds: Bounds, asked: Asked
) -> Seen:
    """What one glance, or two, tell of an epoch.

    Args:
        engine: that made the state.
        saved: the epoch and its state.
        members: all open members [T], as indices into the pack as it began.
        watch: what the detector has seen of them.
        bounds: most wrong rows that still matter to the detector.
        asked: the questions.
    """
    test_allowed = np.maximum(
        np.where(asked.rises, bounds.test, -1), np.where(asked.falls, bounds.kept_test, -1)
    )
    glance = saved.glance(engine, members, np.where(asked.rises, bounds.train, -1), test_allowed)
    train_wrong = glance.train_wrong
    # `decided` needs both accuracies: where the test rows allow it, count the training rows too.
    decides = asked.rises & (bounds.train < 0) & (glance.test_wrong <= bounds.decided_test)
    if decides.any():
        passed_over = np.full(len(members), -1)
        train_allowed = np.where(decides, bounds.decided_train, -1)
        second = saved.glance(engine, members, train_allowed, passed_over)
        train_wrong = np.where(decides, second.train_wrong, train_wrong)
    return Seen(
        watch.train_rows - train_wrong,
        watch.test_rows - glance.test_wrong,
        glance.weight_norm,
        glance.active,
    )
