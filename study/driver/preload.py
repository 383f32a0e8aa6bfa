"""Imported by each worker of a local Ray when its process starts: loads what packs need.

Tune and torch take seconds to import. The worker leaves a file in the folder that READY_VARIABLE
names, so that the driver knows how many workers are ready for packs; see `warm_up`.
"""

import os
from pathlib import Path

import study.driver.trainable
import study.training.runner  # noqa: F401  the two modules import Tune and torch
from study.driver.warm_up import READY_VARIABLE

if folder := os.environ.get(READY_VARIABLE):
    (Path(folder) / str(os.getpid())).touch()
