"""The network of a parity trial at some epochs of its training, for the study of circuits."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from study.engine.make import pick_engine
from study.engine.protocol import Engine, Reading
from study.errors import UsageError
from study.kernel.numerics import use_repeatable_arithmetic
from study.nets.relu import ReluNets
from study.trials.trial import Trial
from study.vocabulary.nets import NETS


@dataclass(frozen=True, slots=True)
class NetSnapshot:
    """A network at one epoch.

    Attributes:
        epoch: passes trained so far.
        nets: the weights, T = 1.
        reading: of these weights, T = 1.
    """

    epoch: int
    nets: ReluNets
    reading: Reading


def snapshots(
    trial: Trial,
    epochs: Iterable[int],
    engine: Engine | None = None,
    neurons: Sequence[int] | None = None,
) -> Iterator[NetSnapshot]:
    """Train a trial alone and show its network at some epochs, in order.

    The numbers are those of `replay`. No detector watches and nothing ends the trial before the
    last epoch asked for, so the loop is nothing but the engine's steps.

    Args:
        trial: of the ReLU net.
        epochs: at which the network is shown.
        engine: by default the fastest one here for the trial.
        neurons: indices of the neurons that train; all by default. The weights of every other
            neuron are zero from the start, and so is their gradient. Data and order of rows stay
            the trial's.
    Raises: UsageError for a trial of another net.
    """
    use_repeatable_arithmetic()
    if NETS[trial.setting.net].engine == "module":
        raise UsageError(
            f"{trial.trial_id}: a {trial.setting.net}; circuits are of the ReLU net of parity. "
            "Choose a parity trial."
        )
    wanted = set(epochs)
    engine = engine or pick_engine(trial)
    state = engine.allocate((trial,))
    if neurons is not None:
        absent = np.setdiff1d(np.arange(trial.point.width), neurons)
        arrays = {name: np.array(array) for name, array in engine.dump(state).items()}
        for name in ReluNets._fields:
            arrays[name][:, absent] = 0
        state = engine.restore((trial,), arrays)
    last = max(wanted, default=-1)
    for epoch in range(last + 1):
        if epoch in wanted:
            weights = engine.dump(state)
            nets = ReluNets(*(torch.tensor(weights[name]) for name in ReluNets._fields))
            yield NetSnapshot(epoch, nets, engine.read(state))
        if epoch < last:
            state = engine.step(state)
