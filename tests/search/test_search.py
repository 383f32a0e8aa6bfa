"""Adaptive search: what it asks for, that it goes on exactly after a kill, and what it refuses."""

import dataclasses
import itertools
import time
from collections import Counter

import numpy as np
import optuna
import pytest
from commands import finish, study
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from ray.tune.search import Searcher
from scipy.special import expit
from small import spec_of
from trained import fill, table

from study.driver.searcher import PackSearcher
from study.errors import SpecError
from study.plan.plan import make_plan, next_plan, start_study
from study.search.batches import next_batch
from study.search.history import SearchHistory
from study.search.lattice import searched_axes
from study.search.proposals import write_journals
from study.store.store import Store
from study.trials.expand import make_point
from study.trials.trial import Trial
from study.vocabulary.axes import AXES as AXES_OF_ALL

optuna.logging.set_verbosity(optuna.logging.WARNING)
AXES = {"train_size": {"log": [40, 200]}, "weight_decay": {"log": [1e-3, 0.1]}}
BOUNDARY = {"kind": "boundary", "trials": 24, "batch": 8}


def searching(search, seeds=3, axes=None, **tables):
    return spec_of(axes or AXES, seeds=seeds, search=search, **tables)


def simulated(spec, chance, batches=10**6):
    """What a search asks for where networks generalize with a known chance; a batch a list."""
    [setting] = spec.settings
    rng = np.random.default_rng(0)
    trials, rows, asked = [], [], []
    while len(asked) < batches and (
        batch := [
            Trial("s", setting, *pair) for pair in next_batch(SearchHistory(setting, trials, rows))
        ]
    ):
        trials += batch
        rows += [
            {"generalized_epoch": 10 if rng.random() < chance(trial.point) else None}
            for trial in batch
        ]
        asked.append(batch)
    return asked


