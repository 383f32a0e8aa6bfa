"""Fewer rows: from an epoch on a trial is trained on some of its rows, and is the same before."""

import numpy as np
import pytest
from emulated import emulated_engine
from engines import after
from oracle import by_autograd
from small import spec_of, trials_of

from analysis.circuits.history import record_history
from study.engine.fused import FusedEngine
from study.engine.relu_engine import ReluEngine
from study.errors import SpecError
from study.plan.plan import start_study
from study.spec.file import resolve
from study.store.schema import TRIALS
from study.store.store import Store
from study.training.pack_run import PackRun
from study.training.runner import run_pack
from study.trials.pack import Pack

FROM, LEFT, ROWS = 6, 30, 80
ENGINES = [FusedEngine, ReluEngine, pytest.param(emulated_engine, marks=pytest.mark.slow)]


def fewer(left=LEFT, since=FROM, axes=None, **tables):
    """Trials with fewer rows from an epoch on."""
    data = {"fewer_rows": left, "fewer_from": since}
    return trials_of(axes, **{"data": data, "detect": {"stop": False}, **tables})


def weights(engine, state):
    arrays = engine.dump(state)
    return arrays["incoming"], arrays["outgoing"]


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_the_rows_that_are_left_are_the_first_ones_as_often_as_an_epoch_has_updates():
    state = after(ReluEngine(), fewer(), FROM)
    rows, all_rows = state.data.train, ReluEngine().allocate(fewer()).data.train
    assert rows.labels.shape == all_rows.labels.shape
    for row in range(ROWS):
        assert rows.inputs[:, row].equal(all_rows.inputs[:, row % LEFT])
        assert rows.labels[:, row].equal(all_rows.labels[:, row % LEFT])


@pytest.mark.parametrize("make", ENGINES)
def test_until_then_a_trial_is_the_trial_with_all_rows_and_then_another(make):
    engine, plain, changed = make(), trials_of(detect={"stop": False}), fewer()
    assert [t.stream_key for t in plain] == [t.stream_key for t in changed]
    assert not {t.trial_id for t in plain} & {t.trial_id for t in changed}
    both = [after(engine, trials, FROM) for trials in (plain, changed)]
    assert same(*(weights(engine, state) for state in both))
    assert not same(*(weights(engine, engine.step(state)) for state in both))


@pytest.mark.parametrize("loss", ["hinge", "logistic"])
@pytest.mark.parametrize("make", [FusedEngine, ReluEngine])
def test_the_weights_are_those_of_a_plain_loop(make, loss):
    """Epochs on both sides of the change, in float64, through torch.optim.SGD."""
    trials = fewer(train={"dtype": "float64", "loss": loss})
    engine = make()
    incoming, outgoing = weights(engine, after(engine, trials, FROM + 5))
    for member, trial in enumerate(trials):
        w, u = by_autograd(trial, FROM + 5)
        np.testing.assert_allclose(incoming[member], w, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(outgoing[member], u, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("make", ENGINES)
@pytest.mark.parametrize("pause", [FROM - 1, FROM, FROM + 2])
def test_a_pack_goes_on_and_shrinks_bit_for_bit_on_both_sides_of_the_change(make, pause):
    engine, trials = make(), fewer()
    state = after(engine, trials, pause)
    again = engine.restore(trials, engine.dump(state))
    some = engine.leave(state, [2, 0])
    whole, again, some = (
        advanced(engine, begun, FROM + 4 - pause) for begun in (state, again, some)
    )
    assert same(weights(engine, whole), weights(engine, again))
    incoming, outgoing = weights(engine, whole)
    assert same((incoming[[2, 0]], outgoing[[2, 0]]), weights(engine, some))


def advanced(engine, state, epochs):
    for _ in range(epochs):
        state = engine.step(state)
    return state


@pytest.mark.parametrize("make", ENGINES)
def test_training_accuracy_is_of_the_rows_that_are_left(make):
    engine = make()
    state = after(engine, fewer(), FROM)
    reading, glance = engine.read(state), engine.glance(state, *np.full((2, 3), 10_000))
    plain = ReluEngine().read(after(ReluEngine(), trials_of(detect={"stop": False}), FROM))
    assert (reading.train_correct != plain.train_correct).any()
    assert (reading.test_correct == plain.test_correct).all()
    assert (reading.train_correct == ROWS - glance.train_wrong).all()


def test_rows_of_the_table_say_what_was_left():
    run, rows = PackRun(Pack(tuple(fewer(budget={"epochs": 10}))), ReluEngine()), []
    while run.open:
        finished = run.advance()
        rows += finished.trials if finished else []
    assert {(row["fewer_rows"], row["fewer_from"]) for row in rows} == {(LEFT, FROM)}
    assert {row["steps_per_epoch"] for row in rows} == {3}  # as many updates as before
    assert {"fewer_rows", "fewer_from"} <= {*TRIALS.names}


def test_a_replay_and_a_circuit_have_the_rows_that_were_left(tmp_path):
    data = {"fewer_rows": LEFT, "fewer_from": FROM}
    readings = {"keep_per_decade": "all"}
    spec = spec_of(data=data, detect={"stop": False}, readings=readings, budget={"epochs": 12})
    store = Store(tmp_path)
    for pack in start_study(spec, store, ["pytest"]).packs:
        for _ in run_pack(pack, store):
            pass
    history = record_history(store, fewer()[0].trial_id)
    assert not any(history.moved.values())
    distinct = {
        s.epoch: len(history.train_rows(s).inputs[0].unique(dim=0)) for s in history.snapshots
    }
    assert {epoch: rows <= LEFT for epoch, rows in distinct.items()} == {
        epoch: epoch >= FROM for epoch in distinct
    }


WRONG = [
    ({"fewer_rows": 30}, {}, "data.fewer_from: missing"),
    ({"fewer_from": 30}, {}, "data.fewer_rows: missing"),
    ({"fewer_rows": 81, "fewer_from": 6}, {}, "data.fewer_rows: 81 of 80 rows"),
    ({"fewer_rows": 0, "fewer_from": 6}, {}, "data.fewer_rows: 0; "),
    ({"fewer_rows": 30, "fewer_from": 6}, {"detect": {}}, "data.fewer_rows: detect.stop is true"),
    ({"fewer_rows": 30, "fewer_from": 40}, {}, "data.fewer_from: 40 of 40 epochs"),
    (
        {"fewer_rows": 30, "fewer_from": 6},
        {"axes": {"train_size": "online"}},
        "data.fewer_rows: 30 rows; online",
    ),
]


@pytest.mark.parametrize(("data", "more", "sentence"), WRONG)
def test_nonsense_is_one_sentence(data, more, sentence):
    tables = {"detect": {"stop": False}, **more}
    with pytest.raises(SpecError) as caught:
        trials_of(tables.pop("axes", None), data=data, **tables)
    assert sentence in str(caught.value)


def test_another_task_keeps_its_rows():
    written = {"name": "x", "task": "addition", "axes": {"modulus": 31, "width": 32}}
    data = {"fewer_rows": 30, "fewer_from": 6}
    with pytest.raises(SpecError, match="addition has no such choice"):
        resolve({**written, "data": data, "detect": {"stop": False}})
