"""Circuits against plain, slow recomputation, and replays against the oracle and the store."""

import json
from dataclasses import replace

import numpy as np
import oracle
import pytest
import small_circuits
import torch
from hypothesis import given
from hypothesis import strategies as st
from small import trials_of

from analysis import cli
from analysis.circuits import through_training as following
from analysis.circuits import tickets
from analysis.circuits.constructions import nearest
from analysis.circuits.history import find_circuits, jaccard, lacking, record_history
from study.engine.relu_engine import ReluEngine
from study.nets.relu import ReluNets
from study.training.replay import replay
from study.training.snapshots import snapshots

CIRCUITS = ("memorizing", "generalizing", "complementary", "control")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return small_circuits.train(tmp_path_factory.mktemp("store"))


def trial_of(store, setting, seed=0):
    rows = store.trials().to_pylist()
    return next(r["trial_id"] for r in rows if (r["setting"], r["seed"]) == (setting, seed))


@pytest.fixture(scope="module")
def history(store):
    return record_history(store, trial_of(store, "standard"))


@pytest.fixture(scope="module")
def circuits(history):
    return find_circuits(history)


def alone(shot, neurons, rows):
    """What some neurons alone say of each row, neuron by neuron, in float64."""
    incoming, outgoing = (w[0].double().numpy() for w in shot.nets)
    score = np.zeros(len(rows))
    for neuron in neurons:
        score += outgoing[neuron] * np.maximum(rows @ incoming[neuron], 0)
    return score


def norms(shot):
    return [float(np.linalg.norm(w[:-1])) for w in shot.nets.incoming[0].double().numpy()]


