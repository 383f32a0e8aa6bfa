"""Trials replayed side by side, with what the paper's figures and findings need of each.

Each trial is replayed in a process of its own; only numbers come back.
"""

from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.circuits.history import Circuits, History, find_circuits, jaccard, watch
from analysis.circuits.through_training import (
    curves,
    dominant_neurons,
    every_neuron,
    follow,
    kinds,
    survivors,
)
from study.machine import usable_cores
from study.store.store import Store


@dataclass(frozen=True, slots=True)
class Studied:
    """A replayed trial: facts about it, and the frames of `analysis.circuits.through_training`."""

    seed: int
    facts: Mapping[str, Any]
    curves: pd.DataFrame
    circuits: pd.DataFrame
    dominant: pd.DataFrame
    neurons: pd.DataFrame


def study_trial(store_url: str | Path, trial_id: str) -> Studied:
    """Replay a trial and follow its circuits; raises as `watch` does."""
    history = watch(Store.open(store_url), trial_id)
    return studied_of(history, find_circuits(history))


def studied_of(history: History, circuits: Circuits) -> Studied:
    """What the figures need of a trial that has been replayed."""
    read, followed, row = curves(history), follow(history, circuits), history.row
    facts: dict[str, Any] = {
        **{name: row[name] for name in ("setting", "trial_id", "seed", "ended", "epochs_run")},
        **{name: row[name] for name in ("memorized_epoch", "generalized_epoch")},
        "exact": not history.moved,
        **sparsities(read, row, history.trial.point.width),
        "separated_epoch": separated_epoch(followed),
        "kinds": None,
        "overlap": None,
        "contained": None,
    }
    if "generalizing" in circuits:
        facts["kinds"] = kinds(survivors(history, circuits["generalizing"]))
    if {"memorizing", "generalizing"} <= circuits.keys():
        dense, sparse = circuits["memorizing"], circuits["generalizing"]
        facts["overlap"] = jaccard(dense, sparse)
        facts["contained"] = len(np.intersect1d(dense, sparse)) / len(sparse)
    return Studied(
        row["seed"],
        facts,
        read,
        followed,
        dominant_neurons(history),
        every_neuron(history, circuits),
    )


def study_trials(store_url: str | Path, trials: pd.DataFrame) -> list[Studied]:
    """`study_trial` of each row, on as many cores as there are, in the order of the rows."""
    cost = trials["epochs_run"] * trials["train_size"].fillna(0) * trials["width"]
    order = trials.assign(cost=cost).sort_values("cost", ascending=False, kind="stable")
    ids = order["trial_id"].tolist()  # the longest first, or the last one is waited for alone
    workers = min(len(ids), usable_cores())
    if workers < 2:
        found = [study_trial(store_url, trial_id) for trial_id in ids]
    else:
        # Spawned: a fork of a process whose libraries run threads may never wake up.
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            found = list(pool.map(study_trial, [store_url] * len(ids), ids))
    by_id = {one.facts["trial_id"]: one for one in found}
    return [by_id[trial_id] for trial_id in trials["trial_id"]]


def sparsities(read: pd.DataFrame, row: Mapping[str, Any], width: int) -> dict[str, int | None]:
    """Effective sparsity on the training rows: its size at a trial's events and at its end.

    `halved_epoch` and `tenth_epoch` are the first epochs, from memorising on, at which half and a
    tenth of the neurons predict like all of them.
    """
    sizes = read.set_index("epoch")["effective_sparsity_train"]
    answer: dict[str, int | None] = {"sparsity_final": int(sizes.iloc[-1])}
    for event in ("memorized", "generalized"):
        epoch = row[f"{event}_epoch"]
        answer[f"sparsity_{event}"] = int(sizes[epoch]) if epoch in sizes.index else None
    began = row["memorized_epoch"]
    for name, share in (("halved", 2), ("tenth", 10)):
        sparse = sizes.index[(sizes <= width / share) & (began is not None)]
        first = sparse[sparse >= (began or 0)]
        answer[f"{name}_epoch"] = int(first[0]) if len(first) else None
    return answer


def separated_epoch(followed: pd.DataFrame) -> int | None:
    """The epoch from which on the generalizing neurons' mean norm is over twice the others'."""
    norms = followed.pivot(index="epoch", columns="circuit", values="mean_norm")
    if not {"generalizing", "complementary"} <= set(norms):
        return None
    near = norms.index[norms["generalizing"] <= 2 * norms["complementary"]]
    apart = norms.index[norms.index > near[-1]] if len(near) else norms.index
    return int(apart[0]) if len(apart) else None
