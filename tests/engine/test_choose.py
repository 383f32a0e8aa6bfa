"""Which engine trains what, and that an engine is made by its name."""

import pytest
from compiled import VERSIONS

from study.engine.choose import engine_name
from study.engine.make import engine_of, pick_engine
from study.spec.file import resolve
from study.trials.expand import expand

CHOICES = [
    ({}, "cpu", "fused"),
    ({}, "cuda", "torch"),
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
