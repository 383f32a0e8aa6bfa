"""Streams against Random123's published vectors, and the laws that packs rely on."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from study import streams
from study.streams import Purpose

WORD = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize(
    ("key", "counter", "expected"),
    [  # kat_vectors of Random123 1.14, threefry2x32 20
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 2, (0x1CB996FC, 0xBB002BE7)),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_threefry_gives_the_published_words(key, counter, expected):
    words = streams.threefry(torch.tensor(key), torch.tensor(counter))
    assert tuple(words.tolist()) == expected


@given(st.lists(st.tuples(WORD, WORD), min_size=1, max_size=5), st.integers(1, 40))
def test_a_stream_is_the_same_alone_and_in_a_pack_and_when_longer(keys, count):
    together = streams.words(torch.tensor(keys), count)
    assert together.min() >= 0
    assert together.max() < 2**32
    for key, row in zip(keys, together, strict=True):
        assert streams.words(torch.tensor([key]), count + 7)[0, :count].equal(row)


@given(WORD, st.integers(0, 2**31 - 1))
def test_purposes_and_epochs_have_streams_of_their_own(key, epoch):
    keys = torch.tensor([[key, 1]])
    drawn = {
        tuple(streams.words(streams.fold(keys, purpose, e), 4)[0].tolist())
        for purpose in Purpose
        for e in (epoch, epoch + 1)
    }
    assert len(drawn) == 2 * len(Purpose)


def test_uniforms_are_24_bit_and_uniform():
    drawn = streams.uniforms(torch.tensor([[1, 2]]), 100_000)[0]
    assert (drawn * 2**24 == (drawn * 2**24).round()).all()
    assert drawn.min() >= 0
    assert drawn.max() < 1
    counts = torch.histc(drawn, bins=50, min=0, max=1)
    chi_squared = ((counts - 2000) ** 2 / 2000).sum().item()
    assert chi_squared < 85.4  # 49 degrees of freedom: false alarm once in 1,000 keys


def test_orders_are_permutations_and_every_place_is_equally_likely():
    keys = streams.fold(torch.tensor([[i, 7] for i in range(3000)]), Purpose.ORDER, 3)
    orders = streams.orders(keys, 6)
    assert orders.sort(dim=1).values.eq(torch.arange(6)).all()
    counts = torch.stack([(orders == value).sum(0) for value in range(6)]).double()
    chi_squared = ((counts - 500) ** 2 / 500).sum().item()
    assert chi_squared < 60.0  # 25 degrees of freedom: false alarm below once in 5,000


@given(st.integers(1, 100), st.integers(1, 5))
def test_rows_are_signs_and_do_not_depend_on_how_many_follow(bits, rows):
    keys = torch.tensor([[3, 4], [5, 6]])
    packed = streams.packed_rows(keys, rows + 2, bits)
    drawn = streams.unpack_rows(packed, bits)
    assert drawn.shape == (2, rows + 2, bits)
    assert set(drawn.unique().tolist()) <= {-1, 1}
    assert streams.packed_rows(keys, rows, bits).equal(packed[:, :rows])
    for bit in range(bits):
        assert drawn[..., bit].gt(0).equal((packed[..., bit // 32] >> bit % 32 & 1).bool())
    unused = 32 * packed.shape[-1] - bits
    assert (packed[..., -1] >> (32 - unused)).eq(0).all()


@given(
    st.tuples(WORD, WORD), st.integers(0, 2**32 - 9), st.integers(0, 2**32 - 1), st.integers(1, 9)
)
def test_the_compiled_streams_are_those_of_torch(key, low, high, count):
    many = torch.tensor([key, [key[1], key[0]], [0, 2**32 - 1]])
    expected = streams._blocks_by_torch(many, (low, high), count)
    assert torch.equal(streams.blocks(many, (low, high), count), expected)
