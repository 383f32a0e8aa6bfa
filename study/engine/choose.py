"""The one decision which engine trains which trial.

The decision needs no torch, so that a plan can ask for it. `make` makes the engine.
"""

from typing import Literal

from study.kernel.library import fused_trains, path
from study.trials.trial import Trial
from study.vocabulary.nets import NETS

EngineName = Literal["fused", "torch", "module"]


def engine_name(trial: Trial, device: str) -> EngineName:
    """The fastest engine here: "fused" for SGD on a CPU, "torch" for every other ReLU network.

    A net that is a module has the one engine that trains any module.

    Args:
        trial: whose net and optimizer decide.
        device: "cpu" or "cuda".
    """
    setting = trial.setting
    if NETS[setting.net].engine == "module":
        return "module"
    fused = fused_trains(setting.train.optimizer, device) and path() is not None
    return "fused" if fused else "torch"
