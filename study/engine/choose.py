"""The one decision which engine trains which trial, and how fast each engine is.

Neither needs torch, so that a plan can ask for both. `make` makes the engine.
"""

from typing import Literal, NamedTuple

from study.kernel.library import fused_trains, path
from study.trials.trial import Trial
from study.vocabulary.nets import NETS

EngineName = Literal["fused", "cuda", "torch", "module"]


class EngineSpeed(NamedTuple):
    """Operations per second that one core sustains.

    `train` includes the bookkeeping and the glances of a step. `read` is the speed of readings.
    """

    train: float
    read: float


# Measured in 2026-11, on cores of 2.5 GHz with AVX-512. The fused kernel reads faster than it
# trains, because a reading takes several rows at a time. The speed of "module" was measured on
# transformers of width 32 to 128, and is right for these within a factor of 3.
ENGINE_SPEEDS: dict[EngineName, EngineSpeed] = {
    "fused": EngineSpeed(train=5e10, read=1.7e11),
    "torch": EngineSpeed(train=1e10, read=1.8e10),
    "module": EngineSpeed(train=1e10, read=1.5e10),
}


def engine_name(trial: Trial, device: str) -> EngineName:
    """The fastest engine here that trains a trial.

    A net that is a module has the one engine that trains any module. Of ReLU networks, "fused"
    trains SGD on a CPU where the kernel is compiled, "cuda" trains SGD in float32 on a GPU, and
    "torch" trains the others.

    Args:
        trial: whose net and optimizer decide.
        device: "cpu" or "cuda".
    """
    setting = trial.setting
    if NETS[setting.net].engine == "module":
        return "module"
    train = setting.train
    if device == "cuda":
        return "cuda" if train.optimizer == "sgd" and train.dtype == "float32" else "torch"
    fused = fused_trains(train.optimizer) and path() is not None
    return "fused" if fused else "torch"
