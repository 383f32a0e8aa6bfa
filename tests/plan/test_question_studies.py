"""Studies that ask a question: affordable, with possible answers written before they ran."""

from importlib import resources

import pytest

from study.plan.costs import core_seconds
from study.spec.file import load_spec
from study.trials.expand import expand
from study.trials.packing import group

MOST_HOURS = 2.5  # on two cores


@pytest.mark.parametrize("name", ["collapse", "clock", "early", "label_noise", "ungrok"])
def test_a_study_that_asks_is_affordable_and_says_what_would_refute(name):
    text = (resources.files("study.spec") / "bundled" / f"{name}.toml").read_text("utf-8")
    comments = [line for line in text.split(f'name = "{name}"')[0].splitlines() if line]
    assert all(line.startswith("#") for line in comments)
    for heading in ("# Question.", "# Analysis, fixed before", "# Possible answers:"):
        assert any(line.startswith(heading) for line in comments), heading
    packs = group(expand(load_spec(name)))
    assert core_seconds(packs) / 2 / 3600 < MOST_HOURS


def test_pairs_of_equal_rate_times_decay_are_planned():
    for setting in load_spec("clock").settings:
        axes = setting.axes.by_name()
        products = [
            round(rate * decay, 12)
            for rate in axes["learning_rate"].numbers()
            for decay in axes["weight_decay"].numbers()
        ]
        assert len(products) - len(set(products)) >= 2, setting.label
        assert setting.data.shared


def test_the_atlas_is_larger_than_any_published_sweep_and_its_cells_are_known():
    atlas = load_spec("atlas")
    assert atlas.size >= 250_000
    for setting in atlas.settings:
        assert len(setting.seeds) >= 25  # a share of a half is known to a standard error of 0.1
        axes = setting.axes.by_name()
        assert all(len(axes[name].values) > 3 for name in ("width", "weight_decay", "train_size"))
        assert setting.budget.decay_times == 20
    assert {setting.axes.by_name()["k"].values for setting in atlas.settings} == {(2,), (3,), (4,)}
