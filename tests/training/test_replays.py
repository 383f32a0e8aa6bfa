"""A trial is trained again from its row: exactly, or by how much it moved is said."""

import pytest
from small import spec_of
from trained import fill

from study.engine.relu_engine import ReluEngine
from study.errors import UsageError
from study.training import replay as replay_module

GROKS = {"train_size": [60, 120], "weight_decay": [0.01, 0.03]}


def test_a_trial_replays_exactly_from_its_row(tmp_path):
    store = fill(spec_of(GROKS, seeds=2, data={"shared": True}), tmp_path)
    for row in store.trials().to_pylist()[::3]:
        again = replay_module.replay(store, row["trial_id"])
        assert again.exact, again.moved
        assert again.row["epochs_run"] == row["epochs_run"]


def test_a_replay_says_by_how_much_it_moved(tmp_path):
    class Shifted(ReluEngine):
        def read(self, state, names=(), places=None):
            reading = super().read(state, names, places)
            reading.train_loss[...] += 0.25
            return reading

    store = fill(spec_of(seeds=1), tmp_path)
    [trial_id] = store.trials()["trial_id"].to_pylist()
    again = replay_module.replay(store, trial_id, Shifted())
    assert not again.exact
    assert again.moved["train_loss"] == pytest.approx(0.25)


def test_an_unknown_trial_names_the_nearest(tmp_path):
    store = fill(spec_of(seeds=2), tmp_path)
    known = store.trials()["trial_id"][0].as_py()
    with pytest.raises(UsageError, match=known):
        replay_module.replay(store, known[:-1] + "x")
