"""A GPU that is not there: the project's CUDA sources compiled for the CPU, behind a stub driver.

Everything but NVIDIA's compiler and driver is the project's own code: cuts, layouts, launches.
"""

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from cuda_problems import H100

from study.engine.cuda import CudaEngine
from study.kernel.gpu import Gpu

HERE = Path(__file__).parent / "gpu"
SOURCES = Path(__file__).parents[2] / "study" / "kernel"
BUILT = Path(tempfile.gettempdir()) / f"grokking-study-emulated-{os.getuid()}"
# The kernels of each source, and how many blocks make a cluster.
KERNELS = {
    "relu_step.cu": "K(relu_epoch, CLUSTER) K(relu_read, 1)",
    "streams.cu": "K(stream_words, 1)",
}
_FLAGS = ("-O2", "-std=c++17", "-shared", "-fPIC", "-w", "-ffp-contract=off", "-U_FORTIFY_SOURCE")

if shutil.which("g++") is None:
    pytest.skip("no C++ compiler to emulate a GPU with", allow_module_level=True)


def emulated(source: str, defines: Sequence[str], arch: int, sources: Path = SOURCES) -> bytes:
    """The path of a library with a source's kernels for the CPU: what the stub driver loads.

    Args:
        source: as of `study.kernel.nvrtc.cubin`, with `defines` and `arch`.
        sources: the folder of the source and its headers.
    """
    own = (f'SOURCE="{source}"', f"KERNELS={KERNELS[source]}")
    macros = [f"-D{define}" for define in (*defines, *own)]
    return str(built("emulate.cpp", [*macros, f"-I{sources}"], sources)).encode()


def built(name: str, options: Sequence[str], *folders: Path) -> Path:
    """A C++ file of this folder as a library, built once for its content."""
    digest = hashlib.sha256(repr((name, [o for o in options if o[:2] != "-I"])).encode())
    for folder in (HERE, *folders):
        for path in sorted(folder.glob("*.[ch]*")):
            digest.update(path.read_bytes())
    library = BUILT / f"{digest.hexdigest()[:24]}.so"
    if not library.exists():
        BUILT.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=BUILT, delete=False) as file:
            command = ["g++", *_FLAGS, f"-I{HERE}", *options, HERE / name, "-o", file.name, "-ldl"]
            subprocess.run(command, check=True)
            Path(file.name).replace(library)
    return library


def stub_driver(attributes: dict[int, int] = H100, memory: int = 80 << 30) -> ctypes.CDLL:
    """The stub driver, as that of a GPU with these attributes and bytes of memory."""
    driver = ctypes.CDLL(str(built("stub_cuda.cpp", [])))
    driver.stub_memory(ctypes.c_size_t(memory))
    for number, value in attributes.items():
        driver.stub_attribute(number, value)
    return driver


def emulated_gpu(attributes: dict[int, int] = H100, sources: Path = SOURCES) -> Gpu:
    """A GPU whose kernels are emulated; attributes as of `stub_driver`."""

    def compiler(source: str, defines: Sequence[str], arch: int) -> bytes:
        return emulated(source, defines, arch, sources)

    return Gpu(stub_driver(attributes), compiler=compiler)


def emulated_engine(gpu: Gpu | None = None) -> CudaEngine:
    """The engine of a GPU on the CPU's tensors."""
    return CudaEngine("cpu", gpu or emulated_gpu())
