"""Two sides of a comparison whose ratio of times and chances to generalize are stated."""

import numpy as np
import pandas as pd

from analysis.questions.sides import ComparedSide
from study.spec.file import resolve

ROWS, DECAYS = (200, 300, 400, 600, 1000), (0.001, 0.003, 0.01, 0.03, 0.1)
STUDY = {
    "name": "made",
    "seeds": 5,
    "axes": {"n": 30, "k": 2, "width": 100, "train_size": list(ROWS), "weight_decay": list(DECAYS)},
}


def draw_sides(
    rng,
    ratio=1.0,
    seeds=(5, 5),
    same_data=False,
    common=0.3,
    own=0.1,
    never=0.0,
    shared=False,
    width=100,
):
    """A and B: at each point the times of B are those of A times the ratio.

    With the same data, a seed's factor `common` is the same on both sides, and its chance never to
    generalize, too. With `shared`, it is the same at every weight decay. Times above the budget of
    20 decay times are censored.
    """
    setting = resolve(STUDY | {"data": {"shared": shared}}).settings[0]
    frames = [_draw(rng, count, never) for count in seeds]
    if same_data:
        frames[1]["seed_factor"] = frames[0]["seed_factor"]
        frames[1]["luck"] = frames[0]["luck"]
    else:
        frames[1]["width"], frames[1]["point_id"] = width, frames[1]["point_id"] + f" {width}"
        frames[1]["seed"] += 0 if width != 100 else 100
    sides = []
    for letter, frame, factor in zip("AB", frames, (1.0, ratio), strict=True):
        if shared:
            firsts = frame.groupby(["train_size", "seed"])["seed_factor"].transform("first")
            frame["seed_factor"] = firsts
        trials = _timed(rng, frame, factor, common, own)
        sides.append(ComparedSide(letter, f"runs/{letter}", trials, {"": setting}))
    return tuple(sides)


def _draw(rng, seeds, never):
    points = pd.DataFrame(
        [(rows, decay) for rows in ROWS for decay in DECAYS], columns=["train_size", "weight_decay"]
    )
    points["point_id"] = points.index.astype(str)
    points["hard"] = np.clip(never * 5 * (ROWS[2] / points["train_size"]) - 1, 0, 1)
    frame = points.merge(pd.DataFrame({"seed": range(seeds)}), how="cross")
    return frame.assign(
        width=100, seed_factor=rng.normal(size=len(frame)), luck=rng.uniform(size=len(frame))
    )


def _timed(rng, frame, factor, common, own):
    steps = np.ceil(frame["train_size"] / 32).astype(int)
    noise = np.exp(common * frame["seed_factor"] + own * rng.normal(size=len(frame)))
    decay_time = 1 / (0.1 * frame["weight_decay"] * steps)
    last = np.ceil(20 * decay_time).astype(int)
    epoch = np.ceil(factor * 3 * (400 / frame["train_size"]) * decay_time * noise).astype(int)
    memorized = np.ceil(
        factor * 20 * (frame["train_size"] / 400) ** 0.5 * noise
    ).astype(int)  # fmt: skip
    had = (epoch <= last) & (frame["luck"] >= frame["hard"])
    learned = memorized <= last
    return frame.assign(
        trial_id=frame["point_id"] + " " + frame["seed"].astype(str),
        study="made", setting="", task="parity", net="relu", n=30, k=2, learning_rate=0.1,
        batch_size=32, init_scale=1.0, modulus=None, train_fraction=None, layers=None, heads=None,
        label_noise=None, steps_per_epoch=steps, budget_epochs=last,
        epochs_run=np.where(had, np.maximum(epoch, memorized), last),
        ended=np.where(had, "decided", "budget"), final_test_accuracy=np.where(had, 1.0, 0.6),
        ungrokked_epoch=pd.array([pd.NA] * len(frame), "Int64"),
        **_event("memorized", memorized, learned, last), **_event("generalized", epoch, had, last),
    )  # fmt: skip


def _event(name, epoch, had, last):
    whole = epoch.astype("Int64")
    return {f"{name}_epoch": whole.where(had), f"{name}_after_epoch": (whole - 1).where(had, last)}
