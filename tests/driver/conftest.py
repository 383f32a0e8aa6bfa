"""A study file for the driver's tests, of twelve trials that train in a moment."""

import pytest

TINY = """
name = "tiny"
seeds = 3
[axes]
n = 20
k = 2
width = 24
train_size = [60, 120]
weight_decay = [0.01, 0.1]
[budget]
epochs = 60
"""


@pytest.fixture
def tiny(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path
