"""Following a pack: glances and few readings find what a reading at every epoch finds."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import trials_of

from study.detect.detector import GrokkingDetector
from study.detect.follower import WINDOW, Follower
from study.detect.schedule import scheduled
from study.detect.watch import Watch, transitions
from study.engine.protocol import Glance, Reading

ROWS = 100


@dataclass(frozen=True)
class Scene:
    """A state of the scripted engine: an epoch, and the members still open."""

    epoch: int
    members: np.ndarray


class Scripted:
    """An engine whose accuracies are given: right rows [2, members, epochs]."""

    def __init__(self, right, seed=0):
        self.right, self.read_at = right, []
        self._chance = np.random.default_rng(seed)

    def start(self):
        return Scene(0, np.arange(self.right.shape[1]))

    def read(self, scene, names=(), places=None):
        members = scene.members if places is None else scene.members[places]
        self.read_at += [(scene.epoch, int(member)) for member in members]
        train, test = self.right[:, members, scene.epoch]
        ones = np.ones(len(members))
        return Reading(train, test, 1 - train / ROWS, ones, ones, ones > 0, {})

    def glance(self, scene, train_allowed, test_allowed):
        """Count wrong rows up to a random row after the proof, as the kernel may."""
        found = []
        wrong = ROWS - self.right[:, scene.members, scene.epoch]
        for allowed, missed in zip((train_allowed, test_allowed), wrong, strict=True):
            stopped = self._chance.integers(np.minimum(allowed + 1, missed), missed + 1)
            found.append(np.where(allowed < 0, 0, np.where(missed > allowed, stopped, missed)))
        ones = np.ones(len(scene.members))
        return Glance(found[0], found[1], ones, ones > 0)

    def leave(self, scene, keep):
        return Scene(scene.epoch, scene.members[list(keep)])

    def dump(self, scene):
        return {"epoch": np.array(scene.epoch), "members": scene.members}

    def restore(self, trials, arrays):
        return Scene(int(arrays["epoch"]), np.array(arrays["members"]))


def curves(chance, members, epochs):
    """Accuracies that climb, wobble and fall for some epochs, as counts [2, members, epochs]."""
    middle = np.linspace(0.5, 1.03, epochs) + chance.normal(0, 0.05, (2, members, 1))
    wobble = chance.normal(0, chance.choice([0.0, 0.01, 0.05]), (2, members, epochs))
    for fall in chance.integers(epochs // 2, epochs, size=3 * members):
        middle[1, fall % members, fall : fall + chance.integers(1, 12)] -= 0.15
    return np.clip(np.round(ROWS * (middle + wobble)), 0, ROWS).astype(np.int64)


def pack_of(members, epochs, detect, readings):
    budget = {"epochs": epochs - 1}
    tables = {"detect": detect, "readings": readings, "budget": budget}
    return trials_of({"train_size": ROWS}, seeds=members, data={"test_rows": ROWS}, **tables)


def follow(trials, right, seed=0, interrupt=None, watch=None):
    """Follow a pack to its end; by member, the columns of its row and its stored readings.

    At the epoch `interrupt` the pack goes on from a checkpoint, with another `watch` if given.
    """
    engine = Scripted(right, seed)
    follower, scene, found = Follower(engine, trials), engine.start(), {}
    while follower.open:
        if scene.epoch == interrupt:
            parts = dict(follower.dump())
            parts["watch"] = watch or parts["watch"]
            follower = Follower(engine, trials)
            follower.load(trials, parts)
        ended = follower.look(scene.epoch, scene)
        if ended:
            numbers = follower.members[ended.indices]
            columns = transitions(follower.watch.take(ended.indices))
            kept = follower.log.leave(numbers)
            for index, number in enumerate(numbers):
                row = {name: column[index] for name, column in columns.items()}
                mine = kept.members == number
                found[int(number)] = (
                    {**row, "ended": str(ended.why[index]), "epochs_run": scene.epoch},
                    dict(zip(kept.epochs[mine].tolist(), kept.values[1, mine], strict=True)),
                )
            stay = np.setdiff1d(np.arange(follower.open), ended.indices)
            follower.take(stay)
            scene = engine.leave(scene, stay)
        scene = Scene(scene.epoch + 1, scene.members)
    return found


def read_everything(trials, right):
    """The columns of `follow` from a reading at every scheduled epoch, one member at a time."""
    found = {}
    for member, trial in enumerate(trials):
        detect, every = trial.setting.detect, trial.setting.readings.every
        detector = GrokkingDetector(detect.memorized, detect.generalized, detect.hold)
        watch = Watch.start(ROWS, ROWS)
        for epoch in range(right.shape[2]):
            last = epoch == right.shape[2] - 1
            if scheduled(epoch, every) or detector.unfinished(watch).any() or last:
                train, test = right[:, member, epoch]
                watch = detector.update(watch, epoch, [train], [test], [1.0], [True])
            why = str(detector.ended(watch)[0]) if detect.stop else ""
            why = why or ("budget" if last else "")
            if why:
                break
        row = {name: column[0] for name, column in transitions(watch).items()}
        found[member] = {**row, "ended": why, "epochs_run": epoch}
    return found


SCHEDULES = ({}, {"every": 3}, {"per_decade": 8}, {"keep_per_decade": 30})


@given(st.integers(0, 2**32), st.integers(1, 4), st.booleans(), st.sampled_from(SCHEDULES))
@settings(max_examples=60)
def test_nothing_is_missed_that_reading_every_epoch_finds(seed, hold, stop, readings):
    right = curves(np.random.default_rng(seed), 5, 60)
    trials = pack_of(5, 60, {"hold": hold, "stop": stop}, readings)
    dense = read_everything(trials, right)
    for member, (row, _) in follow(trials, right, seed).items():
        assert row == dense[member]


@pytest.mark.parametrize("hold", [2, 3, 5])
def test_falls_and_short_excursions_are_dated_to_the_epoch(hold):
    """What may last fewer epochs than there are between two full glances, or begin between them."""
    fallen, briefly = 0, 0
    for seed in range(12):
        right = curves(np.random.default_rng(seed), 5, 60)
        trials = pack_of(5, 60, {"hold": hold, "generalized": 0.9, "stop": False}, {})
        dense = read_everything(trials, right)
        for member, (row, _) in follow(trials, right, seed).items():
            assert row == dense[member]
            fallen += row["ungrokked_epoch"] is not None and row["ungrokked_epoch"] % hold > 0
            first = row["memorized_epoch_90"]
            briefly += first is not None and (right[0, member, first : first + hold] <= 90).any()
    assert min(fallen, briefly) >= 5


def test_epochs_that_a_checkpoint_left_for_later_are_caught_up():
    """Earlier programs looked at multiples of `hold`, and at the epochs between only on news."""
    right = np.full((2, 1, 40), 50)
    right[0, 0, 7:] = 93, *[ROWS] * 32
    trials = pack_of(1, 40, {"hold": 3}, {"keep_per_decade": 1})
    engine = Scripted(right)
    follower, scene = Follower(engine, trials), engine.start()
    for epoch in range(7):
        follower.look(epoch, Scene(epoch, scene.members))
    at_six = follower.watch.arrays()
    [(row, kept)] = follow(trials, right, interrupt=9, watch=at_six).values()
    assert (row["memorized_after_epoch"], row["memorized_epoch"]) == (7, 8)
    assert (row["memorized_epoch_90"], row["memorized_epoch_95"]) == (7, 8)
    assert (row, kept) == follow(trials, right)[0]


@given(st.integers(0, 2**32), st.integers(1, 4), st.sampled_from(SCHEDULES))
@settings(max_examples=20)
def test_neighbors_and_checkpoints_do_not_matter(seed, hold, readings):
    chance = np.random.default_rng(seed)
    right = curves(chance, 4, 50)
    trials = pack_of(4, 50, {"hold": hold, "stop": False}, readings)
    together = follow(trials, right, seed)
    assert follow(trials, right, seed + 1) == together
    assert follow(trials, right, seed, interrupt=int(chance.integers(50))) == together
    for member in range(4):
        [alone] = follow(trials[member : member + 1], right[:, [member]], seed).values()
        assert alone == together[member]


@pytest.mark.parametrize("seed", range(8))
def test_a_hold_of_more_than_ten_epochs_is_resumed_in_their_order(seed):
    """Past states are past0, past1, ..., past10: their names do not sort as their epochs do."""
    right = curves(np.random.default_rng(seed), 4, 90)
    trials = pack_of(4, 90, {"hold": 14}, {})
    together = follow(trials, right, seed)
    for interrupt in range(15, 90, 5):
        assert follow(trials, right, seed, interrupt=interrupt) == together


@pytest.mark.parametrize("hold", [1, 3])
def test_kept_are_log_spaced_readings_those_around_an_event_and_the_last(hold):
    right = np.full((2, 1, 200), 50)
    right[0, :, 60:] = ROWS
    right[1, :, 120:190] = 98
    right[1, :, 125:190] = ROWS
    trials = pack_of(1, 200, {"hold": hold, "stop": False}, {"keep_per_decade": 5})
    engine = Scripted(right)
    [(row, kept)] = follow(trials, right).values()
    assert (row["memorized_epoch"], row["generalized_epoch"]) == (60, 125)
    assert row["ungrokked_epoch"] == 190
    for event in (60, 125, 190):
        assert set(range(event - WINDOW, event + WINDOW + 1)) <= set(kept)
    spaced = {e for e in range(200) if any(e - 1 < 10 ** (i / 5) <= e for i in range(12))}
    assert spaced | {0, 199} <= set(kept)
    assert len(kept) <= len(spaced) + 2 + 3 * (2 * WINDOW + 1) + hold
    assert kept == {e: engine.right[1, 0, e] / ROWS for e in kept}


def test_all_readings_are_kept_where_all_are_asked_for():
    right = curves(np.random.default_rng(0), 2, 30)
    trials = pack_of(2, 30, {"stop": False}, {"keep_per_decade": "all"})
    for _, kept in follow(trials, right).values():
        assert list(kept) == list(range(30))
