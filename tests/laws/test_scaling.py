"""The study `scaling`, whose table lies in analysis/data: what docs/laws.md says of it is so."""

from pathlib import Path

import pytest

from analysis import classify, fit_law, load_trials
from analysis.laws.study_fits import by_regime
from study.spec.file import load_spec
from study.trials.expand import expand

ROOT = Path(__file__).parents[2]
LAWS = (ROOT / "docs" / "laws.md").read_text()
SHAPE = "n == 60 and k == 2 and train_size == 180"


@pytest.fixture(scope="module")
def trials():
    return load_trials(ROOT / "analysis" / "data" / "scaling")


def test_the_table_is_the_bundled_study_whole(trials):
    planned = {trial.trial_id for trial in expand(load_spec("scaling"))}
    assert set(trials["trial_id"]) == planned
    assert len(planned) == 21_024
    assert set(classify(trials)["phase"]) == {
        "comprehension", "grokking", "memorization", "confusion",
    }  # fmt: skip


def shown(parameter):
    """An estimate as docs/laws.md writes it, with the interval robust to scatter between points."""
    return f"{parameter.estimate:.2f} [{parameter.robust_low:.2f}, {parameter.robust_high:.2f}]"


@pytest.mark.parametrize(
    ("regime", "law", "event", "parameter"),
    [
        ("multi-pass", "power", "generalized", "slope_weight_decay"),
        ("multi-pass", "decay_time", "delay", "slope_decay_time"),
    ],
)
def test_what_is_withdrawn_is_what_the_fits_give(trials, regime, law, event, parameter):
    fit = fit_law(by_regime(trials)[regime], law=law, event=event)
    assert f"^{shown(fit.parameters[parameter])}" in LAWS


def test_the_numbers_that_speak_against_the_pooled_laws_are_so(trials):
    online = by_regime(trials)["online"]
    pooled = shown(fit_law(online, law="n_to_k").parameters["slope_n_to_k"])
    assert f"n^({pooled.split()[0]} k) {pooled.split(' ', 1)[1]}" in LAWS
    by_k = [
        f"{fit_law(part, law='n_to_k').parameters['slope_n_to_k'].estimate:.2f}"
        for _, part in online.groupby("k")
    ]
    assert f"it is {by_k[0]}, {by_k[1]} and {by_k[2]}" in LAWS
    one = load_trials(ROOT / "analysis" / "data" / "scaling", SHAPE)
    slope = shown(fit_law(one, law="power").parameters["slope_weight_decay"])
    assert f'`--where "{SHAPE}"` gives {slope}' in " ".join(LAWS.split())
    several = by_regime(trials)["multi-pass"]
    least = several[several["weight_decay"] == several["weight_decay"].min()]
    sentence = f"where {least['generalized_epoch'].count()} of {len(least)} trials generalize"
    assert sentence in LAWS
