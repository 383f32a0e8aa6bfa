"""Kernels of our own on torch's tensors: the GPU of a device, and launches in torch's order."""

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any

import torch

from study.kernel.gpu import Gpu, GpuKernel, LaunchSize, gpu_at
from study.kernel.nvrtc import nvrtc_library


@cache
def gpu_of(device: torch.device) -> Gpu | None:
    """The GPU of a torch device; None for other devices, and where nothing compiles kernels."""
    if device.type != "cuda" or not torch.cuda.is_available() or nvrtc_library() is None:
        return None
    ordinal = torch.cuda.current_device() if device.index is None else device.index
    torch.empty(1, device=device)  # torch makes the GPU's context, and makes it current
    return gpu_at(ordinal)


def launch_on(
    gpu: Gpu, device: torch.device, kernel: GpuKernel, grid: LaunchSize, arguments: Sequence[Any]
) -> None:
    """Launch a kernel after what torch has begun on the device, and before what it begins next.

    Args:
        gpu: of the device.
        device: whose current stream takes the launch; a CPU where the GPU is an emulated one.
        kernel: to launch.
        grid: of the launch.
        arguments: as of `Gpu.launch`.
    """
    if device.type != "cuda":
        gpu.launch(kernel, grid, arguments)
        return
    with torch.cuda.device(device):
        gpu.launch(kernel, grid, arguments, torch.cuda.current_stream(device).cuda_stream)


def tensor_address(tensor: torch.Tensor | None) -> ctypes.c_void_p:
    """A tensor as an argument of a kernel; None is a null pointer."""
    return ctypes.c_void_p(None if tensor is None else tensor.data_ptr())
