"""The engines of the ReLU net, by the names of their kernels."""

from study.engine.fused import FusedEngine
from study.engine.relu_engine import ReluEngine
from study.kernel.relu_kernel import ReluKernel

ENGINE = ReluEngine()
# Every kernel; the fused kernel is missing where there was no compiler.
ENGINES = {"torch": ENGINE, **({"fused": FusedEngine()} if ReluKernel.load() else {})}


def after(engine, trials, epochs):
    state = engine.allocate(trials)
    for _ in range(epochs):
        state = engine.step(state)
    return state
