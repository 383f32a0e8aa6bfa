"""CUDA sources compiled at their first use, by the NVRTC that torch's CUDA wheels bring.

Compiled code is kept on disk by its source, its options and the compiler's version, so a machine
compiles a shape once.
"""

import ctypes
import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from study.errors import StudyError

_HERE = Path(__file__).parent
_HEADERS = ("fragments.cuh", "relu_tiles.cuh", "streams.h")
# Functions without a mark are for the GPU: streams.h is also C.
_OPTIONS = ("--std=c++17", "--device-as-default-execution-space")


def cubin(source: str, defines: Sequence[str], arch: int) -> bytes:
    """The machine code of a source for one architecture, from the cache where it is there.

    Args:
        source: the name of a file beside this module.
        defines: macros, as in "KT=3".
        arch: of the GPU, such as 90 for sm_90.
    Raises: StudyError where there is no NVRTC, or the source does not compile.
    """
    library = nvrtc_library()
    if library is None:
        raise StudyError(
            "NVRTC: not found beside torch; kernels for a GPU are compiled with it. Install a CUDA "
            "build of torch, or pip install nvidia-cuda-nvrtc."
        )
    options = [f"--gpu-architecture=sm_{arch}", *_OPTIONS, *(f"-D{define}" for define in defines)]
    name = f"{_digest(source, [*options, nvrtc_version(library)])}.cubin"
    kept = cache_folder() / name
    try:
        return kept.read_bytes()
    except OSError:
        code = _compiled(library, source, options)
    _keep(kept, code)
    return code


@cache
def nvrtc_library() -> ctypes.CDLL | None:
    """NVRTC's library: torch's, or any other that is installed; None where there is none."""
    for candidate in _candidates():
        try:
            for builtins in candidate.parent.glob("libnvrtc-builtins.so.*"):
                ctypes.CDLL(str(builtins))  # NVRTC opens it by its bare name
            return ctypes.CDLL(str(candidate))
        except OSError:
            continue
    return None


def nvrtc_version(library: ctypes.CDLL) -> str:
    """The version of NVRTC, as in "13.0"."""
    major, minor = ctypes.c_int(), ctypes.c_int()
    library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
    return f"{major.value}.{minor.value}"


def cache_folder() -> Path:
    """Where compiled code is kept: in $XDG_CACHE_HOME, or in ~/.cache."""
    home = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(home) / "grokking-study"


def _candidates() -> Iterator[Path]:
    """Where NVRTC may lie: in the wheels that torch brings, or where CUDA was installed."""
    for folder in map(Path, sys.path):
        if folder.name in {"site-packages", "dist-packages"}:
            yield from sorted(folder.glob("nvidia/*/lib/libnvrtc.so.[0-9]*"), reverse=True)
    for folder in sorted(Path("/usr/local").glob("cuda*/lib64"), reverse=True):
        yield from sorted(folder.glob("libnvrtc.so.[0-9]*"))


def _digest(source: str, options: Sequence[str]) -> str:
    """A name for what is compiled, and with which options."""
    digest = hashlib.sha256(repr(list(options)).encode())
    for name in (source, *_HEADERS):
        digest.update((_HERE / name).read_bytes())
    return digest.hexdigest()[:32]


def _keep(path: Path, code: bytes) -> None:
    """Write to the cache; a cache that cannot be written costs a compilation the next time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(f".{os.getpid()}")
        beside.write_bytes(code)
        beside.replace(path)
    except OSError:
        return


def _compiled(library: ctypes.CDLL, source: str, options: Sequence[str]) -> bytes:
    """What NVRTC makes of a source; raises StudyError with its first complaint."""
    program, size = ctypes.c_void_p(), ctypes.c_size_t()
    texts = [(_HERE / name).read_bytes() for name in (source, *_HEADERS)]
    headers = (ctypes.c_char_p * len(_HEADERS))(*texts[1:])
    names = (ctypes.c_char_p * len(_HEADERS))(*(name.encode() for name in _HEADERS))
    given = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
    library.nvrtcCreateProgram(
        ctypes.byref(program), texts[0], source.encode(), len(_HEADERS), headers, names
    )
    try:
        if library.nvrtcCompileProgram(program, len(options), given):
            library.nvrtcGetProgramLogSize(program, ctypes.byref(size))
            log = ctypes.create_string_buffer(size.value)
            library.nvrtcGetProgramLog(program, log)
            words = log.value.decode(errors="replace")
            wrong = next((line for line in words.splitlines() if "error" in line), words)
            raise StudyError(f"NVRTC: {source}: {wrong}")
        library.nvrtcGetCUBINSize(program, ctypes.byref(size))
        code = ctypes.create_string_buffer(size.value)
        library.nvrtcGetCUBIN(program, code)
        return code.raw
    finally:
        library.nvrtcDestroyProgram(ctypes.byref(program))
