"""The detector on scripted curves: every ending, and the rules at their edges."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.detect.detector import GrokkingDetector
from study.detect.endings import COLLAPSED_READINGS
from study.detect.watch import Watch, transitions

ROWS = 1000
DETECTOR = GrokkingDetector()


def watch_of(train, test, *, epochs=None, norms=None, active=None, detector=DETECTOR, rows=ROWS):
    """Give the accuracies of one trial, 0 to 1, to a detector, epoch by epoch."""
    watch = Watch.start(rows, rows)
    for index, (a, b) in enumerate(zip(train, test, strict=True)):
        watch = detector.update(
            watch,
            index if epochs is None else epochs[index],
            round(a * rows),
            round(b * rows),
            None if norms is None else norms[index],
            None if active is None else active[index],
        )
    return watch


def row_of(watch):
    return {name: column[0] for name, column in transitions(watch).items()}


def test_a_trial_that_generalizes_has_both_events_and_is_decided():
    train = [0.5, 0.8, 0.99, 1, 1, 1, 1, 1, 1, 1]
    test = [0.5, 0.5, 0.5, 0.6, 0.7, 0.985, 0.985, 0.995, 1, 1]
    watch = watch_of(train, test)
    row = row_of(watch)
    assert (row["memorized_epoch"], row["memorized_after_epoch"]) == (2, 1)
    assert (row["generalized_epoch"], row["generalized_after_epoch"]) == (5, 4)
    assert row["memorized_epoch_90"] == 2
    assert row["memorized_epoch_99"] == 3
    assert [row[f"generalized_epoch_{level}"] for level in (90, 95, 98, 99)] == [5, 5, 5, 7]
    assert row["ungrokked_epoch"] is None
    assert DETECTOR.ended(watch)[0] == "decided"
    assert DETECTOR.ended(watch_of(train[:-1], test[:-1]))[0] == ""


def test_a_trial_that_never_generalizes_is_censored_at_its_last_reading():
    row = row_of(watch_of([0.5, 1, 1, 1, 1], [0.5] * 5))
    assert row["memorized_epoch"] == 1
    assert (row["generalized_epoch"], row["generalized_after_epoch"]) == (None, 4)


def test_a_trial_that_never_memorizes_is_censored_for_both_times():
    row = row_of(watch_of([0.5, 0.6, 0.7], [0.5] * 3))
    assert (row["memorized_epoch"], row["memorized_after_epoch"]) == (None, 2)
    assert (row["generalized_epoch"], row["generalized_after_epoch"]) == (None, 2)


def test_a_crossing_that_does_not_hold_is_no_event_but_is_kept_as_a_crossing():
    row = row_of(watch_of([1] * 6, [0.5, 0.99, 0.99, 0.5, 0.5, 0.5]))
    assert row["generalized_epoch"] is None
    assert row["generalized_after_epoch"] == 5
    assert row["generalized_epoch_98"] == 1


def test_a_run_unfinished_at_the_end_censors_before_the_run():
    row = row_of(watch_of([1] * 5, [0.5, 0.5, 0.5, 0.99, 0.99]))
    assert (row["generalized_epoch"], row["generalized_after_epoch"]) == (None, 2)


def test_generalized_and_lost_again_is_ungrokked():
    test = [0.5, 1, 1, 1, 0.95, 0.95, 0.95, 0.7, 0.7, 0.7]
    row = row_of(watch_of([1] * 10, test))
    assert row["generalized_epoch"] == 1
    assert row["ungrokked_epoch"] == 7


def test_a_trial_above_a_low_threshold_of_its_own_is_not_ungrokked():
    detector = GrokkingDetector(generalized=0.8)
    row = row_of(watch_of([1] * 9, [0.85] * 9, detector=detector))
    assert (row["generalized_epoch"], row["ungrokked_epoch"]) == (0, None)
    row = row_of(watch_of([1] * 9, [0.85] * 4 + [0.8] * 5, detector=detector))
    assert row["ungrokked_epoch"] == 4


def test_a_norm_that_is_not_finite_ends_the_trial_as_diverged():
    for bad in (np.nan, np.inf):
        watch = watch_of([1, 1, 1, 1], [0.5, 0.99, 0, 0], norms=[1, 2, bad, bad])
        assert DETECTOR.ended(watch)[0] == "diverged"
        row = row_of(watch)
        assert row["memorized_epoch"] is None
        assert row["generalized_after_epoch"] == 0  # the last reading before an unfinished run


def test_a_net_without_an_active_unit_has_collapsed():
    watch = watch_of([0.5] * 3, [0.5] * 3, norms=[1, 0.5, 0.4], active=[True, True, False])
    assert DETECTOR.ended(watch)[0] == "collapsed"
    patient = GrokkingDetector(dead_readings=2)
    watch = watch_of(
        [0.5] * 3, [0.5] * 3, norms=[1, 0.5, 0.4], active=[True, True, False], detector=patient
    )
    assert patient.ended(watch)[0] == ""


def test_a_tiny_norm_that_keeps_falling_has_collapsed():
    norms = [1.0] + [1e-9 * 0.9**i for i in range(COLLAPSED_READINGS)]
    halves = [0.5] * len(norms)
    assert DETECTOR.ended(watch_of(halves, halves, norms=norms))[0] == "collapsed"
    assert DETECTOR.ended(watch_of(halves[:-1], halves[:-1], norms=norms[:-1]))[0] == ""


def test_a_small_net_that_regrows_is_not_a_dead_one():
    norms = [1.0] + [0.02 * 0.99**i for i in range(100)] + [0.1, 1, 1, 1, 1]
    halves = [0.5] * 101
    watch = watch_of([*halves, 0.5, 1, 1, 1, 1], [*halves, 0.5, 1, 1, 1, 1], norms=norms)
    assert DETECTOR.ended(watch)[0] == "decided"
    shallow = [1.0] + [1e-9, 2e-9] * 20  # tiny, but not falling
    assert DETECTOR.ended(watch_of([0.5] * 41, [0.5] * 41, norms=shallow))[0] == ""


def test_a_threshold_met_exactly_is_not_crossed():
    watch = watch_of([0.98] * 5, [0.98] * 5)
    assert row_of(watch)["memorized_epoch"] is None
    assert row_of(watch)["memorized_epoch_98"] is None
    over = watch_of([0.981] * 5, [0.981] * 5)
    assert row_of(over)["memorized_epoch"] == 0
    single = DETECTOR.update(Watch.start(1, 1), 0, np.float32(0.98), np.float32(0.98))
    assert row_of(single)["memorized_epoch_98"] is None


@given(st.integers(1, 100_000))
def test_the_threshold_is_one_row_sharp(rows):
    exact = 98 * rows // 100  # the largest count that is not above 98%
    watch = DETECTOR.update(Watch.start([rows, rows], [rows, rows]), 0, [exact, exact + 1], [0, 0])
    assert transitions(watch)["memorized_epoch_98"] == [None, 0]


def test_sparse_readings_give_an_interval_and_ask_for_consecutive_ones():
    epochs = [0, 10, 20, 30, 31]
    test = [0.5, 0.5, 0.5, 0.99, 0.99]
    watch = watch_of([1] * 5, test, epochs=epochs)
    assert DETECTOR.unfinished(watch)[0]
    watch = DETECTOR.update(watch, 32, ROWS, 990)
    assert not DETECTOR.unfinished(watch)[0]
    row = row_of(watch)
    assert (row["generalized_after_epoch"], row["generalized_epoch"]) == (20, 30)
    assert (row["memorized_after_epoch"], row["memorized_epoch"]) == (None, 0)


def test_lingering_keeps_a_decided_trial():
    watch = watch_of([1] * 10, [1] * 10)
    assert DETECTOR.ended(watch, [7.5])[0] == ""  # decided at epoch 2, lingers to 9.5
    assert DETECTOR.ended(DETECTOR.update(watch, 10, ROWS, ROWS), [7.5])[0] == "decided"


def test_repeated_and_late_readings_change_nothing():
    watch = watch_of([1, 1], [0.5, 0.99])
    for epoch in (0, 1):
        again = DETECTOR.update(watch, epoch, 0, ROWS, 5.0)
        for name, column in watch.arrays().items():
            np.testing.assert_array_equal(again.arrays()[name], column)


def test_trials_do_not_see_each_other_and_order_of_trials_does_not_matter():
    chance = np.random.default_rng(0)
    counts = chance.integers(900, ROWS + 1, size=(40, 2, 6))
    due = chance.random((40, 6)) < 0.7
    order = chance.permutation(6)

    def run(index):
        watch = Watch.start([ROWS] * len(index), [ROWS] * len(index))
        for epoch in range(40):
            train, test = counts[epoch][:, index]
            watch = DETECTOR.update(watch, epoch, train, test, due=due[epoch][index])
        return transitions(watch)

    together = run(np.arange(6))
    shuffled = run(order)
    for name, column in together.items():
        assert [column[i] for i in order] == shuffled[name]
        for place in range(6):
            assert run(np.array([place]))[name] == [column[place]]


def test_a_watch_survives_pickling_arrays_and_taking_members():
    watch = DETECTOR.update(Watch.start([10, 10, 10], [10, 10, 10]), 0, [10, 9, 10], [1, 2, 3])
    assert transitions(pickle.loads(pickle.dumps(watch))) == transitions(watch)
    assert transitions(Watch(**watch.arrays())) == transitions(watch)
    taken = transitions(watch.take([2, 0]))
    assert taken["memorized_epoch_98"] == [0, 0]


@pytest.mark.parametrize("hold", [1, 2, 5])
def test_hold_counts_readings(hold):
    detector = GrokkingDetector(hold=hold)
    for length in (hold - 1, hold):
        test = [0.5, *[1.0] * length, 0.5]
        watch = watch_of([1] * len(test), test, detector=detector)
        assert (row_of(watch)["generalized_epoch"] == 1) == (length >= hold)
