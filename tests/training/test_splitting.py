"""The pieces of a split pack end with the rows of the whole pack, and are alike in size."""

import numpy as np
import pytest
from small import spec_of
from trained import fill, table

from study.engine.fused import FusedEngine
from study.engine.modules import ModuleEngine
from study.engine.relu_engine import ReluEngine
from study.plan.plan import make_plan, start_study
from study.spec.file import resolve
from study.store.store import Store
from study.training import runner, splitting
from study.training.runner import run_pack
from study.training.splitting import shares, split_packs

AXES = {"train_size": 60, "weight_decay": [0.003, 0.01, 0.03]}
TABLES = {"seeds": 3, "budget": {"epochs": 60}, "readings": {"measures": ["mean_neuron_norm"]}}
MODULAR = {
    "name": "modular",
    "task": "addition",
    "net": "mlp",
    "axes": {"modulus": 23, "train_fraction": [0.5, 0.7], "width": 16, "weight_decay": [0.1, 1.0]},
    "train": {"optimizer": "adamw", "loss": "cross_entropy"},
    "seeds": 3,
    "budget": {"epochs": 45},
}


def stopped(spec, store, engine, monkeypatch):
    """The study's packs, each stopped in the middle with some members still open."""
    monkeypatch.setattr(runner, "CHECKPOINT_SECONDS", 0.0)
    packs = start_study(spec, store, ["pytest"]).packs
    train_some(packs, store, engine)
    return packs


def train_some(packs, store, engine):
    """Train packs 20 epochs further."""
    for pack in packs:
        running = run_pack(pack, store, engine, report_seconds=0.0)
        for _ in range(20):
            next(running)
        running.close()


def finished(packs, store, engine):
    """Train packs to their ends; the table of the study then."""
    for pack in packs:
        for _ in run_pack(pack, store, engine):
            pass
    assert not store.packs.checkpoint_ids()
    return table(store)


@pytest.mark.parametrize(
    ("engine", "study"),
    [
        (ReluEngine(), spec_of(AXES, **TABLES)),
        (ReluEngine(), spec_of(AXES, **TABLES, train={"optimizer": "adamw"})),
        (FusedEngine(), spec_of(AXES, **TABLES)),
        (ModuleEngine(), resolve(MODULAR)),
    ],
    ids=["torch", "adamw", "fused", "modules"],
)
def test_pieces_end_with_the_table_of_the_whole(tmp_path, monkeypatch, engine, study):
    expected = table(fill(study, tmp_path / "whole", engine))
    store = Store(tmp_path / "split")
    packs = stopped(study, store, engine, monkeypatch)
    pieces = split_packs(store, packs, len(packs) + 3)
    assert len(pieces) == len(packs) + 3
    assert {p.pack_id for p in make_plan(study, store).packs} == {p.pack_id for p in pieces}
    begun = [store.packs.checkpoint(piece.pack_id) for piece in pieces]
    assert None not in begun
    assert finished(pieces, store, engine) == expected


def test_pieces_are_split_again(tmp_path, monkeypatch):
    study, engine = spec_of(AXES, **TABLES), ReluEngine()
    expected = table(fill(study, tmp_path / "whole", engine))
    store = Store(tmp_path / "split")
    [pack] = stopped(study, store, engine, monkeypatch)
    pieces = split_packs(store, [pack], 2)
    train_some(pieces, store, engine)
    pieces = split_packs(store, pieces, 5)
    assert len(pieces) == 5
    assert finished(pieces, store, engine) == expected


def test_a_split_cut_short_loses_nobody(tmp_path, monkeypatch):
    """The program is killed after the first piece: the store has that piece and the old pack."""
    study, engine = spec_of(AXES, **TABLES), ReluEngine()
    expected = table(fill(study, tmp_path / "whole", engine))
    store = Store(tmp_path / "split")
    [pack] = stopped(study, store, engine, monkeypatch)
    written = []

    def fail_at_the_second(parts, places, specs):
        if written:
            raise KeyboardInterrupt
        written.append(places)
        return cut(parts, places, specs)

    cut = splitting.cut
    monkeypatch.setattr(splitting, "cut", fail_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        split_packs(store, [pack], 3)
    packs = make_plan(study, store).packs
    assert pack.pack_id in {p.pack_id for p in packs}
    assert finished(packs, store, engine) == expected
    rows = store.trials()["trial_id"].to_pylist()
    assert len(rows) == len(set(rows)) == 9


def test_packs_without_a_checkpoint_stay_as_they_are(tmp_path):
    study = spec_of(AXES, **TABLES)
    store = Store(tmp_path)
    packs = start_study(study, store, ["pytest"]).packs
    assert split_packs(store, packs, 9) == list(packs)


def test_shares_are_alike():
    assert shares([12], 3) == [3]
    assert shares([9, 3], 4) == [3, 1]
    assert shares([1, 1, 1], 8) == [1, 1, 1]
    assert shares([2, 1], 8) == [2, 1]
    chance = np.random.default_rng(0)
    for _ in range(100):
        opened = chance.integers(1, 300, chance.integers(1, 9)).tolist()
        counts = shares(opened, 64)
        assert min(counts) >= 1
        assert sum(counts) == min(64, sum(opened))
        largest = max(members / count for members, count in zip(opened, counts, strict=True))
        assert largest <= 2 * max(1.0, sum(opened) / 64)
