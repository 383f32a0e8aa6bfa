"""How fast a pack of transformers is beside single runs: printed, and never asserted.

`pytest -m slow -s -n 0 tests/bench/test_module_speed.py`. Both sides are timed in turns, in
processor time on one core; a ratio is the median over turns.
"""

import time

import numpy as np
import pytest
import torch
from torch.nn import functional

from study.engine.module_state import initial_module
from study.engine.modules import ModuleEngine, vmaps
from study.spec.file import resolve
from study.trials.expand import expand
from study.trials.packing import multiply_adds

TURNS = 9
SHAPES = [  # networks, width, layers, heads, batch
    (8, 64, 2, 4, 64),
    (8, 64, 1, 4, 64),
    (3, 32, 1, 4, 128),
    (8, 64, 2, 4, 128),
    (4, 64, 2, 4, 256),
    (4, 64, 2, 4, 480),
    (4, 128, 2, 4, 256),
]


def transformers(networks, width, layers, heads, batch):
    axes = {"modulus": 31, "train_fraction": 0.5, "width": width, "layers": layers, "heads": heads}
    study = {
        "name": "speed",
        "task": "addition",
        "net": "transformer",
        "axes": {**axes, "batch_size": batch, "learning_rate": 1e-3, "weight_decay": 1.0},
        "train": {"loss": "cross_entropy", "optimizer": "adamw"},
        "seeds": networks,
        "budget": {"epochs": 100},
    }
    return expand(resolve(study))


class PlainLoop:
    """The same networks one after the other, with torch's own AdamW."""

    def __init__(self, trials, rows):
        self.rows, self.batch = rows, trials[0].point.batch_size
        self.nets = [initial_module(trial) for trial in trials]
        self.optimizers = [
            torch.optim.AdamW(net.parameters(), lr=1e-3, betas=(0.9, 0.98), weight_decay=1.0)
            for net in self.nets
        ]

    def epoch(self):
        pairs = zip(self.nets, self.optimizers, self.rows.inputs, self.rows.labels, strict=True)
        for net, optimizer, inputs, labels in pairs:
            order = torch.randperm(len(labels))
            for start in range(0, len(labels), self.batch):
                chosen = order[start : start + self.batch]
                optimizer.zero_grad()
                functional.cross_entropy(net(inputs[chosen]), labels[chosen]).backward()
                optimizer.step()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_pack_beside_the_plain_loop():
    print("\nnetworks width layers batch  multiply-adds  ms a network and update: ratio to plain")
    for networks, width, layers, heads, batch in SHAPES:
        trials = transformers(networks, width, layers, heads, batch)
        engines = {
            "stacked": ModuleEngine(pick=lambda _: True),
            "looped": ModuleEngine(pick=lambda _: False),
        }
        state = engines["stacked"].allocate(trials)
        plain = PlainLoop(trials, state.train)
        sides = {
            "plain": plain.epoch,
            "stacked": lambda: engines["stacked"].step(state),  # noqa: B023  called at once
            "looped": lambda: engines["looped"].step(state),  # noqa: B023  called at once
        }
        times = {name: [] for name in sides}
        for _ in range(TURNS):
            for name, side in sides.items():
                began = time.process_time()
                side()
                times[name].append(time.process_time() - began)
        each = {
            n: 1e3 * np.array(t) / networks / trials[0].steps_per_epoch for n, t in times.items()
        }
        ratio = {name: np.median(each["plain"] / each[name]) for name in engines}
        picked = "stacked" if vmaps(trials[0]) else "looped"
        work = batch * multiply_adds(trials[0]) / 1e6
        print(f"{networks:>8} {width:>5} {layers:>6} {batch:>5} {work:>12.0f} M", end="  ")
        print(f"plain {np.median(each['plain']):.2f}", end="")
        for name in engines:
            used = " (used)" * (name == picked)
            print(f"; {name} {np.median(each[name]):.2f}: {ratio[name]:.2f} x{used}", end="")
        print(flush=True)
        for name, engine in engines.items():  # both sides learn the same thing
            after = engine.step(state).weights
            assert torch.isfinite(after).all(), name
            assert not torch.equal(after, state.weights), name
