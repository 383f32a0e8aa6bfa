"""The fused kernel on a GPU, without a GPU: its source runs on the CPU, every CUDA thread a fiber.

The truth is float64 autograd. That speed, races between warps and the rounding of a real card are
as expected, only tests/gpu can tell.
"""

import re
import shutil

import numpy as np
import pytest
from cuda_problems import (
    CLOSE,
    H100,
    LARGE,
    MORE_PROBLEMS,
    PROBLEMS,
    RATES,
    ROOM,
    SMALL,
    TRANSITIONS,
    after,
    distance,
    fingerprint,
    room_for,
    transitions,
    trials,
)
from emulated import SOURCES, emulated_engine, emulated_gpu, stub_driver
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from study.engine.fused import FusedEngine
from study.engine.relu_engine import ReluEngine
from study.errors import StudyError
from study.kernel.gpu import Gpu, GpuKernel, LaunchSize
from study.kernel.relu_kernel import ReluKernel
from study.measures.relu_pack import RELU_MEASURES
from study.nets.losses import LOSSES


def assert_close(problem, attributes, axes):
    away = distance(emulated_engine(emulated_gpu(attributes)), trials(**axes))
    print(f"{problem}: {away:.1e}")
    assert away < CLOSE


@pytest.mark.parametrize("problem", PROBLEMS)
def test_three_epochs_are_those_of_float64(problem):
    assert_close(problem, *PROBLEMS[problem])


def test_an_epoch_of_fresh_rows_is_that_of_float64():
    assert distance(emulated_engine(), trials(train_size="online"), epochs=1) < CLOSE


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("problem", MORE_PROBLEMS)
def test_three_epochs_of_more_problems_are_those_of_float64(problem):
    assert_close(problem, *MORE_PROBLEMS[problem])


SHAPES = st.fixed_dictionaries(
    {
        "n": st.sampled_from([8, 15, 16, 31, 40, 47, 70]),
        "k": st.integers(1, 3),
        "width": st.integers(1, 90),
        "train_size": st.integers(1, 70),
        "batch_size": st.sampled_from([1, 20, 31, 32, 33, 64, 90]),
        "learning_rate": st.sampled_from([0.02, 0.1]),
        "weight_decay": st.sampled_from([0.0, 0.1]),
    }
)


