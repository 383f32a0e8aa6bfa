"""The fused kernel against autograd, the torch kernel, and itself in other company."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from compiled import KERNEL, VERSIONS
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import by_autograd

from study.engine.fused import FusedEngine
from study.engine.fused_layout import Bits, signs
from study.engine.relu_engine import ReluEngine
from study.nets.losses import LOSSES
from study.spec.file import resolve
from study.tasks.packed_parity import PackedRows
from study.trials.expand import expand
from study.trials.trial import Trial


def trials_of(seeds: int | list[int] = 1, *, data=None, train=None, **axes) -> list[Trial]:
    small = {"n": 11, "k": 3, "width": 70, "train_size": 77, "batch_size": 32, "weight_decay": 0.02}
    setting = {"axes": {**small, **axes}, "data": data or {}, "train": train or {}, "seeds": seeds}
    return expand(resolve({"name": "fused", **setting}))


def run(engine, trials, epochs):
    state = engine.allocate(trials)
    for _ in range(epochs):
        state = engine.step(state)
    return state


def weights(engine, state):
    arrays = engine.dump(state)
    return arrays["incoming"], arrays["outgoing"]


def assert_same_bits(one, other):
    for a, b in zip(one, other, strict=True):
        assert a.tobytes() == b.tobytes()


@pytest.fixture(params=VERSIONS)
def engine(request):
    return FusedEngine(KERNEL, request.param)


@pytest.mark.parametrize("loss", LOSSES)
def test_two_epochs_equal_autograd_in_float64(engine, loss):
    (trial,) = trials_of(train={"loss": loss, "dtype": "float64"})
    expected = by_autograd(trial, 2)
    for ours, truth in zip(weights(engine, run(engine, [trial], 2)), expected, strict=True):
        np.testing.assert_allclose(ours[0], truth, rtol=0, atol=1e-13)


@pytest.mark.parametrize("decay", ["coupled", "decoupled"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_follows_the_torch_kernel(engine, dtype, decay):
    trials = trials_of(3, train={"dtype": dtype, "decay": decay}, data={"test_rows": 300})
    torch_engine = ReluEngine()
    ours, theirs = engine.allocate(trials), torch_engine.allocate(trials)
    close = {"float32": 2e-5, "float64": 1e-13}[dtype]
    for _ in range(6):
        a, b = engine.read(ours, ["effective_sparsity"]), torch_engine.read(theirs, [])
        np.testing.assert_allclose(a.train_loss, b.train_loss, atol=close)
        np.testing.assert_allclose(a.test_loss, b.test_loss, atol=close)
        np.testing.assert_allclose(a.weight_norm, b.weight_norm, rtol=close)
        np.testing.assert_allclose(a.train_correct, b.train_correct, atol=dtype == "float32")
        np.testing.assert_allclose(a.test_correct, b.test_correct, atol=dtype == "float32")
        assert (a.active == b.active).all()
        ours, theirs = engine.step(ours), torch_engine.step(theirs)
    for a, b in zip(weights(engine, ours), weights(torch_engine, theirs), strict=True):
        np.testing.assert_allclose(a, b, atol=close)


def test_effective_sparsity_is_measured_on_the_same_rows():
    trials = trials_of(2, n=9, width=40, train={"dtype": "float64"})
    engine, torch_engine = FusedEngine(KERNEL), ReluEngine()
    ours = engine.read(run(engine, trials, 3), ["effective_sparsity"]).measured
    theirs = torch_engine.read(run(torch_engine, trials, 3), ["effective_sparsity"]).measured
    assert {k: v.tolist() for k, v in ours.items()} == {k: v.tolist() for k, v in theirs.items()}


SHAPES = st.fixed_dictionaries(
    {
        "n": st.sampled_from([7, 8, 9, 12, 30, 31, 40, 63, 70]),
        "k": st.integers(1, 3),
        "width": st.one_of(st.integers(1, 40), st.sampled_from([48, 63, 64, 65, 100, 112, 130])),
        "train_size": st.integers(1, 27),
        "batch_size": st.one_of(st.integers(1, 30), st.sampled_from([32, 33, 64])),
    }
)


@settings(max_examples=60)
@given(shape=SHAPES, loss=st.sampled_from(list(LOSSES)), which=st.integers(0, 4))
def test_any_shape_equals_autograd(shape, loss, which):
    engine = FusedEngine(KERNEL, VERSIONS[which % len(VERSIONS)])
    (trial,) = trials_of(train={"loss": loss, "dtype": "float64"}, data={"test_rows": 100}, **shape)
    state = run(engine, [trial], 2)
    for ours, truth in zip(weights(engine, state), by_autograd(trial, 2), strict=True):
        np.testing.assert_allclose(ours[0], truth, rtol=1e-9, atol=1e-12)
    theirs = ReluEngine()
    reading, expected = engine.read(state), theirs.read(theirs.restore([trial], engine.dump(state)))
    np.testing.assert_allclose(reading.test_loss, expected.test_loss, rtol=1e-9)
    assert reading.test_correct == expected.test_correct
    assert reading.train_correct == expected.train_correct


@pytest.mark.parametrize("rows", [1, 2, 7, 200, 1000])
@pytest.mark.parametrize("epoch", [0, 1, 12345])
def test_the_order_is_that_of_the_streams(rows, epoch):
    # Another order would show far above rounding after one epoch in float64.
    trial = trials_of(train_size=rows, n=20, batch_size=3, train={"dtype": "float64"})[0]
    engine, torch_engine = FusedEngine(KERNEL), ReluEngine()
    arrays = {**engine.dump(engine.allocate([trial])), "epoch": np.array(epoch)}
    ours = weights(engine, engine.step(engine.restore([trial], arrays)))
    theirs = weights(torch_engine, torch_engine.step(torch_engine.restore([trial], arrays)))
    np.testing.assert_allclose(ours[0], theirs[0], rtol=0, atol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_neighbors_do_not_matter(engine, dtype):
    seeds = [3, 1, 4, 15, 9]
    trials = trials_of(seeds, train={"dtype": dtype})
    together = run(engine, trials, 4)
    for index, trial in enumerate(trials):
        alone = run(engine, [trial], 4)
        pair = zip(weights(engine, together), weights(engine, alone), strict=True)
        for many, one in pair:
            assert many[index].tobytes() == one[0].tobytes()
        a, b = engine.read(together), engine.read(alone)
        for field in ("train_correct", "test_correct", "train_loss", "test_loss", "weight_norm"):
            assert getattr(a, field)[index] == getattr(b, field)[0]


@pytest.mark.parametrize("offset", [0, 1, 7])
def test_alignment_does_not_matter(engine, offset):
    trials = trials_of(2)
    state = run(engine, trials, 1)
    room = torch.empty(state.incoming.numel() + 64)
    moved = room[offset : offset + state.incoming.numel()].view(state.incoming.shape)
    moved.copy_(state.incoming)
    shifted = replace(state, incoming=moved)
    pair = (engine.step(shifted), engine.step(state))
    assert_same_bits(*([after.incoming.numpy()] for after in pair))
    assert engine.read(shifted).test_loss.tolist() == engine.read(state).test_loss.tolist()


def test_diverging_leaves_neighbors_untouched_and_is_seen(engine):
    (calm,) = trials_of(train={"loss": "square"})
    wild = Trial("", calm.setting, replace(calm.point, learning_rate=1e30), seed=1)
    together, alone = run(engine, [calm, wild, calm], 5), run(engine, [calm], 5)
    reading, lone = engine.read(together), engine.read(alone)
    assert not np.isfinite(reading.weight_norm[1])
    assert not np.isfinite(reading.train_loss[1])
    for index in (0, 2):
        assert reading.train_loss[index] == lone.train_loss[0]
        assert (
            weights(engine, together)[0][index].tobytes() == weights(engine, alone)[0][0].tobytes()
        )


@pytest.mark.parametrize("poison", [np.nan, np.inf])
@pytest.mark.parametrize("loss", LOSSES)
def test_one_bad_weight_spreads_to_the_loss(engine, poison, loss):
    (trial,) = trials_of(train={"loss": loss})
    arrays = {name: array.copy() for name, array in engine.dump(engine.allocate([trial])).items()}
    arrays["incoming"][0, 5, 2] = poison
    for _ in range(3):
        state = engine.step(engine.restore([trial], arrays))
        arrays = engine.dump(state)
    reading = engine.read(state)
    assert not np.isfinite(reading.weight_norm).any()
    if np.isnan(poison):
        assert np.isnan(reading.train_loss).all()


def test_denormals_are_flushed_and_the_caller_keeps_its_mode(engine):
    (trial,) = trials_of()
    arrays = {name: array.copy() for name, array in engine.dump(engine.allocate([trial])).items()}
    arrays["incoming"][:] = 1e-41
    arrays["outgoing"][:] = 1e-41
    torch.set_flush_denormal(False)
    try:
        stepped = engine.step(engine.restore([trial], arrays))
        assert torch.tensor(1e-41) * 2 != 0
    finally:
        torch.set_flush_denormal(True)
    assert not np.any(weights(engine, stepped)[0])


def test_a_dead_net_is_not_active(engine):
    (trial,) = trials_of()
    arrays = {name: array.copy() for name, array in engine.dump(engine.allocate([trial])).items()}
    arrays["incoming"][..., :-1] = 0
    arrays["incoming"][..., -1] = -1
    state = engine.restore([trial], arrays)
    assert not engine.read(state).active.any()
    assert not ReluEngine().read(ReluEngine().restore([trial], arrays)).active.any()
    arrays["incoming"][0, -1, -1] = 1e-3
    assert engine.read(engine.restore([trial], arrays)).active.all()


def test_dump_and_restore_continue_bit_for_bit(engine):
    trials = trials_of(3)
    state = run(engine, trials, 2)
    again = engine.restore(trials, engine.dump(state))
    assert again.epoch == 2
    for _ in range(2):
        state, again = engine.step(state), engine.step(again)
    assert_same_bits(weights(engine, state), weights(engine, again))


def test_a_step_leaves_its_state_as_it_was(engine):
    state = engine.allocate(trials_of(2))
    before = [array.copy() for array in weights(engine, state)]
    engine.step(state)
    assert_same_bits(before, weights(engine, state))


@pytest.mark.parametrize("keep", [[3, 1], [2]])
def test_leaving_keeps_the_others(engine, keep):
    trials = trials_of(4)
    state = run(engine, trials, 2)
    left = engine.step(engine.leave(state, keep))
    whole = weights(engine, engine.step(state))
    for index, member in enumerate(keep):
        assert weights(engine, left)[0][index].tobytes() == whole[0][member].tobytes()


def test_fresh_rows_every_pass(engine):
    trials = trials_of(2, n=24, train_size="online", train={"dtype": "float64"})
    ours, theirs = run(engine, trials, 2), run(ReluEngine(), trials, 2)
    np.testing.assert_allclose(
        weights(engine, ours)[0], weights(ReluEngine(), theirs)[0], rtol=0, atol=1e-12
    )
    a, b = engine.read(ours), ReluEngine().read(theirs)
    assert (a.train_correct == b.train_correct).all()


def test_a_glance_proves_what_it_says_whatever_was_looked_at_before(engine):
    state = run(engine, trials_of([0, 1, 2], n=14, data={"test_rows": 2048}), 3)
    reading = engine.read(state)
    train_rows = state.train.labels.shape[1]
    wrong = np.stack((train_rows - reading.train_correct, 2048 - reading.test_correct))
    none = np.full_like(wrong, -1)
    for allowed in (wrong, wrong - 1, wrong // 4, np.zeros_like(wrong), none, wrong):
        glance = engine.glance(state, *allowed)
        wrong_seen = np.stack((glance.train_wrong, glance.test_wrong))
        assert ((wrong_seen <= allowed) == (wrong <= allowed)).all()
        assert (wrong_seen <= wrong).all()
        exact = (wrong <= allowed) & (allowed >= 0)
        assert (wrong_seen[exact] == wrong[exact]).all()
        assert (glance.weight_norm == reading.weight_norm).all()
    assert sorted(state.test.ranks[0].tolist()) == list(range(2048))
    again = engine.read(state)
    assert (again.test_loss == reading.test_loss).all()


def test_both_kernels_see_the_same_in_a_glance(engine):
    trials = trials_of([0, 1, 2], train={"dtype": "float64"})
    ours, theirs = run(engine, trials, 3), run(ReluEngine(), trials, 3)
    everything = np.full(3, 10**6)
    a = engine.glance(ours, everything, everything)
    b = ReluEngine().glance(theirs, everything, everything)
    assert (a.train_wrong == b.train_wrong).all()
    assert (a.test_wrong == b.test_wrong).all()
    assert (a.active == b.active).all()


def test_a_net_without_an_active_unit_is_seen_in_a_glance(engine):
    (trial,) = trials_of()
    arrays = {name: array.copy() for name, array in engine.dump(engine.allocate([trial])).items()}
    arrays["incoming"][:] = 0
    arrays["incoming"][..., -1] = -1
    state = engine.restore([trial], arrays)
    none, some = np.array([-1]), np.array([3])
    assert not engine.glance(state, some, none).active[0]
    assert not engine.glance(state, none, some).active[0]
    assert engine.glance(state, none, none).active[0]  # nothing was looked at


def test_some_members_are_read_as_all_are(engine):
    state = run(engine, trials_of([0, 1, 2]), 2)
    whole = engine.read(state, ["effective_sparsity"])
    some = engine.read(state, ["effective_sparsity"], np.array([0, 2]))
    for field in ("train_correct", "test_correct", "train_loss", "test_loss", "weight_norm"):
        assert (getattr(some, field) == getattr(whole, field)[[0, 2]]).all()
    for name, sizes in some.measured.items():
        assert (sizes == whole.measured[name][[0, 2]]).all()


@pytest.mark.skipif("avx512-popcount" not in VERSIONS, reason="this processor counts no vectors")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch", [32, 16, 7])
def test_counting_bits_changes_no_bit(dtype, batch):
    # The last batch of 83 rows has 19, 3 and 6 rows: counting and adding take turns.
    wild = {"learning_rate": 1e9}
    for axes in ({}, {"n": 33, "width": 40}, wild):
        trials = trials_of(2, train_size=83, batch_size=batch, train={"dtype": dtype}, **axes)
        counted, added = (
            run(FusedEngine(KERNEL, name), trials, 4) for name in ("avx512-popcount", "avx512")
        )
        engine = FusedEngine(KERNEL)
        assert_same_bits(weights(engine, counted), weights(engine, added))


def test_versions_agree_to_rounding():
    trials = trials_of(2, train={"dtype": "float32"})
    all_weights = [
        weights(engine, run(engine, trials, 3))
        for engine in (FusedEngine(KERNEL, name) for name in KERNEL.versions)
    ]
    for others in all_weights[1:]:
        for a, b in zip(all_weights[0], others, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)


def test_signs_survive_packing():
    for count in (1, 4, 11, 32, 33, 70):
        words = torch.randint(0, 2**32, (2, 5, -(-count // 32)))
        words[..., -1] &= (1 << (count - 1) % 32 + 1) - 1
        rows = PackedRows(words, torch.ones(2, 5, dtype=torch.int8), count)
        unpacked = signs(Bits.of(rows).inputs, count, torch.float32)
        assert torch.equal(unpacked, rows.unpacked(torch.float32).inputs)
