"""The engine for any module: gradients, a plain loop, the promises, and a task of one's own."""

import copy

import majority
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from module_engines import ENGINES, MLP, TRANSFORMER, trials_of
from registered import tables_put_back

from study.engine.make import pick_engine
from study.engine.module_state import in_order, initial_module
from study.engine.modules import ModuleEngine, vmaps
from study.errors import SpecError
from study.nets.outputs import right, row_losses
from study.store.store import Store
from study.tasks.rows import Rows
from study.training.runner import run_pack
from study.trials.pack import Pack

HOSTILE = {"learning_rate": 1e6}


@pytest.fixture(params=ENGINES)
def engine(request):
    """Both ways to a gradient, one after the other."""
    return ENGINES[request.param]


def mlps_of(axes=MLP, **tables):
    return trials_of(axes, net="mlp", **tables)


def after(engine, trials, epochs):
    state = engine.allocate(trials)
    for _ in range(epochs):
        state = engine.step(state)
    return state


def alone(engine, state, member):
    """A member of a pack as a plain module with its weights."""
    net = copy.deepcopy(state.layout.net)
    views = state.layout.views(state.weights[member].clone())
    net.load_state_dict(views)
    return net


@pytest.mark.parametrize("make", [trials_of, mlps_of])
def test_gradients_are_single_model_autograds_in_float64(engine, make):
    state = engine.allocate(make(train={"dtype": "float64"}, seeds=3))
    batch = Rows(state.train.inputs[:, :50], state.train.labels[:, :50])
    gradients = engine.gradients(state, batch)
    for member in range(3):
        net = alone(engine, state, member)
        outputs = net(batch.inputs[member])
        torch.nn.functional.cross_entropy(outputs, batch.labels[member]).backward()
        views = state.layout.views(gradients[member])
        for name, weight in net.named_parameters():
            torch.testing.assert_close(views[name], weight.grad, rtol=0, atol=1e-10)
            assert weight.grad.abs().amax() > 1e-5


@pytest.mark.parametrize("decay", ["coupled", "decoupled"])
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_training_follows_torchs_own_optimizers(engine, optimizer, decay):
    axes = {**MLP, "weight_decay": [0.01, 0.5], "learning_rate": 0.003}
    train = {"dtype": "float64", "optimizer": optimizer, "decay": decay, "betas": [0.9, 0.98]}
    trials = mlps_of(axes, train=train, seeds=1)
    state = engine.allocate(trials)
    later = after(engine, trials, 2)
    for member, trial in enumerate(trials):
        net, rate = alone(engine, state, member), trial.point.learning_rate
        kind = torch.optim.AdamW if decay == "decoupled" else torch.optim.Adam
        options = {"lr": rate, "weight_decay": trial.point.weight_decay}
        update = kind(net.parameters(), betas=(0.9, 0.98), **options)
        if optimizer == "sgd":  # the two decays are one update in exact arithmetic
            update = torch.optim.SGD(net.parameters(), **options)
        for epoch in range(2):
            rows = in_order(state if not epoch else after(engine, trials, 1))
            for start in range(0, trial.train_size, 60):
                x, y = (a[member, start : start + 60] for a in (rows.inputs, rows.labels))
                update.zero_grad()
                torch.nn.functional.cross_entropy(net(x), y).backward()
                update.step()
        views = later.layout.views(later.weights[member])
        for name, weight in net.named_parameters():
            torch.testing.assert_close(views[name], weight.detach(), rtol=1e-9, atol=1e-11)


def fingerprint(engine, state, trial_id):
    member = [t.trial_id for t in state.trials].index(trial_id)
    reading = engine.read(state, ["fourier_share", "sensitivity", "mean_neuron_norm"])
    arrays = (a for name, a in engine.dump(state).items() if name != "epoch")
    columns = [
        reading.train_correct, reading.test_correct, reading.train_loss, reading.test_loss,
        reading.weight_norm, *reading.measured.values(), *arrays,
    ]  # fmt: skip
    return [column[member].tobytes() for column in columns]


@settings(max_examples=8)
@given(st.sampled_from([5, 12, 17]), st.integers(40, 144), st.integers(2, 4), st.data())
def test_neighbors_do_not_matter(width, batch, members, draw):
    """Bit for bit, vmapped and looped, beside a net that diverges and alone."""
    make = draw.draw(st.sampled_from([trials_of, mlps_of]))
    own = {"width": 2 * width} if make is trials_of else {"width": width}
    axes = {**(TRANSFORMER if make is trials_of else MLP), **own, "batch_size": batch}
    pack = make(axes, seeds=members)
    index = draw.draw(st.integers(0, members - 1))
    hostile = make({**axes, **HOSTILE}, seeds=1)
    trial = pack[index]
    packs = ([*pack[:index], *hostile, *pack[index:]], [trial], [trial, *hostile])
    for engine in ENGINES.values():
        seen = [fingerprint(engine, after(engine, some, 1), trial.trial_id) for some in packs]
        assert seen[0] == seen[1] == seen[2]


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_leaving_and_resuming_change_nothing(engine, optimizer):
    pack = trials_of({**TRANSFORMER, "layers": 1}, seeds=3, train={"optimizer": optimizer})
    whole, halfway = after(engine, pack, 3), after(engine, pack, 1)
    for keep in ([0, 2], [1]):
        left = engine.leave(halfway, keep)
        for state in (left, engine.restore(left.trials, engine.dump(left))):
            later = engine.step(engine.step(state))
            for index in keep:
                seen = fingerprint(engine, later, pack[index].trial_id)
                assert seen == fingerprint(engine, whole, pack[index].trial_id)


