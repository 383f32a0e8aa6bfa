"""Addition and division modulo a prime: equations, what commuting gives, measures, bad input."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from study.engine.module_state import initial_module, member_of
from study.engine.modules import ModuleEngine
from study.errors import SpecError
from study.measures.module_measures import (
    ModuleMember,
    fourier_share,
    mirror_accuracy,
    module_sensitivity,
    module_sparsity,
)
from study.nets.mlp import Mlp
from study.spec.file import load_spec, resolve
from study.tasks.rows import Rows
from study.tasks.task_code import code_of_task
from study.trials.expand import expand
from study.vocabulary.tasks import is_prime

PRIMES = [11, 13, 17, 19, 23, 29, 31, 37]
CPU = torch.device("cpu")
MIRRORS = ("mirrored_accuracy", "unmirrored_accuracy")
ADDITION, DIVISION = code_of_task("addition"), code_of_task("division")


def trials_of(task="addition", axes=None, **tables):
    small = {"modulus": 17, "width": 8, "layers": 1, "heads": 2, "batch_size": 60}
    written = {"name": "small", "task": task, "seeds": 2, "axes": {**small, **(axes or {})}}
    return expand(resolve({**written, "budget": {"epochs": 5}, **tables}))


@given(st.sampled_from(PRIMES[2:]), st.sampled_from(["addition", "division"]))
def test_equations_are_all_there_are_and_right(modulus, task):
    [trial] = trials_of(task, {"modulus": modulus}, seeds=1)
    inputs, answers = code_of_task(task).equations(trial.point.modulus)
    assert len({tuple(pair) for pair in inputs.tolist()}) == len(inputs)
    assert len(inputs) == modulus * (modulus - (task == "division"))
    for (a, b), c in zip(inputs.tolist(), answers.tolist(), strict=True):
        assert 0 <= c < modulus
        assert (a + b - c if task == "addition" else c * b - a) % modulus == 0


def test_a_trial_draws_its_own_disjoint_rows_of_the_share_asked_for():
    trials = trials_of(axes={"train_fraction": 0.4}, seeds=3)
    train, test = ADDITION.draw(trials, CPU, torch.float32)
    assert train.inputs.shape == (3, round(0.4 * 289), 2)
    assert test.labels.shape == (3, 289 - round(0.4 * 289))
    seen = []
    for member in range(3):
        pairs = [tuple(p) for p in (*train.inputs[member].tolist(), *test.inputs[member].tolist())]
        assert sorted(pairs) == list(itertools.product(range(17), repeat=2))
        seen.append(pairs)
    assert seen[0] != seen[1] != seen[2]
    alone = ADDITION.draw(trials[1:2], CPU, torch.float32)[0]
    assert torch.equal(alone.inputs[0], train.inputs[1])
    [few] = trials_of(data={"equations": 250}, seeds=1)
    assert (few.train_size, few.test_size) == (125, 125)


@pytest.mark.parametrize("task", ["addition", "division"])
def test_the_commuting_share_is_a_lookup_tables_accuracy(task):
    for trial in trials_of(task, {"modulus": 23}):
        train, test = code_of_task(task).draw([trial], CPU, torch.float32)
        answer_of = {
            tuple(pair): c
            for pair, c in zip(train.inputs[0].tolist(), train.labels[0].tolist(), strict=True)
        }
        rows = list(zip(test.inputs[0].tolist(), test.labels[0].tolist(), strict=True))
        right = sum(answer_of.get((b, a)) == c for (a, b), c in rows)
        assert code_of_task(task).commuting_share(trial) == pytest.approx(right / len(rows))
        low, high = (0.3, 0.7) if task == "addition" else (0.0, 0.1)
        assert low <= right / len(rows) <= high


@given(st.sampled_from(PRIMES))
def test_a_cycle_turns_the_operation_into_an_addition_of_exponents(modulus):
    if modulus >= 17:
        [trial] = trials_of("division", {"modulus": modulus}, seeds=1)
        exponents = {
            number: exponent for exponent, number in enumerate(DIVISION.cycle(trial).tolist())
        }
        assert sorted(exponents) == list(range(1, modulus))
        for (a, b), c in zip(*(x.tolist() for x in DIVISION.equations(modulus)), strict=True):
            if a:
                assert (exponents[a] - exponents[b] - exponents[c]) % (modulus - 1) == 0
    assert is_prime(modulus)
    assert not is_prime(modulus * 11)


def test_a_few_frequencies_have_all_the_power_and_noise_has_its_share():
    numbers = torch.arange(31)
    angles = 2 * np.pi * numbers[:, None] * torch.tensor([3, 7, 14]) / 31
    clock = torch.cat((angles.cos(), 0.5 * angles.sin(), torch.ones(31, 1)), 1)
    assert fourier_share(clock, numbers) == pytest.approx(1.0)
    noise = torch.randn(31, 400, generator=torch.Generator().manual_seed(0))
    assert fourier_share(noise, numbers) == pytest.approx(3 / 15, abs=0.03)  # of many columns
    order = torch.randperm(30, generator=torch.Generator().manual_seed(1))
    even = torch.zeros(31, 2)
    even[order] = torch.tensor([1.0, -1.0]).repeat(15)[:, None]
    assert fourier_share(even, order) == pytest.approx(1.0)


def adder(modulus):
    """An MLP that adds, by hand: a neuron for each of the 2p - 1 sums, of 2s + 1 - (sum - s)^2."""
    net = Mlp(modulus, 2 * modulus)
    number = torch.arange(modulus, dtype=torch.float32)
    with torch.no_grad():
        for weight in net.parameters():
            weight.zero_()
        net.hidden.weight[:] = number.repeat(2)
        net.hidden.bias[:] = -torch.arange(2 * modulus) + 1.0
        for total in range(2 * modulus - 1):  # a tent around each sum: relu steps at -1, 0, +1
            for shift, slope in ((0, 1.0), (1, -2.0), (2, 1.0)):
                if total + shift < 2 * modulus:
                    net.score.weight[total % modulus, total + shift] += slope
    return net


def test_sensitivity_is_two_for_a_net_that_adds_and_zero_for_a_constant():
    [trial] = trials_of(seeds=1)
    train, test = (
        Rows(r.inputs[0], r.labels[0]) for r in ADDITION.draw([trial], CPU, torch.float32)
    )
    one = ModuleMember(adder(17), trial, train, test)
    assert (one.answers_to(test.inputs) == test.labels).all()
    assert module_sensitivity(one) == 2.0
    assert module_sensitivity(ModuleMember(silent(), trial, train, test)) == 0.0
    changed = ADDITION.changed(torch.tensor([[16, 3], [2, 16]]), trial)
    assert changed.tolist() == [[[0, 3], [3, 16]], [[16, 4], [2, 0]]]
    [divided] = trials_of("division", seeds=1)
    assert DIVISION.changed(torch.tensor([[2, 16]]), divided).tolist() == [[[3, 16]], [[2, 1]]]


class CommutingTable(Mlp):
    """Knows its training equations by heart, and that a + b is b + a; guesses 0 elsewhere."""

    def __init__(self, modulus, train):
        super().__init__(modulus, 1)
        self.answer_of = torch.zeros(modulus, modulus, dtype=torch.int64)
        a, b = train.inputs.T
        self.answer_of[a, b] = self.answer_of[b, a] = train.labels

    def forward(self, inputs):
        answers = self.answer_of[inputs[..., 0], inputs[..., 1]]
        return torch.nn.functional.one_hot(answers, self.modulus).float()


def test_a_table_that_commutes_is_right_on_mirrors_and_guesses_elsewhere():
    for trial in trials_of(seeds=5):
        rows = (r.alone(0) for r in ADDITION.draw([trial], CPU, torch.float32))
        train, test = rows
        seen = {tuple(pair) for pair in train.inputs.tolist()}
        pairs = test.inputs.tolist()
        assert any(a == b for a, b in pairs)  # a + a has no mirror among the training rows
        others = [(a + b) % 17 for a, b in pairs if (b, a) not in seen]
        assert 0 < len(others) < len(pairs)
        one = ModuleMember(CommutingTable(17, train), trial, train, test)
        assert mirror_accuracy(one, mirrored=True) == 1.0
        assert mirror_accuracy(one, mirrored=False) == others.count(0) / len(others)
        adding = ModuleMember(adder(17), trial, train, test)
        assert [mirror_accuracy(adding, mirrored=kind) for kind in (True, False)] == [1.0, 1.0]


def test_accuracies_by_mirror_are_those_counted_one_by_one():
    axes = {"modulus": 19, "width": 48, "batch_size": 36, "learning_rate": 3e-3}
    trials = trials_of(axes={**axes, "weight_decay": 0.1, "train_fraction": 0.7}, seeds=[1])
    engine = ModuleEngine()
    state = engine.allocate(trials)
    for _ in range(50):
        state = engine.step(state)
    reading = engine.read(state, MIRRORS)
    for member, trial in enumerate(trials):
        one = member_of(state)(member)
        seen = {tuple(pair) for pair in one.train.inputs.tolist()}
        hits = {True: [], False: []}
        for a, b in one.test.inputs.tolist():
            answer = int(one.net(torch.tensor([[a, b]])).argmax())
            hits[(b, a) in seen].append(answer == (a + b) % 19)
        expected = [sum(hits[kind]) / len(hits[kind]) for kind in (True, False)]
        assert 0 < expected[0] < 1
        assert [reading.measured[name][member] for name in MIRRORS] == pytest.approx(expected)
        share = ADDITION.commuting_share(trial)
        whole = share * expected[0] + (1 - share) * expected[1]
        assert whole == pytest.approx(reading.test_correct[member] / trial.test_size)


def test_an_operation_that_does_not_commute_has_no_mirrors():
    engine = ModuleEngine()
    trials = trials_of("division", readings={"measures": MIRRORS})
    for column in engine.read(engine.allocate(trials), MIRRORS).measured.values():
        assert np.isnan(column).all()


def silent():
    net = Mlp(17, 4)
    with torch.no_grad():
        net.score.weight.zero_()
    return net


def test_effective_sparsity_is_the_first_prefix_that_answers_alike():
    [trial] = trials_of(axes={"layers": 2}, seeds=1)
    net = initial_module(trial)
    with torch.no_grad():
        for block in net.blocks:
            for weight in block.up.parameters():
                weight[20:] *= 1e-3  # too weak to matter to an answer
    train, test = (
        Rows(r.inputs[0], r.labels[0]) for r in ADDITION.draw([trial], CPU, torch.float32)
    )
    one, inputs = ModuleMember(net, trial, train, test), train.inputs[:40]
    before = [weight.clone() for weight in net.parameters()]
    with torch.no_grad():
        sparsity = module_sparsity(one, inputs)
        assert all(torch.equal(*pair) for pair in zip(before, net.parameters(), strict=True))
        norms = torch.cat([block.up.weight.double().norm(dim=1) for block in net.blocks])
        ranks = norms.argsort(descending=True, stable=True).argsort()
        whole = net(inputs).argmax(-1)
        agree = []
        for size in range(len(norms) + 1):
            keep = (ranks < size).float().split(32)
            hooks = [
                block.up.register_forward_hook(lambda _, __, out, m=mask: out.relu() * m)
                for block, mask in zip(net.blocks, keep, strict=True)
            ]
            agree.append(bool((net(inputs).argmax(-1) == whole).all()))
            for hook in hooks:
                hook.remove()
        assert module_sparsity(ModuleMember(silent(), trial, train, test), inputs) == 0
    assert sparsity == agree.index(True)
    assert 0 < sparsity < len(norms)


def test_a_measure_that_has_nothing_to_go_by_is_null():
    """The MLP of a pack that has diverged, beside one that has not."""
    axes = {"modulus": 17, "width": 8, "batch_size": 60}
    written = {"name": "x", "task": "addition", "net": "mlp", "budget": {"epochs": 3}, "seeds": 1}
    rates = {"learning_rate": [1e-3, 1e9], "weight_decay": 0.5}
    trials = expand(resolve({**written, "axes": {**axes, **rates}}))
    engine = ModuleEngine()
    state = engine.allocate(trials)
    for _ in range(4):
        state = engine.step(state)
    names = ["effective_sparsity", "sensitivity", "fourier_share", "largest_neuron_norm", *MIRRORS]
    for column in engine.read(state, names).measured.values():
        assert np.isfinite(column).tolist() == [True, False]


BAD = [
    ({"task": "division", "axes": {"modulus": [31, 91]}}, "axes.modulus: 91", "prime"),
    ({"axes": {"width": 30, "heads": 4}}, "axes.heads: 4 with width = 30", "share the width"),
    ({"axes": {"train_fraction": 1.0}}, "axes.train_fraction: 1.0", "below 1"),
    ({"axes": {"train_fraction": 0}}, "axes.train_fraction: 0", "above 0"),
    ({"axes": {"train_fraction": [0.5, 1.5]}}, "axes.train_fraction: 1.5", "below 1"),
    ({"axes": {"modulus": 11}}, "axes.train_fraction: 0.5 of 121", "at least 100"),
    ({"axes": {"train_size": 300}}, "axes.train_size: 300", "no such axis"),
    ({"axes": {"n": 300}}, "axes.n: 300", "no such axis"),
    ({"task": "parity", "axes": {"modulus": 31}}, "axes.modulus: 31", "no such axis"),
    ({"net": "mlp", "axes": {"heads": 4}}, "axes.heads: 4", "no such axis"),
    ({"net": "relu"}, "net: 'relu'", "'transformer'|transformer, mlp"),
    ({"net": "transformr"}, "net: 'transformr'", "'transformer'"),
    ({"train": {"loss": "hinge"}}, "train.loss: 'hinge'", "cross_entropy"),
    (
        {"task": "parity", "train": {"loss": "cross_entropy"}},
        "train.loss: 'cross_entropy'",
        "hinge",
    ),
    ({"data": {"test_rows": "fixed"}}, "data.test_rows: 'fixed'", "Leave it out"),
    ({"data": {"labels": "random"}}, "data.labels: 'random'", "Leave it out"),
    ({"task": "parity", "data": {"equations": 50}}, "data.equations: 50", "Leave it out"),
    ({"data": {"equations": 10_000}}, "data.equations: 10000 with modulus = 97", "there are 9409"),
    ({"readings": {"measures": ["arity"]}}, "readings.measures: 'arity'", "transformer"),
    ({"train": {"betas": [0.9, 1.0]}}, "train.betas: 1.0", "less than 1"),
]


@pytest.mark.parametrize(("written", "begins", "says"), BAD, ids=[b for _, b, _ in BAD])
def test_bad_input_is_one_sentence(written, begins, says):
    with pytest.raises(SpecError, match=says) as caught:
        resolve({"name": "x", "task": "addition", "axes": {}, **written})
    assert str(caught.value).startswith(begins)
    assert "\n" not in str(caught.value)


def test_the_paper_has_its_setting():
    trials = expand(load_spec("modular"))
    assert len(trials) == 6
    sizes = {trial.setting.task: trial.train_size + trial.test_size for trial in trials}
    assert sizes == {"addition": 9409, "division": 9312}
    [setting, _] = load_spec("modular").settings
    train = setting.train
    assert (train.loss, train.optimizer, train.decay) == ("cross_entropy", "adamw", "decoupled")
    assert train.betas == (0.9, 0.98)
    steps = [trial.budget_epochs * trial.steps_per_epoch for trial in trials]
    assert all(100_000 <= count < 100_010 for count in steps)


def test_a_default_study_of_addition_is_the_papers():
    setting = resolve({"name": "x", "task": "addition", "axes": {}}).settings[0]
    bundled = load_spec("modular").settings[0]
    assert setting.axes == bundled.axes
    assert setting.train == bundled.train
    assert setting.net == bundled.net == "transformer"
