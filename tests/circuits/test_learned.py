"""What networks have learned, as pages show it: against their own weights, trained again."""

import json
import re
import threading

import numpy as np
import pytest
import small_circuits
from asking import Answer, serving, without_fits
from simulated import QUICK, simulate

from analysis import load_trials, write_report
from analysis.circuits.history import active_neurons, record_history
from analysis.circuits.learned import MOST_NEURONS, learned_net, learned_of
from analysis.live import retraining
from analysis.live.retraining import MOST_WAITING, Replays
from analysis.phases.grid import make_grid
from analysis.report.archive import carried
from analysis.report.learned_trials import trials_to_show
from study.errors import StudyError, UsageError


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return small_circuits.train(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def trial_id(store):
    trials = load_trials(store.url, 'setting == "standard"')
    return trials["trial_id"].iloc[0]


@pytest.fixture(scope="module", autouse=True)
def _no_fits():
    with without_fits("<p>fitted</p>"):
        yield


def asked_until(jobs, trial_id):
    """Ask until a network is trained."""
    while jobs.ask(trial_id)["net"] is None:
        pass


def test_the_matrix_is_the_network_at_every_epoch(store, trial_id):
    history, seen = record_history(store, trial_id), []
    net = learned_net(store, trial_id[:8], lambda epoch, last: seen.append((epoch, last)))
    assert seen == [(shot.epoch, 160) for shot in history.snapshots]
    assert net["trial_id"] == trial_id
    assert net["exact"]
    assert net["epochs"] == [shot.epoch for shot in history.snapshots]
    bits = history.data.hidden[0].nonzero()[:, 0].tolist()
    assert net["columns"] == [*(f"bit {bit}" for bit in bits), "bias", "out", "others"]
    final = history.snapshots[-1]
    active = active_neurons(final.nets, history.train_rows(final))
    assert net["neurons"] == active[:MOST_NEURONS].tolist()
    assert (net["active"], net["width"]) == (len(active), 60)
    others = [bit for bit in range(20) if bit not in bits]
    for shot, matrix in zip(history.snapshots, net["weights"], strict=True):
        incoming, outgoing = (weights[0].numpy() for weights in shot.nets)
        for neuron, row in zip(net["neurons"], matrix, strict=True):
            largest = np.abs(incoming[neuron, others]).max()
            said = [*incoming[neuron, bits], incoming[neuron, -1], outgoing[neuron], largest]
            np.testing.assert_allclose(row, said, rtol=1e-3)


def test_a_network_that_diverged_has_what_it_had_before(store):
    [first, *_] = load_trials(store.url, 'setting == "diverged"')["trial_id"]
    net = learned_of(record_history(store, first))
    assert np.isfinite(net["weights"]).all()
    json.dumps(net, allow_nan=False)


def test_a_report_has_one_trial_of_a_cell_those_that_grokked_first(tmp_path):
    trials = load_trials(simulate(tmp_path / "quick", QUICK))
    rows = carried(trials, make_grid(trials)).assign(net="relu")
    by_id = rows.set_index("trial_id")
    grokked = rows[rows["phase"] == "grokking"]["cell"].nunique()
    few, many = (by_id.loc[trials_to_show(rows, count)] for count in (5, grokked + 3))
    assert few["phase"].tolist() == ["grokking"] * 5
    assert few["cell"].is_unique
    cells = rows[rows["phase"] == "grokking"]["cell"]
    assert (few["cell"].min(), few["cell"].max()) == (cells.min(), cells.max())
    assert (many["phase"] == "grokking").sum() == grokked
    assert len(many) == grokked + 3
    assert not trials_to_show(rows.assign(net="transformer"), 3)


def test_a_report_carries_what_it_trained_again(store, tmp_path):
    told = []
    write_report(
        store.url, tmp_path / "a.html", circuits=2, tell=lambda *counts: told.append(counts)
    )
    page = (tmp_path / "a.html").read_text()
    setup = json.loads(re.search(r'id="setup">(.*?)</script>', page, re.DOTALL)[1])
    assert told == [(0, 2), (1, 2)]
    assert len(setup["learned"]) == 2
    for trial_id, net in setup["learned"].items():
        assert net == json.loads(json.dumps(learned_net(store, trial_id)))


def test_a_live_page_trains_it_while_it_is_asked(store, trial_id):
    with serving(store.url) as served:
        asked = [Answer(served, f"/api/learned?trial_id={trial_id[:9]}").json]
        while asked[-1]["net"] is None:
            asked.append(Answer(served, f"/api/learned?trial_id={trial_id}").json)
        assert asked[-1]["net"] == json.loads(json.dumps(learned_net(store, trial_id)))
        unknown = Answer(served, "/api/learned?trial_id=zzz")
        assert unknown.status == 404
        assert "no trial has this id" in unknown.json["error"]


def test_too_many_and_what_cannot_be_trained_are_refused(store, monkeypatch):
    gate = threading.Event()

    def train(_store, trial_id, _watch):
        gate.wait()
        raise UsageError(f"{trial_id}: a transformer; circuits are of the ReLU net of parity.")

    monkeypatch.setattr("analysis.circuits.learned.learned_net", train)
    jobs = Replays(store)
    for number in range(MOST_WAITING + 1):
        assert jobs.ask(f"trial{number}") == {"net": None, "done": 0, "last": 0}
    with pytest.raises(StudyError, match="trial9: 5 networks are being trained again"):
        jobs.ask("trial9")
    gate.set()
    with pytest.raises(UsageError, match="a transformer"):
        asked_until(jobs, "trial0")


def test_the_oldest_answers_go_first(store, monkeypatch):
    monkeypatch.setattr(retraining, "MOST_KEPT", 2)
    monkeypatch.setattr("analysis.circuits.learned.learned_net", lambda *_: {"width": 1})
    jobs = Replays(store)
    for name in ("a", "b", "c"):
        asked_until(jobs, name)
    assert list(jobs._jobs) == ["b", "c"]
