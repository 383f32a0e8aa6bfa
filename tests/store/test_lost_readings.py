"""A part of readings is gone: a user is told, and its trials are trained anew."""

import json
import shutil
from pathlib import Path

import pytest
from small import spec_of
from trained import fill, table

from analysis.live.trials import LiveTrials
from analysis.tables.frames import load_readings, load_trials
from study import cli
from study.errors import StoreError
from study.plan.compact import compact
from study.plan.plan import make_plan, next_plan
from study.plan.status import study_status
from study.store.store import Store
from study.store.stored_rows import missing
from study.trials.expand import expand

SCALING = Path(__file__).parents[2] / "analysis" / "data" / "scaling"


def two_packs():
    return spec_of({"train_size": [60, 120]}, seeds=3, resources={"trials_per_pack": 3})


@pytest.fixture
def loss(tmp_path):
    """A trained study that has lost one part of its readings, and its table before the loss."""
    spec = two_packs()
    store = fill(spec, tmp_path / "small")
    before = table(store)
    part = store.tables.part_names("readings")[0]
    shutil.move(tmp_path / "small" / "readings" / part, tmp_path / part)
    return spec, store, before


def test_trials_whose_readings_are_gone_are_missing_and_said(loss, run_main, tmp_path):
    spec, store, _ = loss
    assert len(missing(store, expand(spec))) == 3
    plan = make_plan(spec, store)
    assert (plan.done, plan.without_readings, len(plan.packs)) == (3, 3, 1)
    status = study_status(store)
    assert (status["done"], status["without_readings"]) == (3, 3)
    study = tmp_path / "small.json"
    study.write_text(spec.model_dump_json())
    said = "3 stored trials have lost their readings"
    code, out, _ = run_main(cli.main, "plan", study, "--out", tmp_path)
    assert code == 0
    assert said in out.decode()
    out = run_main(cli.main, "plan", study, "--out", tmp_path, "--json")[1]
    assert json.loads(out)["without_readings"] == 3
    assert said in run_main(cli.main, "status", store.url)[1].decode()


def test_they_are_trained_anew_and_neither_rows_nor_readings_double(loss):
    spec, store, before = loss
    assert table(store) != before
    fill(spec, store.url)
    assert table(store) == before
    assert missing(store, expand(spec)) == []
    assert study_status(store)["without_readings"] == 0
    assert next_plan(spec, store).packs == ()
    ids = load_trials(store.url)["trial_id"]
    assert ids.is_unique
    assert not load_readings(store.url).duplicated(["trial_id", "epoch"]).any()
    live = LiveTrials(store)
    live.refresh()
    assert sorted(live.table["trial_id"].to_pylist()) == sorted(ids)
    assert len(live.readings(live.table)) == len(before[1])


def test_the_page_shows_what_is_left(loss):
    _, store, before = loss
    live = LiveTrials(store)
    live.refresh()
    assert 0 < len(live.readings(live.table)) < len(before[1])


def test_compacting_hides_no_loss(loss):
    spec, store, before = loss
    compact(store)
    assert len(missing(store, expand(spec))) == 3
    fill(spec, store.url)
    compact(store)
    assert table(store) == before
    assert store.tables.part_names("trials") == store.tables.part_names("readings")
    assert len(store.tables.part_names("trials")) == 1


def test_the_remedy_for_a_damaged_part_of_readings_works(tmp_path):
    spec = two_packs()
    store = fill(spec, tmp_path / "small")
    before = table(store)
    part = tmp_path / "small" / "readings" / store.tables.part_names("readings")[0]
    part.write_bytes(part.read_bytes()[:900])
    with pytest.raises(StoreError, match=f"{part.name}: damaged.*only its trials are trained anew"):
        store.readings()
    part.rename(tmp_path / part.name)
    assert table(fill(spec, store.url)) == before


def test_a_table_thinned_on_purpose_is_whole():
    store = Store.open(SCALING)
    trials = store.trials(columns=["trial_id"]).num_rows
    assert trials > len(set(store.readings(columns=["trial_id"])["trial_id"].to_pylist()))
    assert store.tables.unread_parts() == []
