"""Engines made: the engine that `choose` names, and an engine by the name of its kernel."""

import torch

from study.engine.choose import engine_name
from study.engine.fused import FusedEngine
from study.engine.modules import ModuleEngine
from study.engine.protocol import Engine
from study.engine.relu_engine import ReluEngine
from study.trials.trial import Trial


def pick_engine(trial: Trial) -> Engine:
    """The fastest engine here for a trial, on the device that the trial's setting asks for."""
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
    if kernel == "module":
        return ModuleEngine(device)
    if kernel == "torch":
        return ReluEngine(device)
    return FusedEngine(version=kernel.removeprefix("fused").removeprefix("-") or None)
