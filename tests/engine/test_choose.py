"""Which engine trains what, and that an engine is made by its name."""

import pytest
import torch
from compiled import VERSIONS
from cuda_problems import H100, MAJOR, MINOR
from emulated import emulated_gpu

from study.engine import make
from study.engine.choose import engine_name
from study.engine.make import engine_of, pick_engine
from study.errors import StudyError
from study.spec.file import resolve
from study.trials.expand import expand

CHOICES = [
    ({}, "cpu", "fused"),
    ({}, "cuda", "cuda"),
    ({"train": {"dtype": "float64"}}, "cuda", "torch"),
    ({"train": {"optimizer": "adamw"}}, "cuda", "torch"),
    ({"train": {"optimizer": "adamw"}}, "cpu", "torch"),
    ({"task": "addition", "axes": {"modulus": 17}}, "cpu", "module"),
    ({"task": "addition", "axes": {"modulus": 17}}, "cuda", "module"),
]


@pytest.mark.parametrize(("tables", "device", "name"), CHOICES, ids=str)
def test_which_engine_trains_what(tables, device, name):
    trial = expand(resolve({"name": "chosen", "seeds": 1, "axes": {}, **tables}))[0]
    assert engine_name(trial, device) == name
    if device == "cpu":
        assert pick_engine(trial).kernel.split("-")[0] == name


@pytest.mark.parametrize("kernel", ["torch", "module", *(f"fused-{name}" for name in VERSIONS)])
def test_an_engine_is_made_by_the_name_of_its_kernel(kernel):
    assert engine_of(kernel).kernel == kernel


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_the_kernel_of_a_gpu_needs_one():
    with pytest.raises(StudyError, match="device cuda: no GPU"):
        engine_of("cuda-sm90", "cuda")


def test_a_gpu_trains_with_the_fused_kernel_where_it_can(monkeypatch, capsys):
    make._say_once.cache_clear()
    trial, wide = (
        expand(resolve({"name": "chosen", "seeds": 1, "axes": {"width": width}}))[0]
        for width in (100, 10**6)
    )
    old = emulated_gpu({**H100, MAJOR: 7, MINOR: 5})  # a T4
    for gpu in (None, old, emulated_gpu()):
        engine = make.cuda_engine_of(trial, "cpu", gpu)
        assert make.cuda_engine_of(trial, "cpu", gpu).kernel == engine.kernel
    assert engine.kernel == "cuda-sm90"
    assert make.cuda_engine_of(wide, "cpu", emulated_gpu()).kernel == "torch"
    said = capsys.readouterr().err.splitlines()
    assert [line.split(": ", 1)[1] for line in said] == [
        "there is no NVRTC beside torch to compile the fused kernel",
        "the fused kernel needs compute capability 8.0, and this GPU has 7.5",
        "a network of width 1000000 has no room in the fused kernel",
    ]
