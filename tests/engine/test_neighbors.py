"""The first promise where it is fragile: members at every alignment, in packs of every count.

A trial alone is the oracle of the same trial in a pack. The packs are of 2, 3, 7, 16 and 64
members; shapes are odd, so that operands of the members lie at every multiple of an element. The
whole is run again with torch's and MKL's instruction sets forced down, because what code a
library chooses is what breaks the promise.
"""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import majority
import pytest
import torch
from registered import tables_put_back
from small import trials_of
from torch import nn

from study.engine.fused import FusedEngine
from study.engine.modules import ModuleEngine
from study.engine.relu_engine import ReluEngine
from study.kernel.library import fused_trains
from study.kernel.numerics import VECTOR, in_whole_vectors
from study.kernel.relu_kernel import ReluKernel
from study.nets.losses import LOSSES
from study.nets.module_net import ModuleNet
from study.spec.file import resolve
from study.trials.expand import expand
from study.vocabulary.nets import Net, register_net
from study.vocabulary.tasks import register_task

COUNTS = (2, 3, 7, 16, 64)
LOOKED_AT = (*range(17), 40, 62, 63)  # members: every alignment to a vector, and the ends of packs
DTYPES = ("float32", "float64")
OPTIMIZERS = ("sgd", "adamw")
ENGINES = {
    "torch": ReluEngine(),
    **({"fused": FusedEngine()} if ReluKernel.load() else {}),
    "vmapped": ModuleEngine(pick=lambda _: True),
    "looped": ModuleEngine(pick=lambda _: False),
}
# Bits, neurons, rows, batch: the last batch is smaller, no size is a multiple of a vector.
SHAPES = ((9, 1, 1, 1), (20, 7, 45, 31))
EPOCHS = 2
TWO_RATES = {"learning_rate": [0.05, 0.1]}  # of a pack, as a study has them


class Curved(ModuleNet):
    """A net of functions that torch computes by approximation: its own code for the last few."""

    def __init__(self, bits: int, width: int) -> None:
        super().__init__()
        self.hidden, self.score = nn.Linear(bits, width), nn.Linear(width, 1)
        self.norm = nn.LayerNorm(width)

    @classmethod
    def build(cls, trial):
        return cls(trial.point.bits, trial.point.width)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        hidden = nn.functional.gelu(self.norm(self.hidden(inputs)))
        return self.score(hidden.sigmoid() * hidden.tanh() + hidden.exp().log1p())[..., 0]


@pytest.fixture
def with_curved():
    net = Net(
        {"width": 5},
        lambda v: v["width"] * v["n"],
        engine="module",
        code=f"{__name__}:Curved",
    )
    with tables_put_back():
        register_net("curved", net)
        register_task("majority", replace(majority.TASK, nets=("curved",), losses=tuple(LOSSES)))
        yield


def parities(shape, **train):
    bits, width, rows, batch = shape
    axes = {"n": bits, "width": width, "train_size": rows, "batch_size": batch, **TWO_RATES}
    return trials_of(axes, train=train, seeds=32)


def modules(task, axes, **train):
    written = {"name": "small", "task": task, "seeds": 32, "budget": {"epochs": 5}}
    return expand(resolve({**written, **axes, "train": train}))


def sums(net, **train):
    own = {"layers": 1, "heads": 1} if net == "transformer" else {}
    axes = {"modulus": 17, "width": 5, "batch_size": 37, **own, **TWO_RATES}
    return modules("addition", {"net": net, "axes": axes}, **train)


def majorities(batch, **train):
    axes = {
        "n": 9,
        "width": 5,
        "train_size": min(40, 3 * batch + 1),
        "batch_size": batch,
        **TWO_RATES,
    }
    return modules("majority", {"axes": axes}, **train)


def fingerprints(engine, state):
    """Weights, moments and the reading of each member: bytes to compare."""
    reading = engine.read(state)
    columns = [
        reading.train_correct, reading.test_correct, reading.train_loss, reading.test_loss,
        reading.weight_norm, *(a for name, a in engine.dump(state).items() if name != "epoch"),
    ]  # fmt: skip
    return [[column[m].tobytes() for column in columns] for m in range(len(state.trials))]


def trained(engine, state, epochs=EPOCHS):
    for _ in range(epochs):
        state = engine.step(state)
    return state


