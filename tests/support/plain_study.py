"""Somebody else's trainable under GrokkingStopper: run as a program by test_driver.

Prints how many results each Tune trial gave before the stopper ended it, and its transition.
"""

import json
import sys

from ray import init, tune

from study import GrokkingStopper
from study.driver.ray_internals import QUIET


class Scripted(tune.Trainable):
    """Memorizes at iteration 3, and generalizes `delay` iterations later, or never."""

    def setup(self, config):
        self.delay, self.count = config["delay"], 0

    def step(self):
        self.count += 1
        generalized = self.delay is not None and self.count >= 3 + self.delay
        return {
            "train_accuracy": 1.0 if self.count >= 3 else 0.7,
            "test_accuracy": 0.5 + generalized / 2,
        }


if __name__ == "__main__":
    import os

    os.environ.update(QUIET)
    init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    stopper = GrokkingStopper(trials=3)
    results = tune.Tuner(
        Scripted,
        param_space={"delay": tune.grid_search([0, 4, 9])},
        tune_config=tune.TuneConfig(reuse_actors=False),
        run_config=tune.RunConfig(
            stop=stopper,
            storage_path=sys.argv[1],
            verbose=0,
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
        ),
    ).fit()
    answer = {
        str(result.config["delay"]): {
            "results": result.metrics["training_iteration"],
            **stopper.transition(result.metrics["trial_id"]),
        }
        for result in results
    }
    print("ANSWER " + json.dumps(answer))
