"""The study `scaling`, whose table is kept beside the code: what the README says of it is there."""

import re
from pathlib import Path

import pytest

from analysis import classify, fit_law, load_trials
from analysis.laws.answers import by_regime
from study.study_file import load_spec
from study.trials import expand

ROOT = Path(__file__).parent.parent
FOUND = (
    ("(2210.01117)", "multi-pass", "power", "generalized", "slope_weight_decay"),
    ("(2506.05718)", "multi-pass", "decay_time", "delay", "slope_decay_time"),
    ("(2207.08799)", "online", "n_to_k", "generalized", "slope_n_to_k"),
)


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


@pytest.mark.parametrize(("source", "regime", "law", "event", "parameter"), FOUND)
def test_the_readme_says_what_the_table_says(trials, source, regime, law, event, parameter):
    [row] = [line for line in (ROOT / "README.md").read_text().splitlines() if source in line]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    estimate, low, high = map(float, re.findall(r"-?\d+\.\d+", cells[2]))
    events, censored = (int(cell.replace(",", "")) for cell in cells[3:])
    fit = fit_law(by_regime(trials)[regime], law=law, event=event)
    found = fit.parameters[parameter]
    assert estimate == round(found.estimate, 2)
    assert (low, high) == (round(found.robust_low, 2), round(found.robust_high, 2))
    assert (events, censored) == (fit.events, fit.censored)
