"""Studies in which nothing, or everything, generalizes have a report and figures, too."""

import pytest
from small import spec_of
from trained import fill

from analysis import load_trials, write_report
from analysis.report.sections import law_state

AXES = {"train_size": [50, 60], "weight_decay": [0.001, 0.002]}


@pytest.mark.parametrize(
    ("more", "share"),
    [
        ({"budget": {"epochs": 30}}, 0),  # watched too briefly to generalize
        ({"budget": {"epochs": 4}, "data": {"labels": "random"}}, 0),
        ({"axes": {"train_size": [600, 800], "weight_decay": [0.001, 0.002]}}, 1),
    ],
)
def test_a_study_on_one_side_has_a_report(tmp_path, more, share):
    tables = {"axes": AXES, "budget": {"epochs": 200}, **more}
    store = fill(spec_of(tables.pop("axes"), **tables), tmp_path / "small")
    trials = load_trials(store.url)
    assert trials["generalized_epoch"].notna().mean() == share
    write_report(store.url, tmp_path / "report.html")
    assert law_state(store.url, trials)["boundaries"] == []
