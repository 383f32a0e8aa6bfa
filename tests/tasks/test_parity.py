"""The task's data: what the labels are, which rows may repeat, and whose they are."""

from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small import trials_of

from study.tasks.parity import Parity


def parity_of(axes=None, **tables):
    trials = trials_of(axes, **tables)
    return trials, Parity(trials, torch.device("cpu"), torch.float32)


def rows_of(data, member):
    return [tuple(row) for row in data.inputs[member, :, :-1].int().tolist()]


@pytest.mark.parametrize("bits", ["random", "first"])
@pytest.mark.parametrize("n", [12, 20, 40, 70])
def test_labels_are_the_product_of_k_hidden_bits(n, bits):
    trials, data = parity_of({"n": n, "k": [1, 3]}, data={"hidden_bits": bits})
    for member, trial in enumerate(trials):
        hidden = data.hidden[member]
        assert hidden.sum() == trial.point.k
        if bits == "first":
            assert hidden[: trial.point.k].all()
        for part in (data.train, data.test):
            product = part.inputs[member, :, :-1][:, hidden].prod(dim=1)
            assert part.labels[member].equal(product)
            assert part.inputs[member, :, -1].eq(1).all()


def test_hidden_bits_are_drawn_uniformly():
    trials, data = parity_of({"n": 10, "k": 3, "train_size": 20}, seeds=600)
    counts = data.hidden.sum(0).double()
    expected = len(trials) * 3 / 10
    assert ((counts - expected) ** 2 / expected).sum().item() < 27.9  # 9 df: once in 1,000


@given(st.integers(8, 19), st.data())
def test_below_20_bits_training_rows_are_distinct_and_test_rows_are_the_rest(n, draw):
    size = draw.draw(st.integers(1, min(300, 2**n - 100)))
    trials, data = parity_of({"n": n, "train_size": size}, seeds=2)
    for member, trial in enumerate(trials):
        train, test = rows_of(data.train, member), rows_of(data.test, member)
        assert len(set(train)) == size
        assert len(set(test)) == trial.test_size == min(2048, 2**n - size)
        assert not set(train) & set(test)


def test_from_20_bits_on_training_rows_are_independent_and_test_rows_avoid_them():
    trials, data = parity_of({"n": 20, "train_size": 20_000}, seeds=2)
    for member in range(len(trials)):
        train = rows_of(data.train, member)
        assert max(Counter(train).values()) > 1  # about 190 pairs meet among 2^20 rows
        assert not set(train) & set(rows_of(data.test, member))


def test_fixed_test_rows_are_shared_by_all_trials_and_avoided_by_training_rows():
    for n in (9, 20, 40):
        trials, data = parity_of(
            {"n": n, "train_size": [60, 120]}, data={"test_rows": "fixed"}, seeds=2
        )
        same = [t for t in trials if t.train_size == 60]
        data = Parity(same, torch.device("cpu"), torch.float32)
        assert data.test.inputs.shape[1] == 100
        assert data.test.inputs[0].equal(data.test.inputs[1])
        assert not set(rows_of(data.train, 0)) & set(rows_of(data.test, 0))


def test_random_labels_are_fair_coins_on_the_rows_of_the_parity_study():
    _, parity = parity_of({"train_size": 4000})
    _, control = parity_of({"train_size": 4000}, data={"labels": "random"})
    assert control.train.inputs.equal(parity.train.inputs)
    agreement = (control.train.labels == parity.train.labels).double().mean(1)
    assert (agreement - 0.5).abs().max() < 0.03  # 4 standard errors of 4,000 fair coins


def test_online_rows_are_fresh_every_epoch():
    _, data = parity_of({"train_size": "online", "n": 40})
    first, again, second = data.fresh(0), data.fresh(0), data.fresh(1)
    assert first.inputs.equal(again.inputs)
    assert first.labels.equal(again.labels)
    assert not set(rows_of(first, 0)) & set(rows_of(second, 0))


def test_online_rows_are_never_test_rows():
    for n in (8, 10, 21):
        trials, data = parity_of({"n": n, "train_size": "online"}, seeds=2)
        assert trials[0].test_size == min(2048, 2**n // 2)
        for member in range(2):
            test = set(rows_of(data.test, member))
            assert len(test) == trials[0].test_size or n > 19
            for epoch in range(3):
                fresh = rows_of(data.fresh(epoch), member)
                assert len(fresh) == 1024
                assert not set(fresh) & test


def test_seeds_and_points_have_their_own_data_unless_shared():
    axes = {"weight_decay": [0.01, 0.1], "n": 40}
    trials, own = parity_of(axes, seeds=1)
    assert not own.train.inputs[0].equal(own.train.inputs[1])
    _, shared = parity_of(axes, seeds=1, data={"shared": True})
    assert shared.train.inputs[0].equal(shared.train.inputs[1])
    assert len({trial.trial_id for trial in trials}) == 2
