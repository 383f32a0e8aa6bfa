"""The one decision which engine trains what."""

import torch

from study.engine.fused import FusedEngine, Library
from study.engine.modules import ModuleEngine
from study.engine.protocol import Engine
from study.engine.relu_engine import ReluEngine
from study.trials.trial import Trial
from study.vocabulary.nets import NETS


def pick_engine(trial: Trial) -> Engine:
    """The fastest engine here for a trial: the fused kernel on a CPU, torch's everywhere else.

    A net with a home is a module, and any module's engine trains it.
    """
    device = trial.setting.resources.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if NETS[trial.setting.net].home is not None:
        return ModuleEngine(device)
    if device == "cpu" and FusedEngine.trains(trial) and Library.load() is not None:
        return FusedEngine()
    return ReluEngine(device)
