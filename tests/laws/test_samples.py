"""Samples of very many trials: whole points, whole strata, first seeds; always the same ones."""

import re

import pytest
from crowd import crowd, crowd_store, readings_of

from analysis import cli
from analysis.laws.sample import first_seeds, whole_points, whole_strata
from analysis.laws.strata import slopes_within
from analysis.report import law_section

AXES = {
    "weight_decay": [0.001, 0.003, 0.01, 0.03],
    "train_size": [200, 300, 400, 600, 800, 1200, 1600, 2400, 3200, 4800],
    "width": [50, 100, 200, 400],
}
STRATUM = ["train_size", "width"]


@pytest.fixture(scope="module")
def trials():
    return crowd(640, 4, AXES)


def test_whole_points_keep_all_of_their_seeds(trials):
    sample = whole_points(trials, 200)
    assert 100 < len(sample) <= 200
    assert (sample.groupby("point_id").size() == 4).all()
    assert sample.equals(whole_points(trials, 200))
    assert whole_points(trials, 640) is trials


def test_first_seeds_are_of_all_points_where_there_is_room(trials):
    sample = first_seeds(trials, 330)
    assert sample["point_id"].nunique() == 160
    assert set(sample["seed"]) == {0, 1}
    few = first_seeds(trials, 50)
    assert len(few) == few["point_id"].nunique() <= 50


def test_strata_are_whole_and_tell_their_slopes(trials):
    sample = whole_strata(trials, "weight_decay", 520)
    assert len(sample) == 32 * 16
    assert (sample.groupby(STRATUM).size() == 16).all()
    within = slopes_within(sample, "weight_decay", "generalized", "lognormal")
    assert within.trials == len(sample)
    fewest = whole_strata(trials, "weight_decay", 100)
    assert len(fewest.groupby(STRATUM)) == 30, "and then the first seeds of their points"
    assert len(fewest) <= 100
    varied = trials[(trials["weight_decay"] == 0.01) | (trials["width"] == 50)]
    assert set(whole_strata(varied, "weight_decay", 170)["width"]) == {50}


def test_a_large_study_is_fitted_in_part_and_says_so(trials, tmp_path, run_main):
    store = crowd_store(tmp_path / "crowd", trials, readings_of(trials.head(1), 3))
    laws = ["laws", store, "--law", "constant"]
    _, out, err = run_main(cli.main, *laws, "--sample", 200)
    fitted = "160 of 640 trials are fitted, all seeds of some points; --sample 0 fits all"
    assert err.splitlines()[-1] == fitted
    assert b"generalized, lognormal: 160 trials" in out
    for every in ("0", "640"):
        _, out, err = run_main(cli.main, *laws, "--sample", every)
        assert ("are fitted" in err, b"640 trials" in out) == (False, True)


@pytest.mark.slow
def test_a_report_of_a_large_study_shows_slopes_of_whole_strata(trials, monkeypatch):
    monkeypatch.setattr(law_section, "MAX_SAMPLE", 330)
    monkeypatch.setattr(law_section, "MAX_IN_STRATA", 520)
    text, figures = law_section.law_section(trials)
    assert "of 640, a sample of points and their first seeds" in text
    [forest] = [figure for figure in figures if figure.name == "slopes-weight_decay"]
    assert 3 < int(re.search(r"mean of (\d+) strata", forest.caption)[1]) <= 32
