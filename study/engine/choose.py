"""The one decision which engine trains which trial.

The decision needs no torch, so that a plan can ask for it; only `pick_engine` and `engine_of`,
which make an engine, load torch.
"""

from typing import Literal

from study.engine.protocol import Engine
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


def pick_engine(trial: Trial) -> Engine:
    """The fastest engine here for a trial, on the device that the trial's setting asks for."""
    import torch  # noqa: PLC0415  takes seconds, and a plan needs none

    device = trial.setting.resources.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return engine_of(engine_name(trial, device), device)


def engine_of(kernel: str, device: str = "cpu") -> Engine:
    """An engine by the name of its kernel, such as "torch", "module", "fused" or "fused-avx2".

    Args:
        kernel: an `EngineName`, or `Engine.kernel` of an engine.
        device: where it trains; the fused kernel knows only "cpu".
    """
    from study.engine.fused import FusedEngine  # noqa: PLC0415  loads torch, as do the others
    from study.engine.modules import ModuleEngine  # noqa: PLC0415
    from study.engine.relu_engine import ReluEngine  # noqa: PLC0415

    if kernel == "module":
        return ModuleEngine(device)
    if kernel == "torch":
        return ReluEngine(device)
    return FusedEngine(version=kernel.removeprefix("fused").removeprefix("-") or None)