@pytest.mark.parametrize(
    "search",
    [
        BOUNDARY,
        {"kind": "tpe", "trials": 16, "batch": 6},
        {"kind": "gp", "trials": 16, "batch": 6},
    ],
    ids=["boundary", "tpe", "gp"],
)
def test_a_search_killed_between_packs_asks_for_the_same_trials(tmp_path, search):
    spec = searching(search)
    undisturbed = fill(spec, tmp_path / "undisturbed")
    assert undisturbed.trials().num_rows == search["trials"]
    for _ in range(40):
        store = fill(spec, tmp_path / "killed", most=7)
        if not next_plan(spec, store).packs:
            break
    assert store.searches.proposals() == undisturbed.searches.proposals()
    assert table(store) == table(undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("more", [{}, {"learning_rate": {"log": [0.01, 1]}}], ids=["2", "3"])
def test_asking_for_64_after_5000_trials(more):
    """Under 2 s, the bar: printed, with -s -n 0, and not asserted."""
    spec = searching({**BOUNDARY, "trials": 20_000, "batch": 64}, seeds=16, axes={**AXES, **more})
    [setting] = spec.settings
    chance = np.random.default_rng(0)
    values = {name: axis.lattice for name, axis in searched_axes(setting).items()}
    fixed = {name: getattr(setting.axes, name).lattice[0] for name in AXES_OF_ALL}
    trials, rows, tried = [], [], Counter()
    while len(trials) < 5_000:
        drawn = {name: listed[chance.integers(len(listed))] for name, listed in values.items()}
        point = make_point(setting, {**fixed, **drawn})
        if tried[point] < len(setting.seeds):
            trials.append(Trial("s", setting, point, setting.seeds[tried[point]]))
            tried[point] += 1
            generalized = chance.random() < expit(5 * np.log(point.train_size / 90))
            rows.append({"generalized_epoch": 1 if generalized else None})
    began = time.process_time()
    batch = next_batch(SearchHistory(setting, trials, rows))
    print(f"\n{len(values)} axes, {len(tried)} points: {time.process_time() - began:.2f} s")
    assert len(batch) == 64


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_search_whose_driver_is_killed_under_ray_asks_for_the_same_trials(tmp_path):
    search = {**BOUNDARY, "trials": 48, "batch": 16}
    axes = {**AXES, "width": 100}
    spec = searching(search, axes=axes, name="sought", budget={"epochs": 2_000})
    path = tmp_path / "sought.json"
    path.write_text(spec.model_dump_json())
    undisturbed = fill(spec, tmp_path / "undisturbed")
    store, kills = Store(tmp_path / "sought"), 0
    while True:
        before = len(store.tables.part_names("trials"))
        process = study("run", path, "--out", tmp_path)
        while process.poll() is None and len(store.tables.part_names("trials")) < before + 4:
            time.sleep(0.05)
        if process.poll() is not None:
            break
        process.kill()
        process.communicate()
        kills += 1
    finish(process, 0)
    print(f"\n{kills} kills")
    assert kills >= 2
    assert store.searches.proposals() == undisturbed.searches.proposals()
    assert table(store) == table(undisturbed)


def test_more_trials_extend_a_search_and_a_plan_says_what_is_to_come(tmp_path):
    spec = searching({**BOUNDARY, "trials": 16})
    empty = make_plan(spec, Store(tmp_path), ahead=True)
    assert (len(empty.trials), empty.planned, empty.done) == (8, 16, 0)
    store = fill(spec, tmp_path)
    before = table(store)[0]
    longer = searching({**BOUNDARY, "trials": 20})
    plan = make_plan(longer, store)
    assert (plan.planned, plan.done, plan.packs) == (20, 16, ())
    fill(longer, tmp_path)
    after = table(store)[0]
    assert len(after) == 20
    assert [row for row in after if row in before] == before


def test_a_boundary_search_puts_its_trials_along_the_boundary():
    spec = searching({**BOUNDARY, "trials": 120, "batch": 16}, seeds=4)

    def distance(point):  # in log units from where half of the networks generalize
        return np.log(point.train_size / 90) + 0.3 * np.log(point.weight_decay / 0.01)

    batches = simulated(spec, lambda point: expit(8 * distance(point)))
    asked = list(itertools.chain(*batches))
    assert len({trial.trial_id for trial in asked}) == len(asked) == 120
    near = [[abs(distance(trial.point)) for trial in part] for part in (asked[:16], asked[-48:])]
    assert np.median(near[1]) < np.median(near[0]) / 2
    assert len({trial.point.train_size for trial in asked}) <= 12
    for batch in batches[2:]:
        assert len({trial.shape for trial in batch}) <= 4, "packs stay full"
    seeds = {}
    for trial in asked:
        seeds.setdefault(trial.point, []).append(trial.seed)
    assert all(sorted(listed) == list(range(len(listed))) for listed in seeds.values())
    undecided = [len(s) for point, s in seeds.items() if abs(distance(point)) < 0.1]
    elsewhere = [len(s) for point, s in seeds.items() if abs(distance(point)) > 0.4]
    assert np.mean(undecided) > np.mean(elsewhere), "seeds are added where a cell is undecided"


def test_a_search_ends_where_every_point_has_all_its_seeds():
    axes = {"train_size": [40, 80], "weight_decay": [0.01, 0.03]}
    spec = searching({**BOUNDARY, "trials": 100}, seeds=2, axes=axes)
    asked = list(itertools.chain(*simulated(spec, lambda _: 0.5)))
    assert len({trial.trial_id for trial in asked}) == len(asked) == 8


def test_a_search_tries_every_point_before_it_ends():
    """A sampler that repeats itself has points left: 12 here, of which it asked for 11."""
    axes = {"weight_decay": {"log": [0.01, 0.1], "points": 12}, "train_size": 60}
    spec = searching({"kind": "tpe", "trials": 100, "batch": 4}, seeds=2, axes=axes)
    asked = list(itertools.chain(*simulated(spec, lambda _: 0.0)))
    assert len({trial.trial_id for trial in asked}) == len(asked) == 24


def test_hopeless_points_get_no_more_seeds_and_the_others_all():
    spec = searching({"kind": "tpe", "trials": 40, "batch": 10}, seeds=4)
    [setting] = spec.settings
    base = simulated(spec, lambda _: 0, batches=1)[0][0].point
    outcomes = {
        40: [None, None],
        80: [50, None],
        100: [10, 11, 12, 13],
        150: [20, 30],
        190: [9, 99],
    }
    points = {size: dataclasses.replace(base, train_size=size) for size in outcomes}
    tried = SearchHistory(
        setting,
        [
            Trial("s", setting, points[size], i)
            for size, of in outcomes.items()
            for i in range(len(of))
        ],
        [{"generalized_epoch": epoch} for of in outcomes.values() for epoch in of],
    )
    hopeless = {size: tried.needs_no_more(point) for size, point in points.items()}
    assert hopeless == {40: True, 80: True, 100: False, 150: True, 190: False}
    asked = next_batch(tried)
    assert asked[:2] == [(points[190], 2), (points[190], 3)]
    new = [point for point, _ in asked[2:]]
    assert set(points.values()).isdisjoint(new)
    assert len(asked) == 10
    assert len(set(new)) == 4


def test_several_objectives_open_in_optuna_with_their_pareto_front(tmp_path):
    search = {
        "kind": "tpe",
        "trials": 12,
        "batch": 6,
        "objective": ["train_size", "generalized_epoch"],
    }
    spec = searching(search, seeds=2, budget={"epochs": 150})
    store = fill(spec, tmp_path / "store")
    write_journals(spec, store)
    storage = JournalStorage(JournalFileBackend(str(tmp_path / "store" / "optuna.log")))
    study = optuna.load_study(study_name="small", storage=storage)
    rows = {row["trial_id"]: row for row in store.trials().to_pylist()}
    for trial in study.trials:
        networks = [rows[trial_id] for trial_id in trial.user_attrs["trial_ids"]]
        generalized = [row for row in networks if row["generalized_epoch"] is not None]
        assert trial.params["train_size"] == networks[0]["train_size"]
        if len(generalized) * 2 >= len(networks):
            assert trial.values[0] == networks[0]["train_size"]
            assert trial.values[1] == min(row["generalized_epoch"] for row in generalized)
    assert sum(len(t.user_attrs["trial_ids"]) for t in study.trials) == len(rows) == 12
    assert study.best_trials
    for best in study.best_trials:
        assert best.constraints["half generalized"] <= 0
        for other in study.trials:
            if other.constraints["half generalized"] <= 0:
                assert not all(a < b for a, b in zip(other.values, best.values, strict=True))


@pytest.mark.parametrize(
    ("search", "axes", "message"),
    [
        (BOUNDARY, {"train_size": 80}, "boundary with every axis at one value"),
        ({**BOUNDARY, "objective": "generalizd_epoch"}, AXES, "Did you mean 'generalized_epoch'"),
        ({"kind": "tpe", "trials": 9, "objective": "ended"}, AXES, "'ended'; an objective is one"),
        ({**BOUNDARY, "objective": "final_test_accuracy"}, AXES, "a boundary is of one event"),
        ({**BOUNDARY, "objective": ["memorized_epoch", "train_size"]}, AXES, "is of one event"),
        ({"kind": "tpe"}, AXES, "search.trials: missing"),
        (BOUNDARY, {"train_size": [40, "online"]}, "axes.train_size: online among others"),
        (BOUNDARY, {"weight_decay": [0, 0.1]}, "axes.weight_decay: 0 among others"),
        ({"kind": "tpe", "trials": 9, "objective": []}, AXES, "an objective is a column"),
    ],
)
def test_what_cannot_be_searched_is_refused_in_a_sentence(search, axes, message):
    with pytest.raises(SpecError, match=message) as refused:
        searching(search, axes=axes)
    assert "\n" not in str(refused.value)


def test_tune_gets_the_packs_of_a_batch_and_then_those_of_the_next():
    first = make_plan(spec_of({"train_size": [40, 50]}, seeds=1))
    second, nothing = make_plan(spec_of({"train_size": 60}, seeds=1)), make_plan(spec_of(seeds=1))
    following = [second, type(nothing)(nothing.spec, (), frozenset(), (), {})]
    searcher = PackSearcher(
        first.packs, {"store": "S"}, lambda pack: {"CPU": 1.0}, lambda: following.pop(0)
    )
    suggested = [searcher.suggest(name) for name in ("a", "b")]
    assert suggested == [
        {"store": "S", "pack_id": pack.pack_id, "request": {"CPU": 1.0}} for pack in first.packs
    ]
    assert searcher.suggest("c") is None, "the batch is in training"
    searcher.on_trial_complete("a")
    assert searcher.suggest("c") is None
    searcher.on_trial_complete("b")
    assert searcher.suggest("c")["pack_id"] == second.packs[0].pack_id
    searcher.on_trial_complete("c")
    assert searcher.suggest("d") == Searcher.FINISHED

    failing = PackSearcher(
        first.packs, {}, lambda pack: {}, lambda: pytest.fail("an incomplete batch is followed")
    )
    assert failing.suggest("a")
    assert failing.suggest("b")
    failing.on_trial_complete("a", error=True)
    failing.on_trial_complete("b")
    assert failing.suggest("c") == Searcher.FINISHED


def after_a_grid(search):
    """A grid whose points are all that a search can try, and the same study with that search."""
    axes = {"weight_decay": {"log": [0.01, 0.1], "points": 6}, "train_size": 60}
    grid = spec_of(axes, seeds=2, budget={"epochs": 20})
    return grid, spec_of(axes, seeds=2, budget={"epochs": 20}, search=search)


def test_a_search_passes_over_batches_that_are_stored_already(tmp_path):
    grid, search = after_a_grid({"kind": "tpe", "trials": 12, "batch": 4})
    store = fill(grid, tmp_path / "small")
    rows = store.trials().num_rows
    plan = start_study(search, store, ["pytest"])
    assert plan.planned == len(plan.trials) == plan.done
    assert 4 < plan.done <= rows
    assert next_plan(search, store).packs == ()


def test_a_search_goes_on_to_the_first_batch_with_something_to_train(tmp_path):
    _, search = after_a_grid({"kind": "tpe", "trials": 12, "batch": 4})
    few = spec_of({"weight_decay": [0.01], "train_size": 60}, seeds=2, budget={"epochs": 20})
    store = fill(few, tmp_path / "small")
    before = {row["trial_id"] for row in store.trials().to_pylist()}
    done = fill(search, store.url)
    ids = {row["trial_id"] for row in done.trials().to_pylist()}
    assert before <= ids
    assert make_plan(search, store, ahead=True).packs == ()
    assert len(ids) >= 12


@pytest.mark.parametrize("damage", [b"", b'{"": [[20, 2, 24', b"[]", b'{"": [[1, 2]]}', b'{"": 3}'])
def test_a_search_whose_proposals_are_damaged_asks_for_them_again(tmp_path, damage):
    spec = searching({"kind": "tpe", "trials": 12, "batch": 6}, seeds=2)
    store = fill(spec, tmp_path / "small")
    proposals, rows = store.searches.proposals(), table(store)
    (tmp_path / "small" / "search.json").write_bytes(damage)
    plan = make_plan(spec, store, ahead=True)
    assert (plan.done, plan.planned, plan.packs) == (12, 12, ())
    [note] = plan.notes
    assert "search.json: damaged" in note
    fill(spec, store.url)
    assert store.searches.proposals() == proposals
    assert table(store) == rows
    assert (tmp_path / "small" / "search.json.damaged").read_bytes() == damage


def test_any_seed_of_a_search_works():
    for kind in ("boundary", "tpe", "gp"):
        spec = searching({"kind": kind, "trials": 4, "batch": 4, "seed": 2**32})
        assert len(make_plan(spec, ahead=True).trials) == 4
    with pytest.raises(SpecError, match=r"search\.seed"):
        searching({**BOUNDARY, "seed": 2**63})
