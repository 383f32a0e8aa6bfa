"""The training loop: every ending, and resuming bit for bit."""

import pytest
import torch
from small import spec_of, trials_of
from trained import fill, table

from study.engine.relu_engine import ReluEngine
from study.errors import SpecError
from study.plan.plan import make_plan, start_study
from study.plan.status import study_status
from study.store.store import Store
from study.training import replay as replay_module
from study.training import runner
from study.training.pack_run import PackRun
from study.training.runner import run_pack
from study.trials.pack import Pack
from study.vocabulary.columns import RESULT_COLUMNS
from study.vocabulary.outcomes import PackStatus

GROKS = {"train_size": [60, 120], "weight_decay": [0.01, 0.03]}


def train(trials):
    """Rows by trial id, and readings by trial id, of a pack trained without a store."""
    run = PackRun(Pack(tuple(trials)), ReluEngine())
    rows, readings = {}, {}
    while run.open:
        finished = run.advance()
        if finished:
            collect(finished, rows, readings)
    return rows, readings


def collect(finished, rows, readings):
    for row in finished.trials:
        rows[row["trial_id"]] = {name: row[name] for name in row if name in RESULT_COLUMNS}
    for index, trial_id in enumerate(finished.readings["trial_id"]):
        reading = {name: column[index] for name, column in finished.readings.items()}
        readings.setdefault(trial_id, []).append(reading)


def test_readings_and_results_do_not_depend_on_the_pack():
    pack = trials_of({"weight_decay": [0.01, 0.03], "train_size": 60}, seeds=4)
    hostile = trials_of({"learning_rate": 1e4, "train_size": 60}, seeds=1)
    together = train([*pack, *hostile])
    for trial in (pack[0], pack[5]):
        rows, readings = train([trial])
        assert rows[trial.trial_id] == together[0][trial.trial_id]
        assert readings[trial.trial_id] == together[1][trial.trial_id]
    assert together[0][hostile[0].trial_id]["ended"] == "diverged"


@pytest.mark.parametrize(
    "tables",
    [
        {},
        {"train": {"optimizer": "adamw"}},
        {"readings": {"per_decade": 4}},
        {"detect": {"linger": 0.1}},
    ],
    ids=["default", "adamw", "sparse", "linger"],
)
def test_a_resumed_pack_continues_bit_for_bit(tables):
    pack = trials_of({"weight_decay": [0.01, 0.03], "train_size": 60}, seeds=3, **tables)
    whole = train(pack)
    run = PackRun(Pack(tuple(pack)), ReluEngine())
    rows, readings = {}, {}
    while run.open:
        finished = run.advance()
        if finished:
            collect(finished, rows, readings)
        if run.open and run.epoch % 7 == 3:
            saved = run.checkpoint()
            run = PackRun(Pack(tuple(pack)), ReluEngine())
            run.restore(saved)
    assert (rows, readings) == whole


def test_every_ending_and_the_columns_it_leaves():
    budget = {"epochs": 120}
    [done] = train(trials_of({"train_size": 120}, seeds=1, budget=budget))[0].values()
    assert done["ended"] == "decided"
    assert 0 < done["generalized_epoch"] <= done["epochs_run"] < 120
    assert done["final_test_accuracy"] > 0.99
    assert done["final_effective_sparsity_train"] is None  # only lingering shows it

    [censored] = train(trials_of({"train_size": 20}, seeds=1, budget={"epochs": 9}))[0].values()
    assert censored["ended"] == "budget"
    assert censored["epochs_run"] == censored["generalized_after_epoch"] == 9
    assert censored["generalized_epoch"] is None
    assert 1 <= censored["final_effective_sparsity_train"] <= 24

    [collapsed] = train(trials_of({"weight_decay": 2.0}, seeds=1, budget=budget))[0].values()
    assert collapsed["ended"] == "collapsed"
    assert collapsed["generalized_after_epoch"] == collapsed["epochs_run"]

    [diverged] = train(trials_of({"learning_rate": 1e4}, seeds=1))[0].values()
    assert diverged["ended"] == "diverged"
    assert diverged["final_train_loss"] is None

    on = trials_of({"train_size": 120}, seeds=1, budget={"epochs": 110}, detect={"stop": False})
    [watched] = train(on)[0].values()
    assert (watched["ended"], watched["epochs_run"]) == ("budget", 110)
    assert watched["generalized_epoch"] == done["generalized_epoch"]


