"""Reports of studies that are not whole, or in which nothing or everything generalizes."""

import json
import re

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


def test_a_report_of_an_unfinished_study_says_so_far(tmp_path):
    """Its diagram has the cells of the plan, and the sentences say what they are of."""
    spec = spec_of({"train_size": [60, 80], "weight_decay": [0.01, 0.02]}, budget={"epochs": 60})
    store = fill(spec, tmp_path / "small", most=1)
    states = []
    for _ in range(2):
        write_report(store.url, tmp_path / "report.html")
        page = (tmp_path / "report.html").read_text()
        setup = re.search(r'id="setup">(.*?)</script>', page, re.DOTALL)
        states.append(json.loads(setup[1])["state"])
        fill(spec, tmp_path / "small")
    some, whole = states
    assert some["so_far"]
    assert some["opening"]["found"].startswith("So far, ")
    assert some["trials"] + sum(some["pending"]["coming"]) == spec.size
    assert [axis["labels"] for axis in some["axes"]] == [axis["labels"] for axis in whole["axes"]]
    assert (whole["so_far"], whole["pending"], whole["trials"]) == (False, None, spec.size)