def some(history):
    """A few snapshots, the first and the last among them."""
    return [history.snapshots[i] for i in (0, len(history.snapshots) // 2, -1)]


@pytest.mark.parametrize("neurons", [None, [3, 0, 11]])
def test_snapshots_are_the_net_that_plain_training_makes(neurons):
    """Also with few of its neurons: a narrower net, trained on the same rows in the same order."""
    [trial] = trials_of(seeds=1, train={"dtype": "float64"})
    shots = list(snapshots(trial, [6, 2], ReluEngine(), neurons))
    assert [shot.epoch for shot in shots] == [2, 6]
    state, kept = ReluEngine().allocate((trial,)), neurons or range(24)
    kept = list(kept)
    state = replace(
        state, nets=ReluNets(state.nets.incoming[:, kept], state.nets.outgoing[:, kept])
    )
    plain = oracle.train(state, 0, 6)
    nets = shots[-1].nets
    torch.testing.assert_close(nets.incoming[0, kept, :-1], plain.net.hidden.weight.data)
    torch.testing.assert_close(nets.outgoing[0, kept], plain.net.outgoing.weight.data[0])
    assert shots[-1].reading.test_correct[0] / trial.test_size == plain.test_accuracy[-1]
    absent = np.setdiff1d(np.arange(24), kept)
    assert not nets.incoming[0, absent].any()


@pytest.mark.parametrize("setting", ["standard", "stopped", "early"])
def test_a_replay_is_exact_and_says_so(store, setting):
    history = record_history(store, trial_of(store, setting))
    assert history.moved == {}
    assert history.snapshots[-1].epoch == history.row["epochs_run"]


def test_a_replay_that_moved_says_by_how_much(store):
    trial = trial_of(store, "standard")
    other_kernel = ReluEngine()  # than the one that trained it
    history = record_history(store, trial, other_kernel)
    before = store.readings([trial], ["epoch", "weight_norm"]).to_pydict()
    stored = dict(zip(*before.values(), strict=True))
    moved = [abs(s.reading.weight_norm[0] - stored[s.epoch]) for s in history.snapshots]
    assert history.moved.get("weight_norm", 0.0) == max(moved)


@pytest.mark.parametrize(("name", "event"), [("memorizing", "memorized"), ("generalizing", None)])
def test_an_active_subnetwork_is_the_smallest_by_norm_that_predicts_alike(
    history, circuits, name, event
):
    shot = history.at(event) if event else history.snapshots[-1]
    rows = history.data.train.inputs[0].double().numpy()
    order = np.argsort(norms(shot))[::-1]
    whole = np.sign(alone(shot, order, rows))
    sizes = range(1, len(order) + 1)
    size = next(m for m in sizes if (np.sign(alone(shot, order[:m], rows)) == whole).all())
    assert circuits[name].tolist() == order[:size].tolist()


def test_the_others_are_complementary_and_the_control_is_as_many(store, history, circuits):
    width, size = history.row["width"], len(circuits["generalizing"])
    assert 0 < size < width / 4
    assert sorted([*circuits["generalizing"], *circuits["complementary"]]) == list(range(width))
    assert len(set(circuits["control"].tolist())) == size
    again = find_circuits(record_history(store, history.row["trial_id"]))
    assert again["control"].tolist() == circuits["control"].tolist()
    other = record_history(store, trial_of(store, "standard", 1))
    assert find_circuits(other)["control"].tolist() != circuits["control"].tolist()


def test_circuits_are_followed_as_slow_recomputation_does(history, circuits):
    followed = following.follow(history, circuits).set_index(["epoch", "circuit"])
    rows = history.data.test.inputs[0].double().numpy()
    labels = history.data.test.labels[0].numpy()
    everything = range(history.row["width"])
    for shot in some(history):
        whole = np.sign(alone(shot, everything, rows))
        for name, neurons in {**circuits, "whole": everything}.items():
            score = alone(shot, neurons, rows)
            got = followed.loc[(shot.epoch, name)]
            assert got["agreement"] == pytest.approx(np.mean(np.sign(score) == whole))
            assert got["accuracy"] == pytest.approx(np.mean(score * labels > 0))
            mean = np.mean([norms(shot)[neuron] for neuron in neurons])
            assert got["mean_norm"] == pytest.approx(mean)
    last = followed.loc[history.snapshots[-1].epoch]
    assert last.loc["generalizing", "agreement"] > 0.95 > last.loc["complementary", "agreement"]


def test_sensitivity_counts_flips_and_is_k_for_parity(history, circuits):
    measured = following.sensitivities(history, circuits).set_index(["epoch", "circuit"])
    rows = history.data.test.inputs[0, : following.SENSITIVITY_ROWS].double().numpy()
    for shot in some(history):
        for name in ("generalizing", "control"):
            before, changed = np.sign(alone(shot, circuits[name], rows)), 0
            for bit in range(history.row["n"]):
                flipped = rows.copy()
                flipped[:, bit] *= -1
                changed += (np.sign(alone(shot, circuits[name], flipped)) != before).sum()
            got = measured.loc[(shot.epoch, name), "sensitivity"]
            assert got == pytest.approx(changed / len(rows))
    last = measured.loc[history.snapshots[-1].epoch, "sensitivity"]
    assert last["whole"] == pytest.approx(history.row["k"], abs=0.1)


def test_curves_are_the_stored_readings(store, history):
    read = following.reading_curves(history).set_index("epoch")
    stored = store.readings([history.row["trial_id"]]).to_pandas().set_index("epoch")
    for name in ("train_accuracy", "test_accuracy", "train_loss", "weight_norm"):
        assert (read[name] == stored.loc[read.index, name]).all()
    final = history.row["final_effective_sparsity_train"]
    assert read["effective_sparsity_train"].iloc[-1] == final


def test_neurons_are_where_their_weights_say(history, circuits):
    table = following.survivors(history, circuits["generalizing"])
    assert table["neuron"].tolist() == circuits["generalizing"].tolist()
    incoming, outgoing = (w[0].numpy() for w in history.snapshots[-1].nets)
    bits = [int(bit) for bit in np.flatnonzero(history.data.hidden[0].numpy())]
    assert len(bits) == history.row["k"]
    for row in table.to_dict("records"):
        weights = incoming[row["neuron"]]
        assert [row[f"bit_{bit}"] for bit in bits] == [weights[bit] for bit in bits]
        assert (row["bias"], row["outgoing"]) == (weights[-1], outgoing[row["neuron"]])
        others = [abs(w) for bit, w in enumerate(weights[:-1]) if bit not in bits]
        assert row["largest_other"] == max(others)
    signs = {tuple(w > 0 for w in [*incoming[n][bits], incoming[n][-1]]) for n in table["neuron"]}
    assert following.kinds(table) == len(signs)
    dominant = following.dominant_neurons(history)
    at = history.row["memorized_epoch"]
    largest = int(np.argmax(norms(history.at("memorized"))))
    mine = dominant[dominant["series"] == "memorized"].set_index("epoch")
    assert set(mine["neuron"]) == {largest}
    assert mine.loc[at, "value"] == pytest.approx(norms(history.at("memorized"))[largest])
    every = following.every_neuron(history, circuits)
    last = every[every["epoch"] == history.snapshots[-1].epoch]
    assert last["norm"].tolist() == pytest.approx(norms(history.snapshots[-1]))
    grown = last[last["circuit"] == "generalizing"]
    assert set(grown["neuron"]) == set(circuits["generalizing"].tolist())


numbers = st.sets(st.integers(0, 12)).map(lambda chosen: np.array(sorted(chosen), dtype=np.int64))


@given(numbers, numbers)
def test_jaccard_is_shared_of_either(one, other):
    shared, either = set(one) & set(other), set(one) | set(other)
    assert jaccard(one, other) == (len(shared) / len(either) if either else 0)


def test_a_ticket_of_every_neuron_is_the_trial_itself(history):
    everything = {"generalizing": np.arange(history.row["width"])}
    whole, ticket = tickets.tickets(history, everything).drop(columns="ticket").to_dict("records")
    assert ticket == whole


def test_a_ticket_is_trained_with_its_neurons_only(history, circuits):
    frame = tickets.tickets(history, circuits).set_index("ticket")
    assert frame.index.tolist() == ["whole", "generalizing", "control"]
    assert frame.loc["control", "neurons"] == len(circuits["control"])
    shots = list(snapshots(history.trial, range(161), neurons=circuits["control"].tolist()))
    right = [int(shot.reading.test_correct[0]) for shot in shots]
    rows = history.row["test_size"]
    first = next(epoch for epoch, count in enumerate(right) if count > 0.98 * rows)
    assert frame.loc["control", "generalized_epoch"] == first != history.row["generalized_epoch"]
    assert frame.loc["control", "final_test_accuracy"] == right[-1] / rows


# A setting, the circuits that its trials have, and what is said of what they lack.
FATES = [
    ("standard", CIRCUITS, []),
    ("weight decay 0.001", CIRCUITS[:1], ["it had not generalized by epoch 22"]),
    ("early", (), ["it had not memorized by epoch 1", "it had not generalized by epoch 1"]),
    ("stopped", CIRCUITS, ["set detect.stop = false or detect.linger to watch on"]),
    ("diverged", (), ["it had not memorized by epoch", "it had not generalized by epoch"]),
]


@pytest.mark.parametrize("fate", FATES, ids=lambda fate: fate[0])
def test_what_a_trial_lacks_is_said(store, fate):
    setting, has, parts = fate
    history = record_history(store, trial_of(store, setting))
    assert tuple(find_circuits(history)) == has
    for sentence, part in zip(lacking(history), parts, strict=True):
        assert part in sentence


@pytest.mark.parametrize("fate", [FATES[0], FATES[4]], ids=lambda fate: fate[0])
def test_what_a_trial_has_is_drawn(run_main, store, tmp_path, fate):
    setting, has, _ = fate
    trial = trial_of(store, setting)
    page = tmp_path / "circuits.html"
    code, out, err = run_main(cli.main, "circuits", store.url, trial, "-o", page, "--json")
    answer, history = json.loads(out), record_history(store, trial)
    assert (code, err) == (0, f"{page}\n")
    assert answer["lacking"] == lacking(history)
    assert answer["exact"]
    assert [row["circuit"] for row in answer["circuits"]] == [*has, "whole"]
    assert len(answer["survivors"]) == len(find_circuits(history).get("generalizing", []))
    drawn = {path.stem for path in (tmp_path / "circuits_files").iterdir()}
    assert {"accuracy", "sparsity", "neurons"} <= drawn
    assert ("norm" in drawn) == ("generalizing" in has)
    assert trial in page.read_text()


def test_circuits_are_printed(run_main, store, tmp_path):
    """Also of a trial that is named by its first letters, as the page's tables show it."""
    trial = trial_of(store, "weight decay 0.001")
    code, out, _ = run_main(cli.main, "circuits", store.url, trial[:8], "-o", tmp_path / "c.html")
    text = out.decode()
    assert code == 0
    assert replay(store, trial[:8]).exact
    for part in (
        f"trial {trial}",
        "memorized at epoch",
        "replayed exactly",
        "no generalizing circuit",
        "tickets:",
    ):
        assert part in text
    assert "survivors:" not in text


@pytest.mark.parametrize(
    ("where", "trial", "code", "part"),
    [
        ("c.html", "unheard", 2, "no such trial"),
        ("missing/c.html", None, 1, "No such file or directory"),
        (".", None, 1, "Is a folder"),
    ],
)
def test_bad_input_is_one_line(run_main, store, tmp_path, where, trial, code, part):
    trial = trial or trial_of(store, "early")
    got, out, err = run_main(cli.main, "circuits", store.url, trial, "-o", tmp_path / where)
    assert (got, out) == (code, b"")
    assert part in err
    assert err.count("\n") == 1
    assert trial == "unheard" or "Choose another with -o." in err
    assert trial != "unheard" or "Nearest: " in err


def test_a_circuit_is_compared_with_the_constructions_on_its_relevant_bits(history, circuits):
    neurons, final = circuits["generalizing"], history.snapshots[-1].nets
    relevant = history.data.hidden[0].nonzero()[:, 0].tolist()
    columns = [*relevant, final.incoming.shape[2] - 1]
    alone = ReluNets(final.incoming[:, neurons][..., columns], final.outgoing[:, neurons])
    assert following.likeness(history, neurons) == nearest(alone)
    assert following.likeness(history, neurons[:0]) is None
