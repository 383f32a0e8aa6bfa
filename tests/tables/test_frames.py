"""Frames: dtypes that keep nulls null, filters pushed down, and no need of torch or Ray."""

import inspect
import rlcompleter
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from simulated import QUICK, empty_store, simulate
from small import spec_of
from trained import fill

from analysis import classify, load_readings, load_trials
from analysis.questions.landmarks import LANDMARKS, at_landmark
from analysis.tables.frames import some_trials
from analysis.tables.thin import thin_store
from study.errors import StoreError, StudyError, UsageError
from study.store.schema import READINGS, TRIALS


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("store") / "quick")


def test_whole_columns_are_nullable_and_real_ones_plain(store):
    trials = load_trials(store)
    assert list(trials.columns) == TRIALS.names
    assert len(trials) == 150
    kinds = {"int64": "Int64", "double": "float64", "string": "string"}
    for field in TRIALS:
        assert trials[field.name].dtype == kinds[str(field.type)], field.name
    assert trials["generalized_epoch"].isna().sum() > 0


def test_where_and_columns_choose_while_reading(store):
    trials = load_trials(store, where="generalized_epoch is null and seed in [0, 1]",
                         columns=["seed", "generalized_epoch"])  # fmt: skip
    assert list(trials.columns) == ["seed", "generalized_epoch"]
    assert set(trials["seed"]) == {0, 1}
    assert trials["generalized_epoch"].isna().all()


def test_readings_of_some_trials(store):
    trials = load_trials(store, where="seed == 3")
    readings = load_readings(store, trials)
    assert list(readings.columns) == READINGS.names
    assert set(readings["trial_id"]) == set(trials["trial_id"])
    trial_id = trials["trial_id"].iloc[0]
    pd.testing.assert_frame_equal(load_readings(store, trial_id), load_readings(store, [trial_id]))
    pd.testing.assert_frame_equal(
        load_readings(store, trial_id[:8]), load_readings(store, [trial_id])
    )
    with pytest.raises(UsageError, match="no such trial"):
        load_readings(store, "unheard")
    assert load_readings(store, trial_id)["epoch"].is_monotonic_increasing
    assert len(load_readings(store)) > len(readings)
    assert load_readings(store, trials.iloc[:0]).empty


def test_public_names_are_listed_completed_and_told_briefly():
    import analysis

    assert dir(analysis) == sorted(analysis.__all__)
    names = {"analysis": analysis}
    completer = rlcompleter.Completer(names)
    assert completer.complete("analysis.load_t", 0).startswith("analysis.load_trials")
    for name in analysis.__all__:
        assert len(str(inspect.signature(getattr(analysis, name)))) < 600, name


def test_an_unknown_column_is_named(store):
    with pytest.raises(UsageError, match=r"'genrealized_epoch'.*Did you mean 'generalized_epoch'"):
        load_trials(store, columns=["genrealized_epoch"])


def test_a_study_without_trials_is_an_empty_frame(tmp_path):
    path = empty_store(tmp_path / "empty")
    trials = load_trials(path, where="k == 2")
    assert trials.empty
    assert trials["generalized_epoch"].dtype == "Int64"
    assert load_readings(path, trials).empty
    with pytest.raises(StoreError, match="no trials yet"):
        some_trials(path)


def test_a_filter_that_nothing_passes_is_no_error(store):
    assert some_trials(store, where="k > 99").empty


def test_no_store_is_said(tmp_path):
    with pytest.raises(StoreError, match="no study here"):
        load_trials(tmp_path / "nowhere")


def test_torch_and_ray_are_not_needed(tmp_path):
    path = simulate(tmp_path / "quick", {**QUICK, "seeds": 1})
    script = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "ray", "optuna"}:
            raise ImportError(f"{name} is not installed here")

sys.meta_path.insert(0, Absent())
import analysis
trials = analysis.load_trials(sys.argv[1], where="k == 2")
analysis.cells(trials), analysis.summary(trials)
analysis.write_report(sys.argv[1], sys.argv[2])
"""
    report = tmp_path / "report.html"
    done = subprocess.run(
        [sys.executable, "-c", script, path, report], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert report.stat().st_size > 100_000


def test_a_thin_store_has_the_same_trials_and_the_norms_at_memorizing(tmp_path):
    store = simulate(tmp_path / "quick", {**QUICK, "seeds": 2})
    thin_store(store, tmp_path / "thin")
    whole, thin = load_trials(store), load_trials(tmp_path / "thin")
    pd.testing.assert_frame_equal(
        *(frame.sort_values("trial_id").reset_index(drop=True) for frame in (whole, thin))
    )
    readings, thin_readings = load_readings(store), load_readings(tmp_path / "thin")
    epochs = whole.set_index("trial_id")["memorized_epoch"]
    at_memorizing = readings[readings["epoch"] == readings["trial_id"].map(epochs)]
    assert thin_readings["weight_norm"].tolist() == at_memorizing["weight_norm"].tolist()
    assert 0 < len(thin_readings) < len(readings) / 10
    thin_store(store, tmp_path / "least", readings="none")
    assert len(load_trials(tmp_path / "least")) == len(whole)
    assert load_readings(tmp_path / "least").empty
    with pytest.raises(StudyError, match="Choose another folder"):
        thin_store(store, tmp_path / "thin")


def test_the_thinnest_store_forecasts_the_same(tmp_path):
    store = fill(
        spec_of(
            {"train_size": 60},
            seeds=6,
            readings={"measures": ["relevant_share"]},
            budget={"epochs": 200},
        ),
        tmp_path / "small",
    )
    thin_store(store.url, tmp_path / "thin", readings=LANDMARKS, least=True)
    whole, thin = (load_trials(url) for url in (store.url, tmp_path / "thin"))
    assert thin["wall_seconds"].isna().all()
    assert set(classify(thin)["phase"]) == set(classify(whole)["phase"])
    compared = 0
    for landmark in LANDMARKS:
        seen = [
            at_landmark(trials.sort_values("trial_id"), load_readings(url), landmark).seen
            for trials, url in ((whole, store.url), (thin, tmp_path / "thin"))
        ]
        for name, column in seen[0].items():
            np.testing.assert_allclose(seen[1][name], column, rtol=1e-5)
            compared += len(column)
    assert compared > 10
