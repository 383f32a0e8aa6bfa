"""How large packs are on a GPU: by its memory, a pack's share of it, and what keeps it busy."""

import pytest
from emulated import emulated_gpu
from small import trials_of

from study.engine.cuda import CudaEngine
from study.engine.cuda_layout import CudaState
from study.trials import pack_room
from study.trials.packing import cuda_weights, group, most_together, trial_bytes

A = {"n": 40, "k": 3, "width": 1000, "train_size": 1000}
B = {"n": 30, "k": 2, "width": 100, "train_size": 200}
C = {"n": 40, "k": 3, "width": 4000, "train_size": 4000}
MULTIPROCESSORS = 132


@pytest.fixture
def h100(monkeypatch):
    gpu = emulated_gpu()
    monkeypatch.setattr(pack_room, "first_gpu", lambda: gpu)
    return gpu


def sizes(axes, seeds, **resources):
    trials = trials_of(axes, seeds=seeds, resources=resources)
    return [len(pack.trials) for pack in group(trials)]


def test_a_gpu_takes_packs_that_fill_it_and_fit_its_share(h100):
    for axes, fill in ((A, MULTIPROCESSORS), (B, 8 * MULTIPROCESSORS // 2), (C, 33)):
        [trial] = trials_of(axes, seeds=1, resources={"device": "cuda"})
        most = most_together(trial)
        assert most >= fill
        assert most * trial_bytes(trial) <= h100.memory * 0.25
        assert min(sizes(axes, 4 * most, device="cuda")) >= fill
    whole = trials_of(C, seeds=1, resources={"device": "cuda", "gpu": 1.0})[0]
    assert most_together(whole) >= most_together(trial)


@pytest.mark.parametrize("axes", [A, B, C])
def test_auto_and_cuda_agree_where_there_is_a_gpu(h100, axes):
    assert sizes(axes, 600) == sizes(axes, 600, device="cuda")
    assert sizes(axes, 600, device="cpu") != sizes(axes, 600)


def test_without_a_gpu_auto_is_a_cpu_and_cuda_is_that_of_the_cluster(monkeypatch):
    monkeypatch.setattr(pack_room, "first_gpu", lambda: None)
    assert sizes(A, 600) == sizes(A, 600, device="cpu")
    assert max(sizes(A, 600, device="cuda")) > max(sizes(A, 600))


@pytest.mark.parametrize("batch", [32, 100])
def test_memory_on_a_gpu_covers_what_the_engine_allocates(h100, batch):
    engine = CudaEngine("cpu", h100)
    axes = {"n": 40, "k": 3, "width": 200, "train_size": 300, "batch_size": batch}
    trials = trials_of(axes, seeds=3, resources={"device": "cuda"}, data={"test_rows": 100})
    state = engine.allocate(trials)
    assert isinstance(state, CudaState)
    assert state.weights[0].numel() + state.outgoing[0].numel() == cuda_weights(200, 40)
    rows = [state.train.words, state.train.labels, state.test.words, state.test.labels]
    scratch = [array for _, array in state.cut.scratch(3, 300, state.weights.device)]
    held = [state.weights, state.outgoing] * (2 + trials[0].setting.detect.hold)
    total = sum(array.numel() * array.element_size() for array in [*rows, *scratch, *held])
    needed = 3 * trial_bytes(trials[0])
    assert total < needed < 3 * total


def test_other_optimizers_take_the_memory_of_the_torch_kernel(h100):
    sgd, adam, doubles = (
        trials_of(A, seeds=1, resources={"device": "cuda"}, train=train)[0]
        for train in ({}, {"optimizer": "adamw"}, {"dtype": "float64"})
    )
    assert trial_bytes(sgd) < trial_bytes(adam)
    assert trial_bytes(sgd) < trial_bytes(doubles)
