"""Trials of equal learning_rate x weight_decay whose ratio of times is stated."""

import numpy as np
import pandas as pd

RATES, DECAYS = (0.03, 0.1, 0.3), (0.003, 0.01, 0.03)


def draw_pairs(rng, by_rate, seeds=60, common=0.3, own=0.1, budget=4e4, rows=(120, 180, 270)):
    """Trials whose median time goes as rate^by_rate at equal rate x decay.

    A seed's factor `common` is the same at every point of a cell, as with shared streams.
    """
    cells = [(n, rate, decay) for n in rows for rate in RATES for decay in DECAYS]
    trials = pd.DataFrame(cells, columns=["train_size", "learning_rate", "weight_decay"])
    trials = trials.merge(pd.DataFrame({"seed": range(seeds)}), how="cross")
    shared = {
        key: rng.normal() for key in {*zip(trials["train_size"], trials["seed"], strict=True)}
    }
    noise = [shared[key] for key in zip(trials["train_size"], trials["seed"], strict=True)]
    log = common * np.array(noise) + own * rng.normal(size=len(trials))
    product = trials["learning_rate"] * trials["weight_decay"]
    time = 3 / product * (trials["learning_rate"] / 0.1) ** by_rate * np.exp(log)
    steps = np.ceil(trials["train_size"] / 32).astype(int)
    last = np.ceil(budget / steps)
    epoch = np.ceil(time / steps)
    happened = epoch <= last
    point = trials.groupby(["train_size", "learning_rate", "weight_decay"]).ngroup().astype(str)
    return trials.assign(
        setting="sgd", fewer_rows=pd.NA, n=30, k=2, width=100, batch_size=32, init_scale=1.0,
        point_id=point,
        steps_per_epoch=steps, budget_epochs=last, epochs_run=np.minimum(epoch, last),
        ended=np.where(happened, "decided", "budget"),
        generalized_epoch=epoch.where(happened).astype("Int64"),
        generalized_after_epoch=(epoch - 1).where(happened, last).astype("Int64"),
    )  # fmt: skip
