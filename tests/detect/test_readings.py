"""The schedule of readings, and the log of stored readings."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from study.detect.log import ReadingLog
from study.detect.schedule import log_spaced, scheduled
from study.spec.toml_tables import PerDecade


@given(st.integers(1, 60), st.integers(2, 10**6))
def test_log_spaced_epochs_are_the_rounded_powers(per_decade, limit):
    powers = {round(10 ** (i / per_decade)) for i in range(6 * per_decade + 2)}
    near = range(max(0, limit - 50), limit + 50)
    expected = [epoch for epoch in near if epoch in powers or epoch < 2]
    assert [epoch for epoch in near if log_spaced(epoch, per_decade)] == expected


def test_schedules():
    assert [e for e in range(10) if scheduled(e, 3)] == [0, 3, 6, 9]
    assert [e for e in range(25) if scheduled(e, PerDecade(per_decade=2))] == [0, 1, 3, 10]


@given(st.integers(0, 2**32), st.sampled_from([1, 5, 30, "all"]))
def test_the_log_asks_for_a_reading_at_each_log_spaced_epoch_and_hands_it_over(seed, keep):
    chance = np.random.default_rng(seed)
    log, resumed, expected = ReadingLog(3, 1, keep), ReadingLog(3, 1, keep), {}
    for epoch in np.flatnonzero(chance.random(150) < 0.5).tolist():
        wanted = np.flatnonzero(log.wants(epoch, np.arange(3)))
        read = np.union1d(wanted, np.flatnonzero(chance.random(3) < 0.1))
        for member in read:
            expected.setdefault(int(member), []).append(epoch)
        log.add(epoch, read, np.full((1, len(read)), float(epoch)))
        assert not log.wants(epoch, read).any()
    resumed.load(log.arrays())
    for member, epochs in expected.items():
        for each in (log, resumed):
            kept = each.leave(np.array([member]))
            assert kept.epochs.tolist() == kept.values[0].tolist() == epochs
            assert set(kept.members) == {member}


def test_a_schedule_of_its_own_keeps_a_reading_for_every_log_spaced_epoch():
    log = ReadingLog(1, 1, 30)
    kept = []
    for epoch in range(0, 1001, 7):
        if log.wants(epoch, np.array([0])).any():
            log.add(epoch, np.array([0]), np.zeros((1, 1)))
            kept.append(epoch)
    assert kept[:10] == [0, 7, 14, 21, 28, 35, 42, 49, 56, 63]
    assert sum(100 <= epoch < 990 for epoch in kept) == 30


def test_readings_out_of_order_and_repeated_come_out_once_in_order():
    log = ReadingLog(2, 1, 5)
    for epoch in (0, 9, 7, 9, 8):
        log.add(epoch, np.array([0, 1]), np.full((1, 2), float(epoch)))
    kept = log.leave(np.array([0, 1]))
    assert kept.members.tolist() == [0] * 4 + [1] * 4
    assert kept.epochs.tolist() == [0, 7, 8, 9] * 2
