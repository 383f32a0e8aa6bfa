"""Nothing that is judged of a trial depends on what is stored: brute force finds the same."""

from collections import Counter

import numpy as np
import pytest
from small import spec_of
from trained import fill

from analysis import classify, load_trials
from study.vocabulary.columns import CROSSINGS, RESULT_COLUMNS, after_column

STORED = ({}, {"keep_per_decade": 1}, {"keep_per_decade": 30}, {"measures": ["relevant_share"]})
SPARSE = ({"every": 7}, {"per_decade": 20})
# Nets that memorize, grok, cross a level for an epoch, and lose again what they learned.
NOISY = {"train_size": [60, 80], "batch_size": 8, "learning_rate": 0.4}
DECAYS = [0.003, 0.01, 0.05, 0.1, 0.15]
BROKEN = [0.6, 1.0, 6.0]  # nets collapse, and at last diverge


def noisy_study(folder, readings, seeds=2, detect=None, decays=DECAYS):
    """The store of a study of noisy nets."""
    spec = spec_of(
        {**NOISY, "weight_decay": decays},
        seeds=seeds,
        name="noisy",
        data={"test_rows": 100},
        budget={"epochs": 200},
        detect=detect or {},
        readings=readings,
    )
    return fill(spec, folder / "-".join(map(str, readings.values())))


def results(store):
    return store.trials().sort_by("trial_id").select(RESULT_COLUMNS).to_pylist()


def phases(store):
    """The trials by id, classified as Liu et al. do."""
    return classify(load_trials(store.url), "liu").set_index("trial_id").sort_index()


def first_run(holds, length):
    """The first index of so many true values in a row, or None."""
    starts = range(len(holds) - length + 1)
    return next((start for start in starts if holds[start : start + length].all()), None)


def before(epoch, last):
    """The epoch before one; the last epoch, where there is no event."""
    return last if epoch is None else epoch - 1 if epoch else None


def by_brute_force(train, test, hold, threshold):
    """The event columns of a trial from its accuracies at every epoch."""
    last = len(train) - 1
    row = {
        "memorized_epoch": first_run(train > 0.98, hold),
        "generalized_epoch": first_run(test > threshold, hold),
        "ungrokked_epoch": None,
        **{f"memorized_epoch_{level}": first_run(train > level / 100, 1) for level in CROSSINGS},
        **{f"generalized_epoch_{level}": first_run(test > level / 100, 1) for level in CROSSINGS},
    }
    if row["generalized_epoch"] is not None:
        known = row["generalized_epoch"] + hold  # the first epoch after the run that generalized
        lost = first_run(test[known:] <= min(0.9, threshold), hold)
        row["ungrokked_epoch"] = None if lost is None else known + lost
    crossed = [name for name in row if name[-2:].isdigit()]
    return row | {after_column(name): before(row[name], last) for name in crossed}


def intervals_of_crossings(series):
    """By column, the readings of one trial that a first crossing lies between."""
    epochs = [None, *series["epoch"].tolist(), None]
    found = {}
    for event, part in (("memorized", "train"), ("generalized", "test")):
        for level in CROSSINGS:
            above = series[f"{part}_accuracy"].to_numpy() > level / 100
            first = int(np.argmax(above)) if above.any() else len(above)
            found[f"{event}_epoch_{level}"] = (epochs[first], epochs[first + 1])
    return found


def judged_alike(folder, seeds, hold, threshold, choices):
    """Train with all readings stored and with few, and compare; the trials, classified.

    `choices` are the other [readings] to compare with.
    """
    detect = {"hold": hold, "generalized": threshold, "stop": hold > 1}
    every = noisy_study(folder, {"keep_per_decade": "all"}, seeds, detect)
    readings = every.readings().to_pandas().sort_values("epoch")
    accuracies = dict(list(readings.groupby("trial_id")))
    for row in results(every):
        series = accuracies[row["trial_id"]]
        assert series["epoch"].tolist() == list(range(row["epochs_run"] + 1))
        train, test = (series[f"{part}_accuracy"].to_numpy() for part in ("train", "test"))
        found = by_brute_force(train, test, hold, threshold)
        assert {name: row[name] for name in found} == found
    for stored in choices:
        store = noisy_study(folder, stored, seeds, detect)
        assert len(store.readings()) < len(readings) / 2
        assert results(store) == results(every)
        assert (phases(store)["phase"] == phases(every)["phase"]).all()
    return phases(every)


@pytest.mark.parametrize(("hold", "threshold"), [(1, 0.98), (3, 0.92)])
def test_events_and_phases_are_those_of_every_epoch(tmp_path, hold, threshold):
    trials = judged_alike(tmp_path, 2, hold, threshold, STORED[:2])
    assert trials["ungrokked"].sum() >= 5


@pytest.mark.slow
@pytest.mark.parametrize(("hold", "threshold"), [(1, 0.98), (3, 0.92)])
def test_500_trials_are_judged_alike_whatever_is_stored(tmp_path, hold, threshold):
    trials = judged_alike(tmp_path, 50, hold, threshold, STORED)
    assert len(trials) == 500
    assert trials["ungrokked"].sum() >= 100
    assert set(trials["phase"]) == {"comprehension", "grokking", "memorization", "confusion"}


@pytest.mark.parametrize("schedule", SPARSE, ids=["every", "per_decade"])
def test_under_a_sparse_schedule_storage_does_not_matter_either(tmp_path, schedule):
    detect = {"hold": 2, "generalized": 0.92, "stop": False}
    few, many = (
        noisy_study(tmp_path, {**schedule, "keep_per_decade": keep}, detect=detect)
        for keep in (1, "all")
    )
    assert len(few.readings()) < len(many.readings()) / 2
    assert results(few) == results(many)
    assert phases(few)["ungrokked"].any()
    rows = {row["trial_id"]: row for row in results(many)}
    for trial_id, series in many.readings().to_pandas().sort_values("epoch").groupby("trial_id"):
        for name, interval in intervals_of_crossings(series).items():
            row = rows[trial_id]
            assert (row[after_column(name)], row[name]) == interval


@pytest.mark.slow
def test_most_phases_of_liu_are_those_of_every_epoch_under_a_sparse_schedule(tmp_path):
    """docs/laws.md quotes the shares: a crossing between two readings is not seen."""
    detect = {"hold": 2, "generalized": 0.92, "stop": False}
    every = phases(noisy_study(tmp_path, {"keep_per_decade": "all"}, 10, detect))["phase"]
    for schedule in ({"every": 7}, {"per_decade": 60}):
        sparse = {**schedule, "keep_per_decade": "all"}
        share = (phases(noisy_study(tmp_path, sparse, 10, detect))["phase"] == every).mean()
        print(f"{schedule}: {share:.0%} of {len(every)} keep their phase")
        assert share > 0.9


def test_the_end_of_a_broken_net_does_not_depend_on_what_is_stored(tmp_path):
    stores = [noisy_study(tmp_path, stored, decays=BROKEN) for stored in STORED[:2]]
    every = noisy_study(tmp_path, {"keep_per_decade": "all"}, decays=BROKEN)
    ends = Counter(row["ended"] for row in results(every))
    assert min(ends["collapsed"], ends["diverged"]) >= 4
    assert all(results(store) == results(every) for store in stores)