def test_lingering_watches_a_decided_trial_for_more_decay_times():
    tables = {"seeds": 1, "budget": {"epochs": 2000}}
    axes = {"train_size": 120, "weight_decay": 0.03}
    [plain] = train(trials_of(axes, **tables))[0].values()
    [trial] = trials_of(axes, detect={"linger": 0.5}, **tables)
    [lingered] = train([trial])[0].values()
    extra = lingered["epochs_run"] - plain["epochs_run"]
    assert extra == pytest.approx(0.5 * trial.decay_time_epochs, abs=1)
    assert lingered["final_effective_sparsity_train"] <= 24


def test_random_labels_are_memorized_and_never_generalize():
    tables = {"data": {"labels": "random"}, "budget": {"epochs": 150}}
    rows = train(trials_of({"width": 200, "train_size": 40}, **tables))[0].values()
    assert all(row["memorized_epoch"] is not None for row in rows)
    assert all(row["generalized_epoch"] is None for row in rows)


def test_fresh_rows_generalize_without_memorizing_first():
    axes = {"train_size": "online", "width": 100}
    rows = train(trials_of(axes, seeds=2, budget={"epochs": 60}))[0].values()
    for row in rows:
        assert row["train_size"] is None
        assert row["generalized_epoch"] is not None
        assert abs(row["generalized_epoch"] - row["memorized_epoch"]) <= 3


def test_measures_fill_their_columns_in_the_readings():
    tables = {"readings": {"measures": ["effective_sparsity"]}, "budget": {"epochs": 3}}
    _, readings = train(trials_of(seeds=1, **tables))
    for reading in next(iter(readings.values())):
        assert 1 <= reading["effective_sparsity_train"] <= reading["effective_sparsity_test"] <= 24


def test_a_pack_closed_early_goes_on_from_its_checkpoint(tmp_path, monkeypatch):
    spec = spec_of({"train_size": 60}, seeds=4)
    whole = table(fill(spec, tmp_path / "whole"))
    monkeypatch.setattr(runner, "CHECKPOINT_SECONDS", 0.0)
    store = Store(tmp_path / "broken")
    starts = 0
    while (plan := start_study(spec, store, ["pytest"])).packs:
        starts += 1
        iterator = run_pack(plan.packs[0], store, report_seconds=0.0)
        for _ in range(9):
            if next(iterator, None) is None:
                break
        iterator.close()
    assert starts > 2
    assert table(store) == whole


def test_a_pack_that_dies_between_checkpoint_and_flush_ends_with_the_same_table(
    tmp_path, monkeypatch
):
    spec = spec_of({"train_size": 120}, seeds=6, budget={"epochs": 120})
    whole = table(fill(spec, tmp_path / "whole"))
    monkeypatch.setattr(runner, "CHECKPOINT_SECONDS", 0.0)
    store = Store(tmp_path / "broken")
    [pack] = start_study(spec, store, ["pytest"]).packs
    stale = None
    for progress in run_pack(pack, store, report_seconds=0.0):
        stale = stale or store.packs.checkpoint(pack.pack_id)
        if progress.trained >= 3:
            store.packs.write_checkpoint(pack.pack_id, stale)  # older than the rows written since
            break
    [again] = make_plan(spec, store).packs
    store.packs.write_checkpoint(pack.pack_id, stale)
    for _ in run_pack(again, store):
        pass
    assert table(store) == whole


