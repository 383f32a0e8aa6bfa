"""What only a GPU, another kernel or many more epochs would reveal."""

from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest
import torch
from small import trials_of
from torch.utils._python_dispatch import TorchDispatchMode

from study.engine.fused import FusedEngine
from study.engine.relu_engine import ReluEngine
from study.kernel.relu_kernel import ReluKernel
from study.tasks.packed_parity import PackedParity
from study.tasks.parity import Parity
from study.training.pack_run import PackRun
from study.trials.pack import Pack

# Each waits until a GPU has finished, to hand something over.
SYNCHRONIZING = {"_local_scalar_dense", "nonzero", "equal", "is_nonzero", "masked_select"}


class Watched(TorchDispatchMode):
    """Notes each operation that a GPU would wait for, or that leaves the device."""

    def __init__(self):
        super().__init__()
        self.waits = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = func.overloadpacket.__name__
        if name in SYNCHRONIZING or kwargs.get("device", torch.device("meta")).type != "meta":
            self.waits.append(name)
        return func(*args, **kwargs)


def on_meta(thing):
    """A state whose tensors have shapes but no numbers: nothing can be looked at."""
    if isinstance(thing, torch.Tensor):
        return thing.to("meta")
    if isinstance(thing, Parity | PackedParity):
        moved = object.__new__(type(thing))
        moved.__dict__.update({name: on_meta(part) for name, part in vars(thing).items()})
        return moved
    if isinstance(thing, tuple) and hasattr(thing, "_fields"):
        return type(thing)(*map(on_meta, thing))
    if isinstance(thing, tuple):
        return tuple(map(on_meta, thing))
    if is_dataclass(thing) and any(
        isinstance(getattr(thing, f.name), torch.Tensor) for f in fields(thing)
    ):
        return replace(thing, **{f.name: on_meta(getattr(thing, f.name)) for f in fields(thing)})
    return thing


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("members", [1, 3])
def test_an_epoch_of_the_torch_kernel_waits_for_nothing(optimizer, members):
    engine = ReluEngine()
    state = on_meta(engine.allocate(trials_of(seeds=members, train={"optimizer": optimizer})))
    with Watched() as watched:
        after = engine.step(state)
    assert watched.waits == []
    assert after.nets.incoming.device.type == "meta"
    with Watched() as watched:
        torch.zeros(3, device="cpu").sum().item()
    assert watched.waits  # it can fail


def generalized(engine, trials):
    """When each trial generalized, by trial_id."""
    run, epochs = PackRun(Pack(tuple(trials)), engine), {}
    while run.open:
        for row in finished.trials if (finished := run.advance()) else ():
            epochs[row["trial_id"]] = row["generalized_epoch"]
    return [epochs[trial.trial_id] for trial in trials]


@pytest.mark.skipif(ReluKernel.load() is None, reason="the fused kernel was not compiled here")
def test_kernels_agree_on_when_trials_generalize():
    trials = trials_of({"width": 64, "train_size": 200}, seeds=60, budget={"epochs": 400})
    ours, theirs = (generalized(engine, trials) for engine in (FusedEngine(), ReluEngine()))
    assert [a is None for a in ours] == [b is None for b in theirs]
    a, b = (np.array([e for e in epochs if e is not None]) for epochs in (ours, theirs))
    assert len(a) >= 50
    assert np.median(a) == pytest.approx(np.median(b), rel=0.02)
    assert (np.abs(a - b) <= 0.1 * b).mean() >= 0.95


@pytest.mark.slow
@pytest.mark.skipif(ReluKernel.load() is None, reason="the fused kernel was not compiled here")
def test_no_collapsed_net_recovers():
    axes = {"weight_decay": [0.7, 1.0, 1.5, 2.0, 4.0], "train_size": 60, "width": 24}
    tried = trials_of(axes, seeds=60, budget={"epochs": 1000})
    run, engine, flagged = PackRun(Pack(tuple(tried)), FusedEngine()), FusedEngine(), {}
    while run.open:
        for row in finished.trials if (finished := run.advance()) else ():
            if row["ended"] == "collapsed":
                flagged[row["trial_id"]] = row["epochs_run"]
    trials = [trial for trial in tried if trial.trial_id in flagged][:200]
    assert len(trials) == 200
    since = np.array([flagged[trial.trial_id] for trial in trials])
    state = engine.allocate(trials)
    initial = engine.read(state).weight_norm
    for epoch in range(int(since.max()) + 2000):
        if epoch % 20 == 0:
            reading = engine.read(state)
            gone = since <= epoch
            lost = ~reading.active | (reading.weight_norm < 1e-8 * initial)
            assert lost[gone].all()
            assert (reading.test_correct[gone] < 0.9 * trials[0].test_size).all()
        state = engine.step(state)
