"""A batch larger than the training rows is one step an epoch over all of them, in every engine."""

import numpy as np
import pytest
from engines import ENGINES, after
from module_engines import ENGINES as MODULE_ENGINES
from module_engines import MLP, TRANSFORMER
from module_engines import trials_of as modular_trials
from small import spec_of
from small import trials_of as parity_trials
from trained import fill

from study.trials.packing import trial_bytes
from study.trials.trial import Trial

HUGE = 10**8
NAMED = {**ENGINES, **{f"module {name}": engine for name, engine in MODULE_ENGINES.items()}}


def of_batch(name: str, batch: int) -> list[Trial]:
    if not name.startswith("module"):
        return parity_trials({"train_size": 70, "batch_size": batch}, seeds=3)
    shape = TRANSFORMER if "loop" in name else MLP
    net = "transformer" if "loop" in name else "mlp"
    return modular_trials({**shape, "batch_size": batch}, net=net)


def paired(name: str) -> tuple[list[Trial], list[Trial]]:
    """Trials with a huge batch, and with all rows as their batch: the same streams for both."""
    huge = of_batch(name, HUGE)
    whole = of_batch(name, huge[0].train_size)
    for one, other in zip(huge, whole, strict=True):
        object.__setattr__(other, "_stream_key", one.stream_key)
    return huge, whole


@pytest.mark.parametrize("name", NAMED)
def test_a_huge_batch_trains_as_one_of_all_rows_bit_for_bit(name):
    engine, (huge, whole) = NAMED[name], paired(name)
    assert huge[0].steps_per_epoch == whole[0].steps_per_epoch == 1
    assert huge[0].batch_rows == huge[0].train_size
    arrays = [engine.dump(after(engine, trials, 3)) for trials in (huge, whole)]
    for key in arrays[0]:
        assert np.asarray(arrays[0][key]).tobytes() == np.asarray(arrays[1][key]).tobytes(), key
    assert trial_bytes(huge[0]) == trial_bytes(whole[0])


def test_a_huge_batch_is_trained_to_its_end(tmp_path):
    store = fill(spec_of({"batch_size": HUGE}, seeds=2, budget={"epochs": 4}), tmp_path)
    rows = store.trials().to_pylist()
    assert [row["ended"] for row in rows] == ["budget", "budget"]
    assert [row["steps_per_epoch"] for row in rows] == [1, 1]


def test_fresh_rows_keep_their_batch():
    [online] = parity_trials({"train_size": "online"}, seeds=1)
    assert online.batch_rows == online.point.batch_size
