"""Progress measures against brute force."""

import numpy as np
import pytest
import torch
from conftest import trials_of
from hypothesis import given
from hypothesis import strategies as st

from study import measures
from study.engine import ReluEngine
from study.errors import EmptySampleError


def slow_effective_sparsity(incoming, outgoing, rows):
    """Every prefix of neurons by norm, each predicted with anew, in float64."""
    norms = [float(np.linalg.norm(w[:-1])) for w in incoming]
    order = sorted(range(len(norms)), key=lambda j: -norms[j])

    def predict(neurons):
        hidden = np.maximum(rows @ incoming[neurons].T, 0)
        return np.sign(hidden @ outgoing[neurons])

    whole = predict(order)
    for size in range(1, len(order) + 1):
        if (predict(order[:size]) == whole).all():
            return size
    raise AssertionError("the whole net agrees with itself")


@given(st.integers(0, 2**32), st.integers(1, 30), st.integers(1, 40))
def test_effective_sparsity_is_the_first_agreeing_prefix(seed, width, rows):
    chance = torch.Generator().manual_seed(seed)
    scales = torch.rand(2, width, 1, generator=chance, dtype=torch.float64) ** 4
    incoming = scales * torch.randn(2, width, 7, generator=chance, dtype=torch.float64)
    outgoing = torch.randn(2, width, generator=chance, dtype=torch.float64)
    inputs = torch.randn(2, rows, 7, generator=chance, dtype=torch.float64)
    sizes = measures.pack_effective_sparsity(measures.ReluNets(incoming, outgoing), inputs)
    for member in range(2):
        parts = (incoming[member], outgoing[member], inputs[member])
        assert sizes[member] == slow_effective_sparsity(*(part.numpy() for part in parts))


def test_effective_sparsity_needs_rows():
    with pytest.raises(EmptySampleError, match="no rows"):
        measures.effective_sparsity(torch.zeros(0, 3), torch.arange(3))


def test_weight_norm_is_over_all_weights():
    nets = ReluEngine().allocate(trials_of(seeds=2)).nets
    for member, norm in enumerate(measures.weight_norm(nets).tolist()):
        flat = torch.cat((nets.incoming[member].flatten(), nets.outgoing[member])).double()
        assert norm == pytest.approx(float(flat.norm()), rel=1e-12)
