"""The one loader of the compiled library: the fused kernel of the ReLU net, and the streams.

The library is compiled at installation, where there is a C compiler. Without the library everything
works, slower, in torch.
"""

import ctypes
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from study.errors import StudyError

# Neurons that lie side by side in the weights of the fused kernel. The C code has the same number.
GROUP = 16


@cache
def path() -> Path | None:
    """The library's file, or None where it was not compiled."""
    spec = find_spec("study.kernel._relu_step")
    return None if spec is None or spec.origin is None else Path(spec.origin)


@cache
def library() -> ctypes.CDLL | None:
    """The library, or None where it was not compiled. Calls into a CDLL release the GIL.

    Raises: StudyError for a library compiled from other sources than those that are installed.
    """
    file = path()
    return None if file is None else checked_library(ctypes.CDLL(str(file)))


def checked_library(library: ctypes.CDLL) -> ctypes.CDLL:
    """The library, if it groups neurons as this program does; raises StudyError otherwise."""
    try:
        group = int(library.relu_group())
    except AttributeError:
        group = 0  # compiled from sources before `relu_group`
    if group != GROUP:
        raise StudyError(
            "kernel: the compiled library is of another version of the program; both are installed "
            "together. Install the program again, from a checkout with `pip install -e .`."
        )
    return library


def fused_trains(optimizer: str) -> bool:
    """Whether the fused kernel of a CPU trains ReLU networks with this [train] optimizer."""
    return optimizer == "sgd"
