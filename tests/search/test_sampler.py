"""What a boundary search is made of: its surface, and its sampler in plain Optuna."""

import numpy as np
import optuna
import pytest
from scipy.special import expit

from study.search.sampler import BoundarySampler
from study.search.surface import fit_surface

optuna.logging.set_verbosity(optuna.logging.WARNING)


def test_the_sampler_finds_a_threshold_in_plain_optuna():
    rng = np.random.default_rng(1)

    def objective(trial):
        rate = trial.suggest_float("rate", 1e-4, 1.0, log=True)
        trial.suggest_categorical("kind", ["a", "b"])
        return float(rng.random() < expit(4 * np.log(rate / 0.01)))

    study = optuna.create_study(sampler=BoundarySampler(seed=3, initial=12))
    study.optimize(objective, n_trials=60)
    asked = np.abs(np.log([trial.params["rate"] / 0.01 for trial in study.trials]))
    assert np.median(asked[-30:]) < 0.7  # of 9.2 log units; at random it would be 2.5
    with pytest.raises(ValueError, match="multi-objective"):
        optuna.create_study(directions=["minimize"] * 2, sampler=BoundarySampler()).ask(
            {"rate": optuna.distributions.FloatDistribution(0.1, 1.0)}
        )


def test_a_surface_says_what_networks_do_and_is_less_sure_elsewhere():
    rng = np.random.default_rng(2)
    points = rng.uniform(-1, 1, (300, 2))
    odds = 6 * (points[:, 0] - 0.5 * points[:, 1] ** 2)
    surface = fit_surface(points, rng.binomial(5, expit(odds)) * 1.0, np.full(300, 5.0))
    assert np.corrcoef(surface.log_odds(points), odds)[0, 1] > 0.97
    sides = (surface.log_odds(points) > 0) == (odds > 0)
    assert sides[np.abs(odds) > 1].all()
