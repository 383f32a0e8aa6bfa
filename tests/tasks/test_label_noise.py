"""Flipped training labels: exactly the share asked for, and nothing else of a trial changes."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from emulated import emulated_engine
from small import spec_of, trials_of

from analysis import load_trials
from study.engine.fused import FusedEngine
from study.engine.relu_engine import ReluEngine
from study.errors import SpecError
from study.search.proposals import proposed
from study.spec.file import resolve
from study.store.store import Store
from study.tasks.packed_parity import PackedParity
from study.tasks.parity import Parity
from study.training.pack_run import PackRun, describe
from study.trials.expand import expand
from study.trials.pack import Pack
from study.trials.trial import recorded_point
from study.vocabulary.axes import AXES

CPU = torch.device("cpu")
NOISE = [0.0, 0.1, 0.25]


def flipped(rows, hidden):
    """Which labels are not the product of the hidden signs: bool [T, N]."""
    signs = rows.inputs[..., :-1].where(hidden[:, None], torch.ones(()))
    return signs.prod(-1) != rows.labels


@pytest.mark.parametrize("axes", [{}, {"n": 12}, {"train_size": "online"}])
def test_the_share_asked_for_is_flipped_and_test_labels_are_true(axes):
    trials = trials_of({"label_noise": NOISE, **axes})
    data = Parity(trials, CPU, torch.float64)
    rows = trials[0].train_size
    asked = [round(trial.point.label_noise * rows) for trial in trials]
    assert flipped(data.train, data.hidden).sum(-1).tolist() == asked
    assert not flipped(data.test, data.hidden).any()
    if data.online:
        later = flipped(data.fresh(3), data.hidden)
        assert later.sum(-1).tolist() == asked
        assert (later != flipped(data.fresh(4), data.hidden)).any()


def test_a_trial_without_noise_is_the_trial_that_it_was():
    """Ids, streams and rows, whether the axis is named or not; golden ids are in test_trials."""
    for plain, named in zip(trials_of(), trials_of({"label_noise": 0}), strict=True):
        assert plain.trial_id == named.trial_id
        assert plain.point_id == named.point_id
        assert plain.stream_key == named.stream_key
    ids = {trial.trial_id for trial in trials_of({"label_noise": NOISE})}
    assert len(ids) == 3 * len(NOISE)
    assert {trial.trial_id for trial in trials_of()} < ids


def test_noisy_neighbors_do_not_matter():
    trials = trials_of({"label_noise": NOISE})
    together = PackedParity(trials, CPU)
    for member, trial in enumerate(trials):
        alone = PackedParity([trial], CPU)
        assert torch.equal(alone.train.labels[0], together.train.labels[member])
        assert torch.equal(alone.train.words[0], together.train.words[member])
    taken = together.take(torch.tensor([7, 2]))
    assert torch.equal(taken.fresh(5).labels, together.fresh(5).labels[[7, 2]])


@pytest.mark.parametrize(
    "engine", [FusedEngine, ReluEngine, pytest.param(emulated_engine, marks=pytest.mark.slow)]
)
def test_engines_train_on_the_labels_as_they_are_flipped(engine):
    """A wide net with few rows learns all labels, flipped ones too, and tests badly."""
    trials = trials_of(
        {"label_noise": [0.0, 0.2], "width": 64, "train_size": 60, "weight_decay": 0.0},
        budget={"epochs": 100},
        seeds=2,
        detect={"stop": False},
    )
    run, rows = PackRun(Pack(tuple(trials)), engine()), []
    while run.open:
        finished = run.advance()
        rows += finished.trials if finished else []
    assert len(rows) == 4
    assert all(row["memorized_epoch"] is not None for row in rows)
    noisy = [row for row in rows if row["label_noise"] == 0.2]
    assert all(row["final_train_accuracy"] == 1.0 for row in noisy)
    assert all(row["final_test_accuracy"] < 0.9 for row in noisy)


def test_an_older_pack_and_an_older_search_are_of_trials_without_noise():
    [trial, *_] = trials_of()
    whole = Pack((trial,)).to_json()
    older = {**whole, "members": [dict(whole["members"][0])]}
    del older["members"][0]["label_noise"]
    assert Pack.from_json(older).pack_id == Pack((trial,)).pack_id
    values = {name: value for name, value in trial.point.values().items() if name != "label_noise"}
    assert recorded_point(trial.setting, values) == trial.point
    online = trials_of({"train_size": "online"})[0]
    assert recorded_point(online.setting, online.point.values()) == online.point


def test_proposals_of_an_older_search_are_held(tmp_path):
    spec = spec_of({"weight_decay": {"log": [1e-3, 0.1]}}, search={"kind": "boundary", "trials": 9})
    point = list(trials_of()[0].point.values().values())[:-1]  # without the youngest axis
    point[list(AXES).index("weight_decay")] = 0.01
    store = Store(tmp_path)
    store.searches.write_proposals({"": [[*point, 0]]})
    [[(held, seed)]] = proposed(spec, store).values()
    assert (held.label_noise, seed) == (0.0, 0)


def test_rows_of_an_older_table_read_as_without_noise(tmp_path):
    trials = trials_of({"label_noise": [0.0, 0.1]}, seeds=1)
    store = Store(tmp_path)
    store.write_manifest({"spec": spec_of().model_dump(mode="json")})
    rows = [describe(trial) for trial in trials]
    store.tables.write_rows("new", rows[1:], {"trial_id": []})
    store.tables.write_rows("old", rows[:1], {"trial_id": []})
    [part] = tmp_path.glob("trials/part-old-*")
    older = pq.read_table(part).drop_columns(["label_noise"])
    assert isinstance(older, pa.Table)
    pq.write_table(older, part)
    assert sorted(load_trials(tmp_path)["label_noise"]) == [0.0, 0.1]
    for where, count in (
        ("label_noise == 0", 1),
        ("label_noise < 0.05", 1),
        ("label_noise is null", 0),
        ("label_noise > 0 and n == 20", 1),
    ):
        assert len(load_trials(tmp_path, where)) == count, where


def test_a_task_without_the_axis_has_none_and_refuses_one():
    written = {"name": "a", "task": "addition", "axes": {"modulus": 31}}
    assert expand(resolve(written))[0].point.label_noise is None
    with pytest.raises(SpecError, match=r"axes.label_noise: 0.1; addition .* has no such axis"):
        resolve({**written, "axes": {"modulus": 31, "label_noise": 0.1}})
    with pytest.raises(SpecError, match="below 1"):
        trials_of({"label_noise": 1.0})
    assert np.isclose(trials_of({"label_noise": 0.99})[0].point.label_noise, 0.99)
