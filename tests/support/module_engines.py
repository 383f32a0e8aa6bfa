"""The two ways of the engine of modules, and small packs for it."""

from study.engine.modules import ModuleEngine
from study.spec.file import resolve
from study.trials.expand import expand

ENGINES = {
    "vmapped": ModuleEngine(pick=lambda _: True),
    "looped": ModuleEngine(pick=lambda _: False),
}
TRANSFORMER = {"modulus": 17, "width": 8, "layers": 2, "heads": 2, "batch_size": 60}
MLP = {"modulus": 17, "width": 12, "batch_size": 60}


def trials_of(axes=TRANSFORMER, task="addition", **tables):
    written = {"name": "small", "task": task, "seeds": 2, "axes": axes, "budget": {"epochs": 5}}
    return expand(resolve({**written, **tables}))
