"""Progress measures: against brute force, on nets with a known answer, and asked for by a study."""

import numpy as np
import pytest
import slow_measures as slow
import torch
from hypothesis import given
from hypothesis import strategies as st
from small import trials_of

from analysis.circuits.constructions import CONSTRUCTIONS, dnf
from study.engine.fused import FusedEngine
from study.engine.relu_engine import ReluEngine
from study.errors import EmptySampleError
from study.kernel.relu_kernel import ReluKernel
from study.measures import relu_measures as measures
from study.measures import relu_sparsity as sparsity
from study.measures.module_measures import MODULE_MEASURES
from study.measures.relu_pack import RELU_MEASURES
from study.nets import relu
from study.nets.relu import ReluNets
from study.store.schema import READINGS
from study.tasks.parity import Parity
from study.training.pack_run import PackRun
from study.trials.pack import Pack
from study.vocabulary.measures import MEASURES, WHOLE_COLUMNS

ENGINES = {"torch": ReluEngine(), **({"fused": FusedEngine()} if ReluKernel.load() else {})}
ALL = tuple(RELU_MEASURES)


def drawn(seed, width, rows, bits=6):
    """A net of float64 weights of very different sizes, and rows of signs with their ones."""
    chance = torch.Generator().manual_seed(seed)
    scales = torch.rand(1, width, 1, generator=chance, dtype=torch.float64) ** 4
    incoming = scales * torch.randn(1, width, bits + 1, generator=chance, dtype=torch.float64)
    outgoing = torch.randn(1, width, generator=chance, dtype=torch.float64)
    signs = torch.randint(0, 2, (rows, bits), generator=chance).double() * 2 - 1
    inputs = torch.nn.functional.pad(signs, (0, 1), value=1.0)
    return ReluNets(incoming, outgoing), inputs


def plain(nets, *arrays):
    return (nets.incoming[0].numpy(), nets.outgoing[0].numpy()), *(a.numpy() for a in arrays)


SIZES = (st.integers(0, 2**32), st.integers(1, 16), st.integers(1, 40))


@given(*SIZES)
def test_effective_sparsity_is_the_first_agreeing_prefix(seed, width, rows):
    nets, inputs = drawn(seed, width, rows)
    assert sparsity.pack_effective_sparsity(nets, inputs[None]) == [
        slow.effective_sparsity(*plain(nets, inputs))
    ]


@given(*SIZES)
def test_accuracy_sparsity_is_the_first_prefix_as_accurate(seed, width, rows):
    nets, inputs = drawn(seed, width, rows)
    labels = inputs[:, :2].prod(1)
    parts, order = measures.contributions(nets, inputs), sparsity.neuron_order(nets)[0]
    size = sparsity.accuracy_sparsity(parts, order, labels)
    assert size == slow.accuracy_sparsity(*plain(nets, inputs, labels))
    assert size <= sparsity.effective_sparsity(parts, order)


def test_sparsity_over_many_rows_is_that_of_all_of_them():
    nets, inputs = drawn(1, 12, 3 * sparsity.COMPARED_ROWS + 1, bits=30)
    labels = inputs[:, :2].prod(1)
    parts, order = measures.contributions(nets, inputs), sparsity.neuron_order(nets)[0]
    net, rows, truth = plain(nets, inputs, labels)
    assert sparsity.effective_sparsity(parts, order) == slow.effective_sparsity(net, rows)
    assert sparsity.accuracy_sparsity(parts, order, labels) == slow.accuracy_sparsity(
        net, rows, truth
    )


@given(*SIZES)
def test_sensitivity_counts_the_flips_that_change_the_sign(seed, width, rows):
    nets, inputs = drawn(seed, width, rows)
    assert measures.sensitivity(nets, inputs) == slow.sensitivity(*plain(nets, inputs))


@given(*SIZES)
def test_arity_is_the_fewest_weights_that_keep_every_prediction(seed, width, rows):
    nets, inputs = drawn(seed, width, rows)
    net, rows = plain(nets, inputs)
    expected = [slow.arity(net, rows, neuron) for neuron in range(width)]
    assert measures.arities(nets, inputs).tolist() == expected


