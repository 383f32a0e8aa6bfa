"""The engine against autograd and a plain loop in float64, and the promises that packs rest on."""

import numpy as np
import oracle
import pytest
import torch
from engines import ENGINE, ENGINES, after
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small import trials_of

from study.measures.relu_pack import RELU_MEASURES
from study.nets import relu
from study.nets.losses import LOSSES

HOSTILE = {"learning_rate": 1e4}  # diverges within an epoch


FOR_BOTH = [*((name, "sgd") for name in ENGINES), ("torch", "adamw")]  # AdamW is the torch kernel's


@pytest.fixture(params=ENGINES)
def engine(request):
    """One kernel after the other."""
    return ENGINES[request.param]


def fingerprint(engine, state, trial_id: str):
    """Weights and reading of one member, to compare bit for bit."""
    member = [t.trial_id for t in state.trials].index(trial_id)
    reading = engine.read(state, list(RELU_MEASURES))
    columns = [
        reading.train_correct,
        reading.test_correct,
        reading.train_loss,
        reading.test_loss,
        reading.weight_norm,
        *reading.measured.values(),
        *(array for name, array in engine.dump(state).items() if name != "epoch"),
    ]
    return [column[member].tobytes() for column in columns]


@pytest.mark.parametrize("loss", LOSSES)
def test_hand_derived_gradients_are_autograds_in_float64(loss):
    state = ENGINE.allocate(trials_of({"k": [2, 3]}, train={"dtype": "float64", "loss": loss}))
    rows = state.data.train
    grads = relu.gradients(state.nets, rows.inputs, rows.labels, LOSSES[loss])
    for member in range(len(state.trials)):
        net = oracle.Net(state.nets.incoming[member], state.nets.outgoing[member])
        oracle.LOSSES[loss](net(rows.inputs[member][:, :-1]), rows.labels[member]).backward()
        incoming = torch.cat((net.hidden.weight.grad, net.hidden.bias.grad[:, None]), dim=1)
        torch.testing.assert_close(grads.incoming[member], incoming, rtol=0, atol=1e-14)
        outgoing = net.outgoing.weight.grad[0]
        torch.testing.assert_close(grads.outgoing[member], outgoing, rtol=0, atol=1e-14)


@pytest.mark.parametrize(("kernel", "optimizer"), FOR_BOTH)
@pytest.mark.parametrize("decay", ["coupled", "decoupled"])
@pytest.mark.parametrize("loss", LOSSES)
def test_training_follows_the_plain_loop(kernel, optimizer, decay, loss):
    engine = ENGINES[kernel]
    # For plain SGD the two decays are one update in exact arithmetic, and PyTorch has one of them.
    decay_of_oracle = "coupled" if optimizer == "sgd" else decay
    rate = 0.1 if optimizer == "sgd" else 0.003
    axes = {"weight_decay": [0.01, 0.1], "learning_rate": rate, "train_size": 75}
    train = {"dtype": "float64", "loss": loss, "optimizer": optimizer}
    state = engine.allocate(trials_of(axes, train={**train, "decay": decay}, seeds=2))
    twin = ENGINE.allocate(trials_of(axes, train={**train, "decay": decay_of_oracle}, seeds=2))
    curves = [oracle.train(twin, member, 6) for member in range(4)]
    for epoch in range(7):
        reading = engine.read(state)
        losses = [curve.train_loss[epoch] for curve in curves]
        np.testing.assert_allclose(reading.train_loss, losses, rtol=1e-9)
        np.testing.assert_allclose(
            reading.train_correct / 75, [curve.train_accuracy[epoch] for curve in curves]
        )
        np.testing.assert_allclose(
            reading.test_correct / 2048, [curve.test_accuracy[epoch] for curve in curves]
        )
        state = engine.step(state)


def test_online_training_follows_the_plain_loop(engine):
    trials = trials_of({"train_size": "online"}, train={"dtype": "float64"}, seeds=2)
    curve = oracle.train(ENGINE.allocate(trials), 1, 3)
    state = engine.allocate(trials)
    for epoch in range(4):
        assert engine.read(state).train_loss[1] == pytest.approx(curve.train_loss[epoch], rel=1e-9)
        state = engine.step(state)


def test_initial_weights_are_those_of_nn_linear_times_init_scale():
    trials = trials_of({"n": 40, "width": 1000, "init_scale": [1.0, 2.0]}, seeds=1)
    nets = ENGINE.allocate(trials).nets
    for member, scale in enumerate((1.0, 2.0)):
        for weight, fan_in in ((nets.incoming[member], 40), (nets.outgoing[member], 1000)):
            bound = scale * fan_in**-0.5
            assert weight.abs().max() <= bound
            assert weight.abs().max() > 0.98 * bound
            spread = weight.double().square().mean().sqrt().item()
            assert spread == pytest.approx(bound * 3**-0.5, rel=0.08)  # 4 standard errors


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(9, 50),
    st.integers(1, 130),
    st.integers(1, 90),
    st.integers(1, 40),
    st.integers(2, 9),
    st.data(),
)
def test_neighbors_do_not_matter(engine, n, width, rows, batch, members, draw):
    axes = {"n": n, "k": 2, "width": width, "train_size": rows, "batch_size": batch}
    pack = trials_of(axes, seeds=members)
    index = draw.draw(st.integers(0, members - 1))
    hostile = trials_of({**axes, **HOSTILE}, seeds=1)
    trial = pack[index]
    packs = ([*pack[:index], *hostile, *pack[index:]], [trial], [trial, *hostile])
    seen = [fingerprint(engine, after(engine, members, 3), trial.trial_id) for members in packs]
    assert seen[0] == seen[1] == seen[2]


@pytest.mark.parametrize(("kernel", "optimizer"), FOR_BOTH)
def test_leaving_and_resuming_change_nothing(kernel, optimizer):
    engine = ENGINES[kernel]
    pack = trials_of({"weight_decay": [0.01, 0.1]}, train={"optimizer": optimizer}, seeds=3)
    whole = after(engine, pack, 6)
    halfway = after(engine, pack, 3)
    for keep in ([0, 2, 5], [4]):
        left = engine.leave(halfway, keep)
        resumed = engine.restore(left.trials, engine.dump(left))
        for state in (left, resumed):
            later = state
            for _ in range(3):
                later = engine.step(later)
            for index in keep:
                trial_id = pack[index].trial_id
                seen = fingerprint(engine, later, trial_id)
                assert seen == fingerprint(engine, whole, trial_id)


def test_a_diverged_member_is_seen_and_harms_nobody(engine):
    pack = [*trials_of(seeds=2), *trials_of(HOSTILE, seeds=1)]
    reading = engine.read(after(engine, pack, 5))
    assert np.isfinite(reading.weight_norm[:2]).all()
    assert not np.isfinite(reading.weight_norm[2])


def test_a_tie_is_wrong(engine):
    trials = trials_of(seeds=2)
    arrays = dict(engine.dump(engine.allocate(trials)))
    silent = engine.restore(trials, {**arrays, "outgoing": 0 * arrays["outgoing"]})
    assert engine.read(silent).train_correct.tolist() == [0, 0]
