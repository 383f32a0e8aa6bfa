"""`short_of_memory.py MOMENT ARGS...`: the `study` command with room for two networks, not more.

What asks for more fails as torch or Python would say it: early, when a pack is allocated; in the
middle of training; or while a checkpoint is written, when memory is at its peak.
"""

import functools
import sys

from study import cli
from study.driver import round as rounds
from study.driver import trainable
from study.training import runner

ROOM = 2
TORCH = "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory"


class Short:
    """An engine that fails at one moment."""

    def __init__(self, engine, moment):
        self._engine, self._moment = engine, moment

    def __getattr__(self, name):
        return getattr(self._engine, name)

    def allocate(self, trials):
        if self._moment == "early" and len(trials) > ROOM:
            raise RuntimeError(TORCH)
        return self._engine.allocate(trials)

    def step(self, state):
        if self._moment == "in the middle" and len(state.trials) > ROOM and state.epoch >= 10:
            raise MemoryError
        return self._engine.step(state)

    def dump(self, state):
        if self._moment == "while writing" and len(state.trials) > ROOM:
            raise MemoryError
        return self._engine.dump(state)


class Early(trainable.PackTrainable):
    moment = "early"

    def setup(self, config):
        if not hasattr(runner, "_with_room"):
            runner._with_room = runner.pick_engine
        runner.pick_engine = lambda trial: Short(runner._with_room(trial), self.moment)
        if self.moment == "while writing":
            runner.CHECKPOINT_SECONDS = 0.0
            runner.run_pack = functools.partial(runner.run_pack, report_seconds=0.5)
        super().setup(config)


class Middle(Early):
    moment = "in the middle"


class Writing(Early):
    moment = "while writing"


if __name__ == "__main__":
    import short_of_memory  # by this name the workers find the class

    kinds = (short_of_memory.Early, short_of_memory.Middle, short_of_memory.Writing)
    moment = sys.argv.pop(1)
    [rounds.PackTrainable] = [kind for kind in kinds if kind.moment == moment]
    cli.main()
