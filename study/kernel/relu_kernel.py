"""The fused kernel as Python sees it: the structs of relu_step.c, and the versions of the kernel.

A version is the kernel compiled for one instruction set. Engines choose a version and fill a pack;
nothing here knows what a trial is.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from study.errors import StudyError
from study.kernel.library import library

_PART = ("inputs", "labels", "slots", "ranks", "allowed", "correct", "used", "mean_loss")
_NUMBERS = ("members", "batch", "bits", "width", "epoch", "loss")
_POINTERS = (
    *("held", "keys", "learning_rate", "weight_decay", "weights", "outgoing"),
    *("weights_after", "outgoing_after", "weight_norm"),
)


class KernelRows(ctypes.Structure):
    """`struct rows` of relu_step.c, which explains each field and its shape."""

    _fields_ = (
        ("count", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in (*_PART, "any_active")),
    )


class KernelPack(ctypes.Structure):
    """`struct pack` of relu_step.c, which explains each field and its shape."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in _NUMBERS),
        *((name, ctypes.c_void_p) for name in _POINTERS),
        ("train", KernelRows),
        ("test", KernelRows),
    )


class ReluKernel(NamedTuple):
    """The compiled kernel.

    `versions` maps the instruction sets that this machine can run, fastest first, to their numbers
    in C.
    """

    code: ctypes.CDLL
    versions: dict[str, int]

    @classmethod
    @cache
    def load(cls) -> "ReluKernel | None":
        """The kernel, or None where it was not compiled."""
        code = library()
        return None if code is None else cls.of(code)

    @classmethod
    def of(cls, code: ctypes.CDLL) -> "ReluKernel":
        """The kernel in a compiled library.

        Raises: StudyError where C and `KernelPack` disagree about the size of a pack.
        """
        code.relu_version.restype = ctypes.c_char_p
        code.relu_run.argtypes = [ctypes.POINTER(KernelPack), *[ctypes.c_int] * 3]
        code.relu_peak.argtypes = [ctypes.c_int, ctypes.c_int64]
        code.relu_peak.restype = code.relu_pack_bytes.restype = ctypes.c_int64
        if code.relu_pack_bytes() != ctypes.sizeof(KernelPack):
            raise StudyError("kernel: the compiled library has another layout. Install it again.")
        versions, index = {}, 0
        while (name := code.relu_version(index)) != b"":
            if name is not None:
                versions[name.decode()] = index
            index += 1
        return cls(code, versions)

    def run(self, pack: KernelPack, version: int, *, doubles: bool, reads: bool) -> None:
        """One epoch of every member of a pack, or a reading of its rows.

        Args:
            pack: whose arrays must stay alive during the call.
            version: a number of `versions`.
            doubles: whether the weights are float64 rather than float32.
            reads: a reading or a glance; False is an epoch.
        Raises: MemoryError where memory is short for a batch.
        """
        if self.code.relu_run(pack, version, doubles, reads):
            raise MemoryError("the fused kernel found no room for its batches")

    def peak(self, version: int) -> Callable[[int], int]:
        """A function that runs n rounds of the fastest arithmetic, and returns its operations."""
        return lambda rounds: int(self.code.relu_peak(version, rounds))
