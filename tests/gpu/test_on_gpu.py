"""What only a real GPU can tell: `pytest -n 0 -m gpu`. Elsewhere these tests are skipped.

The truth is float64 autograd on the CPU, and the kernels of the CPU. Nothing is timed here: that is
`study bench --device cuda`.
"""

import copy
from dataclasses import replace

import numpy as np
import oracle
import pytest
import torch
from cuda_problems import (
    CLOSE,
    H100,
    MORE_PROBLEMS,
    PROBLEMS,
    RATES,
    ROOM,
    after,
    distance,
    fingerprint,
    transitions,
    trials,
)
from small import trials_of

from study.bench.peak_memory import pack_peak_bytes
from study.engine.cuda import CudaEngine
from study.engine.fused import FusedEngine
from study.engine.make import pick_engine
from study.engine.modules import ModuleEngine
from study.engine.relu_engine import ReluEngine
from study.kernel.gpu import CLUSTERS_SINCE, LEAST_ARCH
from study.kernel.torch_gpu import gpu_of
from study.measures.relu_pack import RELU_MEASURES
from study.nets.losses import LOSSES
from study.plan.plan import start_study
from study.spec.file import resolve
from study.store.store import Store
from study.streams import Purpose, fold, orders
from study.training.replay import replay
from study.training.runner import run_pack
from study.trials.expand import expand
from study.trials.pack import Pack
from study.trials.packing import trial_bytes

ARCH = 0
if torch.cuda.is_available():
    major, minor = torch.cuda.get_device_capability()
    ARCH = 10 * major + minor
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.timeout(900),
    pytest.mark.skipif(ARCH == 0, reason="there is no GPU here"),
]
fused = pytest.mark.skipif(ARCH < LEAST_ARCH, reason="the GPU has not the products of the kernel")
CUDA = torch.device("cuda")
COUNTS = (2, 3, 7, 64, 256)


@pytest.fixture
def engine():
    return CudaEngine("cuda")


def engine_with(attributes):
    """The engine on a GPU that seems to have less shared memory, so that networks are cut so."""
    gpu = copy.copy(gpu_of(CUDA))
    gpu.room = min(gpu.room, attributes[ROOM])
    return CudaEngine("cuda", gpu)


@fused
@pytest.mark.parametrize("problem", {**PROBLEMS, **MORE_PROBLEMS})
def test_three_epochs_are_those_of_float64(problem):
    attributes, axes = {**PROBLEMS, **MORE_PROBLEMS}[problem]
    away = distance(engine_with(attributes), trials(**axes))
    print(f"{problem}: {away:.1e}")
    assert away < CLOSE


@fused
@pytest.mark.parametrize("attributes", [H100, {ROOM: 6000}], ids=["one block", "small room"])
@pytest.mark.parametrize("batch", [32, 70])
def test_neighbors_do_not_matter(attributes, batch):
    engine, axes = engine_with(attributes), {"n": 40, "width": 100, "batch_size": batch}
    members = trials(seeds=128, **{**axes, "learning_rate": [0.05, 0.1]})
    alone = [fingerprint(engine, after(engine, [member])) for member in members[:8]]
    for count in COUNTS:
        state = after(engine, members[:count])
        again = after(engine, members[:count])
        for index, expected in enumerate(alone[:count]):
            assert fingerprint(engine, state, index) == expected, (count, index)
            assert fingerprint(engine, again, index) == expected, (count, index)
    state = engine.leave(after(engine, members[:64], 2), [1, 5])
    for continued in (state, engine.restore(state.trials, engine.dump(state))):
        assert fingerprint(engine, engine.step(continued), 0) == alone[1]
        assert fingerprint(engine, engine.step(continued), 1) == alone[5]


@fused
def test_a_diverged_member_harms_nobody(engine):
    sound, hostile = trials(seeds=2), trials(learning_rate=1e4)
    together = after(engine, [*sound, *hostile], 5)
    assert np.isfinite(engine.read(together).weight_norm).tolist() == [True, True, False]
    assert fingerprint(engine, together, 1) == fingerprint(engine, after(engine, sound, 5), 1)


@pytest.mark.parametrize("axes", [{"n": 10}, {"n": 40}, {"n": 70}, {"train_size": "online"}])
def test_data_weights_and_orders_are_those_of_the_cpu(axes):
    members = trials(seeds=3, **axes)
    ours, theirs = (ReluEngine(device).allocate(members) for device in ("cuda", "cpu"))
    assert torch.equal(ours.data.train.inputs.cpu(), theirs.data.train.inputs)
    assert torch.equal(ours.data.test.labels.cpu(), theirs.data.test.labels)
    for mine, other in zip(ours.nets, theirs.nets, strict=True):
        assert torch.equal(mine.cpu(), other)
    drawn = [orders(fold(state.keys, Purpose.ORDER, 3), 5000).cpu() for state in (ours, theirs)]
    assert torch.equal(*drawn)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_torch_kernel_follows_the_plain_loop(loss, optimizer, dtype):
    train = {"loss": loss, "optimizer": optimizer, "dtype": dtype}
    rate = 0.1 if optimizer == "sgd" else 0.003
    members = trials_of({"learning_rate": rate}, train=train, seeds=2)
    engine, doubles = ReluEngine("cuda"), trials_of(
        {"learning_rate": rate}, train={**train, "dtype": "float64"}, seeds=2
    )  # fmt: skip
    curve = oracle.train(ReluEngine().allocate(doubles), 1, 5)
    state, close = engine.allocate(members), {"float32": 1e-4, "float64": 1e-9}[dtype]
    for epoch in range(6):
        assert engine.read(state).train_loss[1] == pytest.approx(curve.train_loss[epoch], rel=close)
        state = engine.step(state)


