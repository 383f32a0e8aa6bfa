"""A checkpoint's arrays are the declared ones, and the declared axis is the members'."""

import numpy as np
import pytest
from engines import ENGINES
from module_engines import ENGINES as MODULE_ENGINES
from module_engines import trials_of
from small import spec_of

from study.engine.protocol import Along
from study.training.checkpoint import cut, packed, unpacked
from study.training.pack_run import PackRun
from study.trials.expand import expand
from study.trials.pack import Pack

PARITY = {"seeds": 5, "readings": {"measures": ["mean_neuron_norm"]}}
CASES = [
    *((engine, expand(spec_of(**PARITY))) for engine in ENGINES.values()),
    (ENGINES["torch"], expand(spec_of(**PARITY, train={"optimizer": "adamw"}))),
    (MODULE_ENGINES["looped"], trials_of(seeds=5, train={"optimizer": "adamw"})),
]


def parts_after(engine, trials, epochs=4):
    """The parts of a pack's checkpoint once one of its members has left."""
    run = PackRun(Pack(tuple(trials)), engine)
    for _ in range(epochs):
        run.advance()
    run.drop([trials[1].trial_id])
    return unpacked(run.checkpoint())


@pytest.mark.parametrize(("engine", "trials"), CASES, ids=[*ENGINES, "adamw", "modules"])
def test_every_engine_declares_what_it_dumps(engine, trials):
    parts = parts_after(engine, trials)
    for part, arrays in parts.items():
        for name, array in arrays.items():
            if part == "state" or part.startswith("past"):
                spec = engine.ARRAYS[name]
                assert (spec.along is None) == (name == "epoch")
                assert spec.along is None or array.shape[spec.axis] == len(trials) - 1


@pytest.mark.parametrize(("engine", "trials"), CASES, ids=[*ENGINES, "adamw", "modules"])
def test_cutting_all_members_keeps_every_open_one(engine, trials):
    parts = parts_after(engine, trials)
    whole = cut(parts, np.arange(4), engine.ARRAYS)
    for part in parts:
        assert set(whole[part]) == set(parts[part])
    assert whole["follower"]["numbers"].tolist() == [0, 1, 2, 3]
    assert whole["run"]["seconds"].tolist() == parts["run"]["seconds"][[0, 2, 3, 4]].tolist()
    for name, array in whole["watch"].items():
        assert np.array_equal(array, parts["watch"][name], equal_nan=array.dtype.kind == "f")
    again = cut(whole, np.arange(4), engine.ARRAYS)
    assert packed(again.items()) == packed(whole.items())


def test_a_piece_of_a_piece_is_the_piece():
    engine, trials = CASES[0]
    parts = parts_after(engine, trials)
    piece = cut(cut(parts, np.array([0, 2, 3]), engine.ARRAYS), np.array([1, 2]), engine.ARRAYS)
    assert packed(piece.items()) == packed(cut(parts, np.array([2, 3]), engine.ARRAYS).items())


def test_an_undeclared_array_is_refused():
    engine, trials = CASES[0]
    parts = parts_after(engine, trials)
    parts["state"]["new"] = np.zeros(4)
    with pytest.raises(KeyError, match="new"):
        cut(parts, np.arange(2), engine.ARRAYS)


def test_only_the_epoch_has_no_members():
    for engine in (*ENGINES.values(), *MODULE_ENGINES.values()):
        whole = [name for name, spec in engine.ARRAYS.items() if spec.along is None]
        assert whole == ["epoch"]
        assert all(spec.along in {None, Along.OPEN} for spec in engine.ARRAYS.values())
