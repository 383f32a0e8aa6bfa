"""Trials replayed side by side, with what the paper's figures and findings need of each trial.

Each trial is replayed in a process of its own, and only numbers come back.
"""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd

from analysis.circuits.history import (
    Circuits,
    History,
    StoredTrial,
    find_circuits,
    jaccard,
    record_history,
)
from analysis.circuits.through_training import (
    dominant_neurons,
    every_neuron,
    follow,
    kinds,
    reading_curves,
    survivors,
)
from study.machine import usable_cores
from study.store.store import Store


@dataclass(frozen=True, slots=True)
class TrialFacts:
    """Facts about one replayed trial; None where the trial never had the event.

    A sparsity is the number of neurons that predict like the whole net on the training rows.

    Attributes:
        exact: whether the replay equals the stored readings bit for bit.
        sparsity_final: at the last epoch.
        sparsity_memorized: at the epoch of memorizing.
        sparsity_generalized: at the epoch of generalizing.
        halved_epoch: the first epoch, at or after memorizing, at which half of the neurons predict
            like all.
        tenth_epoch: the same for a tenth of the neurons.
        separated_epoch: as the function `separated_epoch` gives it.
        kinds: of neurons in the generalizing circuit, as `through_training.kinds` counts them.
        overlap: Jaccard index of the memorizing and the generalizing circuit.
        contained: share of the generalizing neurons that are memorizing, too.
    """

    setting: str
    trial_id: str
    seed: int
    ended: str
    epochs_run: int
    memorized_epoch: int | None
    generalized_epoch: int | None
    exact: bool
    sparsity_final: int | None
    sparsity_memorized: int | None
    sparsity_generalized: int | None
    halved_epoch: int | None
    tenth_epoch: int | None
    separated_epoch: int | None
    kinds: int | None
    overlap: float | None
    contained: float | None


@dataclass(frozen=True, slots=True)
class ReplayedTrial:
    """A replayed trial: facts about it, and frames of `analysis.circuits.through_training`."""

    facts: TrialFacts
    curves: pd.DataFrame  # as `reading_curves` gives them
    circuits: pd.DataFrame  # as `follow` gives them
    dominant: pd.DataFrame  # as `dominant_neurons` gives them
    neurons: pd.DataFrame  # as `every_neuron` gives them


def replay_circuits(store_url: str | Path, trial_id: str) -> ReplayedTrial:
    """Replay a trial and follow its circuits.

    Args:
        store_url: path or URL of the store.
        trial_id: all of it, or a beginning that no other trial has.

    Raises: as `record_history` does.
    """
    history = record_history(Store.open(store_url), trial_id)
    return replayed_trial(history, find_circuits(history))


def replayed_trial(history: History, circuits: Circuits) -> ReplayedTrial:
    """What the figures need of a trial that has been replayed.

    Args:
        history: of the trial.
        circuits: of the trial, as `find_circuits` gives them.
    """
    curves, followed, row = reading_curves(history), follow(history, circuits), history.row
    neuron_kinds = overlap = contained = None
    if "generalizing" in circuits:
        neuron_kinds = kinds(survivors(history, circuits["generalizing"]))
    if {"memorizing", "generalizing"} <= circuits.keys():
        dense, sparse = circuits["memorizing"], circuits["generalizing"]
        overlap = jaccard(dense, sparse)
        contained = len(np.intersect1d(dense, sparse)) / len(sparse)
    facts = TrialFacts(
        setting=row["setting"],
        trial_id=row["trial_id"],
        seed=row["seed"],
        ended=row["ended"],
        epochs_run=row["epochs_run"],
        memorized_epoch=row["memorized_epoch"],
        generalized_epoch=row["generalized_epoch"],
        exact=not history.moved,
        **sparsity_facts(curves, row, history.trial.point.width),
        separated_epoch=separated_epoch(followed),
        kinds=neuron_kinds,
        overlap=overlap,
        contained=contained,
    )
    return ReplayedTrial(
        facts, curves, followed, dominant_neurons(history), every_neuron(history, circuits)
    )


def replay_side_by_side(store_url: str | Path, trials: pd.DataFrame) -> list[ReplayedTrial]:
    """`replay_circuits` of each trial, on as many cores as there are.

    Args:
        store_url: path or URL of the store.
        trials: rows of the table `trials`.

    Returns: the replayed trials in the order of the rows.
    """
    cost = trials["epochs_run"] * trials["train_size"].fillna(0) * trials["width"]
    order = trials.assign(cost=cost).sort_values("cost", ascending=False, kind="stable")
    # The longest trial starts first. If it started last, the other workers would wait for it.
    ids = order["trial_id"].tolist()
    workers = min(len(ids), usable_cores())
    if workers < 2:
        replayed = [replay_circuits(store_url, trial_id) for trial_id in ids]
    else:
        # Workers are spawned: a fork of a process whose libraries run threads may wait for ever.
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            replayed = list(pool.map(replay_circuits, [store_url] * len(ids), ids))
    by_id = {trial.facts.trial_id: trial for trial in replayed}
    return [by_id[trial_id] for trial_id in trials["trial_id"]]


def sparsity_facts(curves: pd.DataFrame, row: StoredTrial, width: int) -> dict[str, int | None]:
    """The sparsities of `TrialFacts`, and the epochs at which the net became sparse.

    `halved_epoch` and `tenth_epoch` are the first such epochs at or after memorizing. They count
    from the start of training, and are None for a trial that never memorized.

    Args:
        curves: with epoch and effective_sparsity_train, as `reading_curves` gives them.
        row: with the epochs of both events.
        width: neurons of the net.
    """
    sizes = curves.set_index("epoch")["effective_sparsity_train"]
    memorized, generalized = row["memorized_epoch"], row["generalized_epoch"]
    facts: dict[str, int | None] = {"sparsity_final": int(sizes.iloc[-1])}
    for name, epoch in (("memorized", memorized), ("generalized", generalized)):
        never = epoch is None or epoch not in sizes.index
        facts[f"sparsity_{name}"] = None if never else int(sizes.loc[cast("int", epoch)])
    for name, part in (("halved", 2), ("tenth", 10)):
        sparse = sizes.index[(sizes <= width / part) & (memorized is not None)]
        since = sparse[sparse >= (memorized or 0)]
        facts[f"{name}_epoch"] = int(since[0]) if len(since) else None
    return facts


def separated_epoch(followed: pd.DataFrame) -> int | None:
    """The epoch from which on the generalizing neurons' mean norm is over twice the others'.

    None where it is not over twice the others' at the last epoch, and for a trial without a
    generalizing circuit.

    Args:
        followed: epoch, circuit, mean_norm, as `follow` gives them.
    """
    norms = followed.pivot(index="epoch", columns="circuit", values="mean_norm")
    if not {"generalizing", "complementary"} <= set(norms):
        return None
    near = norms.index[norms["generalizing"] <= 2 * norms["complementary"]]
    apart = norms.index[norms.index > near[-1]] if len(near) else norms.index
    return int(apart[0]) if len(apart) else None
