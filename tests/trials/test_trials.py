"""Expansion, identity and packs."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import spec_of, trials_of

from study.errors import SpecError, UsageError
from study.spec.file import load_spec
from study.trials.expand import expand
from study.trials.identity import find_id
from study.trials.pack import Pack
from study.trials.pack_room import PACK_BYTES
from study.trials.packing import group, most_together, trial_bytes
from study.trials.trial import PackShape


def ids(trials):
    return {trial.trial_id for trial in trials}


def test_the_grid_is_every_point_with_every_seed():
    trials = trials_of({"width": [10, 20], "weight_decay": [0.1, 0.2, 0.3]}, seeds=4)
    assert len(trials) == len(ids(trials)) == 24
    assert len({trial.point_id for trial in trials}) == 6


ID = st.text("0123456789abcdef", min_size=8, max_size=8)


@given(st.sets(ID, min_size=1, max_size=30), st.data())
def test_an_id_is_found_by_any_beginning_that_no_other_has(ids_of_store, data):
    wanted = data.draw(st.sampled_from(sorted(ids_of_store)))
    begin = wanted[: data.draw(st.integers(1, 8))]
    alike = [trial_id for trial_id in ids_of_store if trial_id.startswith(begin)]
    if len(alike) == 1:
        assert find_id(ids_of_store, begin, "store") == wanted
    else:
        with pytest.raises(UsageError, match=f"^{begin}: {len(alike)} trials in store begin so"):
            find_id(ids_of_store, begin, "store")


def test_an_id_that_begins_another_is_itself():
    assert find_id(["abc", "abcd"], "abc", "store") == "abc"


@pytest.mark.parametrize("begin", ["", "abce", "ABC", "bc"])
def test_an_id_that_no_trial_has_is_refused_with_the_nearest(begin):
    with pytest.raises(UsageError, match=r"no such trial in store; .* Nearest: .*abcd"):
        find_id(["abcd", "1234"], begin, "store")


def test_identity_is_content():
    """Golden ids: a change here orphans every stored study, so it must be meant."""
    trial = expand(load_spec("two_circuits", ("seeds=1",)))[0]
    assert trial.trial_id == "e4db173604866b98f8ea"
    assert trial.stream_key == (4190530825, 2005967606)


def test_regridding_never_renames_or_reseeds_a_trial():
    few = trials_of({"weight_decay": [0.01]}, seeds=2)
    many = trials_of({"weight_decay": [0.5, 0.01], "width": [24, 48]}, seeds=[9, 1, 0])
    assert ids(few) <= ids(many)
    keys = {trial.trial_id: trial.stream_key for trial in many}
    assert all(keys[trial.trial_id] == trial.stream_key for trial in few)


def test_what_determines_a_trajectory_is_in_the_id_and_nothing_else():
    [base] = trials_of(seeds=1)
    for table in (
        {"budget": {"steps": 7}},
        {"detect": {"hold": 1, "generalized": 0.9}},
        {"readings": {"every": 5}},
        {"resources": {"cpu": 2}},
        {"name": "other"},
    ):
        [trial] = trials_of(seeds=1, **table)
        assert trial.trial_id == base.trial_id
    for table in ({"data": {"labels": "random"}}, {"train": {"loss": "square"}}, {"seeds": [1]}):
        [trial] = trials_of(**{"seeds": 1, **table})
        assert trial.trial_id != base.trial_id


def test_shared_streams_pair_decay_and_rate_and_nothing_else():
    axes = {"weight_decay": [0.01, 0.02], "learning_rate": [0.1, 0.2], "width": [10, 20]}
    trials = trials_of(axes, data={"shared": True}, seeds=2)
    by_key: dict = {}
    for trial in trials:
        by_key.setdefault(trial.stream_key, set()).add((trial.point.width, trial.seed))
    assert len(by_key) == 4
    assert all(len(members) == 1 for members in by_key.values())


def test_budgets_are_steps_epochs_or_at_least_so_many_decay_times():
    [steps] = trials_of({"train_size": 100, "batch_size": 32}, seeds=1, budget={"steps": 10})
    assert (steps.steps_per_epoch, steps.budget_epochs) == (4, 3)
    axes = {"train_size": 100, "weight_decay": [0.0, 0.01, 1.0], "learning_rate": 0.1}
    patient = trials_of(axes, seeds=1, budget={"steps": 10, "decay_times": 2})
    # 2 / (0.1 * 0.01) steps are 500 epochs; without decay there are no decay times to wait for
    assert [trial.budget_epochs for trial in patient] == [3, 500, 5]
    [online] = trials_of({"train_size": "online"}, seeds=1, budget={"epochs": 5})
    assert (online.point.train_size, online.train_size, online.steps_per_epoch) == (None, 1024, 32)


def test_a_random_search_for_more_keeps_the_points_of_fewer():
    axes = {"weight_decay": {"log": [1e-4, 1]}, "width": {"log": [10, 1000]}, "k": [1, 2]}
    search = {"kind": "random", "trials": 30}
    few = trials_of(axes, search=search)
    assert len(few) == 30
    many = trials_of(axes, search={**search, "trials": 300})
    assert [t.trial_id for t in many[:30]] == [t.trial_id for t in few]
    assert len({t.point.width for t in many}) <= 12  # a lattice: packs stay full
    assert all(1e-4 <= t.point.weight_decay <= 1 for t in many)
    other = trials_of(axes, search={**search, "seed": 1})
    assert not ids(other) & ids(few)


@given(st.integers(1, 40), st.integers(1, 12))
def test_packs_share_a_shape_miss_nobody_and_are_even(seeds, limit):
    trials = trials_of(
        {"width": [10, 20], "k": [1, 2]}, seeds=seeds, resources={"trials_per_pack": limit}
    )
    packs = group(trials)
    assert sorted(t.trial_id for p in packs for t in p.trials) == sorted(ids(trials))
    sizes = [len(pack.trials) for pack in packs]
    assert max(sizes) <= limit
    assert max(sizes) - min(sizes) <= 1
    for pack in packs:
        assert {trial.shape for trial in pack.trials} == {pack.trials[0].shape}
    assert isinstance(packs[0].trials[0].shape, PackShape)


def test_a_trial_of_two_settings_is_trained_once_under_the_larger_budget():
    settings = [{"label": "a"}, {"label": "long", "budget": {"epochs": 99}}]
    trials = trials_of(seeds=2, settings=settings)
    assert [trial.budget_epochs for trial in trials] == [99, 99]
    with pytest.raises(SpecError, match="'a' and 'b' share trials"):
        trials_of(settings=[{"label": "a"}, {"label": "b", "detect": {"hold": 1}}])


def test_expensive_packs_come_first_and_ids_follow_members():
    packs = group(trials_of({"width": [10, 500, 100]}))
    assert [pack.trials[0].point.width for pack in packs] == [500, 100, 10]
    assert len({pack.pack_id for pack in packs}) == 3


def test_a_pack_survives_json():
    for tables in (
        {},
        {"readings": {"per_decade": 5}},
        {"search": {"kind": "random", "trials": 5}},
    ):
        axes = {"weight_decay": {"log": [1e-3, 1.0], "points": 4}, "train_size": [50, "online"]}
        for pack in group(expand(spec_of(axes, **tables))):
            again = Pack.from_json(json.loads(json.dumps(pack.to_json())))
            assert again.pack_id == pack.pack_id
            assert [t.stream_key for t in again.trials] == [t.stream_key for t in pack.trials]
            assert [t.budget_epochs for t in again.trials] == [t.budget_epochs for t in pack.trials]


def test_test_rows_are_what_is_asked_or_what_is_left():
    assert trials_of({"n": 8, "train_size": 100})[0].test_size == 156
    assert trials_of({"n": 40})[0].test_size == 2048
    assert trials_of({"n": 40}, data={"test_rows": 4000})[0].test_size == 4000
    assert trials_of({"n": 40}, data={"test_rows": "fixed"})[0].test_size == 100
    assert pytest.approx(trials_of({"weight_decay": 0.0})[0].decay_time_epochs) == float("inf")


def test_packs_are_large_fit_their_memory_and_leave_nobody_waiting():
    for axes, seeds in (({"width": 100}, 20_000), ({"width": 1000, "n": 40}, 300)):
        trials = trials_of(axes, seeds=seeds)
        packs = group(trials)
        sizes = [len(pack.trials) for pack in packs]
        assert max(sizes) <= most_together(trials[0])
        assert sum(trial_bytes(trial) for trial in packs[0].trials) <= PACK_BYTES
        assert len(packs) >= min(64, seeds // 64)
        assert max(sizes) - min(sizes) <= 1
    assert len(group(trials_of({"width": 10}, seeds=64))) == 1  # too small to be worth splitting


def test_memory_follows_what_a_pack_keeps():
    [plain] = trials_of({"width": 1000}, seeds=1)
    [doubles] = trials_of({"width": 1000}, seeds=1, train={"dtype": "float64"})
    [held] = trials_of({"width": 1000}, seeds=1, detect={"hold": 10})
    [adam] = trials_of({"width": 1000}, seeds=1, train={"optimizer": "adamw"})
    assert trial_bytes(plain) < trial_bytes(doubles) < 2 * trial_bytes(plain)
    assert trial_bytes(plain) < trial_bytes(held)
    assert trial_bytes(plain) < trial_bytes(adam)