@given(*SIZES, st.integers(1, 6))
def test_fourier_gaps_are_those_of_the_sets_with_a_bit_more_and_a_bit_less(seed, width, rows, k):
    nets, inputs = drawn(seed, width, rows)
    relevant = torch.arange(6) < k
    active = (relu.hidden(nets, inputs[None])[0] > 0).double()
    gaps = measures.fourier_gaps(active, inputs[:, :-1], relevant)
    net, rows = plain(nets, inputs)
    expected = [slow.fourier_gap(net, rows, set(range(k)), neuron) for neuron in range(width)]
    np.testing.assert_allclose(gaps, expected, atol=1e-14)


@pytest.mark.parametrize("function", [sparsity.effective_sparsity, measures.fourier_gaps])
def test_measures_over_rows_need_rows(function):
    arguments = {
        sparsity.effective_sparsity: (torch.zeros(0, 3), torch.arange(3)),
        measures.fourier_gaps: (torch.zeros(0, 3), torch.zeros(0, 4), torch.ones(4, dtype=bool)),
    }
    with pytest.raises(EmptySampleError, match="no rows"):
        function(*arguments[function])


def test_weight_norm_is_over_all_weights():
    nets = ReluEngine().allocate(trials_of(seeds=2)).nets
    for member, norm in enumerate(measures.weight_norm(nets).tolist()):
        flat = torch.cat((nets.incoming[member].flatten(), nets.outgoing[member])).double()
        assert norm == pytest.approx(float(flat.norm()), rel=1e-12)


def every_row(bits):
    bit_set = torch.arange(2**bits)[:, None] >> torch.arange(bits) & 1
    return torch.nn.functional.pad(1.0 - 2 * bit_set.double(), (0, 1), value=1.0)


@pytest.mark.parametrize("construct", CONSTRUCTIONS.values())
def test_a_net_that_computes_parity_has_sensitivity_k(construct):
    assert measures.sensitivity(construct(7, [1, 4, 6]), every_row(7)) == 3


def test_measures_of_a_net_of_ands_are_known():
    relevant = [0, 2, 5, 6]
    nets, rows = dnf(8, relevant), every_row(8)
    mask = torch.zeros(8, dtype=torch.bool)
    mask[relevant] = True
    assert measures.relevant_share(nets, mask[None]).tolist() == [1.0]
    assert measures.arities(nets, rows).tolist() == [4] * 16  # each bit of each AND is needed
    parity = measures.parities(rows[:, :-1], mask)
    scores = measures.contributions(nets, rows).sum(-1)
    assert measures.parity_coefficient(scores, parity) == 1  # f is the parity itself
    active = (relu.hidden(nets, rows[None])[0] > 0).double()
    # An AND of k bits has every coefficient within S at 2^-k, and none outside.
    assert measures.fourier_gaps(active, rows[:, :-1], mask).tolist() == [2**-4] * 16


def test_the_gap_of_majority_is_the_known_one():
    # Majority of 7 bits: coefficient 20/64 at one bit, -4/64 at three and 4/64 at five, each
    # halved for an activity of 0 and 1. S = 2 bits has neighboring sets of 1 and 3.
    nets = ReluNets(torch.ones(1, 1, 8).double(), torch.ones(1, 1).double())
    nets.incoming[..., -1] = 0
    rows = every_row(7)
    active = (relu.hidden(nets, rows[None])[0] > 0).double()
    gap = measures.fourier_gaps(active, rows[:, :-1], torch.arange(7) < 2)
    assert gap.tolist() == pytest.approx([(20 - 4) / 128], abs=1e-15)