@fused
def test_measures_and_glances_are_those_of_the_cpu(engine):
    members = trials(seeds=3, n=20)
    for ours in (engine, ReluEngine("cuda")):
        mine = ours.read(after(ours, members), list(RELU_MEASURES))
        other = ReluEngine().read(after(ReluEngine(), members), list(RELU_MEASURES))
        assert mine.train_correct.tolist() == other.train_correct.tolist()
        for name, column in mine.measured.items():
            np.testing.assert_allclose(column, other.measured[name], atol=1e-5)
        everything = np.full(3, 10**6)
        glance = ours.glance(after(ours, members), everything, everything)
        assert (100 - glance.test_wrong).tolist() == mine.test_correct.tolist()


STUDIED = {
    "small": {"n": 11, "k": 3, "width": 24, "train_size": 150, "seeds": 100},
    "B": {"n": 30, "k": 2, "width": 100, "train_size": 200, "seeds": 128, "test_rows": 2048},
    "A": {"n": 40, "k": 3, "width": 1000, "train_size": 1000, "seeds": 24, "test_rows": 2048},
}


@fused
@pytest.mark.parametrize("shape", STUDIED)
def test_trials_generalize_when_those_of_the_cpu_do(engine, shape):
    members = trials(epochs=400, **STUDIED[shape])
    ours, theirs = (transitions(each, members) for each in (engine, FusedEngine()))
    for column in range(2):
        mine, other = ([row[column] for row in rows] for rows in (ours, theirs))
        assert [epoch is None for epoch in mine] == [epoch is None for epoch in other]
        a, b = (np.array([e for e in epochs if e is not None]) for epochs in (mine, other))
        within = (np.abs(a - b) <= 0.1 * b).mean()
        print(f"{shape}: medians {np.median(a)} and {np.median(b)}, {within:.0%} within 10%")
        assert np.median(a) == pytest.approx(np.median(b), rel=0.02)
        assert within >= 0.95


@fused
def test_a_stored_trial_is_replayed_bit_for_bit(tmp_path):
    written = {"name": "small", "seeds": 40, "axes": {"n": 20, "k": 2, "width": 50, **RATES}}
    gpu = {"resources": {"device": "cuda"}, "budget": {"epochs": 60}}
    store = Store(str(tmp_path / "store"))
    plan = start_study(resolve({**written, **gpu}), store, ["test"])
    for pack in plan.packs:
        list(run_pack(pack, store))
    row = store.trials().to_pylist()[7]
    assert row["kernel"] == f"cuda-sm{ARCH}"
    assert replay(store, row["trial_id"]).exact


def test_modules_follow_the_cpu():
    tables = {"task": "addition", "axes": {"modulus": 17, "width": 32}, "budget": {"epochs": 5}}
    members = expand(resolve({"name": "modules", "seeds": 2, **tables}))
    losses = []
    for device in ("cuda", "cpu"):
        engine = ModuleEngine(device)
        losses.append(engine.read(after(engine, members)).train_loss)
    np.testing.assert_allclose(*losses, rtol=1e-3)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("batch", [32, 100])
def test_a_pack_fits_the_memory_that_it_is_planned_for(optimizer, batch):
    axes = {"n": 40, "k": 3, "width": 500, "train_size": 1000, "batch_size": batch}
    resources = {"device": "cuda"}
    members = trials_of(axes, seeds=64, train={"optimizer": optimizer}, resources=resources)
    pack, model = Pack(tuple(members)), 64 * trial_bytes(members[0])
    peak = pack_peak_bytes(pack, pick_engine(members[0]))
    print(f"{optimizer}, batch {batch}: peak {peak / model:.2f} of the model")
    assert peak <= 1.1 * model


@fused
@pytest.mark.skipif(ARCH < CLUSTERS_SINCE, reason="the GPU has no clusters")
def test_a_wide_network_is_shared_by_a_cluster(engine):
    [trial] = trials(n=40, width=4000)
    cut = engine.cut_of(trial)
    assert (cut.cluster, cut.shared) == (4, True)
    whole = after(engine, [trial])
    apart = replace(cut, cluster=1, shared=False)
    state = replace(engine.allocate([trial]), cut=apart)
    for _ in range(3):
        state = engine.step(state)
    for mine, other in zip(whole.nets, state.nets, strict=True):
        np.testing.assert_allclose(mine.cpu(), other.cpu(), rtol=0, atol=CLOSE)
