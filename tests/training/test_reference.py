"""The transition times of the authors' own code, seed by seed, against ours.

`data/parity_reference.csv` holds what the published code (GitHub Tsili42/parity-nn) did on one CPU
thread with torch 2.13, measured in November 2026: parity of the first k bits, PyTorch's default
initial weights, an event being the first reading above 0.98, on 4,000 test rows.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small import spec_of

from analysis import load_trials
from study.plan.plan import start_study
from study.store.store import Store
from study.training.runner import run_pack

SEEDS = 128
EVENTS = {"memorized": "memorized_epoch", "generalized": "generalized_epoch_4000_rows"}
REFERENCE = pd.read_csv(Path(__file__).parents[1] / "data" / "parity_reference.csv")
CONFIGURATIONS = ["n", "k", "width", "train_size", "weight_decay"]


def median_ratio(ours, theirs, resamples=4000):
    """Ratio of medians and its 99% bootstrap interval; never is larger than any time."""
    chance = np.random.default_rng(0)

    def medians(times):
        drawn = chance.choice(times.to_numpy(float, na_value=np.inf), (resamples, len(times)))
        return np.median(drawn, axis=1)

    low, high = np.quantile(medians(ours) / medians(theirs), [0.005, 0.995])
    ratio = np.median(ours.to_numpy(float, na_value=np.inf))
    return ratio / np.median(theirs.to_numpy(float, na_value=np.inf)), low, high


def compare(folder, seeds=SEEDS):
    """Train every configuration of the reference; one row a configuration and event."""
    rows = []
    for index, (values, theirs) in enumerate(REFERENCE.groupby(CONFIGURATIONS)):
        point = dict(zip(CONFIGURATIONS, values, strict=True))
        spec = spec_of(
            point,
            name=f"reference{index}",
            seeds=seeds,
            budget={"epochs": int(theirs["budget_epochs"].max())},
            data={"hidden_bits": "first", "test_rows": 4000},
            detect={"hold": 1},
        )
        store = Store(folder / spec.name)
        for pack in start_study(spec, store, ["pytest"]).packs:
            for _ in run_pack(pack, store):
                pass
        ours = load_trials(store.url)
        for event, column in EVENTS.items():
            ratio, low, high = median_ratio(ours[f"{event}_epoch"], theirs[column])
            medians = ours[f"{event}_epoch"].median(), theirs[column].median()
            rows.append((*values, event, *medians, len(ours), len(theirs), ratio, low, high))
    names = [
        *CONFIGURATIONS,
        "event",
        "ours",
        "theirs",
        "seeds",
        "their_seeds",
        "ratio",
        "low",
        "high",
    ]
    return pd.DataFrame(rows, columns=names)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_transition_times_are_those_of_the_authors_code(tmp_path):
    table = compare(tmp_path)
    print(table.to_string(index=False))
    contains_one = (table["low"] <= 1) & (table["high"] >= 1)
    close = (table["low"] >= 0.85) & (table["high"] <= 1.18)
    assert (contains_one | close).all(), table.to_string(index=False)


def test_the_comparison_would_see_a_shift_of_a_quarter():
    times = REFERENCE.loc[REFERENCE["n"] == 20, "memorized_epoch"].astype("Int64")
    _, low, high = median_ratio(times, times)
    assert low <= 1 <= high
    _, low, _ = median_ratio((times * 1.25).round().astype("Int64"), times)
    assert low > 1