@pytest.mark.parametrize("epochs", [30, 60])
def test_a_checkpoint_of_another_budget_is_not_gone_on_from(tmp_path, monkeypatch, epochs):
    axes = {"weight_decay": [0.01, 0.05], "train_size": 60}
    monkeypatch.setattr(runner, "CHECKPOINT_SECONDS", 0.0)
    store = Store(tmp_path / "broken")
    first = spec_of(axes, seeds=2, budget={"epochs": 45, "decay_times": 0.15})
    [pack] = start_study(first, store, ["pytest"]).packs
    iterator = run_pack(pack, store, report_seconds=0.0)
    for _ in range(50):
        next(iterator)
    iterator.close()
    second = spec_of(axes, seeds=2, budget={"epochs": epochs, "decay_times": 0.15})
    fill(second, store.url)
    assert make_plan(second, store).missing == frozenset()
    rows = store.trials().to_pylist()
    assert all(row["epochs_run"] <= row["budget_epochs"] for row in rows)


def test_a_larger_budget_leaves_the_readings_of_one_training(tmp_path):
    axes = {"train_size": 40}
    fill(spec_of(axes, seeds=2, budget={"epochs": 48}), tmp_path)
    store = fill(spec_of(axes, seeds=2, budget={"epochs": 90}), tmp_path)
    assert 48 not in store.readings()["epoch"].to_pylist()
    for trial_id in store.trials()["trial_id"].to_pylist():
        again = replay_module.replay(store, trial_id)
        assert again.exact, again.moved


def test_what_rows_mean_cannot_change_by_way_of_labels(tmp_path):
    a, c = {"label": "a"}, {"label": "c", "axes": {"width": 30}}
    fill(spec_of(seeds=1, settings=[a, c]), tmp_path)
    fill(spec_of(seeds=1, settings=[a]), tmp_path)
    lax = {"detect": {"hold": 1}}
    with pytest.raises(SpecError, match=r"detect.hold: 3 -> 1"):
        make_plan(spec_of(seeds=1, settings=[a, {**c, **lax}]), Store(tmp_path))
    with pytest.raises(SpecError, match=r"detect.hold: 3 -> 1"):
        make_plan(spec_of(seeds=1, settings=[{**c, "label": "other", **lax}]), Store(tmp_path))
    [narrow] = [row for row in Store(tmp_path).trials().to_pylist() if row["width"] == 30]
    assert replay_module.replay(Store(tmp_path), narrow["trial_id"]).exact


def test_status_counts_the_open_members_of_a_pack_that_was_flushed(tmp_path):
    spec = spec_of({"train_size": 120}, seeds=6, budget={"epochs": 120})
    store = Store(tmp_path)
    [pack] = start_study(spec, store, ["pytest"]).packs
    running = run_pack(pack, store, report_seconds=0.0)
    progress = next(progress for progress in running if progress.trained >= 2)
    status = study_status(store)
    assert (status["planned"], status["done"]) == (6, progress.trained)
    assert (status["running"], status["failed"]) == (6 - progress.trained, 0)
    record = store.packs.read(pack.pack_id)
    store.packs.write(pack.pack_id, record.changed(status=PackStatus.FAILED, error="x"))
    status = study_status(store)
    assert (status["running"], status["failed"]) == (0, 6 - progress.trained)
    assert status["errors"] == {pack.pack_id: "x"}


def test_a_damaged_checkpoint_costs_time_and_nothing_else(tmp_path):
    spec = spec_of(seeds=2)
    whole = table(fill(spec, tmp_path / "whole"))
    store = Store(tmp_path / "broken")
    [pack] = start_study(spec, store, ["pytest"]).packs
    store.packs.write_checkpoint(pack.pack_id, b"PK\x03\x04 half a file")
    for _ in run_pack(pack, store):
        pass
    assert table(store) == whole
    assert store.packs.checkpoint_ids() == []


