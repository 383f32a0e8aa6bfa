"""Arithmetic whose bits depend on the numbers alone, not on memory, company or the processor.

MKL chooses its code by where operands lie in memory, unless it is asked for reproducible results.
Torch computes the last few elements of an array by other code than the rest. Both would make a
trial's numbers depend on its place in a pack.
"""

import ctypes
import os
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from study.errors import StudyError

# Elements that one turn of torch's vector loops computes at most: two registers of 16 float32.
VECTOR = 32

_MKL_BRANCH, _MKL_OFF = 1, 1  # mkl_cbwr_get's question for the branch, and its answer for none


def use_repeatable_arithmetic() -> None:
    """Make this process's arithmetic repeatable, before its first product.

    - One thread: sums of two threads round otherwise.
    - Denormals are flushed to zero: a product with dying weights near 1e-40 is 87 times slower.
    - MKL's conditional numerical reproducibility: on AMD processors MKL otherwise rounds by the
      alignment of operands to 16 bytes, which differs from member to member of a pack. It costs 0
      to 9% of an epoch of the torch kernel (AMD EPYC, Zen 4). MKL_CBWR may name another branch.

    Raises: StudyError where MKL has computed without this mode already, since it cannot change.
    """
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    os.environ.setdefault("MKL_CBWR", "AUTO")  # MKL reads it when it starts
    if _mkl_branch() == _MKL_OFF:
        raise StudyError(
            "MKL: it has computed in this process in a mode whose results depend on memory; trials "
            "would not repeat bit for bit. Start Python anew with MKL_CBWR=AUTO in the environment."
        )


def in_whole_vectors(function: Callable[[Tensor], Tensor], elements: Tensor) -> Tensor:
    """`function`, element by element and of any shape, with no element in the rest of a vector.

    For functions that torch approximates (exp and what is made of it): its vector code and the code
    for the rest round differently. Sums, products, quotients and roots are rounded correctly by
    both.
    """
    rest = -elements.numel() % VECTOR
    if not rest:
        return function(elements)
    padded = torch.nn.functional.pad(elements.reshape(-1), (0, rest))
    return function(padded)[: elements.numel()].view(elements.shape)


def companions(members: int, rows: int) -> int:
    """How many copies of its last member complete a stacked pack.

    With them no member's numbers depend on how many there are. A lone member has one, since MKL
    multiplies one pair of matrices by other code than many. The rest of a vector (see
    `in_whole_vectors`) is at the end of an array of `members` times a multiple of `rows` elements:
    there is none where `rows` is a multiple of a vector; otherwise the copies have it.
    """
    rest = 0 if rows % VECTOR == 0 else -(-(VECTOR - 1) // rows)
    return max(rest, 1 if members == 1 else 0)


def _mkl_branch() -> int | None:
    """The branch of MKL's code that this process uses; None where torch has no MKL to ask."""
    library = Path(torch.__file__).with_name("lib") / "libtorch_cpu.so"
    try:
        ask = ctypes.CDLL(str(library)).mkl_serv_cbwr_get
    except (OSError, AttributeError):
        return None
    return int(ask(_MKL_BRANCH))
