"""Estimates of a plan: quick to make, near the truth, with warnings for what cannot work."""

import time

import pytest
from small import spec_of, trials_of
from trained import fill

from study import cli
from study.detect.schedule import scheduled
from study.plan import costs
from study.spec.toml_tables import PerDecade
from study.trials.expand import expand
from study.trials.packing import group, trial_bytes


def said(**tables):
    """The warnings of a study of three trials."""
    trials = trials_of(tables.pop("axes", None), **tables)
    return costs.warnings(trials, group(trials))


@pytest.mark.parametrize(
    ("train", "rate", "words"),
    [
        ({}, 20, "3 of 3 trials will diverge"),
        ({}, 15, "the weights of 3 of 3 change sign"),
        ({"decay": "decoupled"}, 20, "will diverge"),
        ({"optimizer": "adamw", "decay": "decoupled"}, 40, "will diverge"),
        ({"optimizer": "adamw", "decay": "decoupled"}, 10, "change sign"),
        ({"optimizer": "adamw", "decay": "coupled"}, 40, ""),
        ({}, 9.9, ""),
    ],
)
def test_decay_that_turns_weights_round_is_warned_of(train, rate, words):
    warnings = said(axes={"learning_rate": 0.1, "weight_decay": rate}, train=train)
    assert len(warnings) == bool(words)
    assert words in "".join(warnings)


@pytest.mark.parametrize(
    ("tables", "warned"),
    [
        ({"budget": {"epochs": 1}}, True),
        ({"budget": {"epochs": 2}}, True),
        ({"budget": {"epochs": 3}}, False),
        ({"budget": {"epochs": 9}, "detect": {"hold": 10}}, True),
        ({"budget": {"epochs": 20}, "readings": {"every": 50}}, True),
        ({"budget": {"epochs": 52}, "readings": {"every": 50}}, False),
        ({"budget": {"epochs": 3}, "readings": {"per_decade": 2}}, False),
    ],
)
def test_a_study_in_which_no_trial_can_be_decided_is_warned_of(tables, warned):
    warnings = said(**tables)
    assert len(warnings) == warned
    if warned:
        assert "none of 3 of 3 trials can be" in warnings[0]


def test_the_warning_is_true_at_its_edge(tmp_path):
    """A trial without a warning can be decided: here the first step learns all rows."""
    easy = {"n": 20, "k": 1, "width": 200, "train_size": 3000, "batch_size": 32}
    store = fill(spec_of(easy, seeds=4, budget={"epochs": 3}, name="small"), tmp_path / "three")
    assert "decided" in store.trials()["ended"].to_pylist()
    store = fill(spec_of(easy, seeds=4, budget={"epochs": 2}, name="small"), tmp_path / "two")
    assert set(store.trials()["ended"].to_pylist()) == {"budget"}


def test_a_pack_larger_than_the_machine_is_warned_of(monkeypatch):
    trials = trials_of({"width": 1000}, resources={"trials_per_pack": 3})
    [pack] = group(trials)
    assert costs.pack_bytes([pack]) == sum(trial_bytes(trial) for trial in trials)
    assert costs.warnings(trials, [pack]) == []
    assert costs.machine_bytes() > 1 << 28
    monkeypatch.setattr(costs, "machine_bytes", lambda: costs.pack_bytes([pack]) - 1)
    [warning] = costs.warnings(trials, [pack])
    assert warning.startswith("memory: about")
    on_gpu = trials_of({"width": 1000}, resources={"device": "cuda"})
    assert costs.warnings(on_gpu, group(on_gpu)) == []


def test_seeds_are_counted_and_not_estimated_one_by_one():
    trials = trials_of({"weight_decay": [0.01, 0.1]}, seeds=5, readings={"measures": ["arity"]})
    packs = group(trials)
    alone = [group([trial]) for trial in trials]
    assert costs.core_seconds(packs) == pytest.approx(sum(map(costs.core_seconds, alone)))
    assert costs.measure_shares(packs) == pytest.approx(costs.measure_shares(alone[0]))


@pytest.mark.parametrize("per_decade", [1, 7, 60])
def test_scheduled_readings_are_those_of_the_schedule(per_decade):
    for epochs in (1, 10, 999, 9_999):
        [trial] = trials_of(
            seeds=1,
            budget={"epochs": epochs},
            readings={"per_decade": per_decade, "keep_per_decade": "all"},
        )
        every = PerDecade(per_decade=per_decade)
        expected = sum(scheduled(epoch, every) for epoch in range(epochs))
        assert costs._readings(trial) == expected


def test_a_plan_of_many_points_takes_seconds(run_main, tmp_path):
    """A plan of 19,000 trials once took four minutes; the limit here is generous."""
    sets = [
        "axes.weight_decay={log=[1e-3,1],points=19000}",
        "axes.train_size=200",
        "budget.decay_times=3",
        "readings.per_decade=60",
        "seeds=1",
    ]
    began = time.monotonic()
    typed = ("plan", "quick", "--out", tmp_path, *(w for s in sets for w in ("--set", s)))
    code, out, err = run_main(cli.main, *typed)
    assert (code, err) == (0, "")
    assert b"19,000 trials" in out
    assert time.monotonic() - began < 60


def test_a_large_plan_says_that_it_is_being_made(run_main, tmp_path, monkeypatch):
    monkeypatch.setattr(cli, "LARGE", 100)
    err = run_main(cli.main, "plan", "quick", "--out", tmp_path)[2]
    assert err == "quick: planning 350 trials\n"
    assert len(expand(spec_of())) == spec_of().size == 3
