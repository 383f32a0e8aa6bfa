"""Engines made: the engine that `choose` names, and an engine by the name of its kernel."""

import functools
import sys

import torch

from study.engine.choose import engine_name
from study.engine.cuda import CudaEngine
from study.engine.fused import FusedEngine
from study.engine.modules import ModuleEngine
from study.engine.protocol import Engine
from study.engine.relu_engine import ReluEngine
from study.kernel.gpu import LEAST_ARCH, Gpu
from study.kernel.torch_gpu import gpu_of
from study.trials.trial import Trial


def pick_engine(trial: Trial) -> Engine:
    """The fastest engine here for a trial, on the device that the trial's setting asks for."""
    device = trial.setting.resources.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    name = engine_name(trial, device)
    if name == "cuda":
        return cuda_engine_of(trial, device, gpu_of(torch.device(device)))
    return engine_of(name, device)


def cuda_engine_of(trial: Trial, device: str, gpu: Gpu | None) -> Engine:
    """The fused kernel of a GPU, or torch's where the fused kernel cannot train a trial.

    The reason is said on stderr, once in a process.

    Args:
        trial: to train.
        device: of torch's tensors.
        gpu: of the device; None where nothing compiles kernels for it.
    """
    if gpu is None:
        _say_once("there is no NVRTC beside torch to compile the fused kernel")
    elif gpu.arch < LEAST_ARCH:
        _say_once(
            f"the fused kernel needs compute capability 8.0, and this GPU has {gpu.arch / 10}"
        )
    else:
        engine = CudaEngine(device, gpu)
        if engine.cut_of(trial) is not None:
            return engine
        _say_once(f"a network of width {trial.point.width} has no room in the fused kernel")
    return ReluEngine(device)


def engine_of(kernel: str, device: str = "cpu") -> Engine:
    """An engine by the name of its kernel, such as "torch", "module", "fused-avx2" or "cuda-sm90".

    Args:
        kernel: an `EngineName`, or `Engine.kernel` of an engine.
        device: where it trains; "fused" knows only "cpu", and "cuda" only a GPU.
    """
    if kernel == "module":
        return ModuleEngine(device)
    if kernel == "torch":
        return ReluEngine(device)
    if kernel.split("-", maxsplit=1)[0] == "cuda":
        return CudaEngine(device)
    return FusedEngine(version=kernel.removeprefix("fused").removeprefix("-") or None)


@functools.cache
def _say_once(reason: str) -> None:
    sys.stderr.write(f"training with torch's kernel on this GPU: {reason}\n")
