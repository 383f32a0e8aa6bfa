"""The race for one boundary: what docs/boundary.md says of it."""

from functools import partial

import numpy as np
import optuna
import pytest
from boundary_race import SEEDS, WINDOWS, Truth, adaptive, grid, other, study_of
from optuna.samplers import GPSampler, RandomSampler, TPESampler

from study.store.store import Store
from study.training.runner import run_pack
from study.trials.expand import expand
from study.trials.packing import group

RUNS = 10
SLOW_RUNS = 3  # of Optuna's GP sampler, a minute each
GRID = 12 * 12 * SEEDS
optuna.logging.set_verbosity(optuna.logging.WARNING)


@pytest.fixture(scope="module", params=list(WINDOWS))
def window(request):
    return request.param


@pytest.fixture(scope="module")
def truth(window):
    return Truth.read(window)


def median_error(truth, run, runs=RUNS):
    tallies = [run(seed) for seed in range(runs)]
    return float(np.median([truth.error(tally.events, tally.tries) for tally in tallies]))


def by_share(truth, shares, runs=RUNS):
    """Median error of the adaptive search by the share of the grid's trials that it has."""
    return {
        share: median_error(truth, partial(adaptive, truth, trials=round(share * GRID)), runs)
        for share in shares
    }


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_adaptive_search_needs_a_share_of_the_grids_trials_and_beats_the_others(truth, window):
    rival, fifth = grid(truth), round(GRID / 5)
    assert rival.tries.sum() == GRID
    grid_error = truth.error(rival.events, rival.tries)
    error_of = by_share(truth, [0.08, 0.1, 0.15, 0.2, 0.25, 0.3])
    others = {
        "random, one seed a point": (RandomSampler, 1, RUNS),
        "random, 4 seeds a point": (RandomSampler, 4, RUNS),
        "tpe": (TPESampler, 4, RUNS),
        "gp": (GPSampler, 4, SLOW_RUNS),
    }
    errors = {
        name: median_error(truth, partial(other, truth, sampler, fifth, networks), runs)
        for name, (sampler, networks, runs) in others.items()
    }
    print(f"\n{window}: grid {grid_error:.4f}")
    for share, error in error_of.items():
        print(f"adaptive {share:.0%} {error:.4f}")
    for name, error in errors.items():
        print(f"{name} 20% {error:.4f}")
    assert error_of[0.2] < 0.85 * min(errors.values())
    if window == "wide":
        assert error_of[0.1] <= grid_error
        assert error_of[0.2] <= grid_error / 2
    else:
        assert error_of[0.3] <= grid_error
        assert error_of[0.2] <= 1.2 * grid_error  # 1.10; with a window this close, not yet 1


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_over_a_hundred_runs_more_trials_find_the_near_boundary_better():
    error_of = by_share(Truth.read("near"), [0.1, 0.15, 0.2, 0.25, 0.3], runs=100)
    for share, error in error_of.items():
        print(f"adaptive {share:.0%} {error:.4f} over 100 runs")
    assert list(error_of.values()) == sorted(error_of.values(), reverse=True)


def test_a_table_is_small_and_whole(truth):
    assert truth.outcomes.shape == (40, 40, 8)
    assert 0.5 < truth.outcomes.mean() < 0.6
    assert len(truth.lines) > 100


def test_a_table_is_of_its_study(truth, window, tmp_path):
    """Eight of its trials, trained again, end as the table says."""
    trials = expand(study_of(window))[::1777]
    store = Store(tmp_path)
    for pack in group(trials):
        for _ in run_pack(pack, store):
            pass
    rows = {row["trial_id"]: row for row in store.trials().to_pylist()}
    for trial in trials:
        cell = (
            np.abs(truth.sizes - trial.point.train_size).argmin(),
            np.abs(truth.decays - trial.point.weight_decay).argmin(),
        )
        generalized = rows[trial.trial_id]["generalized_epoch"] is not None
        assert generalized == truth.outcomes[*cell, trial.seed]
    assert len({row["generalized_epoch"] is None for row in rows.values()}) == 2
