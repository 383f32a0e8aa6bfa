"""Nets left with fewer rows, whose rows at half are stated."""

import numpy as np
import pandas as pd

LEFT = (30, 36, 42, 48, 54, 60, 68, 78, 90, 110)


def draw_ungrokking(rng, new=58.0, grokked=50.0, seeds=20, common=0.1, own=0.08, decays=(1.0,)):
    """Trials that know on more rows than a threshold, which is log-normal over seeds.

    A seed's part `common` is the same for both beginnings and every weight decay.

    Args:
        rng: draws the thresholds.
        new: rows at half of new nets.
        grokked: of grokked nets.
        seeds: how many.
        common: spread of the log thresholds that a seed has in common.
        own: spread beside it.
        decays: by which the thresholds of each weight decay are multiplied.
    """
    shared, parts = rng.normal(0, common, seeds), []
    for index, factor in enumerate(decays):
        for half, since in ((new, 1), (grokked, 900)):
            limits = factor * half * np.exp(shared + rng.normal(0, own, seeds))
            part = pd.DataFrame({"seed": range(seeds), "limit": limits})
            parts.append(
                part.merge(pd.DataFrame({"fewer_rows": LEFT}), how="cross").assign(
                    weight_decay=0.01 * (1 + index), fewer_from=since
                )
            )
    trials = pd.concat(parts, ignore_index=True)
    knows, old = trials["fewer_rows"] > trials["limit"], trials["fewer_from"] > 1
    return trials.assign(
        setting="", learning_rate=0.1, batch_size=32, steps_per_epoch=8, budget_epochs=2700,
        epochs_run=2700, ended="budget", generalized_after_epoch=1, point_id="one",
        n=24, k=2, width=100, train_size=256,
        final_test_accuracy=np.where(knows, 1.0, 0.7),
        generalized_epoch=pd.Series(np.where(old, 50, 400)).where(knows | old).astype("Int64"),
        ungrokked_epoch=pd.Series(np.full(len(trials), 1000)).where(old & ~knows).astype("Int64"),
    )  # fmt: skip
