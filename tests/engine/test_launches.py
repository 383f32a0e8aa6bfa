"""How often the torch kernel asks a GPU for something: operations of an epoch and of a reading.

On a GPU each operation is a launch at least, which takes longer than its arithmetic. The operations
are counted on the CPU, with the random streams launched on an emulated GPU.
"""

import numpy as np
import pytest
import torch
from emulated import emulated_gpu, stub_driver
from small import trials_of
from torch.utils._python_dispatch import TorchDispatchMode

from study import streams
from study.engine.relu_engine import ReluEngine
from study.measures.relu_pack import RELU_MEASURES
from study.streams import Purpose

# Operations that launch nothing: views, and memory without content.
FREE = {
    *("view", "_unsafe_view", "slice", "select", "expand", "transpose", "unsqueeze", "squeeze"),
    *("t", "permute", "alias", "detach", "as_strided", "_reshape_alias", "reshape", "unbind"),
    *("split", "unflatten", "flatten", "mT", "empty", "empty_like", "empty_strided", "new_empty"),
}
A = {"n": 40, "k": 3, "width": 32, "train_size": 1000}  # shape A, but for its width


class Counted(TorchDispatchMode):
    """Counts the operations that would be launches."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        if name not in FREE:
            self.names.append(name)
        return func(*args, **(kwargs or {}))


@pytest.fixture
def engine(monkeypatch):
    """The torch kernel as on a GPU, on the CPU's tensors."""
    gpu, engine = emulated_gpu(), ReluEngine()
    monkeypatch.setattr(streams, "gpu_of", lambda _: gpu)
    engine._launches = True
    return engine


def operations(act):
    """How many operations and launches of kernels of our own something takes."""
    driver = stub_driver()
    before = driver.stub_launches()
    with Counted() as counted:
        act()
    return len(counted.names) + driver.stub_launches() - before


@pytest.fixture
def state(engine):
    return engine.allocate(trials_of(A))


def test_an_epoch_and_a_reading_are_few_operations(engine, state):
    epoch, reading = operations(lambda: engine.step(state)), operations(lambda: engine.read(state))
    assert epoch <= 32 * 26 + 60
    assert reading <= 60
    print(f"epoch {epoch}, reading {reading}")


def test_the_order_of_the_rows_is_few_operations(engine, state):
    def order():
        return streams.orders(streams.fold(state.keys, Purpose.ORDER, 1), 1000)

    assert operations(order) <= 5


def test_a_reading_and_a_glance_wait_once(engine, state, monkeypatch):
    copies, cpu = [], torch.Tensor.cpu
    monkeypatch.setattr(torch.Tensor, "cpu", lambda self: copies.append(self) or cpu(self))
    engine.read(state)
    assert len(copies) == 1
    engine.glance(state, np.array([5, -1, 5]), np.array([5, 5, -1]))
    assert len(copies) == 2
    engine.read(state, list(RELU_MEASURES))
    assert len(copies) == 2 + 1 + 2 + 4  # the columns, the weights, and inputs and labels of both


def test_a_reading_in_large_pieces_is_the_reading(engine, state):
    ours, theirs = engine.read(state), ReluEngine().read(state)
    assert ours.train_correct.tolist() == theirs.train_correct.tolist()
    assert ours.active.tolist() == theirs.active.tolist()
    np.testing.assert_allclose(ours.test_loss, theirs.test_loss, rtol=1e-6)


@pytest.mark.parametrize("first", [(0, 0), (7, 3), (2**32 - 2, 5)])
def test_the_streams_of_a_gpu_are_those_of_the_cpu(engine, first):
    keys = torch.tensor([[1, 2], [2**32 - 1, 3], [0, 0]])
    assert torch.equal(streams.blocks(keys, first, 300), streams._blocks_by_torch(keys, first, 300))
