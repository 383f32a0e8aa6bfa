"""A GPU as its driver shows it: what it is, how much it holds, and kernels launched on it.

All goes through ctypes: the driver is part of NVIDIA's installation, and torch brings the compiler.
Nothing here knows of torch, so a plan can ask what a GPU holds without loading torch.
"""

import ctypes
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

from study.errors import StudyError
from study.kernel.nvrtc import cubin

# Numbers of attributes in cuda.h: CU_DEVICE_ATTRIBUTE_* and CU_FUNC_ATTRIBUTE_*.
_MULTIPROCESSORS, _MAJOR, _MINOR, _ROOM = 16, 75, 76, 97
_DYNAMIC_ROOM = 8
_OUT_OF_MEMORY = 2  # CUDA_ERROR_OUT_OF_MEMORY

LEAST_ARCH = 80  # the products of relu_step.cu (mma.m16n8k16) and conversions to halves need it
CLUSTERS_SINCE = 90  # blocks that read each other's shared memory

Compiler = Callable[[str, Sequence[str], int], bytes]  # of a source, macros and an architecture


class GpuKernel(NamedTuple):
    """A kernel to be launched.

    Attributes:
        source: the name of its file, in `study/kernel`.
        defines: macros that the source is compiled with.
        name: of the function.
    """

    source: str
    defines: tuple[str, ...]
    name: str


class LaunchSize(NamedTuple):
    """How a kernel is launched: blocks, threads of a block, bytes of shared memory of a block."""

    blocks: int
    threads: int
    shared: int = 0


class Gpu:
    """One GPU; loaded kernels are kept.

    Attributes:
        arch: its compute capability, such as 90 for 9.0.
        room: bytes of shared memory that a block may have.
        multiprocessors: how many it has.
    """

    def __init__(self, driver: ctypes.CDLL, ordinal: int = 0, compiler: Compiler = cubin) -> None:
        """A GPU of this machine, whose context is current: torch makes it so.

        Args:
            driver: NVIDIA's library.
            ordinal: the number of the GPU.
            compiler: of kernels.
        Raises: StudyError where the driver has no such GPU.
        """
        self._driver, self._compiler = driver, compiler
        self._device = ctypes.c_int()
        self._check(driver.cuInit(0), "cuInit")
        self._check(driver.cuDeviceGet(ctypes.byref(self._device), ordinal), "cuDeviceGet")
        self.arch = 10 * self._attribute(_MAJOR) + self._attribute(_MINOR)
        self.room = self._attribute(_ROOM)
        self.multiprocessors = self._attribute(_MULTIPROCESSORS)
        self._functions: dict[tuple[GpuKernel, int], ctypes.c_void_p] = {}
        self._modules: dict[tuple[str, tuple[str, ...]], ctypes.c_void_p] = {}

    @property
    def memory(self) -> int:
        """Bytes of the GPU's memory."""
        size = ctypes.c_size_t()
        asked = self._driver.cuDeviceTotalMem_v2(ctypes.byref(size), self._device)
        self._check(asked, "cuDeviceTotalMem")
        return size.value

    def launch(
        self, kernel: GpuKernel, grid: LaunchSize, arguments: Sequence[Any], stream: int = 0
    ) -> None:
        """Launch a kernel; it has begun, not ended, when this returns.

        Args:
            kernel: compiled and loaded at its first launch.
            grid: of the launch.
            arguments: ctypes values, in the order of the kernel's parameters.
            stream: the address of the stream, as torch has it.
        Raises: StudyError where the driver refuses; MemoryError where memory is short.
        """
        function = self._function(kernel, grid.shared)
        pointers = (ctypes.c_void_p * len(arguments))(
            *(ctypes.cast(ctypes.pointer(value), ctypes.c_void_p) for value in arguments)
        )
        sizes = (grid.blocks, 1, 1, grid.threads, 1, 1, grid.shared)
        launched = self._driver.cuLaunchKernel(
            function, *sizes, ctypes.c_void_p(stream), pointers, None
        )
        self._check(launched, kernel.name)

    def _function(self, kernel: GpuKernel, shared: int) -> ctypes.c_void_p:
        """A loaded kernel that may have so much shared memory."""
        if (kernel, shared) not in self._functions:
            module = self._module(kernel.source, kernel.defines)
            function = ctypes.c_void_p()
            got = self._driver.cuModuleGetFunction(
                ctypes.byref(function), module, kernel.name.encode()
            )
            self._check(got, kernel.name)
            granted = self._driver.cuFuncSetAttribute(function, _DYNAMIC_ROOM, shared)
            self._check(granted, f"{kernel.name}: {shared} bytes of shared memory")
            self._functions[kernel, shared] = function
        return self._functions[kernel, shared]

    def _module(self, source: str, defines: tuple[str, ...]) -> ctypes.c_void_p:
        """A source, compiled for this GPU and loaded."""
        if (source, defines) not in self._modules:
            code, module = self._compiler(source, defines, self.arch), ctypes.c_void_p()
            loaded = self._driver.cuModuleLoadData(ctypes.byref(module), code)
            self._check(loaded, f"loading {source}")
            self._modules[source, defines] = module
        return self._modules[source, defines]

    def _attribute(self, number: int) -> int:
        value = ctypes.c_int()
        got = self._driver.cuDeviceGetAttribute(ctypes.byref(value), number, self._device)
        self._check(got, f"attribute {number}")
        return value.value

    @staticmethod
    def _check(code: int, what: str) -> None:
        if code == _OUT_OF_MEMORY:
            raise MemoryError(f"GPU: {what}: out of memory")
        if code:
            raise StudyError(
                f"GPU: {what}: the driver answers {code}. nvidia-smi says whether the GPU is well."
            )


@cache
def gpu_driver() -> ctypes.CDLL | None:
    """NVIDIA's driver; None on a machine without one."""
    try:
        return ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None


@cache
def gpu_at(ordinal: int) -> Gpu:
    """A GPU of this machine by its number; raises StudyError where there is none."""
    found = gpu_driver()
    if found is None:
        raise StudyError('GPU: this machine has no NVIDIA driver. Use device = "cpu".')
    return Gpu(found, ordinal)


@cache
def first_gpu() -> Gpu | None:
    """The first GPU of this machine that kernels can be launched on; None where there is none."""
    count = ctypes.c_int()
    found = gpu_driver()
    if found is None or found.cuInit(0) or found.cuDeviceGetCount(ctypes.byref(count)):
        return None
    return gpu_at(0) if count.value else None
