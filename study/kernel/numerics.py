"""Arithmetic whose bits depend on the numbers alone, not on memory, pack or processor.

MKL chooses its code by the addresses of its operands, unless it is asked for reproducible results.
Torch computes the last few elements of an array by other code than the rest. Either would make a
trial's numbers depend on its index in a pack.
"""

import ctypes
import os
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from study.errors import StudyError

# Elements that one iteration of torch's vector loops computes at most: two registers of 16 float32.
VECTOR = 32

# The argument with which mkl_cbwr_get returns the branch of code in use.
_MKL_BRANCH = 1
# What mkl_cbwr_get returns where no branch is fixed, so that results depend on memory.
_MKL_OFF = 1


def use_repeatable_arithmetic() -> None:
    """Make this process's arithmetic repeatable, before its first product.

    - One thread, because sums of two threads round otherwise.
    - Denormals are flushed to zero: a product with dying weights near 1e-40 is 87 times slower.
    - MKL's conditional numerical reproducibility. Without it MKL rounds, on AMD processors, by the
      alignment of operands to 16 bytes, which differs from member to member of a pack. The mode
      costs 0 to 9% of an epoch of the torch kernel (AMD EPYC, Zen 4). The environment's MKL_CBWR
      may name another branch of MKL's code.
    - On a GPU, products of float32 are not rounded to TF32, whatever the environment asks for.

    Raises: StudyError where MKL has computed in another mode already, because MKL cannot change it.
    """
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.backends.cuda.matmul.allow_tf32 = False
    os.environ["NVIDIA_TF32_OVERRIDE"] = "0"  # cuBLAS reads this at its first product
    os.environ.setdefault("MKL_CBWR", "AUTO")  # MKL reads MKL_CBWR at its first product
    if _mkl_branch() == _MKL_OFF:
        raise StudyError(
            "MKL: it has computed in this process in a mode whose results depend on memory; trials "
            "would not repeat bit for bit. Start Python anew with MKL_CBWR=AUTO in the environment."
        )


def in_whole_vectors(function: Callable[[Tensor], Tensor], elements: Tensor) -> Tensor:
    """An element-wise function, with no element left over after the last whole vector.

    For functions that torch approximates, exp and what is made of exp: torch's vector code and its
    code for left-over elements round differently. Both round sums, products, quotients and roots
    correctly.

    Args:
        function: element by element.
        elements: of any shape, which the result has, too.
    """
    rest = -elements.numel() % VECTOR
    if not rest:
        return function(elements)
    padded = torch.nn.functional.pad(elements.reshape(-1), (0, rest))
    return function(padded)[: elements.numel()].view(elements.shape)


def companions(members: int, rows: int) -> int:
    """How many copies of its last member a stacked pack needs at its end.

    With the copies no member's numbers depend on the number of members. A lone member needs a copy,
    because MKL multiplies one pair of matrices by other code than many pairs. An array of the pack
    has `members` times a multiple of `rows` elements. Where `rows` is no multiple of a vector, some
    elements are left over after the last vector (see `in_whole_vectors`); the copies have them.

    Args:
        members: of the pack.
        rows: that each member has in a product, N or B.
    """
    rest = 0 if rows % VECTOR == 0 else -(-(VECTOR - 1) // rows)
    return max(rest, 1 if members == 1 else 0)


def _mkl_branch() -> int | None:
    """The branch of MKL's code that this process uses; None where torch has no MKL."""
    library = Path(torch.__file__).with_name("lib") / "libtorch_cpu.so"
    try:
        ask = ctypes.CDLL(str(library)).mkl_serv_cbwr_get
    except (OSError, AttributeError):
        return None
    return int(ask(_MKL_BRANCH))
