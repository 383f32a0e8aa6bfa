"""The study `scaling`, whose table is in analysis/data: what docs/laws.md and README say is so."""

from pathlib import Path

import pytest

from analysis import classify, fit_law, load_trials
from analysis.laws.fit import with_adequacy
from analysis.laws.regimes import regime_of
from analysis.laws.strata import own_slopes, simpson, slopes_within
from analysis.laws.study_fits import by_regime
from analysis.text.law_text import adequacy_in_words
from study.spec.file import load_spec
from study.trials.expand import expand

ROOT = Path(__file__).parents[2]
LAWS = (ROOT / "docs" / "laws.md").read_text()
README = " ".join((ROOT / "README.md").read_text().split())


@pytest.fixture(scope="module")
def trials():
    return load_trials(ROOT / "analysis" / "data" / "scaling")


@pytest.fixture(scope="module")
def passes(trials):
    return by_regime(trials)["multi-pass"]


def test_the_table_is_the_bundled_study_whole(trials):
    planned = {trial.trial_id for trial in expand(load_spec("scaling"))}
    assert set(trials["trial_id"]) == planned
    assert len(planned) == 21_024
    assert set(classify(trials)["phase"]) == {
        "comprehension", "grokking", "memorization", "confusion",
    }  # fmt: skip


def shown(number):
    return f"{number.estimate:.3f} [{number.low:.3f}, {number.high:.3f}]"


def test_where_nets_grok_the_time_to_generalize_is_inverse_in_weight_decay(trials):
    """A referee's own code gave 1.004 and 1.092, with all seeds and strata of k = 2 alone."""
    part = regime_of(trials, "grokking").trials
    generalized = slopes_within(part, "weight_decay", "generalized", "lognormal")
    delay = slopes_within(part, "weight_decay", "delay", "lognormal")
    assert generalized.common.estimate == pytest.approx(-1.004, abs=0.02)
    assert delay.common.estimate == pytest.approx(-1.092, abs=0.02)
    assert f"slope {shown(generalized.mean)} within {len(generalized.known)} strata" in LAWS
    assert f"slope {shown(delay.mean)} within {len(delay.known)} strata" in LAWS
    assert f"one slope is {shown(delay.common)}" in LAWS
    pairs = int((generalized.known["k"] == 2).sum())
    assert f"{len(generalized.known)} have a slope of weight decay ({pairs} of k = 2)" in LAWS
    mean = generalized.mean
    shortly = f"{mean.estimate:.2f} [{mean.low:.2f}, {mean.high:.2f}]"
    assert f"weight_decay^{shortly}, inversely as published" in README
    mean = delay.mean
    shortly = f"{mean.estimate:.2f} [{mean.low:.2f}, {mean.high:.2f}]"
    assert f"weight_decay^{shortly}: a little steeper" in README


def test_the_pooled_power_law_is_rejected_and_its_slopes_are_those_of_few_strata(passes):
    fit = with_adequacy(fit_law(passes), passes)
    assert adequacy_in_words(fit.adequacy) in LAWS
    slope = fit.parameters["slope_weight_decay"]
    pooled = f"{slope.estimate:.3f} [{slope.robust_low:.3f}, {slope.robust_high:.3f}]"
    assert f"the pooled slope of weight decay, {pooled}, is" in LAWS
    why = simpson(slope.estimate, own_slopes(passes, "weight_decay", "generalized", "lognormal"))
    assert "outside the intervals of 90 of 104 strata" in why
    assert "is outside the intervals of 90 of 104 strata" in LAWS
    triples = passes[passes["k"] == 3]
    slope = fit_law(triples).parameters["slope_weight_decay"].estimate
    why = simpson(slope, own_slopes(triples, "weight_decay", "generalized", "lognormal"))
    assert f"warning: slope_weight_decay {why}" in LAWS
    assert "another sign" in why
    memorized = own_slopes(passes, "weight_decay", "memorized", "lognormal")["slope"]
    assert f"their median is {memorized.median():.2f} |" in LAWS


@pytest.mark.slow
def test_critical_values_follow_the_edge_of_the_grid(passes):
    sizes = [
        fit_law(passes[passes["train_size"] > least], "critical_rows")
        .parameters["critical_train_size"]
        .estimate
        for least in (0, 45, 55, 65, 75, 90)
    ]
    rounded = [f"{size:.0f}" for size in sizes]
    assert f"{', '.join(rounded[:-1])} and {rounded[-1]} rows for datasets above" in LAWS
    above = passes[passes["weight_decay"] > 0.0004]
    moved = fit_law(above, "critical_decay").parameters["critical_weight_decay"].estimate
    assert f"Without that value it is {moved:.6f}" in LAWS
    least = passes[passes["weight_decay"] == passes["weight_decay"].min()]
    sentence = f"where {least['generalized_epoch'].count()} of {len(least)} trials generalize"
    assert sentence in LAWS