def test_a_glance_counts_what_a_reading_counts(engine):
    state = after(engine, trials_of(), 1)
    reading, none = engine.read(state), np.array([-1, -1])
    glance = engine.glance(state, np.array([5, 5]), none)
    rows = state.train.labels.shape[1]
    assert (glance.train_wrong == rows - reading.train_correct).all()
    assert (glance.test_wrong == 0).all()
    np.testing.assert_array_equal(glance.weight_norm, reading.weight_norm)


def test_the_last_block_may_leave_out_all_positions_but_the_last():
    """The whole transformer, every position computed, gives the same scores."""
    [trial] = trials_of(seeds=1, train={"dtype": "float64"})
    net, inputs = initial_module(trial), torch.tensor([[3, 4], [0, 16], [9, 9]])
    short = net(inputs)
    whole, tokens = net.position, torch.nn.functional.pad(inputs, (0, 1), value=17)
    stream = net.token[tokens] + whole
    for block in net.blocks:
        stream = block(stream, 3)
    torch.testing.assert_close(net.score(net.norm(stream))[:, -1], short, rtol=0, atol=1e-12)
    # causal: what a position says of itself does not depend on later ones
    other = net.blocks[0](net.token[tokens.flip(0)] + whole, 3)
    same = net.blocks[0](
        torch.cat((stream[:, :1] * 0 + net.token[3] + whole[0], other[:, 1:]), 1), 3
    )
    first = net.blocks[0]((net.token[torch.tensor([[3, 1, 1]])] + whole), 3)
    torch.testing.assert_close(same[0, 0], first[0, 0], rtol=0, atol=1e-12)


def test_initial_weights_are_the_trials_own_times_init_scale():
    one, other = trials_of({**TRANSFORMER, "init_scale": [1.0, 3.0]}, seeds=1)
    before = torch.random.get_rng_state()
    nets = [dict(initial_module(trial).named_parameters()) for trial in (one, other, one)]
    assert torch.equal(torch.random.get_rng_state(), before)
    for name, weight in nets[0].items():
        assert torch.equal(weight, nets[2][name])
        if "norm" in name or "before" in name:
            assert torch.equal(weight, nets[1][name])
        else:
            bound = weight.abs().amax() * 3
            assert bound * 0.5 < nets[1][name].abs().amax() < bound * 2


def test_a_tie_and_a_nan_are_wrong():
    outputs = torch.tensor([[1.0, 1.0], [2.0, 1.0], [float("nan"), 0.0], [0.0, float("nan")]])
    labels = torch.tensor([0, 0, 1, 0])
    assert right(outputs, labels, "cross_entropy").tolist() == [False, True, False, False]
    scores, signs = torch.tensor([0.0, 2.0, -1.0]), torch.tensor([1.0, 1.0, 1.0])
    assert right(scores, signs, "hinge").tolist() == [False, True, False]
    expected = torch.nn.functional.cross_entropy(outputs[:2], labels[:2], reduction="none")
    torch.testing.assert_close(row_losses(outputs[:2], labels[:2], "cross_entropy"), expected)


def test_large_batches_are_looped_and_small_ones_vmapped():
    paper = {"modulus": 97, "width": 128, "layers": 2, "heads": 4, "batch_size": 512}
    assert not vmaps(trials_of(paper, seeds=1)[0])
    assert vmaps(trials_of({**paper, "modulus": 31, "width": 64, "batch_size": 64}, seeds=1)[0])


@pytest.fixture
def with_majority():
    """The two rows of `majority`, registered until the test ends."""
    with tables_put_back():
        majority.register()
        yield


def test_a_task_and_a_net_of_ones_own_are_a_study_like_any_other(with_majority, tmp_path):
    axes = {"n": 9, "learning_rate": 0.05, "batch_size": 32, "weight_decay": 1e-4}
    tables = {"budget": {"epochs": 200}, "train": {"optimizer": "sgd"}}
    trials = trials_of({**axes, "train_size": 300}, task="majority", **tables)
    assert isinstance(pick_engine(trials[0]), ModuleEngine)
    store = Store(tmp_path / "majority")
    store.write_manifest({"spec": None})
    *_, last = run_pack(Pack(tuple(trials)), store)
    rows = store.trials().to_pylist()
    assert last.trained == len(rows) == 2
    assert {(row["task"], row["net"], row["n"], row["k"]) for row in rows} == {
        ("majority", "two_layers", 9, None)
    }
    assert all(row["memorized_epoch"] is not None for row in rows)
    assert all(row["final_test_accuracy"] > 0.9 for row in rows)  # 212 rows; chance is 0.5
    assert all(row["commuting_share"] is None for row in rows)


def test_the_rules_of_a_task_of_ones_own_hold(with_majority):
    for axes, says in (
        ({"n": 8}, "an odd number"),
        ({"k": 2}, "no such axis"),
        ({"train_size": "online"}, "no fresh rows"),
    ):
        with pytest.raises(SpecError, match=says):
            trials_of(axes, task="majority")