def assert_alone_as_in_company(engine, trials):
    """Trials in packs of every count, and after the others have left and after a resume."""
    lone = {m: trained(engine, engine.allocate([trials[m]])) for m in LOOKED_AT}
    alone = {m: fingerprints(engine, state)[0] for m, state in lone.items()}
    for count in COUNTS:
        together = fingerprints(engine, trained(engine, engine.allocate(trials[:count])))
        differ = [m for m in LOOKED_AT if m < count and together[m] != alone[m]]
        assert not differ, f"of a pack of {count}, members {differ}"
    keep = [1, 6, 11]
    halfway = engine.leave(trained(engine, engine.allocate(trials[:16]), 1), keep)
    resumed = engine.restore(halfway.trials, engine.dump(halfway))
    for state in (halfway, resumed):
        rest = fingerprints(engine, trained(engine, state, EPOCHS - 1))
        assert rest == [alone[m] for m in keep]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("kernel", [name for name in ("torch", "fused") if name in ENGINES])
def test_the_relu_net_alone_is_the_relu_net_in_company(kernel, optimizer, loss, dtype):
    for shape in SHAPES:
        trials = parities(shape, optimizer=optimizer, loss=loss, dtype=dtype)
        if kernel == "torch" or fused_trains(optimizer):
            assert_alone_as_in_company(ENGINES[kernel], trials)


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
@pytest.mark.parametrize("net", ["mlp", "transformer"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("kernel", ["vmapped", "looped"])
def test_a_module_alone_is_the_module_in_company(kernel, optimizer, net, dtype):
    assert_alone_as_in_company(ENGINES[kernel], sums(net, optimizer=optimizer, dtype=dtype))


@pytest.mark.parametrize("batch", [13, *(pytest.param(b, marks=pytest.mark.slow) for b in (1, 32))])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kernel", ["vmapped", "looped"])
def test_a_module_of_ones_own_alone_is_the_module_in_company(with_curved, kernel, loss, batch):
    for dtype in DTYPES:
        assert_alone_as_in_company(ENGINES[kernel], majorities(batch, loss=loss, dtype=dtype))


AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
SSE = {"ATEN_CPU_CAPABILITY": "default", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"}


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("forced", "tests"),
    [
        pytest.param(SSE, "relu_net_alone", id="sse-some", marks=pytest.mark.slow),
        pytest.param(SSE, "alone", id="sse-all", marks=pytest.mark.slow),
        pytest.param(AVX2, "alone", id="avx2-all", marks=pytest.mark.slow),
    ],
)
def test_the_promise_holds_with_instruction_sets_forced_down(forced, tests):
    here = Path(__file__)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        "0",
        "-m",
        "",
        "-k",
        f"{tests} and not forced",
        str(here),
    ]
    run = subprocess.run(
        command,
        cwd=here.parents[2],
        env={**os.environ, **forced},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-3000:]


def test_functions_that_torch_approximates_round_alike_wherever_an_element_is():
    """The oracle is torch itself on the same elements in whole vectors."""
    elements = torch.linspace(-4, 4, 45)
    for function in (torch.sigmoid, torch.nn.functional.softplus, torch.tanh):
        whole = function(torch.cat((elements, torch.zeros(2 * VECTOR - 45))))[:45]
        for count in (1, 5, 31, 32, 33, 45):
            for dtype in (torch.float32, torch.float64):
                values = in_whole_vectors(function, elements[:count].to(dtype))
                assert values.dtype is dtype
                if dtype is torch.float32:
                    assert torch.equal(values, whole[:count])


def test_a_mode_that_comes_too_late_is_refused_in_a_sentence():
    late = (
        "import torch; torch.mm(torch.ones(9, 9), torch.ones(9, 9))\n"
        "from study.kernel.numerics import use_repeatable_arithmetic; use_repeatable_arithmetic()"
    )
    free = {name: value for name, value in os.environ.items() if name != "MKL_CBWR"}
    run = subprocess.run(
        [sys.executable, "-c", late], env=free, capture_output=True, text=True, check=False
    )
    if torch.backends.mkl.is_available():
        assert "StudyError: MKL" in run.stderr
        assert "MKL_CBWR=AUTO" in run.stderr
    asked = {**free, "MKL_CBWR": "AUTO"}
    assert subprocess.run([sys.executable, "-c", late], env=asked, check=True).returncode == 0