@pytest.mark.slow
@pytest.mark.timeout(900)
@settings(max_examples=40)
@given(shape=SHAPES, loss=st.sampled_from(list(LOSSES)), cluster=st.sampled_from([1, 2, 4]))
def test_any_shape_is_that_of_float64(shape, loss, cluster):
    tiles, columns = -(-shape["width"] // 16), shape["n"] // 16 + 1
    gpu = emulated_gpu(room_for(-(-tiles // cluster), columns))
    members = trials(loss=loss, seeds=2, **shape)
    # A step too large for its batch amplifies any rounding: that of the torch kernel, too.
    bound = max(1e-6, 10 * distance(ReluEngine(), members, epochs=2))
    assert distance(emulated_engine(gpu), members, epochs=2) < bound


HOSTILE = {"learning_rate": 1e4}  # diverges within an epoch


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=8)
@given(st.integers(1, 6), st.integers(1, 64), st.integers(1, 80), st.data())
def test_neighbors_do_not_matter(members, width, rows, draw):
    engine = emulated_engine()
    pack = trials(seeds=members, width=width, train_size=rows)
    hostile = trials(width=width, train_size=rows, **HOSTILE)
    index = draw.draw(st.integers(0, members - 1))
    company = [*pack[:index], *hostile, *pack[index:]]
    together, alone = (after(engine, some, 2) for some in (company, [pack[index]]))
    assert fingerprint(engine, together, index + 1) == fingerprint(engine, alone)


def test_a_diverged_member_is_seen_and_harms_nobody():
    engine, sound = emulated_engine(), trials(seeds=2)
    together = after(engine, [*sound, *trials(**HOSTILE)], 5)
    reading = engine.read(together)
    assert np.isfinite(reading.weight_norm).tolist() == [True, True, False]
    assert np.isfinite(reading.train_loss).tolist() == [True, True, False]
    assert fingerprint(engine, together, 1) == fingerprint(engine, after(engine, sound[1:], 5))


@pytest.mark.parametrize("problem", [(H100, {}), LARGE], ids=["one block", "two blocks"])
def test_leaving_and_resuming_change_nothing(problem):
    attributes, axes = problem
    engine, members = emulated_engine(emulated_gpu(attributes)), trials(**RATES, **axes)
    whole, halfway = after(engine, members, 3), after(engine, members, 2)
    left = engine.leave(halfway, [0, 3])
    resumed = engine.restore(left.trials, engine.dump(left))
    for state in (left, resumed):
        later = engine.step(state)
        for place, member in enumerate((0, 3)):
            assert fingerprint(engine, later, place) == fingerprint(engine, whole, member)


def test_what_one_engine_left_another_continues():
    engine, members = emulated_engine(), trials(seeds=2)
    for other in (ReluEngine(), engine):
        begun = after(other, members, 2)
        continued = engine.step(engine.restore(members, other.dump(begun)))
        for ours, theirs in zip(continued.nets, after(ReluEngine(), members).nets, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=CLOSE)


def test_readings_and_measures_are_those_of_the_torch_kernel():
    engine, members = emulated_engine(), trials(seeds=3)
    state, twin = after(engine, members), after(ReluEngine(), members)
    chosen = np.array([0, 2])
    for indices in (None, chosen):
        ours, theirs = (
            each.read(pack, list(RELU_MEASURES), indices)
            for each, pack in ((engine, state), (ReluEngine(), twin))
        )
        for name in ("train_correct", "test_correct", "active"):
            assert getattr(ours, name).tolist() == getattr(theirs, name).tolist()
        for name in ("train_loss", "test_loss", "weight_norm"):
            np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), atol=1e-6)
        assert ours.measured.keys() == theirs.measured.keys()
        for name, column in ours.measured.items():
            np.testing.assert_allclose(column, theirs.measured[name], atol=1e-5)


def test_a_glance_is_right_about_what_it_is_asked():
    engine, members = emulated_engine(), trials(seeds=4, test_rows=400)
    state = after(engine, members)
    reading = engine.read(state)
    wrong = 400 - reading.test_correct
    asked = np.array([wrong[0], wrong[1] - 1, 0, -1])
    seen = engine.glance(state, np.full(4, -1), asked)
    assert seen.train_wrong.tolist() == [0] * 4
    assert seen.test_wrong[0] == wrong[0]
    assert (seen.test_wrong[1:3] > asked[1:3]).all()
    assert seen.test_wrong[2] < wrong[2]  # it stopped before the last row
    assert seen.test_wrong[3] == 0
    assert seen.active.all()
    assert seen.weight_norm.tolist() == reading.weight_norm.tolist()


def test_a_dead_net_and_a_tie_are_seen():
    engine, members = emulated_engine(), trials(seeds=2)
    arrays = dict(engine.dump(engine.allocate(members)))
    silent = engine.restore(members, {**arrays, "outgoing": 0 * arrays["outgoing"]})
    assert engine.read(silent).train_correct.tolist() == [0, 0]
    incoming = 0 * arrays["incoming"]
    incoming[0, :, -1] = -1  # no neuron of the first net is active on any row
    incoming[1, :, -1] = 1
    dead = engine.restore(members, {**arrays, "incoming": incoming})
    assert engine.read(dead).active.tolist() == [False, True]
    assert engine.glance(dead, np.array([5, 5]), np.array([-1, 5])).active.tolist() == [False, True]


def test_an_epoch_and_a_reading_are_one_launch_each_and_the_order_two():
    driver = stub_driver()
    engine = emulated_engine(emulated_gpu())
    state = engine.allocate(trials(seeds=3))
    for act in (engine.step, engine.read):
        before = driver.stub_launches()
        act(state)
        assert driver.stub_launches() == before + 1


@pytest.mark.parametrize("problem", [(H100, {}), LARGE], ids=["one block", "two blocks"])
def test_the_schedule_of_threads_does_not_matter(monkeypatch, problem):
    attributes, axes = problem
    engine, members = emulated_engine(emulated_gpu(attributes)), trials(**axes)
    straight = fingerprint(engine, after(engine, members, 2))
    for seed in range(3):
        monkeypatch.setenv("EMULATE_SEED", str(seed))
        assert fingerprint(engine, after(engine, members, 2)) == straight


def without_barrier(number, attributes, folder):
    """The kernel without one of its barriers, and the line of that barrier."""
    for path in SOURCES.glob("*.[ch]*"):
        shutil.copy(path, folder)
    source = folder / "relu_step.cu"
    text = source.read_text()
    call = list(re.finditer(r"__syncthreads\(\);|cluster_barrier\(\);", text))[number]
    source.write_text(text[: call.start()] + ";" + text[call.end() :])
    return emulated_gpu(attributes, folder), text[: call.end()].splitlines()[-1]


# A problem that needs each barrier of relu_step.cu, in their order: after weights have come and
# before they go, clusters and shared operands have another one.
BARRIERS = [LARGE, SMALL, LARGE, LARGE, LARGE, SMALL, LARGE, LARGE]
STEP = 3  # the barrier of a step
OTHERS = [pytest.param(number, marks=pytest.mark.slow) for number in range(8) if number != STEP]


@pytest.mark.parametrize("number", [STEP, *OTHERS])
def test_a_missing_barrier_is_caught(monkeypatch, tmp_path, number):
    attributes, axes = BARRIERS[number]
    whole, members = emulated_engine(emulated_gpu(attributes)), trials(**axes)
    right = fingerprint(whole, after(whole, members, 2))
    gpu, line = without_barrier(number, attributes, tmp_path)
    lame = emulated_engine(gpu)
    for seed in range(12):
        monkeypatch.setenv("EMULATE_SEED", str(seed))
        try:
            if fingerprint(lame, after(lame, members, 2)) != right:
                return
        except StudyError:  # threads wait for each other for good
            return
    pytest.fail(f"nothing changes without {line}")


def test_the_driver_s_refusals_are_sentences():
    driver = stub_driver()
    gpu = Gpu(driver, compiler=lambda *_: b"/nothing/here")
    with pytest.raises(StudyError, match=r"GPU: loading relu_step\.cu: the driver answers 500"):
        gpu.launch(GpuKernel("relu_step.cu", (), "relu_epoch"), LaunchSize(1, 32), [])
    with pytest.raises(StudyError, match="attribute 97"):
        Gpu(stub_driver({key: value for key, value in H100.items() if key != ROOM}))
    with pytest.raises(StudyError, match="device cpu: no GPU with NVRTC"):
        type(emulated_engine())("cpu")


@pytest.mark.skipif(ReluKernel.load() is None, reason="the fused kernel was not compiled here")
def test_a_pack_is_trained_as_the_fused_kernel_trains_it():
    members = trials(seeds=2, n=11, width=24)
    ours, theirs = (after(engine, members, 12) for engine in (emulated_engine(), FusedEngine()))
    assert ours.learned.tolist() == theirs.learned.tolist()
    for mine, other in zip(ours.nets, theirs.nets, strict=True):
        np.testing.assert_allclose(mine, other, rtol=0, atol=1e-6)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(ReluKernel.load() is None, reason="the fused kernel was not compiled here")
def test_trials_memorize_and_generalize_when_those_of_the_fused_kernel_do():
    axes = {"n": 11, "k": [2, 3], "width": 24, "train_size": 150, "weight_decay": 0.02}
    members = trials(seeds=50, epochs=400, test_rows=300, **axes)
    ours, theirs = (transitions(engine, members) for engine in (emulated_engine(), FusedEngine()))
    same = sum(mine == other for mine, other in zip(ours, theirs, strict=True))
    print(f"{same} of {len(members)} trials have the same transitions")
    assert same >= 95
    for column in range(2):
        epochs = [
            [row[column] for row in rows if row[column] is not None] for rows in (ours, theirs)
        ]
        print(TRANSITIONS[column], *map(len, epochs), *map(np.median, epochs))
        assert len(epochs[0]) >= 50
        assert np.median(epochs[0]) == np.median(epochs[1])