def test_a_neuron_that_matters_to_nobody_has_arity_zero():
    nets = dnf(3, range(3))
    idle = 1e-9 * nets.incoming[:, :1]  # the first AND again, faintly and with the other sign
    both = ReluNets(
        torch.cat((nets.incoming, idle), 1), torch.cat((nets.outgoing, -nets.outgoing[:, :1]), 1)
    )
    sizes = measures.arities(both, every_row(3))
    assert sizes.tolist() == [3] * 8 + [0]
    assert measures.mean_arity(sizes) == 3
    assert measures.mean_arity(sizes[-1:]) == 0


def later(engine, trials, epochs):
    state = engine.allocate(trials)
    for _ in range(epochs):
        state = engine.step(state)
    return state


SMALL = {"n": 12, "k": [2, 3], "width": 24, "train_size": 60}
FEW = {"data": {"test_rows": 120}, "train": {"dtype": "float64"}}


@pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
@pytest.mark.parametrize("epochs", [0, 20])
def test_every_measure_of_a_study_is_the_slow_one(engine, epochs):
    trials = trials_of(SMALL, seeds=1, **FEW)
    state = later(engine, trials, epochs)
    columns, weights = engine.read(state, ALL).measured, engine.dump(state)
    data = Parity(trials, torch.device("cpu"), torch.float64)
    start = ReluEngine().allocate(trials).nets
    for member in range(len(trials)):
        expected = slow.columns(
            net=(weights["incoming"][member], weights["outgoing"][member]),
            initial=(start.incoming[member].numpy(), start.outgoing[member].numpy()),
            train=data.train.inputs[member].numpy(),
            labels=data.train.labels[member].numpy(),
            test=data.test.inputs[member].numpy(),
            relevant=set(data.hidden[member].nonzero()[:, 0].tolist()),
        )
        assert {name: column[member] for name, column in columns.items()} == pytest.approx(
            expected, rel=1e-12, abs=1e-15
        )


def test_the_catalogue_the_functions_and_the_table_agree():
    for engine, functions in (("relu", RELU_MEASURES), ("module", MODULE_MEASURES)):
        assert list(functions) == [name for name, row in MEASURES.items() if engine in row.engines]
    columns = [column for row in MEASURES.values() for column in row.columns]
    assert READINGS.names[-len(columns) :] == columns


def test_a_study_stores_every_measure_it_asks_for():
    run = PackRun(
        Pack(tuple(trials_of(seeds=2, readings={"measures": ALL}, budget={"epochs": 4}))),
        ReluEngine(),
    )
    finished = None
    while finished is None:
        finished = run.advance()
    for name in ALL:
        for column in MEASURES[name].columns:
            kind = int if column in WHOLE_COLUMNS else float
            values = finished.readings[column]
            assert len(values) == 2 * 5
            assert {type(value) for value in values} == {kind}


@pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
def test_a_diverged_net_has_no_measures_and_its_neighbor_has(engine):
    trials = [*trials_of(seeds=1), *trials_of({"learning_rate": 1e4}, seeds=1)]
    state = later(engine, trials, 4)
    for column in engine.read(state, ALL).measured.values():
        assert np.isfinite(column).tolist() == [True, False]


def test_fresh_rows_and_random_labels_are_measured_too():
    for tables in ({"axes": {"train_size": "online"}}, {"data": {"labels": "random"}}):
        trials = trials_of(**{"seeds": 2, **tables})
        for column in ReluEngine().read(ReluEngine().allocate(trials), ALL).measured.values():
            assert np.isfinite(column).all()


def test_the_relevant_share_of_a_net_that_knows_nothing_is_about_k_of_n():
    trials = trials_of({"n": 40, "k": 3, "width": 1000}, seeds=4)
    share = ReluEngine().read(ReluEngine().allocate(trials), ["relevant_share"]).measured
    # 3,000 of 40,000 squares of uniforms, each of relative deviation 2 / sqrt(5): four standard
    # errors on each of 4 nets, a false alarm once in 4,000 seeds.
    spread = 4 * 3 / 40 * 2 / 5**0.5 * (1 / 3000 - 1 / 40000) ** 0.5
    assert share["relevant_share"] == pytest.approx(np.full(4, 3 / 40), abs=spread)