def test_a_failing_pack_says_why_and_is_trained_by_the_next_run(tmp_path):
    class Broken(ReluEngine):
        def step(self, state):
            if state.epoch == 5:
                raise RuntimeError("out of memory")
            return super().step(state)

    spec = spec_of(seeds=1)
    store = Store(tmp_path)
    [pack] = start_study(spec, store, ["pytest"]).packs
    with pytest.raises(RuntimeError, match="out of memory"):
        list(run_pack(pack, store, Broken()))
    record = store.packs.read(pack.pack_id)
    assert (record.status, record.error) == ("failed", "RuntimeError: out of memory")
    assert table(fill(spec, tmp_path))[0]


class Narrow(ReluEngine):
    """Raises an error for packs of more than `room` members; `sizes` lists the packs allocated."""

    def __init__(self, room, error, after=0):
        super().__init__()
        self.room, self.error, self.after, self.sizes = room, error, after, []

    def allocate(self, trials):
        self.sizes.append(len(trials))
        return super().allocate(trials)

    def step(self, state):
        if len(state.trials) > self.room and state.epoch >= self.after:
            raise self.error
        return super().step(state)


SHORT = [
    MemoryError(),
    RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate"),
    torch.OutOfMemoryError("CUDA out of memory."),
]


@pytest.mark.parametrize(("error", "after"), list(zip(SHORT, (0, 7, 0), strict=True)))
def test_a_pack_that_runs_out_of_memory_is_halved_to_the_same_table(tmp_path, error, after):
    spec = spec_of({"train_size": 120}, seeds=7, budget={"epochs": 20})
    whole = table(fill(spec, tmp_path / "whole", ReluEngine()))
    store = Store(tmp_path / "narrow")
    [pack] = start_study(spec, store, ["pytest"]).packs
    engine = Narrow(2, error, after)
    reports = list(run_pack(pack, store, engine, report_seconds=0.0))
    assert engine.sizes == [7, 3, 1, 2, 4, 2, 2]
    assert table(store) == whole
    assert [r for r in reports if not r.open] == [reports[-1]], "one end"
    assert reports[-1].trained == 7
    assert {store.packs.read(pack_id).status for pack_id in store.packs.ids()} == {"done"}
    assert not store.packs.checkpoint_ids()


def test_halves_are_closed_and_gone_on_from(tmp_path):
    spec = spec_of({"train_size": 60}, seeds=5)
    whole = table(fill(spec, tmp_path / "whole", ReluEngine()))
    store = Store(tmp_path / "narrow")
    starts = 0
    while (plan := start_study(spec, store, ["pytest"])).packs:
        starts += 1
        for pack in plan.packs:
            iterator = run_pack(pack, store, Narrow(3, MemoryError()), report_seconds=0.0)
            for _ in range(11):
                if next(iterator, None) is None:
                    break
            iterator.close()
    assert starts > 2
    assert table(store) == whole
    assert not store.packs.checkpoint_ids()


def test_a_pack_whose_processes_die_without_a_word_is_halved(tmp_path):
    spec = spec_of(seeds=4)
    whole = table(fill(spec, tmp_path / "whole", ReluEngine()))
    store = Store(tmp_path / "killed")
    [pack] = start_study(spec, store, ["pytest"]).packs
    engine = Narrow(9, MemoryError())
    for _ in range(3):  # two deaths, and the attempt that counts the second
        dying = run_pack(pack, store, engine, report_seconds=0.0)
        next(dying)
        left = store.packs.read(pack.pack_id)
        dying.close()
        store.packs.drop_checkpoint(pack.pack_id)
        store.packs.write(pack.pack_id, left)  # as a kill leaves it
    assert engine.sizes == [4, 4, 2]
    status = study_status(store)
    assert (status["begun_again"], status["halved"]) == (2, 1)
    fill(spec, store.url, ReluEngine())
    assert table(store) == whole
