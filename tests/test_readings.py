"""Which epochs are read and which readings are kept."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from study.readings import WINDOW, ReadingLog, log_spaced, scheduled
from study.spec import PerDecade


@given(st.integers(1, 60), st.integers(2, 10**6))
def test_log_spaced_epochs_are_the_rounded_powers(per_decade, limit):
    powers = {round(10 ** (i / per_decade)) for i in range(6 * per_decade + 2)}
    near = range(max(0, limit - 50), limit + 50)
    expected = [epoch for epoch in near if epoch in powers or epoch < 2]
    assert [epoch for epoch in near if log_spaced(epoch, per_decade)] == expected


def test_schedules():
    assert [e for e in range(10) if scheduled(e, 3)] == [0, 3, 6, 9]
    assert [e for e in range(25) if scheduled(e, PerDecade(per_decade=2))] == [0, 1, 3, 10]


def log_of(due, events, members, keep=5, hold=3):
    """Feed epochs to a log; a reading's one value is its epoch."""
    log = ReadingLog(members, 1, hold, keep)
    for epoch, (who, event) in enumerate(zip(due, events, strict=True)):
        numbers = np.flatnonzero(who)
        if len(numbers):
            values = np.full((1, len(numbers)), float(epoch))
            log.add(epoch, numbers, values, event[numbers])
    return log


def kept_epochs(log, member):
    kept = log.leave(np.array([member]))
    assert kept.epochs.tolist() == kept.values[0].tolist()
    assert set(kept.members) <= {member}
    assert len(set(kept.epochs)) == len(kept.epochs)
    return sorted(kept.epochs.tolist())


def test_readings_around_an_event_are_kept_and_so_is_the_last():
    due = np.ones((81, 1), bool)
    events = np.zeros((81, 1), bool)
    events[52] = True  # the event happened at 50, and was known when it had held three readings
    kept = kept_epochs(log_of(due, events, 1), 0)
    assert set(range(50 - WINDOW, 52 + WINDOW + 1)) <= set(kept)
    assert 80 in kept
    spaced = {e for e in range(81) if any(e - 1 < 10 ** (i / 5) <= e for i in range(11))}
    outside = set(range(81)) - set(range(45, 58)) - {80}
    assert set(kept) & outside == (spaced | {0}) & outside
    assert kept_epochs(log_of(due, events & False, 1), 0) == sorted(spaced | {0, 80})


def test_a_sparse_schedule_keeps_a_reading_for_every_log_spaced_epoch():
    due = (np.arange(1001) % 7 == 0)[:, None]
    kept = kept_epochs(log_of(due, np.zeros_like(due), 1, keep=30), 0)
    assert kept[:10] == [0, 7, 14, 21, 28, 35, 42, 49, 56, 63]
    assert sum(100 <= epoch < 990 for epoch in kept) == 30  # 994, the last, is kept besides


@given(st.integers(0, 2**32), st.integers(1, 4))
def test_what_is_kept_does_not_depend_on_neighbours_or_on_a_checkpoint(seed, hold):
    chance = np.random.default_rng(seed)
    due = chance.random((120, 5)) < chance.random(5)
    events = due & (chance.random((120, 5)) < 0.05)
    together = log_of(due, events, 5, hold=hold)
    resumed = ReadingLog(5, 1, hold, 5)
    resumed.load(together.arrays())
    for member in range(5):
        alone = log_of(due[:, [member]], events[:, [member]], 1, hold=hold)
        if not due[:, member].any():
            continue
        expected = kept_epochs(alone, 0)
        assert kept_epochs(together, member) == expected
        assert kept_epochs(resumed, member) == expected
